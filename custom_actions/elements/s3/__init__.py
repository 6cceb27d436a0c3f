"""Buckets: public access, TLS and encryption.

`document` reads bucket policies. `public`, `transport` and `encryption` decide and are pure: no AWS. `elements` and
`close_bucket` hold what a policy uses.
"""
