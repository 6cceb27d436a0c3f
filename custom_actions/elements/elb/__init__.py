"""Application Load Balancers: what they serve over plain HTTP, and the redirects that end it.

`redirect` is pure: no AWS, no c7n. `apply` reads listeners and carries a plan out, and `elements` is what a policy
sees: the filter `http-without-redirect` and the action `redirect-to-https`.
"""
