"""Snapshots and images that are public or shared with unknown accounts: `shared-outside` finds them, `revert-sharing`
fixes them.

Source: EC2's ModifySnapshotAttribute and ModifyImageAttribute, RDS's ModifyDBSnapshotAttribute and
ModifyDBClusterSnapshotAttribute, and the Describe calls for them.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import (
    OTHERWISE,
    Call,
    EventFix,
    FixPlan,
    FixResult,
    Inverse,
    Step,
    fix_by_plan,
    is_removed,
    only,
    unshare,
)

PUBLIC = "all"
"""What AWS calls everyone."""


@dataclass(frozen=True)
class Kind:
    """How resources of one type are shared.

    Attributes:
        service: boto3's name of the service.
        modify: the operation that changes with whom a resource is shared.
        read: returns the accounts, organizations and groups with which a resource is shared.
        change: returns the operation's parameters, from the resource, the change (`Add` or `Remove`), and the parties.
        permissions: the permissions to read and to change it.
    """

    service: str
    modify: str
    read: Callable[[Any, str], list[str]]
    change: Callable[[str, str, Sequence[str]], dict[str, Any]]
    permissions: tuple[str, ...]


def _snapshot_parties(client: Any, snapshot: str) -> list[str]:
    answer = call(client.describe_snapshot_attribute, SnapshotId=snapshot, Attribute="createVolumePermission")
    return [str(each.get("Group") or each["UserId"]) for each in answer["CreateVolumePermissions"]]


def _snapshot_change(snapshot: str, verb: str, parties: Sequence[str]) -> dict[str, Any]:
    return {
        "SnapshotId": snapshot, "Attribute": "createVolumePermission",
        "CreateVolumePermission": {verb: [_party(party) for party in parties]},
    }


def _image_parties(client: Any, image: str) -> list[str]:
    answer = call(client.describe_image_attribute, ImageId=image, Attribute="launchPermission")
    return [str(party) for each in answer["LaunchPermissions"] for party in each.values()]


def _image_change(image: str, verb: str, parties: Sequence[str]) -> dict[str, Any]:
    return {
        "ImageId": image, "Attribute": "launchPermission",
        "LaunchPermission": {verb: [_party(party) for party in parties]},
    }


def _party(party: str) -> dict[str, str]:
    if party == PUBLIC:
        return {"Group": party}
    if ":ou/" in party:
        return {"OrganizationalUnitArn": party}
    return {"OrganizationArn" if party.startswith("arn:") else "UserId": party}


def _restorable(attributes: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        str(value) for attribute in attributes if attribute["AttributeName"] == "restore"
        for value in attribute.get("AttributeValues") or ()
    ]


def _database_parties(client: Any, snapshot: str) -> list[str]:
    answer = call(client.describe_db_snapshot_attributes, DBSnapshotIdentifier=snapshot)
    return _restorable(answer["DBSnapshotAttributesResult"]["DBSnapshotAttributes"])


def _database_change(snapshot: str, verb: str, parties: Sequence[str]) -> dict[str, Any]:
    return {"DBSnapshotIdentifier": snapshot, "AttributeName": "restore", f"ValuesTo{verb}": list(parties)}


def _cluster_parties(client: Any, snapshot: str) -> list[str]:
    answer = call(client.describe_db_cluster_snapshot_attributes, DBClusterSnapshotIdentifier=snapshot)
    return _restorable(answer["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"])


def _cluster_change(snapshot: str, verb: str, parties: Sequence[str]) -> dict[str, Any]:
    return {"DBClusterSnapshotIdentifier": snapshot, "AttributeName": "restore", f"ValuesTo{verb}": list(parties)}


KINDS = {
    "ebs-snapshot": Kind(
        "ec2", "modify_snapshot_attribute", _snapshot_parties, _snapshot_change,
        ("ec2:DescribeSnapshotAttribute", "ec2:ModifySnapshotAttribute")),
    "ami": Kind(
        "ec2", "modify_image_attribute", _image_parties, _image_change,
        ("ec2:DescribeImageAttribute", "ec2:ModifyImageAttribute")),
    "rds-snapshot": Kind(
        "rds", "modify_db_snapshot_attribute", _database_parties, _database_change,
        ("rds:DescribeDBSnapshotAttributes", "rds:ModifyDBSnapshotAttribute")),
    "rds-cluster-snapshot": Kind(
        "rds", "modify_db_cluster_snapshot_attribute", _cluster_parties, _cluster_change,
        ("rds:DescribeDBClusterSnapshotAttributes", "rds:ModifyDBClusterSnapshotAttribute")),
}
"""By c7n's name of the resource type."""


def outside_parties(parties: Sequence[str], allowed: Sequence[str]) -> list[str]:
    """The parties that must not have access: everyone, and with a list of allowed ones, those that are not in it."""
    return [party for party in parties if party == PUBLIC or (allowed and party not in allowed)]


def plan_sharing(kind: Kind, resource: str, parties: Sequence[str], allowed: Sequence[str]) -> FixPlan:
    """Stop sharing with the parties that must not have access; the others keep it."""
    if not (gone := outside_parties(parties, allowed)):
        return FixPlan()
    return FixPlan([Step(
        f"stop sharing it with {', '.join(gone)}",
        Call(kind.service, kind.modify, kind.change(resource, "Remove", gone)),
        Call(kind.service, kind.modify, kind.change(resource, "Add", gone)),
        removed={"shared-with": gone},
    )])


def owner_of(resource: Mapping[str, Any]) -> str:
    """The account that owns a snapshot or an image; empty if the description does not say."""
    arn = str(resource.get("DBSnapshotArn") or resource.get("DBClusterSnapshotArn") or "")
    return str(resource.get("OwnerId") or (arn.split(":")[4] if arn.count(":") > 4 else ""))


_ALLOWED = {
    # A string is a parameter whose value is a list.
    "allowed-accounts": {"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]},
}


class SharedOutside(Filter):
    """Snapshots and images that are public, or shared with an account or an organization that is not allowed.

    Works on `ebs-snapshot`, `ami`, `rds-snapshot` and `rds-cluster-snapshot`, in any mode; `revert-sharing` fixes what
    it finds. `allowed-accounts` lists account ids and ARNs of organizations; without it, or with an empty list, only
    public resources match. The parties that are not allowed are kept on the resource as `c7n:SharedOutside`. One call
    for each resource, and none for images when the list is empty.

    Written because c7n's `cross-account` filters only log an access denied error and treat the snapshot as private, and
    accept a fixed list only.

    :example:

    .. code-block:: yaml

        policies:
          - name: ami-shared-outside
            resource: aws.ami
            filters:
              - type: shared-outside
                allowed-accounts: ["111122223333", "arn:aws:organizations::111122223333:organization/o-example"]
    """

    schema = type_schema("shared-outside", **_ALLOWED)
    permissions: tuple[str, ...] = tuple(kind.permissions[0] for kind in KINDS.values())
    annotation_key = "c7n:SharedOutside"

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions that it needs for the policy's resource type."""
        return (KINDS[self.manager.type].permissions[0],)

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        read = self.reader(local_session(self.manager.session_factory))
        allowed = self.data.get("allowed-accounts") or ()
        found = []
        for resource in resources:
            if outside := outside_parties(read(resource), allowed):
                resource[self.annotation_key] = outside
                found.append(resource)
        return found

    def reader(self, session: Any) -> Callable[[Mapping[str, Any]], Sequence[str]]:
        """A function that returns with whom a resource is shared."""
        kind, key = KINDS[self.manager.type], self.manager.get_model().id
        client, public_only = session.client(kind.service), not self.data.get("allowed-accounts")

        def read(resource: Mapping[str, Any]) -> Sequence[str]:
            if public_only and "Public" in resource:
                return [PUBLIC] if resource["Public"] else []
            return kind.read(client, resource[key])

        return read


class RevertSharing(EventFix):
    """Stop sharing a snapshot or an image with everyone and with parties that are not allowed, and verify the result.

    The policy's `shared-outside` filter determines which parties are not allowed; without one, it is only everyone.
    Sharing with other parties stays. The receipt of each resource has with whom it was shared, who did it, and the call
    that undoes the fix.

    Written because c7n's `set-permissions` does not verify the result and writes no receipt.

    :example:

    .. code-block:: yaml

        policies:
          - name: ami-published-revert
            resource: aws.ami
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: ec2.amazonaws.com
                  event: ModifyImageAttribute
                  ids: requestParameters.imageId
            filters:
              - shared-outside
            actions:
              - revert-sharing
    """

    schema = type_schema("revert-sharing", otherwise=OTHERWISE)
    inverses = (
        Inverse("ec2", "modify_snapshot_attribute", "SnapshotId", values={
            "Attribute": "createVolumePermission", "CreateVolumePermission": only(Add=is_removed)},
            redo=unshare("modify_snapshot_attribute")),
        Inverse("ec2", "modify_image_attribute", "ImageId", values={
            "Attribute": "launchPermission", "LaunchPermission": only(Add=is_removed)},
            redo=unshare("modify_image_attribute")),
        Inverse("rds", "modify_db_snapshot_attribute", "DBSnapshotIdentifier", values={
            "AttributeName": "restore", "ValuesToAdd": is_removed},
            redo=unshare("modify_db_snapshot_attribute")),
        Inverse("rds", "modify_db_cluster_snapshot_attribute", "DBClusterSnapshotIdentifier", values={
            "AttributeName": "restore", "ValuesToAdd": is_removed},
            redo=unshare("modify_db_cluster_snapshot_attribute")),
    )
    permissions: tuple[str, ...] = tuple(dict.fromkeys(name for kind in KINDS.values() for name in kind.permissions))

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions that the action needs for the policy's resource type."""
        return (*KINDS[self.manager.type].permissions, "sts:GetCallerIdentity", *self.told_permissions())

    def undoes_the_event(self) -> bool:
        """A public resource is made private, even when AWS refused the call of the event."""
        return False

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Stop sharing one resource with parties that are not allowed."""
        kind = KINDS[self.manager.type]
        client = session.client(kind.service)
        resource_id = resource[self.manager.get_model().id]
        owner = owner_of(resource)
        if owner and owner != self.manager.config.account_id:
            raise Refusal(f"it belongs to the account {owner}, which shares it: it is changed there")
        allowed = [
            account for found in self.manager.iter_filters() if isinstance(found, SharedOutside)
            for account in found.data.get("allowed-accounts") or ()
        ]
        yield fix_by_plan(
            lambda service: client,
            lambda: plan_sharing(kind, resource_id, kind.read(client, resource_id), allowed))
