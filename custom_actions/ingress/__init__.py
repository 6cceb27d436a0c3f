"""Security-group ingress: what a rule means, what a baseline asks for, the plan that leads there, its application.

`rules`, `baseline` and `plan` are pure: no AWS, no c7n. `apply` carries a plan out, `event` reads CloudTrail's
records, and `elements` is what a policy sees: the filter `ingress-drift` and the action `revert-ingress`.
"""
