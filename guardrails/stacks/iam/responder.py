"""The permissions of the responder."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from custom_actions.names import FAILED_QUEUE, RESPONDER

from ...deployment import answering
from ...policies import Policy
from .needs import ACCOUNT, PARTITION, Permission, of_function


def of_responder(policies: Iterable[Policy], variables: Sequence[Mapping[str, Any]]) -> list[Permission]:
    """What the responder needs: what the policies that it runs read and fix, and what Lambda needs to run it."""
    group = f"arn:{PARTITION}:logs:*:{ACCOUNT}:log-group:/aws/lambda/{RESPONDER}"
    by = "the responder: "
    found = [
        *(Permission(f"logs:{name}", by + "its log", resources=(group, f"{group}:*"))
          for name in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")),
        Permission("sqs:SendMessage", by + "messages that failed",
             resources=(f"arn:{PARTITION}:sqs:*:{ACCOUNT}:{FAILED_QUEUE}",)),
    ]
    for policy in policies:
        # It evaluates nothing for AWS Config, and has a log of its own.
        found += [each for each in of_function(answering(policy), variables)
                  if each.action not in _EVALUATING and not each.action.startswith("logs:Create")
                  and each.action != "logs:PutLogEvents"]
    return found


_EVALUATING = frozenset({"config:PutEvaluations", "config:GetComplianceDetailsByConfigRule"})
