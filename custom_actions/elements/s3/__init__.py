"""Buckets: who can reach them, over what, and how they encrypt.

`document` reads bucket policies, `public`, `transport` and `encryption` decide and know no AWS; `elements` is what c7n
sees.
"""
