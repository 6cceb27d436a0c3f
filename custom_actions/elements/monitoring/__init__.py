"""The monitoring path: CloudTrail -> log group -> metric filter -> alarm -> topic with a confirmed subscription.

`pattern` compares filter patterns, `chain` finds the missing link, and `plan` decides what to create: all of them are
pure. `read` reads AWS, `apply` makes the steps of a plan, and `elements` has the filter `log-alarm` and the action
`create-log-alarm`.
"""
