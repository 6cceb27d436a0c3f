"""Checks whether a resource is still as a fix left it: reads it, and compares it with the calls that undo the fix.

Some resources cannot be compared. A rollback reports this, and makes its calls.
Source: the Describe, Get and List calls for each operation.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from custom_actions.aws import call, code_of
from custom_actions.elements.security_group import from_permissions, from_security_group_rules

from ..accounts import AWS_ERRORS, reason_of

Parameters = Mapping[str, Any]
Receipt = Mapping[str, Any]


class Comparison(StrEnum):
    """The state of a resource, compared with one call that would undo a fix."""

    AS_FIXED = "as the fix left it"
    BACK = "as it was before"
    CHANGED = "changed since the fix"
    OTHER = "not the receipt's resource"
    UNKNOWN = "cannot be compared"


@dataclass(frozen=True)
class Observation:
    """A comparison, with the difference or the reason in words."""

    comparison: Comparison
    detail: str = ""


Read = Callable[[Any, Parameters, Receipt], Observation]
AS_FIXED, BACK = Observation(Comparison.AS_FIXED), Observation(Comparison.BACK)


def observe(client: Any, service: str, operation: str, parameters: Parameters, receipt: Receipt) -> Observation:
    """Read the resource of a call, and compare it. If it cannot be read, the result is `CHANGED` with the reason."""
    read = _READS.get((service, operation))
    if read is None:
        return Observation(
            Comparison.UNKNOWN, f"{service}:{operation}: cannot check whether the resource has changed since the fix")
    try:
        return read(client, parameters, receipt)
    except AWS_ERRORS as error:
        return _changed(f"cannot be read: {reason_of(error)}")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        # The comparison uses values of the receipt, which may be invalid because someone edited the file.
        return _changed(f"cannot be compared with the receipt: {type(error).__name__}: {error}")


def observe_undone(
    client: Any, service: str, operation: str, parameters: Parameters, receipt: Receipt
) -> Observation:
    """The same for a call that a rollback made: now the state before the fix is the expected one."""
    found = observe(client, service, operation, parameters, receipt)
    return {AS_FIXED: BACK, BACK: AS_FIXED}.get(found, found)


def _changed(detail: str) -> Observation:
    return Observation(Comparison.CHANGED, detail)


def _several(there: list[str], gone: list[str], *, back: bool) -> Observation:
    """The comparison of several entries, of which some exist. `back`: whether they existed before the fix."""
    if not gone:
        return BACK if back else AS_FIXED
    if not there:
        return AS_FIXED if back else BACK
    return _changed(f"existing: {', '.join(there)}; missing: {', '.join(gone)}")


def _rules(*, back: bool) -> Read:
    def read(client: Any, parameters: Parameters, _: Receipt) -> Observation:
        [group] = call(client.describe_security_groups, GroupIds=[parameters["GroupId"]])["SecurityGroups"]
        now = from_permissions(group["IpPermissions"])
        wanted = from_permissions(parameters.get("IpPermissions") or ())
        return _several(
            [str(rule) for rule in wanted if rule in now], [str(rule) for rule in wanted if rule not in now],
            back=back)

    return read


def _narrowed(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    [change] = parameters["SecurityGroupRules"]
    rule_id = change["SecurityGroupRuleId"]
    [now] = call(client.describe_security_group_rules, SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"]
    if now["GroupId"] != parameters["GroupId"]:
        return Observation(Comparison.OTHER, f"{rule_id} is a rule of {now['GroupId']}")
    [rule] = from_security_group_rules([now])
    if rule.to_request() == change["SecurityGroupRule"]:
        return BACK
    if rule.to_dict() in (receipt.get("added") or ()):
        return AS_FIXED
    return _changed(f"{rule_id} is now {rule}")


def _attached(kind: str, *, back: bool) -> Read:
    def read(client: Any, parameters: Parameters, _: Receipt) -> Observation:
        name = f"{kind.capitalize()}Name"
        pages = call(lambda: list(
            client.get_paginator(f"list_attached_{kind}_policies").paginate(**{name: parameters[name]})))
        arns = [policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"]]
        return BACK if (parameters["PolicyArn"] in arns) == back else AS_FIXED

    return read


def _inline(kind: str) -> Read:
    def read(client: Any, parameters: Parameters, _: Receipt) -> Observation:
        import json

        name = f"{kind.capitalize()}Name"
        try:
            found = call(getattr(client, f"get_{kind}_policy"), **{
                name: parameters[name], "PolicyName": parameters["PolicyName"]})["PolicyDocument"]
        except AWS_ERRORS as error:
            if code_of(error) != "NoSuchEntity":
                raise
            # The policy does not exist, as the fix left it, or the principal does not exist.
            call(getattr(client, f"get_{kind}"), **{name: parameters[name]})
            return AS_FIXED
        if found == json.loads(parameters["PolicyDocument"]):
            return BACK
        return _changed(f"the inline policy {parameters['PolicyName']} exists with another document")

    return read


def _key(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    pages = call(lambda: list(client.get_paginator("list_access_keys").paginate(UserName=parameters["UserName"])))
    for key in (key for page in pages for key in page["AccessKeyMetadata"]):
        if key["AccessKeyId"] == parameters["AccessKeyId"]:
            return BACK if key["Status"] == parameters["Status"] else AS_FIXED
    return _changed(f"the access key {parameters['AccessKeyId']} no longer exists")


def _block(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    now: Mapping[str, Any] | None = None
    try:
        now = call(client.get_public_access_block, Bucket=parameters["Bucket"])["PublicAccessBlockConfiguration"]
    except AWS_ERRORS as error:
        if code_of(error) != "NoSuchPublicAccessBlockConfiguration":
            raise
    if now == parameters.get("PublicAccessBlockConfiguration"):
        return BACK
    if now in [change.get("PublicAccessBlock") for change in receipt.get("added") or ()]:
        return AS_FIXED
    return _changed(f"the public access block is {now or 'missing'}")


def _acl(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    def same(left: list[Any], right: list[Any]) -> bool:
        return all(each in right for each in left) and all(each in left for each in right)

    now = call(client.get_bucket_acl, Bucket=parameters["Bucket"])["Grants"]
    before = parameters["AccessControlPolicy"]["Grants"]
    removed = [grant for change in receipt.get("removed") or () for grant in change.get("Grants") or ()]
    if same(now, before):
        return BACK
    return AS_FIXED if same(now, [grant for grant in before if grant not in removed]) else _changed(
        f"the ACL has other grants: {now}")


def _parties(answer: Any) -> set[str]:
    """All values in a list of permissions: account ids, `all`, and ARNs of organizations."""
    return {str(value) for each in answer for value in (each.values() if isinstance(each, Mapping) else [each])}


def _shared(now: set[str], wanted: Any) -> Observation:
    parties = sorted(_parties(wanted))
    return _several(
        [f"shared with {each}" for each in parties if each in now],
        [f"shared with {each}" for each in parties if each not in now], back=True)


def _snapshot(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    now = call(client.describe_snapshot_attribute, SnapshotId=parameters["SnapshotId"],
               Attribute="createVolumePermission")["CreateVolumePermissions"]
    return _shared(_parties(now), parameters["CreateVolumePermission"]["Add"])


def _image(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    now = call(client.describe_image_attribute, ImageId=parameters["ImageId"], Attribute="launchPermission")
    return _shared(_parties(now["LaunchPermissions"]), parameters["LaunchPermission"]["Add"])


def _database(kind: str) -> Read:
    def read(client: Any, parameters: Parameters, _: Receipt) -> Observation:
        lower = {"DBSnapshot": "db_snapshot", "DBClusterSnapshot": "db_cluster_snapshot"}[kind]
        name = f"{kind}Identifier"
        answer = call(getattr(client, f"describe_{lower}_attributes"), **{name: parameters[name]})
        attributes = answer[f"{kind}AttributesResult"][f"{kind}Attributes"]
        now = {value for each in attributes if each["AttributeName"] == "restore"
               for value in each.get("AttributeValues") or ()}
        return _shared(now, parameters["ValuesToAdd"])

    return read


def _instance(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    [instance] = call(
        client.describe_db_instances, DBInstanceIdentifier=parameters["DBInstanceIdentifier"])["DBInstances"]
    return BACK if instance.get("PubliclyAccessible") == parameters["PubliclyAccessible"] else AS_FIXED


def _table(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    table = call(client.describe_table, TableName=parameters["TableName"])["Table"]
    status = (table.get("SSEDescription") or {}).get("Status")
    return AS_FIXED if status in ("ENABLED", "ENABLING", "UPDATING") else BACK


def _flow_log(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    [flow_log] = parameters["FlowLogIds"]
    found = call(client.describe_flow_logs, FlowLogIds=[flow_log])["FlowLogs"]
    if not found:
        return BACK
    made_for = [each for change in receipt.get("added") or () for each in change.get("ResourceIds") or ()]
    if found[0].get("ResourceId") not in made_for:
        return Observation(
            Comparison.OTHER, f"{flow_log} is the flow log of {found[0].get('ResourceId')}, but the receipt is "
            f"for a flow log of {', '.join(map(str, made_for)) or 'no resource'}")
    return AS_FIXED


_READS: Mapping[tuple[str, str], Read] = {
    ("ec2", "authorize_security_group_ingress"): _rules(back=True),
    ("ec2", "revoke_security_group_ingress"): _rules(back=False),
    ("ec2", "modify_security_group_rules"): _narrowed,
    ("ec2", "delete_flow_logs"): _flow_log,
    **{("iam", f"attach_{kind}_policy"): _attached(kind, back=True) for kind in ("user", "group", "role")},
    **{("iam", f"detach_{kind}_policy"): _attached(kind, back=False) for kind in ("user", "group", "role")},
    **{("iam", f"put_{kind}_policy"): _inline(kind) for kind in ("user", "group", "role")},
    ("iam", "update_access_key"): _key,
    ("s3", "put_public_access_block"): _block,
    ("s3", "delete_public_access_block"): _block,
    ("s3", "put_bucket_acl"): _acl,
    ("ec2", "modify_snapshot_attribute"): _snapshot,
    ("ec2", "modify_image_attribute"): _image,
    ("rds", "modify_db_snapshot_attribute"): _database("DBSnapshot"),
    ("rds", "modify_db_cluster_snapshot_attribute"): _database("DBClusterSnapshot"),
    ("rds", "modify_db_instance"): _instance,
    ("dynamodb", "update_table"): _table,
}
"""By service and operation. Other calls cannot be compared."""
