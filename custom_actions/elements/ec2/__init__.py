"""Instances: which of their ports the world can reach, and which of their tags are not as they should be.

`exposure` and `tags` decide and are pure: no AWS, no c7n. `elements` is what a policy sees: the filters
`exposed-ports` and `tag-values`.
"""
