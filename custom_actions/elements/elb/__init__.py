"""Application Load Balancers: what they serve over plain HTTP, and redirects to HTTPS.

`redirect` is pure: no AWS, no c7n. `apply` reads listeners and makes the steps of a plan, and `elements` has the filter
`http-without-redirect` and the action `redirect-to-https`.
"""
