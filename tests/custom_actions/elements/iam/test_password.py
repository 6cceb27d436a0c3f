"""What strengthening a password policy does, and `strengthen-password-policy` through c7n, against moto."""
from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.elements.iam.password import STRICTER, plan, strengthened
from custom_actions.fixing.receipt import FixIncomplete

from .conftest import Iam

FLAGS = [key for key in STRICTER if key.startswith(("Require", "Allow"))]
settings = st.fixed_dictionaries({}, optional={
    **dict.fromkeys(FLAGS, st.booleans()),
    "MinimumPasswordLength": st.integers(6, 128), "PasswordReusePrevention": st.integers(1, 24),
    "MaxPasswordAge": st.integers(1, 1095),
})
WEAK: dict[str, Any] = {"type": "password-policy", "key": "MinimumPasswordLength", "op": "lt", "value": 14}


@given(settings, settings)
def test_nothing_becomes_weaker_and_all_that_is_wanted_holds(now: dict[str, Any], wanted: dict[str, Any]) -> None:
    target = strengthened(now, wanted)
    for given_ in (now, wanted):
        for key, value in given_.items():
            if key == "MaxPasswordAge":
                assert 0 < target[key] <= value
            else:
                assert target[key] >= value
    assert set(target) == set(now) | set(wanted)


@given(settings, settings)
def test_a_plan_is_done_at_once_and_its_inverse_gives_all_back(now: dict[str, Any], wanted: dict[str, Any]) -> None:
    changes = plan(now, wanted)
    if changes:
        [change] = changes
        assert plan(change.call.parameters, wanted) == []
        assert [undo.parameters for undo in change.undo({})] == [now]


def test_an_age_of_nought_is_no_age() -> None:
    assert strengthened({"MaxPasswordAge": 0}, {"MaxPasswordAge": 60}) == {"MaxPasswordAge": 60}
    assert strengthened({"MaxPasswordAge": 30}, {"MaxPasswordAge": 0}) == {"MaxPasswordAge": 30}


def fix(**wanted: Any) -> dict[str, Any]:
    return {"type": "strengthen-password-policy", "policy": wanted}


def test_the_receipt_gives_the_earlier_policy_back(iam: Iam) -> None:
    iam.client.update_account_password_policy(MinimumPasswordLength=8, RequireSymbols=True, HardExpiry=True)
    before = iam.client.get_account_password_policy()["PasswordPolicy"]
    iam.run("account", WEAK, action=fix(MinimumPasswordLength=14, MaxPasswordAge=60))
    after = iam.client.get_account_password_policy()["PasswordPolicy"]
    assert after == {**before, "MinimumPasswordLength": 14, "MaxPasswordAge": 60, "ExpirePasswords": True}
    [receipt] = iam.receipts("strengthen-password-policy")
    assert receipt["added"] == [{"MinimumPasswordLength": 14, "MaxPasswordAge": 60}]
    iam.take_back(receipt)
    assert iam.client.get_account_password_policy()["PasswordPolicy"] == before


def test_where_there_was_none_the_receipt_takes_it_away(iam: Iam) -> None:
    none = {"type": "password-policy", "key": "PasswordPolicyConfigured", "value": False}
    iam.run("account", none, action=fix(MinimumPasswordLength=14))
    [receipt] = iam.receipts("strengthen-password-policy")
    assert receipt["resource"] == "123456789012"
    assert iam.client.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 14
    iam.take_back(receipt)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.client.get_account_password_policy()


def test_a_refused_change_is_told(iam: Iam) -> None:
    iam.client.update_account_password_policy(MinimumPasswordLength=8)
    iam.refuse["UpdateAccountPasswordPolicy"] = "AccessDenied"
    with pytest.raises(FixIncomplete, match="still to do: set MinimumPasswordLength: 14"):
        iam.run("account", WEAK, action=fix(MinimumPasswordLength=14))


def test_what_iam_would_refuse_is_refused_before_it_runs(iam: Iam) -> None:
    with pytest.raises(PolicyValidationError, match="strengthen-password-policy"):
        iam.run("account", action=fix(MinimumPasswordLength="long"))
