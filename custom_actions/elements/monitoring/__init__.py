"""The monitoring path: CloudTrail -> log group -> metric filter -> alarm -> topic with a confirmed subscription.

`pattern` knows what a filter pattern means, `chain` says which link is missing, `plan` decides what to create: all of
them pure. `read` asks AWS, `apply` carries a plan out, and `elements` is what a policy sees: the filter `log-alarm`
and the action `create-log-alarm`.
"""
