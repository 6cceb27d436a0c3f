"""What the responder may do."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from custom_actions.names import FAILED_QUEUE, RESPONDER

from ...deployment import answering
from ...policies import Policy
from .needs import ACCOUNT, PARTITION, Permission, of_function


def of_responder(policies: Iterable[Policy], variables: Sequence[Mapping[str, Any]]) -> list[Permission]:
    """What the responder calls: what the policies that it carries read and fix, and what Lambda does around it."""
    group = f"arn:{PARTITION}:logs:*:{ACCOUNT}:log-group:/aws/lambda/{RESPONDER}"
    by = "the responder: "
    found = [
        *(Permission(f"logs:{name}", by + "its log", resources=(group, f"{group}:*"))
          for name in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")),
        Permission("sqs:SendMessage", by + "messages that failed",
             resources=(f"arn:{PARTITION}:sqs:*:{ACCOUNT}:{FAILED_QUEUE}",)),
    ]
    for policy in policies:
        # It judges nothing, and has a log of its own.
        found += [need for need in of_function(answering(policy), variables)
                  if need.action not in _JUDGING and not need.action.startswith("logs:Create")
                  and need.action != "logs:PutLogEvents"]
    return found


_JUDGING = frozenset({"config:PutEvaluations", "config:GetComplianceDetailsByConfigRule"})
