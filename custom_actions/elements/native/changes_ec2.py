"""The changes that c7n's actions make in EC2, by operation."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...aws import AWS_ERRORS, call, does_not_exist
from ...errors import Refusal
from ...fixing import Answer, Call, Step
from .change import IRREVERSIBLE, Attempt, Change, Plan, setting, tags, unknown

_STOPPED = "a public IPv4 address that is not an Elastic IP address changes, and instance store volumes lose their data"
_NEW_ID = "a new security group has another id; `removed` contains the settings of the deleted one"


SUBNET_SETTINGS = ("AssignIpv6AddressOnCreation", "MapPublicIpOnLaunch")
METADATA_SETTINGS = ("HttpEndpoint", "HttpPutResponseHopLimit", "HttpTokens", "InstanceMetadataTags")


def _subnet(attempt: Attempt) -> Change | None:
    """ModifySubnetAttribute, which accepts one attribute in a call."""
    client, subnet = attempt.client, attempt.parameters["SubnetId"]
    if others := sorted(attempt.parameters.keys() - {"SubnetId", *SUBNET_SETTINGS}):
        return unknown(attempt.call, *others)
    wanted = {key: attempt.parameters[key]["Value"] for key in SUBNET_SETTINGS if key in attempt.parameters}

    def read() -> dict[str, bool]:
        [found] = call(client.describe_subnets, SubnetIds=[subnet])["Subnets"]
        return {key: bool(found.get(key)) for key in wanted}

    before = read()
    inverse = attempt.undo(
        "modify_subnet_attribute", SubnetId=subnet, **{key: {"Value": value} for key, value in before.items()})
    return setting(attempt, "Attributes", read, wanted, inverse, before=before)


def _metadata_options(attempt: Attempt) -> Change | None:
    """ModifyInstanceMetadataOptions. Options that are not in the call stay as they are."""
    client, instance = attempt.client, attempt.parameters["InstanceId"]
    if others := sorted(attempt.parameters.keys() - {"InstanceId", *METADATA_SETTINGS}):
        return unknown(attempt.call, *others)
    wanted = {key: value for key, value in attempt.parameters.items() if key in METADATA_SETTINGS}

    def read() -> dict[str, Any]:
        [found] = [found for each in call(client.describe_instances, InstanceIds=[instance])["Reservations"]
                   for found in each["Instances"]]
        return {key: found["MetadataOptions"][key] for key in wanted if key in found["MetadataOptions"]}

    before = read()
    inverse = attempt.undo("modify_instance_metadata_options", InstanceId=instance, **before)
    return setting(attempt, "MetadataOptions", read, wanted, inverse, before=before)


def _encryption_by_default(attempt: Attempt) -> Change | None:
    def read() -> bool:
        return bool(call(attempt.client.get_ebs_encryption_by_default)["EbsEncryptionByDefault"])

    wanted = attempt.call.operation.startswith("enable")
    other = f"{'disable' if wanted else 'enable'}_ebs_encryption_by_default"
    before = read()
    if before == wanted:
        return None
    step = Step(f"set EBS encryption by default to {wanted}", attempt.call, attempt.undo(other),
                removed={"EbsEncryptionByDefault": before}, added={"EbsEncryptionByDefault": wanted})
    return Change(step, lambda: read() == wanted)


def _tags(attempt: Attempt) -> Change | None:
    """CreateTags and DeleteTags, of one resource."""
    if len(attempt.parameters["Resources"]) != 1:
        raise Refusal("one call changes the tags of several resources")
    [resource] = attempt.parameters["Resources"]
    sets = attempt.call.operation == "create_tags"
    given = {tag["Key"]: tag.get("Value") for tag in attempt.parameters["Tags"]}

    def read() -> dict[str, str]:
        pages = call(lambda: list(attempt.client.get_paginator("describe_tags").paginate(
            Filters=[{"Name": "resource-id", "Values": [resource]}])))
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"] if tag["Key"] in given}

    def one(operation: str) -> Callable[[str, str], Call]:
        # A tag is removed only if it still has this value: someone may set another one until then.
        return lambda key, value: attempt.undo(
            operation, Resources=[resource], Tags=[{"Key": key, "Value": value}])

    return tags(attempt, given, read, sets=sets, put=one("create_tags"), remove=one("delete_tags"))


def _stop(attempt: Attempt) -> Change | None:
    ids = list(attempt.parameters["InstanceIds"])

    def running() -> list[str]:
        found = call(attempt.client.describe_instances, InstanceIds=ids)["Reservations"]
        return [instance["InstanceId"] for each in found for instance in each["Instances"]
                if instance["State"]["Name"] in ("pending", "running")]

    before = running()
    if not before:
        return None
    step = Step("stop the instance", attempt.call, attempt.undo("start_instances", InstanceIds=before),
                removed={"State": "running"}, added={"State": "stopped"}, note=f"{IRREVERSIBLE}{_STOPPED}")
    return Change(step, lambda: not running())


def _created(
    attempt: Attempt, does: str, read: Callable[[], list[str]], new: Callable[[Answer], list[str]],
    undo: Callable[[str], Call], **added: Any,
) -> Change:
    """The change of a call that creates something with a new id.

    Args:
        read: the ids that exist.
        new: the new ids in the response.
        undo: the call that deletes it.
    """
    before = read()

    def found(answer: Answer) -> list[str]:
        return new(answer) or later

    def is_done() -> bool:
        later[:] = [each for each in read() if each not in before]
        return bool(later)

    later: list[str] = []
    step = Step(does, attempt.call, lambda answer: undo(ids[0]) if (ids := found(answer)) else None, added=added)
    return Change(step, is_done)


def _snapshot(attempt: Attempt) -> Change:
    volume = attempt.parameters["VolumeId"]

    def read() -> list[str]:
        pages = call(lambda: list(attempt.client.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=[{"Name": "volume-id", "Values": [volume]}])))
        return [each["SnapshotId"] for page in pages for each in page["Snapshots"]]

    return _created(
        attempt, "create a snapshot", read, lambda answer: [answer["SnapshotId"]] if "SnapshotId" in answer else [],
        lambda new: attempt.undo("delete_snapshot", SnapshotId=new), SnapshotOf=volume)


def _flow_logs(attempt: Attempt) -> Change:
    if len(attempt.parameters["ResourceIds"]) != 1:
        raise Refusal("one call creates flow logs of several resources")

    def read() -> list[str]:
        found = call(attempt.client.describe_flow_logs, Filters=[
            {"Name": "resource-id", "Values": list(attempt.parameters["ResourceIds"])}])["FlowLogs"]
        return [each["FlowLogId"] for each in found]

    return _created(
        attempt, "create a flow log", read, lambda answer: list(answer.get("FlowLogIds") or ()),
        lambda new: attempt.undo("delete_flow_logs", FlowLogIds=[new]),
        **{key: value for key, value in attempt.parameters.items() if key != "ClientToken"})


def _delete_group(attempt: Attempt) -> Change:
    def read() -> Any:
        [group] = call(attempt.client.describe_security_groups, GroupIds=[attempt.parameters["GroupId"]])[
            "SecurityGroups"]
        return group

    def is_done() -> bool:
        try:
            read()
        except AWS_ERRORS as error:
            if does_not_exist(error):
                return True
            raise
        return False

    return Change(Step("delete the security group", attempt.call, removed=read(), note=f"{IRREVERSIBLE}{_NEW_ID}"),
                  is_done)


EC2: Mapping[str, Plan] = {
    "enable_ebs_encryption_by_default": _encryption_by_default,
    "disable_ebs_encryption_by_default": _encryption_by_default,
    "modify_subnet_attribute": _subnet,
    "modify_instance_metadata_options": _metadata_options,
    "create_tags": _tags,
    "delete_tags": _tags,
    "stop_instances": _stop,
    "create_snapshot": _snapshot,
    "create_flow_logs": _flow_logs,
    "delete_security_group": _delete_group,
}
