"""Checks whether a resource is still as a fix left it: reads it, and compares it with the calls that undo the fix.

Some resources cannot be compared. A rollback reports this, and makes its calls.
Source: the Describe, Get and List calls for each operation.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from custom_actions.aws import absent, call, code_of
from custom_actions.elements.native import contains
from custom_actions.elements.security_group import from_permissions, from_security_group_rules

from ..accounts import AWS_ERRORS, reason_of

_LONGEST_FIX, _CLOCKS_DIFFER = timedelta(hours=1), timedelta(minutes=5)
"""How long before or after the time in its receipt a fix can have created something."""
Parameters = Mapping[str, Any]
Receipt = Mapping[str, Any]


class Comparison(StrEnum):
    """The state of a resource, compared with one call that would undo a fix."""

    AS_FIXED = "as the fix left it"
    BACK = "as it was before"
    CHANGED = "changed since the fix"
    OTHER = "not the receipt's resource"
    UNREADABLE = "cannot be read"
    UNKNOWN = "cannot be compared"


@dataclass(frozen=True)
class Observation:
    """A comparison, with the difference or the reason in words."""

    comparison: Comparison
    detail: str = ""


Read = Callable[[Any, Parameters, Receipt], Observation]
AS_FIXED, BACK = Observation(Comparison.AS_FIXED), Observation(Comparison.BACK)


def observe(client: Any, service: str, operation: str, parameters: Parameters, receipt: Receipt) -> Observation:
    """Read the resource of a call, and compare it."""
    read = _READS.get((service, operation))
    if read is None:
        return Observation(
            Comparison.UNKNOWN, f"{service}:{operation}: cannot check whether the resource has changed since the fix")
    try:
        return read(client, parameters, receipt)
    except AWS_ERRORS as error:
        return Observation(Comparison.UNREADABLE, f"cannot be read: {reason_of(error)}")
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


def _differs(now: Any) -> Observation:
    return _changed(f"it is {now or 'not set'}")


def _setting(read: Callable[[Any, Parameters], Any], before: Callable[[Parameters], Any], name: str) -> Read:
    """Compares a setting.

    Args:
        read: reads it; empty if it is not set.
        before: its value in the parameters of the call.
        name: its name in `added` of the receipt.
    """
    def compare(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
        now = read(client, parameters)
        if now == before(parameters):
            return BACK
        added = [change[name] for change in receipt.get("added") or () if name in change]
        return AS_FIXED if any(contains(now, each) for each in added) else _differs(now)

    return compare


def _bucket_encryption(client: Any, parameters: Parameters) -> Any:
    answer = absent(
        client.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError", Bucket=parameters["Bucket"])
    return answer["ServerSideEncryptionConfiguration"] if answer else {}


def _bucket_policy(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    def document(text: Any) -> Any:
        return json.loads(text) if text else None

    answer = absent(client.get_bucket_policy, "NoSuchBucketPolicy", Bucket=parameters["Bucket"])
    now = document(answer["Policy"] if answer else None)
    if now == document(parameters.get("Policy")):
        return BACK
    added = [document(change["Policy"]) for change in receipt.get("added") or () if "Policy" in change] or [None]
    return AS_FIXED if now in added else _differs(json.dumps(now))


def _account_block(client: Any, parameters: Parameters) -> Any:
    answer = absent(client.get_public_access_block, "NoSuchPublicAccessBlockConfiguration",
                    AccountId=parameters["AccountId"])
    return answer["PublicAccessBlockConfiguration"] if answer else {}


def _bucket_logging(client: Any, parameters: Parameters) -> Any:
    return call(client.get_bucket_logging, Bucket=parameters["Bucket"]).get("LoggingEnabled") or {}


def _balancer_attributes(client: Any, parameters: Parameters) -> Any:
    names = {each["Key"] for each in parameters["Attributes"]}
    found = call(client.describe_load_balancer_attributes, LoadBalancerArn=parameters["LoadBalancerArn"])["Attributes"]
    return {each["Key"]: each["Value"] for each in found if each["Key"] in names}


def _encryption_by_default(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    # The only inverse in our receipts turns it off again.
    on = call(client.get_ebs_encryption_by_default)["EbsEncryptionByDefault"]
    return AS_FIXED if on else BACK


def _boundary(client: Any, parameters: Parameters) -> Any:
    boundary = call(client.get_user, UserName=parameters["UserName"])["User"].get("PermissionsBoundary") or {}
    return boundary.get("PermissionsBoundaryArn") or ""


def _tags(read: Callable[[Any, Parameters], Mapping[str, str]], *, sets: bool) -> Read:
    """Compares one tag. `sets`: whether the call sets it; if not, it removes it."""
    def compare(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
        [given] = parameters.get("Tags") or [{"Key": parameters["TagKeys"][0]}]
        now = read(client, parameters).get(given["Key"])
        before = given["Value"] if sets else None
        if now == before:
            return BACK
        added = [change[given["Key"]] for change in receipt.get("added") or () if given["Key"] in change]
        return AS_FIXED if now in (added or [None]) else _differs(now)

    return compare


def _resource_tags(client: Any, parameters: Parameters) -> dict[str, str]:
    pages = call(lambda: list(client.get_paginator("describe_tags").paginate(
        Filters=[{"Name": "resource-id", "Values": list(parameters["Resources"])}])))
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def _user_tags(client: Any, parameters: Parameters) -> dict[str, str]:
    pages = call(lambda: list(client.get_paginator("list_user_tags").paginate(UserName=parameters["UserName"])))
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def _stopped(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    [found] = call(client.describe_instances, InstanceIds=list(parameters["InstanceIds"]))["Reservations"]
    state = found["Instances"][0]["State"]["Name"]
    if state in ("pending", "running"):
        return BACK
    return AS_FIXED if state in ("stopping", "stopped") else _differs(state)


def _new_snapshot(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    """Whether the snapshot is one of the receipt's volume, and was made by the fix: deleting it cannot be undone."""
    snapshot = parameters["SnapshotId"]
    found = call(lambda: client.describe_snapshots(
        OwnerIds=["self"], Filters=[{"Name": "snapshot-id", "Values": [snapshot]}]))["Snapshots"]
    if not found:
        return BACK
    made, fixed = found[0]["StartTime"], datetime.fromisoformat(receipt["at"])
    if found[0]["VolumeId"] != receipt["resource"] or not fixed - _LONGEST_FIX <= made <= fixed + _CLOCKS_DIFFER:
        return Observation(
            Comparison.OTHER, f"{snapshot} is a snapshot of {found[0]['VolumeId']} of {made}, but the receipt is for "
            f"one of {receipt['resource']} of {fixed}")
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
    **dict.fromkeys((("s3", "put_bucket_encryption"), ("s3", "delete_bucket_encryption")), _setting(
        _bucket_encryption, lambda given: given.get("ServerSideEncryptionConfiguration") or {}, "Encryption")),
    ("s3", "put_bucket_policy"): _bucket_policy,
    ("s3", "delete_bucket_policy"): _bucket_policy,
    ("s3", "put_bucket_logging"): _setting(
        _bucket_logging, lambda given: given["BucketLoggingStatus"].get("LoggingEnabled") or {}, "Logging"),
    **dict.fromkeys((("s3control", "put_public_access_block"), ("s3control", "delete_public_access_block")), _setting(
        _account_block, lambda given: given.get("PublicAccessBlockConfiguration") or {}, "PublicAccessBlock")),
    ("elbv2", "modify_load_balancer_attributes"): _setting(
        _balancer_attributes, lambda given: {each["Key"]: each["Value"] for each in given["Attributes"]}, "Attributes"),
    ("ec2", "disable_ebs_encryption_by_default"): _encryption_by_default,
    **dict.fromkeys((("iam", "put_user_permissions_boundary"), ("iam", "delete_user_permissions_boundary")), _setting(
        _boundary, lambda given: given.get("PermissionsBoundary") or "", "PermissionsBoundary")),
    ("ec2", "create_tags"): _tags(_resource_tags, sets=True),
    ("ec2", "delete_tags"): _tags(_resource_tags, sets=False),
    ("iam", "tag_user"): _tags(_user_tags, sets=True),
    ("iam", "untag_user"): _tags(_user_tags, sets=False),
    ("ec2", "start_instances"): _stopped,
    ("ec2", "delete_snapshot"): _new_snapshot,
}
"""By service and operation. Other calls cannot be compared."""
