"""Compares what fixes change in EC2: security group rules, sharing, flow logs, tags, instances, subnets, snapshots,
encryption.

Source: EC2's Describe and Get calls for each operation.
"""
from __future__ import annotations

from typing import Any

from custom_actions.aws import call
from custom_actions.elements.account import SNAPSHOT_SHARING
from custom_actions.elements.security_group import from_permissions, from_security_group_rules

from .base import (
    AS_FIXED,
    BACK,
    Comparison,
    Observation,
    Parameters,
    Read,
    Reads,
    Receipt,
    changed,
    differs,
    made_by,
    setting,
    several,
    shared,
    tags,
    two_states,
)


def _rules(*, back: bool, listed: str = "IpPermissions") -> Read:
    """`listed`: where the group has the rules of this direction."""
    def read(client: Any, parameters: Parameters, _: Receipt) -> Observation:
        [group] = call(client.describe_security_groups, GroupIds=[parameters["GroupId"]])["SecurityGroups"]
        now = from_permissions(group[listed])
        wanted = from_permissions(parameters.get("IpPermissions") or ())
        return several(
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
    return changed(f"{rule_id} is now {rule}")


def _snapshot(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    now = call(client.describe_snapshot_attribute, SnapshotId=parameters["SnapshotId"],
               Attribute="createVolumePermission")["CreateVolumePermissions"]
    return shared(now, parameters["CreateVolumePermission"]["Add"])


def _image(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    now = call(client.describe_image_attribute, ImageId=parameters["ImageId"], Attribute="launchPermission")
    return shared(now["LaunchPermissions"], parameters["LaunchPermission"]["Add"])


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


def _encryption_by_default(*, before: bool) -> Read:
    def read(client: Any, _: Parameters, __: Receipt) -> Observation:
        on = call(client.get_ebs_encryption_by_default)["EbsEncryptionByDefault"]
        return two_states(back=on is before)

    return read


def _snapshot_sharing(client: Any, parameters: Parameters) -> Any:
    return call(client.get_snapshot_block_public_access_state)["State"]


def _resource_tags(client: Any, parameters: Parameters) -> dict[str, str]:
    pages = call(lambda: list(client.get_paginator("describe_tags").paginate(
        Filters=[{"Name": "resource-id", "Values": list(parameters["Resources"])}])))
    return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def _stopped(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    [found] = call(client.describe_instances, InstanceIds=list(parameters["InstanceIds"]))["Reservations"]
    state = found["Instances"][0]["State"]["Name"]
    if state in ("pending", "running"):
        return BACK
    return AS_FIXED if state in ("stopping", "stopped") else differs(state)


def _new_snapshot(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    """Whether the snapshot is one of the receipt's volume, and was made by the fix: deleting it cannot be undone."""
    snapshot = parameters["SnapshotId"]
    found = call(lambda: client.describe_snapshots(
        OwnerIds=["self"], Filters=[{"Name": "snapshot-id", "Values": [snapshot]}]))["Snapshots"]
    if not found:
        return BACK
    made = found[0]["StartTime"]
    if found[0]["VolumeId"] != receipt["resource"] or not made_by(made, receipt):
        return Observation(
            Comparison.OTHER, f"{snapshot} is a snapshot of {found[0]['VolumeId']} of {made}, but the receipt is for "
            f"one of {receipt['resource']} of {receipt['at']}")
    return AS_FIXED


def _subnet(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    [subnet] = call(client.describe_subnets, SubnetIds=[parameters["SubnetId"]])["Subnets"]
    return two_states(back=all(
        bool(subnet.get(name)) == value["Value"] for name, value in parameters.items() if name != "SubnetId"))


def _metadata_options(client: Any, parameters: Parameters) -> Any:
    found = call(client.describe_instances, InstanceIds=[parameters["InstanceId"]])["Reservations"]
    [instance] = [instance for each in found for instance in each["Instances"]]
    return {name: instance["MetadataOptions"].get(name) for name in parameters if name != "InstanceId"}


EC2: Reads = {
    ("ec2", "authorize_security_group_ingress"): _rules(back=True),
    ("ec2", "authorize_security_group_egress"): _rules(back=True, listed="IpPermissionsEgress"),
    ("ec2", "revoke_security_group_ingress"): _rules(back=False),
    ("ec2", "modify_security_group_rules"): _narrowed,
    ("ec2", "modify_subnet_attribute"): _subnet,
    ("ec2", "modify_instance_metadata_options"): setting(
        _metadata_options, lambda given: {name: value for name, value in given.items() if name != "InstanceId"},
        "MetadataOptions"),
    ("ec2", "delete_flow_logs"): _flow_log,
    ("ec2", "modify_snapshot_attribute"): _snapshot,
    ("ec2", "modify_image_attribute"): _image,
    ("ec2", "enable_ebs_encryption_by_default"): _encryption_by_default(before=True),
    ("ec2", "disable_ebs_encryption_by_default"): _encryption_by_default(before=False),
    ("ec2", "enable_snapshot_block_public_access"): setting(
        _snapshot_sharing, lambda parameters: parameters["State"], SNAPSHOT_SHARING),
    ("ec2", "disable_snapshot_block_public_access"): setting(
        _snapshot_sharing, lambda parameters: "unblocked", SNAPSHOT_SHARING),
    ("ec2", "create_tags"): tags(_resource_tags, sets=True),
    ("ec2", "delete_tags"): tags(_resource_tags, sets=False),
    ("ec2", "start_instances"): _stopped,
    ("ec2", "delete_snapshot"): _new_snapshot,
}
