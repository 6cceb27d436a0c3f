"""The filter `event-actor`: who acted, and may he."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from c7n.exceptions import PolicyValidationError

from custom_actions.aws.events import principal_of
from custom_actions.elements.every_type.event_actor import is_allowed
from tests import engine
from tests.custom_actions.fixing.cloud import Cloud, event, policy, record

ROLE = "arn:aws:iam::123456789012:role/team/deploy"


@pytest.mark.parametrize(("identity", "principal"), [
    ({"type": "AssumedRole", "arn": "arn:aws:sts::123456789012:assumed-role/deploy/root",
      "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE}}}, ROLE),
    ({"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/ann", "sessionContext": {"attributes": {}}},
     "arn:aws:iam::123456789012:user/ann"),
    ({"type": "Root", "arn": "arn:aws:iam::123456789012:root"}, "arn:aws:iam::123456789012:root"),
    ({"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}, "autoscaling.amazonaws.com"),
    ({}, ""),
])
def test_who_acted(identity: dict[str, Any], principal: str) -> None:
    assert principal_of({"userIdentity": identity}) == principal


def test_patterns_are_of_the_whole_arn() -> None:
    assert is_allowed(ROLE, ["arn:aws:iam::123456789012:role/team/*"])
    assert is_allowed(ROLE, [ROLE])
    assert not is_allowed(ROLE, ["role/team/*", "deploy", ROLE[:-1]])
    assert not is_allowed("arn:aws:iam::999999999999:role/team/deploy", ["arn:aws:iam::123456789012:*"])
    # Nobody that the record names is nobody that is allowed.
    assert not is_allowed("", ["*"])


def test_it_needs_an_event(cloud: Cloud, tmp_path: Path) -> None:
    data = {"name": "x", "resource": "aws.iam-user", "filters": [{"type": "event-actor", "allowed": []}]}
    with pytest.raises(PolicyValidationError, match="mode cloudtrail"):
        engine.load(data, tmp_path)


def test_a_refused_call_does_not_match(cloud: Cloud, tmp_path: Path) -> None:
    cloud.client("iam").create_user(UserName="ann")
    data = policy("iam-user", "revert", "iam", ("CreateUser", "requestParameters.userName"))
    data |= {"actions": [], "filters": [{"type": "event-actor", "allowed": ["*:role/people"]}]}

    def matched(**more: Any) -> list[str]:
        made = record("CreateUser", {"userName": "ann"}, source="iam", **more)
        return [user["c7n:EventActor"] for user in engine.push(data, tmp_path, event(made)) or ()]

    assert matched() == ["CreateUser by arn:aws:iam::123456789012:role/somebody"]
    assert matched(role="people") == []
    assert matched(errorCode="EntityAlreadyExists") == []
