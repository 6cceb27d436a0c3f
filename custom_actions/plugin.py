"""Registers our filters and actions with c7n, on their resource types, when a policy loads these types."""
from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from .element_packages import Element, discovered, in_packages, load, place_of
from .escaping import escaped
from .settings_file import TeamError

__all__ = ("ELEMENTS", "Element", "elements", "load", "native_actions", "register", "team_elements")

ELEMENTS = (
    Element("security-group", "filter", "ingress-drift", "security_group.elements:IngressDrift"),
    Element("security-group", "action", "revert-ingress", "security_group.elements:RevertIngress"),
    Element("security-group", "action", "remove-all-rules", "vpc.emptied_group:RemoveAllRules"),
    Element("security-group", "filter", "made-by", "security_group.made_by:MadeBy"),
    Element("security-group", "filter", "unattached", "vpc.interfaces:Unattached"),
    Element("subnet", "filter", "internet-route", "vpc.routes:InternetRoute"),
    Element("route-table", "filter", "whole-peer-route", "vpc.peering:WholePeerRoute"),
    Element("network-acl", "filter", "world-ports", "vpc.network_acl:WorldPorts"),
    Element("asg", "action", "use-load-balancer-health", "autoscaling.health:UseLoadBalancerHealth"),
    Element("cfn", "filter", "not-protected", "cloudformation.protection:NotProtected"),
    Element("cfn", "action", "change-settings", "cloudformation.protection:ChangeStack"),
    Element("ecr", "filter", "not-scanned", "ecr.scanning:NotScanned"),
    Element("ecs-task-definition", "filter", "latest-revision", "ecs.latest_revision:LatestRevision"),
    Element("efs", "filter", "access-point", "efs.access:AccessPoint"),
    Element("efs", "filter", "not-in-backup-plan", "backup.plans:NotInBackupPlan"),
    Element("efs", "filter", "no-automatic-backup", "efs.backup:NoAutomaticBackup"),
    Element("efs", "action", "change-settings", "efs.backup:ChangeFileSystem"),
    Element("efs", "filter", "public-mount-target", "efs.access:PublicMountTarget"),
    Element("transit-gateway", "action", "change-settings", "ec2.transit_gateway:ChangeTransitGateway"),
    Element("elb", "action", "change-settings", "elb.attributes:ChangeClassicLoadBalancer"),
    Element("elb", "action", "set-tls-policy", "elb.classic_tls:SetTlsPolicy"),
    Element("sqs", "action", "change-settings", "sqs.encryption:ChangeQueue"),
    Element("kinesis", "action", "encrypt-stream", "kinesis.encryption:EncryptDataStream"),
    Element("kinesis", "action", "raise-retention", "kinesis.retention:RaiseRetention"),
    Element("firehose", "action", "encrypt-stream", "kinesis.encryption:EncryptDeliveryStream"),
    Element("athena-work-group", "action", "change-settings", "athena.workgroup:ChangeWorkGroup"),
    Element("ecs", "action", "change-settings", "ecs.cluster:ChangeCluster"),
    Element("rest-stage", "action", "enable-logs", "apigateway.logs:EnableStageLogs"),
    Element("rest-stage", "action", "change-settings", "apigateway.tracing:ChangeStage"),
    Element("secrets-manager", "action", "schedule-deletion", "secretsmanager.deletion:ScheduleDeletion"),
    Element("eks", "action", "enable-logs", "eks.logs:EnableLogs"),
    Element("elb", "filter", "other-tls-policy", "elb.classic:OtherTlsPolicy"),
    Element("emr", "filter", "public-primary-node", "emr.primary:PublicPrimaryNode"),
    Element("sagemaker-monitoring-schedule", "filter", "job-definition", "sagemaker.job_definition:JobDefinition"),
    Element("firewall", "filter", "missing-log-destination", "networkfirewall.logs:MissingLogDestination"),
    Element("firewall", "action", "change-settings", "networkfirewall.protection:ChangeFirewall"),
    Element("fsx", "action", "change-settings", "fsx.open_zfs:ChangeOpenZfs"),
    Element("distribution", "filter", "missing-s3-origin", "cloudfront.s3_origins:MissingS3Origin"),
    Element("lambda", "filter", "in-one-zone", "awslambda.zones:InOneZone"),
    Element("cloudtrail", "action", "revert-trail", "cloudtrail.elements:RevertTrail"),
    Element("cloudtrail", "filter", "public-log-bucket", "s3.trail_bucket:PublicLogBucket"),
    Element("cloudtrail", "filter", "no-access-log", "s3.trail_bucket:NoAccessLog"),
    Element("account", "filter", "deleted-trail", "cloudtrail.elements:DeletedTrail"),
    Element("account", "filter", "log-alarm", "monitoring.elements:LogAlarm"),
    Element("account", "action", "create-log-alarm", "monitoring.elements:CreateLogAlarm"),
    Element("backup-vault", "filter", "unencrypted-recovery-points", "backup.recovery:UnencryptedRecoveryPoints"),
    Element("rest-api", "filter", "open-beyond-vpcs", "apigateway.elements:OpenBeyondVpcs"),
    Element("rest-api", "filter", "open-beyond-networks", "apigateway.elements:OpenBeyondNetworks"),
    Element("rest-stage", "action", "encrypt-cache", "apigateway.elements:EncryptCache"),
    Element("apigwv2-stage", "filter", "of-protocol", "apigateway.version_two:OfProtocol"),
    Element("apigwv2", "filter", "private-without-tls", "apigateway.version_two:PrivateWithoutTls"),
    Element("app-elb", "filter", "http-without-redirect", "elb.elements:HttpWithoutRedirect"),
    Element("app-elb", "action", "redirect-to-https", "elb.elements:RedirectToHttps"),
    Element("ec2", "filter", "exposed-ports", "ec2.elements:ExposedPorts"),
    Element("ec2", "filter", "tag-values", "ec2.elements:TagValues"),
    Element("ec2", "filter", "unmanaged", "ssm.managed:Unmanaged"),
    Element("cache-cluster", "action", "change-settings", "elasticache.settings:ChangeCacheCluster"),
    Element("dms-instance", "action", "change-settings", "dms.settings:ChangeReplicationInstance"),
    Element("elasticache-group", "action", "change-settings", "elasticache.settings:ChangeReplicationGroup"),
    Element("redshift", "action", "change-settings", "redshift.settings:ChangeRedshift"),
    Element("redshift", "filter", "exposed-cluster-port", "ec2.cluster_port:ExposedClusterPort"),
    Element("s3", "filter", "public-access", "s3.elements:PublicAccess"),
    Element("s3", "filter", "check-secure-transport", "s3.elements:CheckSecureTransport"),
    Element("s3", "filter", "has-policy", "s3.elements:HasPolicy"),
    Element("s3", "filter", "default-encryption", "s3.elements:DefaultEncryption"),
    Element("s3", "filter", "receives-logs", "s3.preconditions:ReceivesLogs"),
    Element("s3", "filter", "unusable-log-target", "s3.preconditions:UnusableLogTarget"),
    Element("s3", "filter", "serves-website", "s3.preconditions:ServesWebsite"),
    Element("s3", "filter", "outside-actions", "s3.outside:OutsideActions"),
    Element("s3", "filter", "acl-grants", "s3.outside:AclGrants"),
    Element("s3", "filter", "no-lifecycle", "s3.lifecycle:NoLifecycle"),
    Element("s3", "filter", "no-notifications", "s3.events_and_locks:NoNotifications"),
    Element("s3", "filter", "no-object-lock", "s3.events_and_locks:NoObjectLock"),
    Element("s3", "action", "abort-incomplete-uploads", "s3.lifecycle:AbortIncompleteUploads"),
    Element("s3", "action", "remove-outside-actions", "s3.remove_outside:RemoveOutsideActions"),
    Element("s3", "action", "remove-acl-grants", "s3.remove_outside:RemoveAclGrants"),
    Element("dynamodb-table", "action", "set-kms-encryption", "dynamodb.elements:SetKmsEncryption"),
    Element("dynamodb-table", "action", "scale-capacity", "dynamodb.auto_scaling:ScaleCapacity"),
    Element("dynamodb-table", "filter", "fixed-capacity", "dynamodb.scaling:FixedCapacity"),
    Element("account", "filter", "missing-trail", "recording.elements:MissingTrail"),
    Element("account", "filter", "missing-config-rules", "recording.elements:MissingConfigRules"),
    Element("account", "filter", "root-authority-on", "acmpca.root_authorities:RootAuthorityOn"),
    Element("s3", "action", "close-bucket", "s3.close_bucket:CloseBucket"),
    Element("ebs-snapshot", "filter", "shared-outside", "sharing.revert:SharedOutside"),
    Element("ebs-snapshot", "action", "revert-sharing", "sharing.revert:RevertSharing"),
    Element("ami", "filter", "shared-outside", "sharing.revert:SharedOutside"),
    Element("ami", "action", "revert-sharing", "sharing.revert:RevertSharing"),
    Element("rds-snapshot", "filter", "shared-outside", "sharing.revert:SharedOutside"),
    Element("rds-snapshot", "action", "revert-sharing", "sharing.revert:RevertSharing"),
    Element("rds-cluster-snapshot", "filter", "shared-outside", "sharing.revert:SharedOutside"),
    Element("rds-cluster-snapshot", "action", "revert-sharing", "sharing.revert:RevertSharing"),
    Element("rds-cluster", "filter", "cluster-parameter", "rds.cluster_parameters:ClusterParameter"),
    Element("rds-cluster", "action", "change-settings", "rds.settings:ChangeDBCluster"),
    Element("rds-cluster", "action", "export-logs", "rds.log_exports:ExportClusterLogs"),
    Element("rds", "action", "change-settings", "rds.settings:ChangeDatabase"),
    Element("rds", "action", "enable-monitoring", "rds.monitoring:EnableMonitoring"),
    Element("rds", "action", "export-logs", "rds.log_exports:ExportLogs"),
    Element("rds", "action", "revert-public-access", "rds.public_access:RevertPublicAccess"),
    Element("sns", "filter", "public-policy", "resource_policy.elements:PublicPolicy"),
    Element("sqs", "filter", "public-policy", "resource_policy.elements:PublicPolicy"),
    Element("kms-key", "filter", "public-policy", "resource_policy.elements:PublicPolicy"),
    Element("lambda", "filter", "public-policy", "resource_policy.elements:PublicPolicy"),
    Element("ecr", "filter", "public-policy", "resource_policy.elements:PublicPolicy"),
    Element("secrets-manager", "filter", "public-policy", "resource_policy.elements:PublicPolicy"),
    Element("sns", "action", "remove-public-statements", "resource_policy.close:RemovePublicStatements"),
    Element("sqs", "action", "remove-public-statements", "resource_policy.close:RemovePublicStatements"),
    Element("lambda", "action", "remove-public-statements", "resource_policy.close:RemovePublicStatements"),
    Element("ecr", "action", "remove-public-statements", "resource_policy.close:RemovePublicStatements"),
    Element("secrets-manager", "action", "remove-public-statements",
            "resource_policy.close:RemovePublicStatements"),
    Element("secrets-manager", "filter", "rotation-overdue", "secretsmanager.rotation:RotationOverdue"),
    Element("ssm-document", "filter", "public-document", "ssm.documents:PublicDocument"),
    Element("iam-user", "filter", "full-star", "iam.full_star:FullStar"),
    Element("iam-group", "filter", "full-star", "iam.full_star:FullStar"),
    Element("iam-role", "filter", "full-star", "iam.full_star:FullStar"),
    Element("iam-policy", "filter", "full-star", "iam.full_star:FullStar"),
    Element("iam-user", "filter", "decrypts-every-key", "iam.grants:DecryptsEveryKey"),
    Element("iam-group", "filter", "decrypts-every-key", "iam.grants:DecryptsEveryKey"),
    Element("iam-role", "filter", "decrypts-every-key", "iam.grants:DecryptsEveryKey"),
    Element("iam-policy", "filter", "decrypts-every-key", "iam.grants:DecryptsEveryKey"),
    Element("iam-policy", "filter", "whole-services", "iam.grants:WholeServices"),
    Element("iam-user", "action", "revoke-full-star", "iam.full_star:RevokeFullStar"),
    Element("iam-group", "action", "revoke-full-star", "iam.full_star:RevokeFullStar"),
    Element("iam-role", "action", "revoke-full-star", "iam.full_star:RevokeFullStar"),
    Element("iam-user", "filter", "missing-policies", "iam.required:MissingPolicies"),
    Element("iam-role", "filter", "missing-policies", "iam.required:MissingPolicies"),
    Element("account", "filter", "missing-policies", "iam.required:MissingAccountPolicies"),
    Element("account", "filter", "policy-without-role", "iam.support:PolicyWithoutRole"),
    Element("account", "filter", "policy-in-use", "iam.attached_policy:PolicyInUse"),
    Element("account", "action", "detach-policy", "iam.attached_policy:DetachPolicy"),
    Element("account", "action", "create-role-for-policy", "iam.support:CreateRoleForPolicy"),
    Element("account", "filter", "snapshot-sharing-allowed", "account.snapshots:SnapshotSharingAllowed"),
    Element("account", "action", "block-snapshot-sharing", "account.snapshots:BlockSnapshotSharing"),
    Element("elasticbeanstalk-environment", "filter", "environment-setting",
            "elasticbeanstalk.settings:EnvironmentSetting"),
    Element("account", "filter", "vpc-block-public-access", "vpc.block:VpcBlockPublicAccess"),
    Element("account", "filter", "missing-contact", "account.contact:MissingContact"),
    Element("account", "filter", "inspector-scan-off", "inspector.scanning:InspectorScanOff"),
    Element("account", "filter", "macie-off", "macie.session:MacieOff"),
    Element("account", "filter", "macie-discovery-off", "macie.session:MacieDiscoveryOff"),
    Element("account", "filter", "macie-member", "macie.session:MacieMember"),
    Element("account", "filter", "service-setting", "ssm.setting:ServiceSetting"),
    Element("account", "action", "set-service-setting", "ssm.setting:SetServiceSetting"),
    Element("iam-user", "action", "attach-missing-policies", "iam.required:AttachMissingPolicies"),
    Element("iam-role", "action", "attach-missing-policies", "iam.required:AttachMissingPolicies"),
    Element("iam-user", "filter", "missing-boundary", "iam.boundary:MissingBoundary"),
    Element("iam-user", "filter", "unused-keys", "iam.keys:UnusedKeys"),
    Element("iam-user", "filter", "keys-of-setup", "iam.keys:KeysOfSetup"),
    Element("iam-user", "action", "disable-keys", "iam.keys:DisableKeys"),
    Element("account", "action", "strengthen-password-policy", "iam.password:StrengthenPasswordPolicy"),
    Element("iam-user", "filter", "event-actor", "every_type.event_actor:EventActor"),
    Element("iam-user", "action", "disable-created-key", "iam.created_key:DisableCreatedKey"),
    Element("kms-key", "filter", "event-actor", "every_type.event_actor:EventActor"),
    Element("kms-key", "action", "revert-key", "kms.key:RevertKey"),
    Element("kms-key", "action", "cancel-deletion", "kms.deletion:CancelDeletion"),
    Element("account", "filter", "event-actor", "every_type.event_actor:EventActor"),
    Element("account", "action", "recreate-flow-log", "vpc.flow_log:RecreateFlowLog"),
    Element("account", "action", "revert-recorder", "recording.recorder:RevertRecorder"),
    Element("account", "action", "revert-detector", "guardduty.detector:RevertDetector"),
    Element("account", "action", "turn-on-detector", "guardduty.switch:TurnOnDetector"),
    Element("account", "action", "turn-on-protection-plan", "guardduty.switch:TurnOnProtectionPlan"),
    Element("account", "action", "turn-on-macie", "macie.switch:TurnOnMacie"),
    Element("account", "action", "turn-on-macie-discovery", "macie.switch:TurnOnMacieDiscovery"),
    Element("account", "action", "turn-on-inspector-scan", "inspector.switch:TurnOnInspectorScan"),
    Element("account", "action", "create-analyzer", "account.analyzer:CreateAnalyzer"),
    Element("account", "action", "set-missing-contact", "account.contact:SetMissingContact"),
    Element("account", "action", "restore-own-resource", "self_defence.elements:RestoreOwnResource"),
    Element("account", "action", "revert-tags", "self_defence.tags:RevertTags"),
)


_registered = _after_c7n = False
_archived: dict[Element, None] = {}


def register(packages: Iterable[str] = ()) -> None:
    """Subscribe to c7n's AWS resource types. Calling it again has no effect.

    Types that c7n has already loaded get their elements at once, so the order of imports does not matter.

    `packages`: in a function, the other packages of its archive, which may list elements of a team. They must be
    registered before a policy is loaded. Raises TeamError if one cannot be imported.
    """
    from c7n.resources.aws import AWS

    from .patches import prepare_sessions
    from .resource_types import add_types

    global _registered
    _archived.update(dict.fromkeys(in_packages(packages)))
    if _registered:
        return
    _registered = True
    prepare_sessions()
    add_types()
    AWS.resources.subscribe(_on_resource_type)
    for resource_class in list(AWS.resources.values()):
        _on_resource_type(AWS.resources, resource_class)
        _add_team_elements(AWS.resources, resource_class)


def team_elements() -> tuple[Element, ...]:
    """The elements of the team: of this archive in a function, else those that `discovered` finds. Raises TeamError."""
    found = () if _in_function() else discovered()
    return tuple(dict.fromkeys([*found, *_archived]))


def elements() -> tuple[Element, ...]:
    """Our elements and the team's. Raises TeamError."""
    return (*ELEMENTS, *team_elements())


def native_actions() -> tuple[Any, ...]:
    """c7n's own actions that write receipts, too."""
    from .elements.native import NATIVE

    return NATIVE


def _on_resource_type(registry: Any, resource_class: Any) -> None:
    """c7n's callback: `resource_class` has just been loaded. None ends a round of loading."""
    if resource_class is None:
        return
    global _after_c7n
    if not _after_c7n:
        # Only now, so that it comes after c7n's own subscribers: a name that c7n uses is then an error.
        _after_c7n = True
        registry.subscribe(_add_team_elements)
    # Imported here: c7n.policy is not fully imported yet while the AWS provider is loaded.
    from .elements.every_type import OnlyResources, Refuse, for_resource
    from .elements.native import as_fix
    from .exceptions import TYPE, Excepted
    from .fixing import FixNotify
    from .patches import DoesNotFit, install, isolate
    from .resources import list_all, use_endpoint_of_environment

    try:
        install()
    except DoesNotFit as error:
        if _in_function():
            raise
        # On the command line (custodian, c7n-org) show only this message, without a traceback.
        raise SystemExit(str(error)) from None
    isolate(resource_class)
    use_endpoint_of_environment(resource_class)
    list_all(resource_class)
    if "scope" not in resource_class.filter_registry:
        resource_class.filter_registry.register("scope", for_resource(resource_class))
    if "only-resources" not in resource_class.filter_registry:
        resource_class.filter_registry.register("only-resources", OnlyResources)
    if "refuse" not in resource_class.action_registry:
        resource_class.action_registry.register("refuse", Refuse)
    if TYPE not in resource_class.filter_registry:
        resource_class.filter_registry.register(TYPE, Excepted)
    for element in ELEMENTS:
        if element.resource != resource_class.type:
            continue
        own = getattr(resource_class, f"{element.kind}_registry")
        if element.type not in own:
            own.register(element.type, load(element))
    actions = resource_class.action_registry
    actions.register("notify", FixNotify)
    for native in native_actions():
        if native.resource == resource_class.type and native.type in actions:
            actions.register(native.type, as_fix(actions[native.type], native))


def _add_team_elements(_: Any, resource_class: Any) -> None:
    """c7n's callback, after all others: add the team's elements to a resource type that has just been loaded."""
    if resource_class is None:
        return
    try:
        for element in team_elements():
            if element.resource == resource_class.type:
                _add(element, getattr(resource_class, f"{element.kind}_registry"))
    except TeamError as error:
        if _in_function():
            raise
        raise SystemExit(escaped(str(error), keep="\n")) from error


def _add(element: Element, registry: Any) -> None:
    found, other = load(element), registry.get(element.type)
    if other is None:
        registry.register(element.type, found)
    elif other is not found:
        file, line = place_of(element)
        raise TeamError(
            f"aws.{element.resource} already has the {element.kind} {element.type}: {_name(other)}. "
            f"{_name(found)} cannot have the same name",
            "rename yours, in ELEMENTS and in its schema", file=file, line=line)


def _name(found: type) -> str:
    return f"{found.__module__}.{found.__qualname__}"


def _in_function() -> bool:
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ
