"""An exception does not change where a policy looks: what a function and the command line go by."""
from __future__ import annotations

from copy import deepcopy

from custom_actions.resources.reach import whole_account
from guardrails.policies.policy import load


def test_an_exception_does_not_change_where_a_policy_looks() -> None:
    for policy in load():
        appended = deepcopy(dict(policy.data))
        appended["filters"] = [*(appended.get("filters") or ()), {"type": "excepted", "exceptions": []}]
        assert whole_account(appended) == whole_account(policy.data), policy.name
