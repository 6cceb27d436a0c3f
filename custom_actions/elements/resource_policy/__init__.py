"""Resource policies (of topics, queues, keys, functions, repositories and secrets) that admit everyone.

`everyone` decides and is pure: no AWS, no c7n. `elements` has the filter `public-policy`.
"""
