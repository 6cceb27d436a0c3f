"""Plans how to remove public statements from a policy that is written as a whole. Pure: no AWS, no c7n.

Source: SNS's SetTopicAttributes, SQS's SetQueueAttributes, ECR's SetRepositoryPolicy and DeleteRepositoryPolicy, and
Secrets Manager's PutResourcePolicy and DeleteResourcePolicy.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ...fixing import Call, FixPlan, Step
from ..s3 import Statement, values
from .everyone import admitting_everyone


@dataclass(frozen=True)
class PolicyCalls:
    """The calls that write the policy of a resource.

    Attributes:
        write: the call that sets it to this document; for an empty one, the call that removes the policy.
        empty: the document of a policy without statements; empty if the policy is removed.
    """

    write: Callable[[str], Call]
    empty: str = ""


def plan_removal(document: str | None, share: Fraction, calls: PolicyCalls) -> FixPlan:
    """Plan to remove what admits everyone from the policy. Raises ValueError if it is not JSON.

    A statement that also names principals stays for them. Everything else in the policy stays.
    """
    public = admitting_everyone(document, share)
    if not document or not public:
        return FixPlan()
    policy = json.loads(document)
    every = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    open_ones = [statement for _, statement in public]
    kept = [left for each in every if (left := _named_only(each) if each in open_ones else each)]
    after = json.dumps({**policy, "Statement": kept}) if kept else calls.empty
    return FixPlan([Step(
        f"remove what admits everyone: {', '.join(name for name, _ in public)}",
        calls.write(after), calls.write(document),
        removed={"Policy": document}, added={"Policy": after} if after else {}, overwrites=True)])


def _named_only(statement: Statement) -> dict[str, Any] | None:
    """The statement for the principals that it names beside everyone; None if it names none."""
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping):
        return None
    named = dict(principal)
    if others := [each for each in values(named.pop("AWS", None)) if each != "*"]:
        named["AWS"] = others
    return {**statement, "Principal": named} if named else None
