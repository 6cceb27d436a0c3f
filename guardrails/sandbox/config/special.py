"""Types that one call does not list, or whose items follow a spelling of their own.

`LISTED` has, by type, what gives the resources as their service shows them. `DESCRIBED` has what makes an item's
configuration and supplementary configuration of one. A bucket is in buckets.py.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from botocore.exceptions import ClientError

from .spelling import spelled
from .table import kinds

Json = dict[str, Any]
Listed = Callable[[Any, str], Iterator[Json]]
Described = Callable[[Any, Json], tuple[Json, Json]]


# -- listing ----------------------------------------------------------------------------------------------------


def _principals(filter_name: str, found: str) -> Listed:
    """One call of IAM shows a user with his groups and policies; the others show only parts."""

    def listed(iam: Any, region: str) -> Iterator[Json]:
        pages = iam.get_paginator("get_account_authorization_details").paginate(Filter=[filter_name])
        for page in pages:
            yield from page[found]

    return listed


def _policies(iam: Any, region: str) -> Iterator[Json]:
    """Policies of the account's own, every version with its document."""
    for page in iam.get_paginator("list_policies").paginate(Scope="Local"):
        for policy in page["Policies"]:
            versions = iam.list_policy_versions(PolicyArn=policy["Arn"])["Versions"]
            yield {**policy, "PolicyVersionList": [
                iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=version["VersionId"])["PolicyVersion"]
                for version in versions
            ]}


def _tables(dynamodb: Any, region: str) -> Iterator[Json]:
    for page in dynamodb.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            table = dynamodb.describe_table(TableName=name)["Table"]
            yield {**table, "Tags": dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"]).get("Tags", [])}


def _trails(cloudtrail: Any, region: str) -> Iterator[Json]:
    """A trail of all regions is recorded in its home region."""
    for trail in cloudtrail.describe_trails(includeShadowTrails=False)["trailList"]:
        if trail.get("HomeRegion", region) == region:
            [tags] = cloudtrail.list_tags(ResourceIdList=[trail["TrailARN"]])["ResourceTagList"] or [{}]
            yield {**trail, "Tags": tags.get("TagsList", [])}


def _stages(apigateway: Any, region: str) -> Iterator[Json]:
    for page in apigateway.get_paginator("get_rest_apis").paginate():
        for api in page["items"]:
            for stage in apigateway.get_stages(restApiId=api["id"])["item"]:
                arn = f"arn:aws:apigateway:{region}::/restapis/{api['id']}/stages/{stage['stageName']}"
                yield {**stage, "stageArn": arn}


def _keys(kms: Any, region: str) -> Iterator[Json]:
    for page in kms.get_paginator("list_keys").paginate():
        for key in page["Keys"]:
            shown = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
            yield {**shown, "Tags": kms.list_resource_tags(KeyId=key["KeyId"]).get("Tags", [])}


LISTED: dict[str, Listed] = {
    "AWS::IAM::User": _principals("User", "UserDetailList"),
    "AWS::IAM::Group": _principals("Group", "GroupDetailList"),
    "AWS::IAM::Role": _principals("Role", "RoleDetailList"),
    "AWS::IAM::Policy": _policies,
    "AWS::DynamoDB::Table": _tables,
    "AWS::CloudTrail::Trail": _trails,
    "AWS::ApiGateway::Stage": _stages,
    "AWS::KMS::Key": _keys,
}


# -- describing -------------------------------------------------------------------------------------------------


def _security_group(ec2: Any, raw: Json) -> tuple[Json, Json]:
    """`ipRanges` is the older form, of bare addresses; `ipv4Ranges` has what DescribeSecurityGroups shows."""
    group = spelled(raw, {})
    for permission in [*group.get("ipPermissions", ()), *group.get("ipPermissionsEgress", ())]:
        permission["ipv4Ranges"] = permission.pop("ipRanges", [])
        permission["ipRanges"] = [source["cidrIp"] for source in permission["ipv4Ranges"]]
    return group, {}


def _principal(iam: Any, raw: Json) -> tuple[Json, Json]:
    """Policy documents are text in URL encoding, as in IAM's own answers."""
    documents = {"AssumeRolePolicyDocument", "PolicyDocument", "Document"}

    def encoded(value: Any, key: str = "") -> Any:
        if key in documents and isinstance(value, dict):
            return quote(json.dumps(value, separators=(",", ":")), safe="")
        if isinstance(value, list):
            return [encoded(inner) for inner in value]
        return {name: encoded(inner, name) for name, inner in value.items()} if isinstance(value, dict) else value

    return spelled(encoded(raw), {}), {}


def _balancer(elbv2: Any, raw: Json) -> tuple[Json, Json]:
    arn = raw["LoadBalancerArn"]
    attributes = elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    [tags] = elbv2.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    raw["Tags"] = tags["Tags"]
    configuration = {key: value for key, value in spelled(raw, {}).items() if key != "tags"}
    return configuration, {"LoadBalancerAttributes": spelled(attributes, {}), "Tags": spelled(tags["Tags"], {})}


def _table(dynamodb: Any, raw: Json) -> tuple[Json, Json]:
    [kind] = [kind for kind in kinds() if kind.type == "AWS::DynamoDB::Table"]
    configuration = spelled(raw, kind.spell)
    return configuration, {"Tags": configuration.pop("tags")}


def _trail(cloudtrail: Any, raw: Json) -> tuple[Json, Json]:
    return spelled({key: value for key, value in raw.items() if key != "Tags"}, {}), {}


def _as_they_are(client: Any, raw: Json) -> tuple[Json, Json]:
    """API Gateway's own names begin small."""
    return spelled(raw, {}), {}


def _key(kms: Any, raw: Json) -> tuple[Json, Json]:
    [kind] = [kind for kind in kinds() if kind.type == "AWS::KMS::Key"]
    configuration = spelled(raw, kind.spell)
    supplementary = {"Tags": configuration.pop("tags")}
    if raw["KeyManager"] == "CUSTOMER":
        supplementary["Policy"] = kms.get_key_policy(KeyId=raw["KeyId"], PolicyName="default")["Policy"]
        supplementary["KeyRotationStatus"] = kms.get_key_rotation_status(KeyId=raw["KeyId"])["KeyRotationEnabled"]
    return configuration, supplementary


def _file_system(efs: Any, raw: Json) -> tuple[Json, Json]:
    """A newer type: its item is spelled as the resource in a CloudFormation template."""
    file_system = raw["FileSystemId"]
    found: Json = {
        "FileSystemId": file_system,
        "Arn": raw["FileSystemArn"],
        "FileSystemTags": raw.get("Tags", []),
        **{
            key: raw[key] for key in ("Encrypted", "KmsKeyId", "PerformanceMode", "ThroughputMode") if key in raw
        },
        "LifecyclePolicies": _unless_missing(
            lambda: efs.describe_lifecycle_configuration(FileSystemId=file_system)["LifecyclePolicies"], []),
        "BackupPolicy": _unless_missing(
            lambda: {"Status": efs.describe_backup_policy(FileSystemId=file_system)["BackupPolicy"]["Status"]},
            {"Status": "DISABLED"}),
    }
    policy = _unless_missing(
        lambda: json.loads(efs.describe_file_system_policy(FileSystemId=file_system)["Policy"]), {})
    return {**found, **({"FileSystemPolicy": policy} if policy else {})}, {}


def _unless_missing(ask: Callable[[], Any], missing: Any) -> Any:
    try:
        return ask()
    except ClientError:  # none is set, or moto lacks the call
        return missing


DESCRIBED: dict[str, Described] = {
    "AWS::EC2::SecurityGroup": _security_group,
    "AWS::IAM::User": _principal,
    "AWS::IAM::Group": _principal,
    "AWS::IAM::Role": _principal,
    "AWS::IAM::Policy": _principal,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _balancer,
    "AWS::DynamoDB::Table": _table,
    "AWS::CloudTrail::Trail": _trail,
    "AWS::ApiGateway::RestApi": _as_they_are,
    "AWS::ApiGateway::Stage": _as_they_are,
    "AWS::KMS::Key": _key,
    "AWS::EFS::FileSystem": _file_system,
}
