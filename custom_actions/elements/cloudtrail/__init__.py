"""CloudTrail trails that heal: what an event took from a trail, what stood before, the plan that puts it back.

`state`, `event` and `plan` are pure: no AWS, no c7n. `history` asks CloudTrail for the earlier changes, `apply`
carries a plan out, and `elements` is what a policy sees: the action `revert-trail` and the filter `deleted-trail`.
"""
