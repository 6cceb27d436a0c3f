"""c7n's actions that are fixes, with what undoes them and what reads their result."""
from __future__ import annotations

from typing import Any, NamedTuple

from ...fixing import (
    OTHERWISE,
    Inverse,
    SettingsCall,
    again,
    all_added,
    all_removed,
    is_account,
    is_added,
    is_changed_tag,
    is_listener,
    is_removed,
    list_of_resource,
    one_id,
    one_key,
    only_in_region,
    swapped,
)
from ..cloudtrail import SETTINGS
from ..redshift import LOGGING_SETTINGS
from .action import NativeFix
from .changes_ec2 import METADATA_SETTINGS, SUBNET_SETTINGS
from .settings.account import BUCKET_VERSIONING
from .settings.apps import REPOSITORY_SCANNING, REPOSITORY_TAGS
from .settings.databases import DB_CLUSTER, DB_INSTANCE, DOMAIN, POINT_IN_TIME_RECOVERY, REDSHIFT_CLUSTER, TABLE
from .settings.network import FIREWALL


class NativeAction(NamedTuple):
    """One action of c7n on one type of resource."""

    resource: str
    type: str
    reads: tuple[str, ...]
    """The permissions for the calls that read the state before and after."""
    inverses: tuple[Inverse, ...] = ()
    """Empty if nothing that the action changes can be undone; the receipt then says why."""


def _of_settings(resource: str, action: str, *calls: SettingsCall) -> NativeAction:
    """An action that changes settings with these calls."""
    return NativeAction(
        resource, action, tuple(read for each in calls for read in each.reads), tuple(each.inverse() for each in calls))


_READ_TAGS, _READ_USER_TAGS = ("ec2:DescribeTags",), ("iam:ListUserTags",)
_TAGS = tuple(
    Inverse("ec2", operation, "Resources", list_of_resource, {"Tags": is_changed_tag}, redo=again(other))
    for operation, other in (("create_tags", "delete_tags"), ("delete_tags", "create_tags")))
_USER_TAGS = (
    Inverse("iam", "tag_user", "UserName", values={"Tags": is_changed_tag}),
    Inverse("iam", "untag_user", "UserName", values={"TagKeys": one_key}),
)
_BLOCK = "PublicAccessBlockConfiguration"
_NO_BLOCK = ("NoSuchPublicAccessBlockConfiguration",)
_BUCKET_POLICY = (
    Inverse("s3", "put_bucket_policy", "Bucket", optional=("Policy",)),
    Inverse("s3", "delete_bucket_policy", "Bucket", already=("NoSuchBucketPolicy",)),
)

NATIVE = (
    NativeAction("account", "set-ebs-encryption", ("ec2:GetEbsEncryptionByDefault",), tuple(
        Inverse("ec2", f"{word}_ebs_encryption_by_default", matches=is_account) for word in ("enable", "disable"))),
    NativeAction("account", "set-s3-public-block", (), (
        Inverse("s3control", "put_public_access_block", "AccountId", optional=(_BLOCK,)),
        Inverse("s3control", "delete_public_access_block", "AccountId", already=_NO_BLOCK),
    )),
    NativeAction("app-elb", "modify-attributes", ("elasticloadbalancing:DescribeLoadBalancerAttributes",), (
        Inverse("elbv2", "modify_load_balancer_attributes", "LoadBalancerArn", optional=("Attributes",)),
    )),
    NativeAction("app-elb", "modify-listener", ("elasticloadbalancing:DescribeListeners",), (
        Inverse("elbv2", "modify_listener", "ListenerArn", is_listener,
                optional=("Port", "Protocol", "SslPolicy", "Certificates")),
    )),
    NativeAction("cloudtrail", "set-logging", ("cloudtrail:GetTrailStatus",), (
        Inverse("cloudtrail", "stop_logging", "Name", redo=again("start_logging")),
    )),
    NativeAction("cloudtrail", "update-trail", ("cloudtrail:GetTrail",), (
        Inverse("cloudtrail", "update_trail", "Name", optional=SETTINGS),
    )),
    NativeAction("config-recorder", "toggle-recording", ("config:DescribeConfigurationRecorderStatus",), (
        Inverse("config", "stop_configuration_recorder", "ConfigurationRecorderName",
                redo=again("start_configuration_recorder")),
    )),
    _of_settings("dynamodb-table", "set-continuous-backup", POINT_IN_TIME_RECOVERY),
    _of_settings("dynamodb-table", "update", TABLE),
    NativeAction("ebs", "snapshot", ("ec2:DescribeSnapshots",), (
        Inverse("ec2", "delete_snapshot", "SnapshotId", only_in_region, already=("InvalidSnapshot.NotFound",)),
    )),
    NativeAction("ec2", "mark-for-op", _READ_TAGS, _TAGS),
    NativeAction("ec2", "remove-tag", _READ_TAGS, _TAGS),
    NativeAction("ec2", "set-metadata-access", ("ec2:DescribeInstances",), (
        Inverse("ec2", "modify_instance_metadata_options", "InstanceId", optional=METADATA_SETTINGS),
    )),
    NativeAction("ec2", "stop", ("ec2:DescribeInstances",), (
        Inverse("ec2", "start_instances", "InstanceIds", list_of_resource, redo=again("stop_instances")),
    )),
    _of_settings("ecr", "set-immutability", REPOSITORY_TAGS),
    _of_settings("ecr", "set-scanning", REPOSITORY_SCANNING),
    _of_settings("elasticsearch", "update-domain-config", DOMAIN),
    _of_settings("firewall", "update-delete-protection", FIREWALL),
    NativeAction("iam-user", "delete", ("iam:GetLoginProfile",)),
    NativeAction("iam-user", "mark-for-op", _READ_USER_TAGS, _USER_TAGS),
    NativeAction("iam-user", "remove-tag", _READ_USER_TAGS, _USER_TAGS),
    NativeAction("iam-user", "set-boundary", ("iam:GetUser",), (
        Inverse("iam", "put_user_permissions_boundary", "UserName", optional=("PermissionsBoundary",)),
        Inverse("iam", "delete_user_permissions_boundary", "UserName", already=("NoSuchEntity",)),
    )),
    NativeAction("iam-user", "set-policy", ("iam:ListAttachedUserPolicies",), (
        Inverse("iam", "detach_user_policy", "UserName", values={"PolicyArn": is_added}, already=("NoSuchEntity",),
                redo=again("attach_user_policy")),
        Inverse("iam", "attach_user_policy", "UserName", values={"PolicyArn": is_removed},
                redo=again("detach_user_policy")),
    )),
    NativeAction("kms-key", "set-rotation", ("kms:GetKeyRotationStatus",), (
        Inverse("kms", "disable_key_rotation", "KeyId", redo=again("enable_key_rotation")),
    )),
    _of_settings("rds", "modify-db", DB_INSTANCE),
    _of_settings("rds-cluster", "modify-db-cluster", DB_CLUSTER),
    _of_settings("redshift", "set-attributes", REDSHIFT_CLUSTER),
    NativeAction("redshift", "set-logging", ("redshift:DescribeLoggingStatus",), (
        Inverse("redshift", "disable_logging", "ClusterIdentifier"),
        Inverse("redshift", "enable_logging", "ClusterIdentifier", optional=LOGGING_SETTINGS),
    )),
    NativeAction("s3", "set-bucket-encryption", ("s3:GetEncryptionConfiguration",), (
        Inverse("s3", "put_bucket_encryption", "Bucket", optional=("ServerSideEncryptionConfiguration",)),
        Inverse("s3", "delete_bucket_encryption", "Bucket"),
    )),
    NativeAction("s3", "set-public-block", ("s3:GetBucketPublicAccessBlock",), (
        Inverse("s3", "put_public_access_block", "Bucket", optional=(_BLOCK,)),
        Inverse("s3", "delete_public_access_block", "Bucket", already=_NO_BLOCK),
    )),
    NativeAction("s3", "set-statements", ("s3:GetBucketPolicy",), _BUCKET_POLICY),
    NativeAction("s3", "toggle-logging", ("s3:GetBucketLogging",), (
        Inverse("s3", "put_bucket_logging", "Bucket", optional=("BucketLoggingStatus",)),
    )),
    _of_settings("s3", "toggle-versioning", BUCKET_VERSIONING),
    NativeAction("security-group", "delete", ("ec2:DescribeSecurityGroups",)),
    NativeAction("security-group", "mark-for-op", _READ_TAGS, _TAGS),
    NativeAction("security-group", "remove-tag", _READ_TAGS, _TAGS),
    NativeAction("ssm-document", "set-sharing", ("ssm:DescribeDocumentPermission",), (
        Inverse("ssm", "modify_document_permission", "Name", values={
            "PermissionType": "Share", "AccountIdsToAdd": all_removed, "AccountIdsToRemove": all_added,
        }, optional=("SharedDocumentVersion",),
            redo=swapped("modify_document_permission", "AccountIdsToAdd", "AccountIdsToRemove")),
    )),
    NativeAction("subnet", "modify", ("ec2:DescribeSubnets",), (
        Inverse("ec2", "modify_subnet_attribute", "SubnetId", optional=SUBNET_SETTINGS),
    )),
    NativeAction("vpc", "set-flow-log", ("ec2:DescribeFlowLogs", "logs:DescribeLogGroups"), (
        Inverse("ec2", "delete_flow_logs", "FlowLogIds", one_id, already=("InvalidFlowLogId.NotFound",)),
    )),
)
"""By resource type and name in policies."""


def as_fix(action: type[Any], native: NativeAction) -> type[Any]:
    """The class of an action of c7n as a fix. Its settings are those of c7n's class, and `otherwise`."""
    if issubclass(action, NativeFix):
        return action
    schema = {**action.schema, "properties": {**action.schema["properties"], "otherwise": OTHERWISE}}
    return type(action.__name__, (NativeFix, action), {
        "__doc__": action.__doc__, "__module__": action.__module__, "schema": schema, "reads": native.reads,
        "inverses": native.inverses,
        # The schema of this type only; that of the other types with an action of this name has no `otherwise`.
        "schema_alias": False,
    })
