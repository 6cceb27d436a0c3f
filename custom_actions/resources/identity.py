"""Id, ARN, name and tags of a resource, the same in a report, in an exception, and in a deployed function.

c7n's metadata gives an ARN for most types, none for some, and a wrong one for a few: an image's ARN has no account, and
a stage's ARN contains its API. The formats that AWS documents take precedence here. A type without an ARN in AWS (a
metric filter, a mount target, a named query) has none here either: a made-up ARN would look like one that IAM policies
can use.

Source of the formats: Service Authorization Reference, "Resource types defined by" each service.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from c7n.provider import get_resource_class
from c7n.resources import load_resources
from c7n.utils import generate_arn, get_partition, jmespath_search

# What follows `arn:PARTITION:`. Names in braces are fields of the resource, or `region`, `account`, or `path`: the IAM
# path (`/` by default).
_FORMS: Mapping[str, str] = {
    # The account itself, and all of its settings.
    "account": "iam::{account}:root",
    "ami": "ec2:{region}::image/{ImageId}",
    "apigw-domain-name": "apigateway:{region}::/domainnames/{domainName}",
    "apigwv2": "apigateway:{region}::/apis/{ApiId}",
    "apigwv2-route": "apigateway:{region}::/apis/{c7n:parent-id}/routes/{RouteId}",
    "apigwv2-stage": "apigateway:{region}::/apis/{c7n:parent-id}/stages/{StageName}",
    "codedeploy-config": "codedeploy:{region}:{account}:deploymentconfig:{deploymentConfigName}",
    "codedeploy-group": "codedeploy:{region}:{account}:deploymentgroup:{applicationName}/{deploymentGroupName}",
    "ebs-snapshot": "ec2:{region}::snapshot/{SnapshotId}",
    "gamelift-build": "gamelift:{region}:{account}:build/{BuildId}",
    "glue-table": "glue:{region}:{account}:table/{DatabaseName}/{Name}",
    "iam-group": "iam::{account}:group{path}{GroupName}",
    "iam-policy": "iam::{account}:policy{path}{PolicyName}",
    "iam-role": "iam::{account}:role{path}{RoleName}",
    "iam-user": "iam::{account}:user{path}{UserName}",
    # AWS has no ARN for a version; with the template's ARN, all versions would be one resource.
    "launch-template-version": "ec2:{region}:{account}:launch-template/{LaunchTemplateId}/{VersionNumber}",
    "redshift-snapshot": "redshift:{region}:{account}:snapshot:{ClusterIdentifier}/{SnapshotIdentifier}",
    "rest-account": "apigateway:{region}::/account",
    "rest-api": "apigateway:{region}::/restapis/{id}",
    "rest-client-certificate": "apigateway:{region}::/clientcertificates/{clientCertificateId}",
    "rest-resource": "apigateway:{region}::/restapis/{restApiId}/resources/{id}",
    "rest-stage": "apigateway:{region}::/restapis/{restApiId}/stages/{stageName}",
    "rest-vpclink": "apigateway:{region}::/vpclinks/{id}",
    "s3": "s3:::{Name}",
    # It belongs to no region, and its ARN has its alias.
    "s3-access-point-multi": "s3::{account}:accesspoint/{Alias}",
    "shield-attack": "shield::{account}:attack/{AttackId}",
    "transit-attachment": "ec2:{region}:{account}:transit-gateway-attachment/{TransitGatewayAttachmentId}",
}
# c7n takes the id of the deployment, which several stages may share, as a stage's id; or its name, which each API has.
_IDS: Mapping[str, str] = {
    "apigwv2-stage": "{c7n:parent-id}/{StageName}", "rest-stage": "{restApiId}/{stageName}",
}
# What a list calls the id, where a description, which may be denied, calls it otherwise.
_LISTED_IDS: Mapping[str, str] = dict.fromkeys((
    "sagemaker-data-quality-job-definition", "sagemaker-model-bias-job-definition",
    "sagemaker-model-explainability-job-definition", "sagemaker-model-quality-job-definition",
), "MonitoringJobDefinitionArn")
# c7n makes one up, and AWS has none.
_WITHOUT_ARN = frozenset({"emr-security-configuration"})
# Route 53's ARNs contain neither region nor account.
_WITHOUT_ACCOUNT = frozenset({"healthcheck", "hostedzone"})
_OWN = ("Arn", "arn", "ARN", "LaunchConfigurationARN", "ClusterArn")
# Where c7n's name is none of the resource: an address, the tag Name, or a text that can be changed at any time.
_NAMES: Mapping[str, str] = {
    "account": "", "ec2": "", "efs": "", "elb": "LoadBalancerName", "rds": "DBInstanceIdentifier", "sns": "",
}
_KINDS_OF_NAME = ("name", "identifier")
_TAGS = ("Tags", "tags")


def resource_id(resource: Mapping[str, Any], resource_type: Any) -> str:
    """The resource's id in AWS; when it has none, the first 100 characters of its JSON.

    `resource_type`: a name (`aws.ec2`), or c7n's class of the type.
    """
    kind = _class(resource_type)
    name = _IDS.get(kind.type)
    found = _filled(name, resource) if name else None
    if not found:
        found = _value(resource, kind.resource_type.id)
    if found is None and (listed := _LISTED_IDS.get(kind.type)):
        found = _value(resource, listed)
    return str(found) if found is not None else json.dumps(resource, default=str, sort_keys=True)[:100]


def resource_arn(resource: Mapping[str, Any], resource_type: Any, account: str, region: str) -> str:
    """The resource's ARN: from its own fields, from the format that AWS documents, or from c7n's metadata.

    Empty when none of them has it. `region`: where the resource was read; it determines the partition.
    """
    kind = _class(resource_type)
    meta = kind.resource_type
    own = getattr(meta, "arn", None)
    for name in (own, meta.id, *_OWN):
        found = _value(resource, name) if name else None
        if isinstance(found, str) and found.startswith("arn:"):
            # The ARN in a log group's description has a suffix that means its streams.
            return found.removesuffix(":*")
    partition = get_partition(region)
    if form := _FORMS.get(kind.type):
        filled = _filled(form, resource, region=region, account=account, path=str(resource.get("Path") or "/"))
        return f"arn:{partition}:{filled}" if filled else ""
    identity = _value(resource, meta.id)
    if own is False or kind.type in _WITHOUT_ARN or identity is None or getattr(meta, "arn_type", None) is None:
        return ""
    return str(generate_arn(
        meta.arn_service or meta.service,
        region="" if meta.global_resource else region,
        account_id="" if kind.type in _WITHOUT_ACCOUNT else account,
        resource_type=meta.arn_type,
        separator=meta.arn_separator,
        # A hosted zone's id begins with its type: `/hostedzone/Z1`.
        resource=str(identity).removeprefix(f"/{meta.arn_type}/"),
        partition=partition,
    ))


def resource_name(resource: Mapping[str, Any], resource_type: Any) -> str:
    """The name that AWS has for the resource; empty when it has none.

    Never its tag Name, nor an id that AWS assigned, such as that of a volume. `resource_type`: as for `resource_id`.
    """
    kind = _class(resource_type)
    field = _NAMES.get(kind.type, getattr(kind.resource_type, "name", None) or "")
    if not field.lower().endswith(_KINDS_OF_NAME):
        return ""
    found = _value(resource, field)
    # Half of a surrogate pair cannot be stored, so it is escaped, as in the columns of a finding.
    return found.encode(errors="backslashreplace").decode() if isinstance(found, str) else ""


def resource_tags(resource: Mapping[str, Any]) -> dict[str, str]:
    """The resource's tags, key to value; empty when it has none, or when c7n has not read them."""
    found = next((resource[key] for key in _TAGS if resource.get(key)), None)
    if isinstance(found, Mapping):
        pairs = list(found.items())
    else:
        pairs = [(tag.get("Key", tag.get("key")), tag.get("Value", tag.get("value")))
                 for tag in found or () if isinstance(tag, Mapping)]
    return {key: value for key, value in pairs if isinstance(key, str) and isinstance(value, str)}


@cache
def _named(resource_type: str) -> Any:
    load_resources([resource_type])
    return get_resource_class(resource_type)


def _class(resource_type: Any) -> Any:
    return _named(resource_type) if isinstance(resource_type, str) else resource_type


def _value(resource: Mapping[str, Any], name: str) -> Any:
    # Some of c7n's ids are paths: `metadata.arn`.
    return resource[name] if name in resource else jmespath_search(name, resource) if "." in name else None


def _filled(form: str, resource: Mapping[str, Any], **known: str) -> str:
    """The format with its names filled in; empty when the resource lacks one of them."""
    missing: list[str] = []
    filled = form
    for name in _names(form):
        value = known.get(name, resource.get(name))
        if not isinstance(value, str | int) or value == "":
            missing.append(name)
        filled = filled.replace("{" + name + "}", str(value))
    return "" if missing else filled


@cache
def _names(form: str) -> tuple[str, ...]:
    return tuple(part.partition("}")[0] for part in form.split("{")[1:])
