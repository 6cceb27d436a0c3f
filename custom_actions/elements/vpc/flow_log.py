"""The action `recreate-flow-log`: recreates a deleted flow log.

Its settings come from the CreateFlowLogs event in CloudTrail's event history. CloudTrail records EC2's newer calls in
the format of the query API: a list with one item is that item, with its number in `tag` and a plain value in `content`.

Source: EC2's CreateFlowLogs, DescribeFlowLogs, and published records of DeleteFlowLogs.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from c7n.utils import type_schema

from ...aws import AWS_ERRORS, call, detail_of, earlier_named, reason_of
from ...fixing import (
    CONFIRM,
    OTHERWISE,
    Call,
    EventFix,
    FixPlan,
    FixResult,
    Inverse,
    Outcome,
    Record,
    Step,
    Subject,
    fix_by_plan,
    one_id,
)

CREATE, DELETE = "CreateFlowLogs", "DeleteFlowLogs"

# CreateFlowLogs' parameters, except lists and the client token.
_PLAIN = (
    "ResourceType", "TrafficType", "LogGroupName", "DeliverLogsPermissionArn", "DeliverCrossAccountRole",
    "LogDestinationType", "LogDestination", "LogFormat", "MaxAggregationInterval",
)
_LOG_GROUP = ":log-group:"


def items(value: Any) -> list[Any]:
    """A list in such a record, where one item is not in a list, and plain values are in `content`."""
    listed = value if isinstance(value, list) else [value] if value else []
    return [each["content"] if isinstance(each, Mapping) and "content" in each else each for each in listed]


def deleted_ids(record: Record) -> list[str]:
    """The ids of the flow logs in a DeleteFlowLogs, without those that EC2 did not delete."""
    answer = (record.get("responseElements") or {}).get("DeleteFlowLogsResponse") or {}
    unsuccessful = answer.get("unsuccessful") or {}
    kept = {item.get("resourceId") for item in items(unsuccessful and unsuccessful.get("item"))}
    request = (record.get("requestParameters") or {}).get("DeleteFlowLogsRequest") or {}
    return [str(flow_log) for flow_log in items(request.get("FlowLogId")) if flow_log not in kept]


def made_by(record: Record, flow_log: str) -> dict[str, Any] | None:
    """CreateFlowLogs' parameters for one flow log, from a CreateFlowLogs record; None if the record is about others.

    The response to a call for several resources has the ids in the order of the resources.
    """
    answer = (record.get("responseElements") or {}).get("CreateFlowLogsResponse") or {}
    ids = items((answer.get("flowLogIdSet") or {}).get("item"))
    request = (record.get("requestParameters") or {}).get("CreateFlowLogsRequest") or {}
    resources = items(request.get("ResourceId"))
    if flow_log not in ids or len(ids) != len(resources):
        return None
    parameters = {name: request[name] for name in _PLAIN if request.get(name) not in (None, "")}
    if "MaxAggregationInterval" in parameters:
        parameters["MaxAggregationInterval"] = int(parameters["MaxAggregationInterval"])
    if tags := [specification for specification in map(_tags, items(request.get("TagSpecification"))) if specification]:
        parameters["TagSpecifications"] = tags
    return {**parameters, "ResourceIds": [resources[ids.index(flow_log)]]}


def _tags(specification: Mapping[str, Any]) -> dict[str, Any] | None:
    tags = [{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in items(specification.get("Tag"))]
    return {"ResourceType": "vpc-flow-log", "Tags": tags} if tags else None


def destination(flow_log: Mapping[str, Any]) -> str:
    """The destination of a flow log: the name of a log group, or the ARN of anything else."""
    given = str(flow_log.get("LogDestination") or "")
    if _LOG_GROUP in given:
        return given.partition(_LOG_GROUP)[2].partition(":")[0]
    return str(flow_log.get("LogGroupName") or given)


def plan_flow_log(parameters: Mapping[str, Any], now: Iterable[Mapping[str, Any]], made: list[str]) -> FixPlan:
    """Recreate a flow log, unless its resource has an equivalent one.

    Args:
        parameters: CreateFlowLogs' parameters.
        now: the resource's flow logs, from DescribeFlowLogs.
        made: filled with the ids of the equivalent ones among them. The inverse uses it when the response to
            CreateFlowLogs is lost: there was none before, so a later one is what the call created.
    """
    wanted = (destination(parameters), parameters.get("TrafficType"))
    made[:] = [
        flow_log["FlowLogId"] for flow_log in now
        if (destination(flow_log), flow_log.get("TrafficType")) == wanted
    ]
    if made:
        return FixPlan()

    def delete(answer: Mapping[str, Any]) -> Call | None:
        ids = list(answer.get("FlowLogIds") or made)
        return Call("ec2", "delete_flow_logs", {"FlowLogIds": ids}) if ids else None

    return FixPlan([Step(
        f"recreate the flow log of {parameters['ResourceIds'][0]}",
        Call("ec2", "create_flow_logs", parameters), delete, added=parameters, confirm=True,
    )])


class RecreateFlowLog(EventFix):
    """Recreate the flow logs that the event DeleteFlowLogs deleted, and verify the result.

    For policies in mode `cloudtrail`, on `account`, because a deleted flow log cannot be described. Its settings come
    from CloudTrail's event history (90 days): traffic, destination, format, interval and tags. Without them, the
    outcome is refused, and `otherwise` can send a notification. The receipt of each flow log has who deleted it, and
    the call that undoes the fix. The new flow log has a new id.

    Written because c7n's `set-flow-log` gives every VPC the same flow log, whatever it had before.

    :example:

    .. code-block:: yaml

        policies:
          - name: flow-log-deleted
            resource: aws.account
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: ec2.amazonaws.com
                  event: DeleteFlowLogs
                  ids: recipientAccountId
            actions:
              - type: recreate-flow-log
                otherwise:
                  type: notify
                  to: [security]
                  transport:
                    type: sns
                    topic: arn:{partition}:sns:{region}:{account_id}:guardrails-compliance
    """

    schema = type_schema("recreate-flow-log", otherwise=OTHERWISE, confirm=CONFIRM)
    # PassRole: a flow log to CloudWatch Logs has a role.
    inverses = (
        Inverse("ec2", "delete_flow_logs", "FlowLogIds", one_id, already=("InvalidFlowLogId.NotFound",),
                type="aws.flow-log"),
    )
    permissions: tuple[str, ...] = (
        "ec2:DescribeFlowLogs", "ec2:CreateFlowLogs", "cloudtrail:LookupEvents", "iam:PassRole",
    )
    events = (DELETE,)

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Recreate each flow log that the event deleted."""
        record = detail_of(event)
        ids = deleted_ids(record)
        known, why = self._what_they_were(session, record, ids)
        ec2 = session.client("ec2")
        for flow_log in ids:
            subject = Subject(flow_log, "aws.flow-log")
            if flow_log in known:
                yield subject.fix(partial(
                    fix_by_plan, lambda service: ec2, _planner(ec2, known[flow_log]),
                    confirm=self.confirm(session, event)))
            else:
                outcome = Outcome.FAILED if why else Outcome.REFUSED
                yield subject.fix(partial(FixResult, outcome, why or "its settings are in no event"))

    def _what_they_were(
        self, session: Any, record: Record, ids: Sequence[str]
    ) -> tuple[dict[str, dict[str, Any]], str]:
        """CreateFlowLogs' parameters by id, as far as the history has them; and why it could not be read."""
        known: dict[str, dict[str, Any]] = {}
        try:
            for change in earlier_named(session.client("cloudtrail"), (CREATE,), record):
                for flow_log in ids:
                    if flow_log not in known and (parameters := made_by(change, flow_log)):
                        known[flow_log] = parameters
                if len(known) == len(ids):
                    break
        except AWS_ERRORS as error:
            return known, f"the event history could not be read: {reason_of(error)}"
        return known, ""


def _planner(ec2: Any, parameters: Mapping[str, Any]) -> Any:
    made: list[str] = []

    def plan() -> FixPlan:
        [resource] = parameters["ResourceIds"]
        pages = call(lambda: list(ec2.get_paginator("describe_flow_logs").paginate(
            Filters=[{"Name": "resource-id", "Values": [resource]}])))
        return plan_flow_log(parameters, [flow_log for page in pages for flow_log in page["FlowLogs"]], made)

    return plan
