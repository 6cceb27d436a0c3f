"""A function and the command line must say alike what belongs to the whole account."""
from __future__ import annotations

from copy import deepcopy

import pytest

from custom_actions.reach import whole_account
from guardrails.policies import Policy, load
from guardrails.scope import Scope, audit_scope


@pytest.mark.parametrize("policy", load(), ids=lambda policy: policy.name)
def test_both_say_the_same(policy: Policy) -> None:
    expected = audit_scope(policy) is Scope.ACCOUNT
    assert whole_account(policy.data) == expected
    appended = deepcopy(dict(policy.data))
    appended["filters"] = [*(appended.get("filters") or ()), {"type": "excepted", "exceptions": []}]
    assert whole_account(appended) == expected, "an exception does not change where a policy looks"
