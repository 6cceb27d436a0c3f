"""Systems Manager: which instances it manages, and the compliance that they report.

moto knows neither. Here an instance is managed when the role of its instance profile lets the agent report; there is
no agent in moto, so every image is taken to have one, as Amazon's do. Compliance items are kept as they are put, and
summaries are counted from them.

Source: Systems Manager's DescribeInstanceInformation, PutComplianceItems, ListComplianceItems,
ListResourceComplianceSummaries.
"""
from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.ssm.exceptions import InvalidResourceId, InvalidResourceType, SSMException
from moto.ssm.responses import SimpleSystemManagerResponse

_REPORTS = "ssm:UpdateInstanceInformation"
"""What the agent must be allowed to do."""
_PING = {"running": "Online", "stopped": "ConnectionLost", "stopping": "ConnectionLost"}
"""What the agent's silence or its reports say, by the instance's state; in any other state it is not listed."""

_SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNSPECIFIED")
_KEPT = "guardrails_compliance"
"""Where a backend keeps compliance: by resource and compliance type."""

_COMPARISONS: dict[str, Callable[[str, Sequence[str]], bool]] = {
    "EQUAL": lambda value, wanted: value in wanted,
    "NOT_EQUAL": lambda value, wanted: value not in wanted,
    "BEGIN_WITH": lambda value, wanted: value.startswith(tuple(wanted)),
    "LESS_THAN": lambda value, wanted: all(value < each for each in wanted),
    "GREATER_THAN": lambda value, wanted: all(value > each for each in wanted),
}
_MANAGED_FILTERS = ("InstanceIds", "PingStatus", "IamRole", "PlatformTypes", "ResourceType")
_COMPLIANCE_FILTERS = ("ComplianceType", "ResourceType", "ResourceId", "Status")


class _Refused(SSMException):
    """An error of the API that moto has no class for."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


def apply() -> None:
    """Add the APIs. Once in a process."""
    for operation in (
        describe_instance_information, put_compliance_items, list_compliance_items, list_resource_compliance_summaries,
    ):
        setattr(SimpleSystemManagerResponse, operation.__name__, operation)


def describe_instance_information(request: Any) -> ActionResult:
    """The instances that Systems Manager manages, ten in a page unless asked for more."""
    managed = _managed(request)
    wanted = [(each["Key"], each["Values"]) for each in request._get_param("Filters") or ()]
    wanted += [(each["key"], each["valueSet"]) for each in request._get_param("InstanceInformationFilterList") or ()]
    names = {"InstanceIds": "InstanceId", "PlatformTypes": "PlatformType"}
    for key, values in wanted:
        if key not in _MANAGED_FILTERS:
            raise _Refused("InvalidInstanceInformationFilterValue", f"The filter {key} is not known here.")
        managed = [each for each in managed if each.get(names.get(key, key)) in values]
    return _page(request, "InstanceInformationList", managed, 10)


def put_compliance_items(request: Any) -> EmptyResult:
    """Store a resource's report for one compliance type; replaces its earlier report.

    The same content hash again is ignored. A partial upload, of one of State Manager's associations, is refused:
    there are none here.
    """
    resource, kind = request._get_param("ResourceId"), request._get_param("ComplianceType")
    if request._get_param("ResourceType") != "ManagedInstance":
        raise InvalidResourceType
    if resource not in {instance["InstanceId"] for instance in _managed(request)}:
        raise InvalidResourceId
    if request._get_param("UploadType") == "PARTIAL":
        raise _Refused("InvalidItemContentException", "The partial upload has no matching association.")
    kept, content = _kept(request), request._get_param("ItemContentHash")
    if not content or kept.get((resource, kind), {}).get("ItemContentHash") != content:
        kept[resource, kind] = {
            "ExecutionSummary": request._get_param("ExecutionSummary"), "Items": request._get_param("Items"),
            "ItemContentHash": content,
        }
    return EmptyResult()


def list_compliance_items(request: Any) -> ActionResult:
    """Every item as it was put, with what it belongs to."""
    resources = request._get_param("ResourceIds")
    items = [
        {**_head(resource, kind), **item, "ExecutionSummary": reported["ExecutionSummary"]}
        for (resource, kind), reported in _kept(request).items() if not resources or resource in resources
        for item in reported["Items"]
    ]
    return _page(request, "ComplianceItems", _filtered(request, items, (*_COMPLIANCE_FILTERS, "Severity")), 50)


def list_resource_compliance_summaries(request: Any) -> ActionResult:
    """One summary for each resource and compliance type."""
    summaries = [
        {**_head(resource, kind), **_summary(reported["Items"]), "ExecutionSummary": reported["ExecutionSummary"]}
        for (resource, kind), reported in _kept(request).items()
    ]
    filters = (*_COMPLIANCE_FILTERS, "OverallSeverity")
    return _page(request, "ResourceComplianceSummaryItems", _filtered(request, summaries, filters), 50)


def _managed(request: Any) -> list[dict[str, Any]]:
    account, region = request.current_account, request.region
    profiles = iam_backends[account][request.partition].instance_profiles.values()
    roles = {profile.arn: role for profile in profiles for role in profile.roles if _may_report(role)}
    return [
        {
            "InstanceId": instance.id,
            "PingStatus": _PING[instance.state],
            "LastPingDateTime": utcnow(),
            "PlatformType": "Windows" if instance.platform == "windows" else "Linux",
            "IamRole": roles[arn].name,
            "ResourceType": "EC2Instance",
            "IPAddress": instance.private_ip_address,
            "ComputerName": instance.private_dns_name,
            "SourceId": instance.id,
            "SourceType": "AWS::EC2::Instance",
        }
        for instance in ec2_backends[account][region].all_instances()
        if instance.state in _PING and (arn := _profile_of(request, instance.id)) in roles
    ]


def _may_report(role: Any) -> bool:
    documents = [*role.policies.values(), *(
        version.document for policy in role.managed_policies.values() for version in policy.versions
        if version.version_id == policy.default_version_id
    )]
    for document in documents:
        statements = json.loads(document)["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            actions = statement.get("Action", ())
            if statement["Effect"] == "Allow" and any(
                fnmatch(_REPORTS.lower(), action.lower())
                for action in ([actions] if isinstance(actions, str) else actions)
            ):
                return True
    return False


def _profile_of(request: Any, instance: str) -> str:
    """The ARN of the instance's profile."""
    backend = ec2_backends[request.current_account][request.region]
    association = backend.iam_instance_profile_associations.get(instance)
    return str(association.iam_instance_profile.arn) if association else ""


def _kept(request: Any) -> dict[tuple[str, str], dict[str, Any]]:
    kept: dict[tuple[str, str], dict[str, Any]] = request.ssm_backend.__dict__.setdefault(_KEPT, {})
    return kept


def _head(resource: str, kind: str) -> dict[str, str]:
    return {"ComplianceType": kind, "ResourceType": "ManagedInstance", "ResourceId": resource}


def _summary(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    severities = {
        status: Counter(item["Severity"] for item in items if item["Status"] == status)
        for status in ("COMPLIANT", "NON_COMPLIANT")
    }
    compliant, failing = severities["COMPLIANT"], severities["NON_COMPLIANT"]
    return {
        "Status": "NON_COMPLIANT" if failing else "COMPLIANT",
        "OverallSeverity": next((severity for severity in _SEVERITIES if failing[severity]), "UNSPECIFIED"),
        "CompliantSummary": {"CompliantCount": compliant.total(), "SeveritySummary": _counted(compliant)},
        "NonCompliantSummary": {"NonCompliantCount": failing.total(), "SeveritySummary": _counted(failing)},
    }


def _counted(severities: Mapping[str, int]) -> dict[str, int]:
    return {f"{severity.capitalize()}Count": severities[severity] for severity in _SEVERITIES}


def _filtered(request: Any, entries: list[dict[str, Any]], known: Sequence[str]) -> list[dict[str, Any]]:
    for each in request._get_param("Filters") or ():
        key, compare = each["Key"], _COMPARISONS[each.get("Type", "EQUAL")]
        if key not in known:
            raise _Refused("InvalidFilter", f"The filter {key} is not known here.")
        entries = [entry for entry in entries if compare(entry[key], each["Values"])]
    return entries


def _page(request: Any, name: str, entries: Sequence[Any], size: int) -> ActionResult:
    start = int(base64.b64decode(request._get_param("NextToken") or "MA=="))
    end = start + int(request._get_param("MaxResults") or size)
    more = {"NextToken": base64.b64encode(str(end).encode()).decode()} if len(entries) > end else {}
    return ActionResult({name: list(entries[start:end]), **more})
