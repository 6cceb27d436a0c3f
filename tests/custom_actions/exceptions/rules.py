"""A rule and a subject that it covers, to be varied."""
from __future__ import annotations

from typing import Any

from custom_actions.exceptions.entries import parse_rule
from custom_actions.exceptions.rules import ExceptionRule, Subject

RED = "111111111111"
GROUP = f"arn:aws:ec2:eu-west-1:{RED}:security-group/sg-1"


def entry(**changes: Any) -> dict[str, Any]:
    """An exception as a file has it; what is changed to None is left out."""
    made = {
        "policy": "open-ssh", "account": RED, "region": "eu-west-1", "resource": GROUP, "reason": "a bastion",
        "owner": "net@example.org", "ticket": "SEC-1", "expires": "2027-01-31", **changes,
    }
    return {key: value for key, value in made.items() if value is not None}


def rule(**changes: Any) -> ExceptionRule:
    return parse_rule(entry(**changes))


def subject(**changes: Any) -> Subject:
    """What `rule()` covers."""
    return Subject(**{
        "policy": "open-ssh", "account": RED, "region": "eu-west-1", "resource": "sg-1", "arn": GROUP, **changes})
