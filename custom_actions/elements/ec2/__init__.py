"""Instances: which ports the internet can reach, and which tags are missing or wrong.

`exposure` and `tags` decide and are pure: no AWS, no c7n. `elements` holds what a policy uses: the filters
`exposed-ports` and `tag-values`.
"""
