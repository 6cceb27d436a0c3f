"""The action `restore-own-resource`: enables our own rules and functions again after a change.

Source: EventBridge's EnableRule, PutTargets, DescribeRule and ListTargetsByRule; Lambda's DeleteFunctionConcurrency,
AddPermission, GetFunctionConcurrency and GetPolicy.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError
from c7n.utils import type_schema

from ...aws import call, code_of, detail_of, earlier_named
from ...errors import Refusal
from ...fixing import (
    CONFIRM,
    LIST_OF_ROLES,
    OTHERWISE,
    EventFix,
    FixPlan,
    FixResult,
    Inverse,
    Subject,
    again,
    fix_by_plan,
    is_added,
    is_function,
)
from .plan import (
    ADD_PERMISSION,
    PUT_TARGETS,
    OwnResources,
    bus_of,
    function_name,
    known_permission,
    known_targets,
    plan_concurrency,
    plan_permission,
    plan_rule,
    plan_targets,
)

MOST_RECORDS = 1000
"""The largest number of records of a call to read: 20 pages of LookupEvents, which allows two requests a second."""
_NOT_THERE = "ResourceNotFoundException"


class RestoreOwnResource(EventFix):
    """Undo changes that stop one of our rules or functions from receiving events, and verify the result.

    For policies in mode `cloudtrail`, on `account`. Only the resources in `rules` and `functions` (ARNs, with the
    wildcards `*` and `?`) are changed:

    * DisableRule, or PutRule with the state DISABLED: the rule is enabled.
    * PutFunctionConcurrency with zero: the reserved concurrency is removed.
    * RemoveTargets: a target that is one of `functions` is added again.
    * RemovePermission: a statement that lets EventBridge, AWS Config, EventBridge Scheduler or SNS invoke the function
      for this account is added again.

    Targets and permissions are restored from CloudTrail's event history (90 days), from calls of the roles in
    `added-by` (ARNs, with the wildcards `*` and `?`). Targets and permissions that others added are not restored. They
    are restored only if the event history confirms the event. If the history does not contain them, or the rule or the
    function no longer exists, the fix is refused.

    Code, settings, deleted rules, changed event patterns, roles and topics are not restored. A deployment creates them,
    and the permissions for these changes would be too dangerous if an intruder got them.

    The receipt says who made the change, and contains the calls that undo the fix.

    Written because c7n's `set-rule-state` writes no receipt and does not record who made the change, and c7n has no
    action for a function's policy or a rule's targets.

    :example:

    .. code-block:: yaml

        policies:
          - name: self-defence-revert
            resource: aws.account
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: events.amazonaws.com
                  event: DisableRule
                  ids: recipientAccountId
            actions:
              - type: restore-own-resource
                rules: ["arn:{partition}:events:{region}:{account_id}:rule/custodian-*"]
                functions: ["arn:{partition}:lambda:{region}:{account_id}:function:custodian-*"]
                added-by: ["arn:{partition}:iam::{account_id}:role/guardrails-deploy"]
    """

    schema = type_schema(
        "restore-own-resource", required=["rules", "functions", "added-by"], otherwise=OTHERWISE, confirm=CONFIRM,
        **{"rules": LIST_OF_ROLES, "functions": LIST_OF_ROLES, "added-by": LIST_OF_ROLES},
    )
    permissions: tuple[str, ...] = (
        "events:DescribeRule", "events:EnableRule", "events:ListTargetsByRule", "events:PutTargets",
        "lambda:GetFunctionConcurrency", "lambda:DeleteFunctionConcurrency", "lambda:GetPolicy", "lambda:AddPermission",
        "cloudtrail:LookupEvents",
    )
    inverses = (
        Inverse("events", "disable_rule", "Name", optional=("EventBusName",), type="aws.event-rule",
                redo=again("enable_rule")),
        Inverse("events", "remove_targets", "Rule", values={"Ids": is_added}, optional=("EventBusName",),
                type="aws.event-rule"),
        Inverse("lambda", "put_function_concurrency", "FunctionName", is_function, {"ReservedConcurrentExecutions": 0},
                type="aws.lambda", redo=again("delete_function_concurrency", "ReservedConcurrentExecutions")),
        Inverse("lambda", "remove_permission", "FunctionName", is_function, {"StatementId": is_added},
                already=("ResourceNotFoundException",), type="aws.lambda"),
    )
    events = (
        "DisableRule", "PutRule", "RemoveTargets", "PutFunctionConcurrency20171031", "RemovePermission20150331v2",
    )

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Restore the rule or the function that the event changed."""
        record = detail_of(event)
        request = record.get("requestParameters") or {}
        partition = self.own_arn.split(":")[1]
        account, region = str(self.manager.config.account_id), str(self.manager.config.region)
        own = OwnResources(self.data["rules"], self.data["functions"], self.data["added-by"], account)
        if record["eventName"] in ("DisableRule", "PutRule", "RemoveTargets"):
            name, bus = str(request.get("name") or request.get("rule") or ""), bus_of(request)
            path = "/".join([*bus.values(), name])
            arn = f"arn:{partition}:events:{region}:{account}:rule/{path}"
            ours, kind = own.has_rule(arn), "aws.event-rule"
            plan = self._rule(session, record, request, name, bus, own)
        else:
            name = function_name(str(request.get("functionName") or ""))
            arn = f"arn:{partition}:lambda:{region}:{account}:function:{name}"
            ours, kind = own.has_function(arn), "aws.lambda"
            plan = self._function(session, record, request, name, own)
        if not ours:
            self.log.info("%s: %s is not a resource of this project", self.type, arn)
            return
        yield Subject(arn, kind).fix(lambda: fix_by_plan(session.client, plan, confirm=self.confirm(session, event)))

    def _rule(
        self, session: Any, record: Mapping[str, Any], request: Mapping[str, Any], name: str, bus: Mapping[str, str],
        own: OwnResources,
    ) -> Callable[[], FixPlan]:
        client = session.client("events")
        known: list[dict[str, str]] = []

        def plan() -> FixPlan:
            rule = _there(lambda: call(client.describe_rule, Name=name, **bus), name)
            if record["eventName"] != "RemoveTargets":
                return plan_rule(name, bus, str(rule["State"]))
            pages = client.get_paginator("list_targets_by_rule").paginate(Rule=name, **bus)
            present = call(lambda: {target["Id"] for page in pages for target in page["Targets"]})
            if not known:
                known.append(known_targets(name, bus, self._earlier(session, PUT_TARGETS, record), own))
            return plan_targets(name, bus, [str(each) for each in request.get("ids") or ()], present, known[0])

        return plan

    def _function(
        self, session: Any, record: Mapping[str, Any], request: Mapping[str, Any], name: str, own: OwnResources
    ) -> Callable[[], FixPlan]:
        client = session.client("lambda")
        known: list[dict[str, str] | None] = []

        def plan() -> FixPlan:
            reserved = _there(lambda: call(client.get_function_concurrency, FunctionName=name), name)
            if record["eventName"].startswith("PutFunctionConcurrency"):
                return plan_concurrency(name, reserved.get("ReservedConcurrentExecutions"))
            statement = str(request.get("statementId") or "")
            if not known:
                known.append(known_permission(name, statement, self._earlier(session, ADD_PERMISSION, record), own))
            return plan_permission(name, statement, _statements(client, name), known[0])

        return plan

    def _earlier(self, session: Any, name: str, record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        return islice(earlier_named(session.client("cloudtrail"), (name,), record), MOST_RECORDS)


def _there(read: Callable[[], Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """The result of `read`. Raises Refusal if the rule or the function does not exist."""
    try:
        return read()
    except ClientError as error:
        if code_of(error) == _NOT_THERE:
            raise Refusal(f"{name} no longer exists: deploy its policy again") from error
        raise


def _statements(client: Any, function: str) -> set[str]:
    """The ids of the statements in the function's policy; empty if it has no policy."""
    try:
        policy = call(client.get_policy, FunctionName=function)["Policy"]
    except ClientError as error:
        if code_of(error) == _NOT_THERE:
            return set()
        raise
    return {str(statement.get("Sid")) for statement in json.loads(policy)["Statement"]}
