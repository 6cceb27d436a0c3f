"""Registers our elements with c7n, each on the resource types that have it, and only when a policy loads them."""
from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple


class Element(NamedTuple):
    """A filter or an action of ours: where it goes, what policies call it, and where its class is."""

    resource: str
    kind: str
    """`filter` or `action`."""
    type: str
    path: str
    """`module:class`; imported only when the resource type is loaded."""


ELEMENTS = (
    Element("security-group", "filter", "ingress-drift", "custom_actions.ingress.elements:IngressDrift"),
    Element("security-group", "action", "revert-ingress", "custom_actions.ingress.elements:RevertIngress"),
    Element("security-group", "filter", "unattached", "custom_actions.network.interfaces:Unattached"),
    Element("subnet", "filter", "internet-route", "custom_actions.network.routes:InternetRoute"),
    Element("cloudtrail", "action", "revert-trail", "custom_actions.trail.elements:RevertTrail"),
    Element("account", "filter", "deleted-trail", "custom_actions.trail.elements:DeletedTrail"),
    Element("account", "filter", "log-alarm", "custom_actions.monitoring.elements:LogAlarm"),
    Element("account", "action", "create-log-alarm", "custom_actions.monitoring.elements:CreateLogAlarm"),
    Element("rest-api", "filter", "open-beyond-vpcs", "custom_actions.apigateway.elements:OpenBeyondVpcs"),
    Element("rest-api", "filter", "open-beyond-networks", "custom_actions.apigateway.elements:OpenBeyondNetworks"),
    Element("rest-stage", "action", "encrypt-cache", "custom_actions.apigateway.elements:EncryptCache"),
    Element("app-elb", "filter", "http-without-redirect", "custom_actions.elb.elements:HttpWithoutRedirect"),
    Element("app-elb", "action", "redirect-to-https", "custom_actions.elb.elements:RedirectToHttps"),
    Element("ec2", "filter", "exposed-ports", "custom_actions.compute.elements:ExposedPorts"),
    Element("ec2", "filter", "tag-values", "custom_actions.compute.elements:TagValues"),
    Element("s3", "filter", "public-access", "custom_actions.s3.elements:PublicAccess"),
    Element("s3", "filter", "check-secure-transport", "custom_actions.s3.elements:CheckSecureTransport"),
    Element("s3", "filter", "has-policy", "custom_actions.s3.elements:HasPolicy"),
    Element("s3", "filter", "default-encryption", "custom_actions.s3.elements:DefaultEncryption"),
    Element("dynamodb-table", "action", "set-kms-encryption", "custom_actions.dynamodb.elements:SetKmsEncryption"),
    Element("account", "filter", "missing-trail", "custom_actions.recording.elements:MissingTrail"),
    Element("account", "filter", "missing-config-rules", "custom_actions.recording.elements:MissingConfigRules"),
    Element("s3", "action", "close-bucket", "custom_actions.undo.bucket:CloseBucket"),
    Element("ebs-snapshot", "filter", "shared-outside", "custom_actions.undo.sharing:SharedOutside"),
    Element("ebs-snapshot", "action", "revert-sharing", "custom_actions.undo.sharing:RevertSharing"),
    Element("ami", "filter", "shared-outside", "custom_actions.undo.sharing:SharedOutside"),
    Element("ami", "action", "revert-sharing", "custom_actions.undo.sharing:RevertSharing"),
    Element("rds-snapshot", "filter", "shared-outside", "custom_actions.undo.sharing:SharedOutside"),
    Element("rds-snapshot", "action", "revert-sharing", "custom_actions.undo.sharing:RevertSharing"),
    Element("rds-cluster-snapshot", "filter", "shared-outside", "custom_actions.undo.sharing:SharedOutside"),
    Element("rds-cluster-snapshot", "action", "revert-sharing", "custom_actions.undo.sharing:RevertSharing"),
    Element("rds", "action", "revert-public-access", "custom_actions.undo.database:RevertPublicAccess"),
    Element("iam-user", "filter", "full-star", "custom_actions.iam.full_star:FullStar"),
    Element("iam-group", "filter", "full-star", "custom_actions.iam.full_star:FullStar"),
    Element("iam-role", "filter", "full-star", "custom_actions.iam.full_star:FullStar"),
    Element("iam-policy", "filter", "full-star", "custom_actions.iam.full_star:FullStar"),
    Element("iam-user", "action", "revoke-full-star", "custom_actions.iam.full_star:RevokeFullStar"),
    Element("iam-group", "action", "revoke-full-star", "custom_actions.iam.full_star:RevokeFullStar"),
    Element("iam-role", "action", "revoke-full-star", "custom_actions.iam.full_star:RevokeFullStar"),
    Element("iam-user", "filter", "missing-policies", "custom_actions.iam.required:MissingPolicies"),
    Element("iam-role", "filter", "missing-policies", "custom_actions.iam.required:MissingPolicies"),
    Element("account", "filter", "missing-policies", "custom_actions.iam.required:MissingAccountPolicies"),
    Element("iam-user", "action", "attach-missing-policies", "custom_actions.iam.required:AttachMissingPolicies"),
    Element("iam-role", "action", "attach-missing-policies", "custom_actions.iam.required:AttachMissingPolicies"),
    Element("iam-user", "filter", "missing-boundary", "custom_actions.iam.boundary:MissingBoundary"),
    Element("iam-user", "filter", "unused-keys", "custom_actions.iam.keys:UnusedKeys"),
    Element("iam-user", "action", "disable-keys", "custom_actions.iam.keys:DisableKeys"),
    Element("account", "action", "strengthen-password-policy", "custom_actions.iam.password:StrengthenPasswordPolicy"),
    Element("iam-user", "filter", "event-actor", "custom_actions.event_actor:EventActor"),
    Element("iam-user", "action", "disable-created-key", "custom_actions.undo.access_key:DisableCreatedKey"),
    Element("kms-key", "filter", "event-actor", "custom_actions.event_actor:EventActor"),
    Element("kms-key", "action", "revert-key", "custom_actions.undo.kms_key:RevertKey"),
    Element("account", "filter", "event-actor", "custom_actions.event_actor:EventActor"),
    Element("account", "action", "recreate-flow-log", "custom_actions.undo.flow_log:RecreateFlowLog"),
    Element("account", "action", "revert-recorder", "custom_actions.undo.recorder:RevertRecorder"),
    Element("account", "action", "revert-detector", "custom_actions.undo.detector:RevertDetector"),
)


def register() -> None:
    """Subscribe to c7n's AWS resource types; calling it again changes nothing.

    Types that c7n has loaded already get their elements at once, so the order of imports does not matter.
    """
    from c7n.resources.aws import AWS

    from .models import read_once

    if _on_resource_type in AWS.resources._subscribers:
        return
    read_once()
    AWS.resources.subscribe(_on_resource_type)
    for resource_class in list(AWS.resources.values()):
        _on_resource_type(AWS.resources, resource_class)


def load(element: Element) -> Any:
    """The element's class."""
    module, _, name = element.path.partition(":")
    return getattr(import_module(module), name)


def _on_resource_type(_: Any, resource_class: Any) -> None:
    """c7n's callback: `resource_class` has just been loaded (None closes a round of loading)."""
    if resource_class is None:
        return
    # Imported here: c7n.policy is not whole yet while the AWS provider is loaded.
    from . import archive, ask_once, config_rule, excepted, parameters
    from .scope import for_resource

    parameters.install()
    excepted.install()
    config_rule.install()
    ask_once.install()
    archive.install()
    if "scope" not in resource_class.filter_registry:
        resource_class.filter_registry.register("scope", for_resource(resource_class))
    if excepted.TYPE not in resource_class.filter_registry:
        resource_class.filter_registry.register(excepted.TYPE, excepted.Excepted)
    for element in ELEMENTS:
        if element.resource != resource_class.type:
            continue
        registry = getattr(resource_class, f"{element.kind}_registry")
        if element.type not in registry:
            registry.register(element.type, load(element))
