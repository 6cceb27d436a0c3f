"""When a key is unused, and `unused-keys` and `disable-keys` through c7n, against moto."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from c7n.exceptions import PolicyValidationError
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.elements.iam.keys import Key
from custom_actions.fixing.receipt import FixIncomplete
from custom_actions.resources import ResourcesUnknown
from guardrails.sandbox.backdate import backdate
from tests.moto_server import ACCOUNT, REGION

from .conftest import Iam

NOW = datetime(2026, 11, 24, tzinfo=UTC)
UNUSED = {"type": "unused-keys", "days": 45}


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@pytest.mark.parametrize(("key", "reason"), [
    (Key("k", True, ago(45)), "never used, created 45 days ago"),
    (Key("k", True, ago(44.9)), ""),
    (Key("k", True, ago(400), ago(45)), "last used 45 days ago"),
    (Key("k", True, ago(400), ago(44.9)), ""),
    (Key("k", False, ago(400)), ""),
    (Key("k", False, ago(400), ago(400)), ""),
])
def test_unused_since(key: Key, reason: str) -> None:
    assert key.unused_since(NOW, 45) == reason


@given(created=st.floats(0, 1000), used=st.none() | st.floats(0, 1000), days=st.floats(0, 1000))
def test_a_key_that_is_too_young_needs_no_look_at_its_use(created: float, used: float | None, days: float) -> None:
    """The filter asks for the use of those keys only that would be unused without any."""
    use = None if used is None or used > created else ago(used)
    if Key("k", True, ago(created), use).unused_since(NOW, days):
        assert Key("k", True, ago(created)).unused_since(NOW, days)


def key_of(iam: Iam, user: str, days: float) -> str:
    key = str(iam.client.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"])
    backdate(f"iam.access_keys.{key}.create_date", days, account=ACCOUNT, region=REGION)
    return key


def status(iam: Iam, user: str) -> dict[str, str]:
    listed = iam.client.list_access_keys(UserName=user)["AccessKeyMetadata"]
    return {key["AccessKeyId"]: key["Status"] for key in listed}


def test_the_key_is_named_and_young_ones_are_not_asked_about(iam: Iam) -> None:
    iam.client.create_user(UserName="u")
    old, young = key_of(iam, "u", 50), key_of(iam, "u", 5)
    [user] = iam.run("iam-user", UNUSED)
    assert user["c7n:UnusedKeys"] == {old: "never used, created 50 days ago"}
    assert young not in user["c7n:UnusedKeys"]
    assert iam.calls.count("GetAccessKeyLastUsed") == 1


@pytest.mark.parametrize("operation", ["ListAccessKeys", "GetAccessKeyLastUsed"])
def test_what_cannot_be_read_is_not_compliant(iam: Iam, operation: str) -> None:
    iam.client.create_user(UserName="u")
    key_of(iam, "u", 50)
    iam.refuse[operation] = "AccessDenied"
    with pytest.raises(ResourcesUnknown, match=r"u: .*AccessDenied"):
        iam.run("iam-user", UNUSED)


def test_it_disables_the_key_and_the_receipt_enables_it(iam: Iam) -> None:
    iam.client.create_user(UserName="u")
    old, young = key_of(iam, "u", 50), key_of(iam, "u", 5)
    iam.run("iam-user", UNUSED, action="disable-keys")
    assert status(iam, "u") == {old: "Inactive", young: "Active"}
    [receipt] = iam.receipts("disable-keys")
    assert (receipt["outcome"], receipt["removed"]) == ("reverted", [{"AccessKeyId": old, "Status": "Active"}])
    iam.take_back(receipt)
    assert status(iam, "u") == {old: "Active", young: "Active"}


def test_it_disables_what_c7ns_filter_found(iam: Iam) -> None:
    iam.client.create_user(UserName="u")
    old, young = key_of(iam, "u", 100), key_of(iam, "u", 5)
    iam.run(
        "iam-user", {"type": "access-key", "key": "Status", "value": "Active"},
        {"type": "access-key", "match-operator": "and", "key": "CreateDate", "value_type": "age", "op": "gte",
         "value": 90},
        action="disable-keys")
    assert status(iam, "u") == {old: "Inactive", young: "Active"}


def test_a_key_that_cannot_be_disabled_is_told(iam: Iam) -> None:
    iam.client.create_user(UserName="u")
    old = key_of(iam, "u", 50)
    iam.refuse["UpdateAccessKey"] = "AccessDenied"
    told = f"failed: UpdateAccessKey: AccessDenied: not today; still to do: disable {old}"
    with pytest.raises(FixIncomplete, match=told):
        iam.run("iam-user", UNUSED, action="disable-keys")


def test_the_key_of_this_very_run_stays(iam: Iam, monkeypatch: pytest.MonkeyPatch) -> None:
    iam.client.create_user(UserName="u")
    old = key_of(iam, "u", 50)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", old)
    monkeypatch.setattr("custom_actions.elements.iam.keys._with_use", lambda *_: [Key(old, True, ago(100))])
    iam.run("iam-user", UNUSED, action="disable-keys")
    assert status(iam, "u") == {old: "Active"}
    assert iam.receipts("disable-keys")[0]["outcome"] == "refused"


def test_the_fix_needs_a_filter_that_finds_keys(iam: Iam) -> None:
    with pytest.raises(PolicyValidationError, match="unused-keys, access-key"):
        iam.run("iam-user", action="disable-keys")


def test_days_is_a_number(iam: Iam) -> None:
    with pytest.raises(PolicyValidationError, match="days must be a number"):
        iam.run("iam-user", {"type": "unused-keys", "days": "many"})


@pytest.mark.parametrize(("seconds", "active", "found"), [
    (0, True, True), (-5, True, True), (600, True, True), (601, True, False), (0, False, False)])
def test_a_key_of_the_setup_is_active_and_as_old_as_its_user(seconds: int, active: bool, found: bool) -> None:
    user = datetime(2026, 1, 1, tzinfo=UTC)
    assert Key("AKIA1", active, user + timedelta(seconds=seconds)).of_setup(user, 10) is found
