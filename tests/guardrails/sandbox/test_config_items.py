"""An item of each type, read back from AWS Config's history, means to c7n what its service itself shows."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jmespath
import pytest

from guardrails.sandbox import Sandbox
from guardrails.sandbox.config.table import kinds

from .conftest import printed, start_recorder
from .test_config_rules import put_rule

REGION = "eu-west-1"
ACCOUNT = "300000000001"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
Client = Callable[[str], Any]


@dataclass(frozen=True)
class Case:
    """How a resource of a type is made, c7n's name of the type, and the keys that must be alike in both sources."""

    resource: str
    make: Callable[[Client], str]
    keys: tuple[str, ...]


def vpc(client: Client) -> str:
    return client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]


def subnets(client: Client) -> list[str]:
    return [subnet["SubnetId"] for subnet in client("ec2").describe_subnets()["Subnets"] if subnet["DefaultForAz"]]


def group(client: Client) -> str:
    ec2 = client("ec2")
    made = ec2.create_security_group(GroupName="web", Description="of tests")["GroupId"]
    other = ec2.create_security_group(GroupName="other", Description="of tests")["GroupId"]
    ec2.create_tags(Resources=[made], Tags=[{"Key": "team", "Value": "web"}])
    ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [
            {"CidrIp": "0.0.0.0/0"}, {"CidrIp": "10.0.0.0/8", "Description": "ours"}], "Ipv6Ranges": [
            {"CidrIpv6": "::/0"}]},
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other}]},
        {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]},
    ])
    return made


def instance(client: Client) -> str:
    [image, *_] = client("ec2").describe_images(Filters=[{"Name": "owner-id", "Values": ["801119661308"]}])["Images"]
    made = client("ec2").run_instances(
        ImageId=image["ImageId"], MinCount=1, MaxCount=1, SubnetId=subnets(client)[0],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}],
    )
    return made["Instances"][0]["InstanceId"]


def network_acl(client: Client) -> str:
    made = client("ec2").create_network_acl(VpcId=vpc(client))["NetworkAcl"]["NetworkAclId"]
    client("ec2").create_network_acl_entry(
        NetworkAclId=made, RuleNumber=100, Protocol="6", RuleAction="allow", Egress=False, CidrBlock="0.0.0.0/0",
        PortRange={"From": 22, "To": 22})
    return made


def interface(client: Client) -> str:
    made = client("ec2").create_network_interface(SubnetId=subnets(client)[0], Description="spare")
    return made["NetworkInterface"]["NetworkInterfaceId"]


def cluster(client: Client) -> str:
    made = client("redshift").create_cluster(
        ClusterIdentifier="main", NodeType="ra3.large", MasterUsername="owner", MasterUserPassword="Hunter22222",
        DBName="dev")
    return made["Cluster"]["ClusterIdentifier"]


def bucket(client: Client) -> str:
    s3 = client("s3")
    name = f"items-{ACCOUNT}"
    for one in (name, f"logs-{ACCOUNT}"):
        s3.create_bucket(Bucket=one, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_acl(Bucket=f"logs-{ACCOUNT}", ACL="log-delivery-write")
    s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={
        "LoggingEnabled": {"TargetBucket": f"logs-{ACCOUNT}", "TargetPrefix": "x/"}})
    s3.put_bucket_acl(Bucket=name, ACL="public-read")
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "team", "Value": "web"}]})
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}]}))
    s3.put_bucket_website(Bucket=name, WebsiteConfiguration={
        "IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"}})
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [
        {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 30},
         "Transitions": [{"Days": 7, "StorageClass": "GLACIER"}]}]})
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={
        "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]})
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    return name


def user(client: Client) -> str:
    iam = client("iam")
    made = iam.create_user(UserName="ann", Path="/staff/", Tags=[{"Key": "team", "Value": "web"}])["User"]
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    return made["UserId"]


def iam_group(client: Client) -> str:
    return client("iam").create_group(GroupName="admins")["Group"]["GroupId"]


def role(client: Client) -> str:
    document = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    return client("iam").create_role(
        RoleName="web", AssumeRolePolicyDocument=json.dumps(document), Tags=[{"Key": "team", "Value": "web"}],
    )["Role"]["RoleId"]


def policy(client: Client) -> str:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    made = client("iam").create_policy(PolicyName="all", PolicyDocument=json.dumps(document))
    return made["Policy"]["PolicyId"]


def database(client: Client) -> str:
    return client("rds").create_db_instance(
        DBInstanceIdentifier="db", DBInstanceClass="db.t3.micro", Engine="mysql", AllocatedStorage=5,
        MasterUsername="root", MasterUserPassword="only-a-test", PubliclyAccessible=True,
        Tags=[{"Key": "team", "Value": "web"}],
    )["DBInstance"]["DbiResourceId"]


def balancer(client: Client) -> str:
    elbv2 = client("elbv2")
    [made] = elbv2.create_load_balancer(
        Name="lb", Scheme="internal", Subnets=subnets(client)[:2], Tags=[{"Key": "team", "Value": "web"}],
    )["LoadBalancers"]
    elbv2.modify_load_balancer_attributes(LoadBalancerArn=made["LoadBalancerArn"], Attributes=[
        {"Key": "deletion_protection.enabled", "Value": "true"}])
    return made["LoadBalancerArn"]


def table(client: Client) -> str:
    client("dynamodb").create_table(
        TableName="orders", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        SSESpecification={"Enabled": True, "SSEType": "KMS"}, Tags=[{"Key": "team", "Value": "web"}],
    )
    return "orders"


def file_system(client: Client) -> str:
    return client("efs").create_file_system(
        CreationToken="t", Encrypted=True, KmsKeyId=KEY, Tags=[{"Key": "team", "Value": "web"}])["FileSystemId"]


def trail(client: Client) -> str:
    client("s3").create_bucket(Bucket=f"trail-{ACCOUNT}", CreateBucketConfiguration={"LocationConstraint": REGION})
    return client("cloudtrail").create_trail(
        Name="audit", S3BucketName=f"trail-{ACCOUNT}", IsMultiRegionTrail=True, KmsKeyId=KEY,
        EnableLogFileValidation=True,
    )["TrailARN"]


def api(client: Client) -> str:
    return client("apigateway").create_rest_api(name="shop", tags={"team": "web"})["id"]


def stage(client: Client) -> str:
    gateway = client("apigateway")
    made = gateway.create_rest_api(name="staged")["id"]
    [root] = gateway.get_resources(restApiId=made)["items"]
    method = {"restApiId": made, "resourceId": root["id"], "httpMethod": "GET"}
    gateway.put_method(**method, authorizationType="NONE")
    gateway.put_integration(**method, type="MOCK")
    deployment = gateway.create_deployment(restApiId=made)["id"]
    gateway.create_stage(restApiId=made, stageName="live", deploymentId=deployment, tags={"team": "web"})
    return f"arn:aws:apigateway:{REGION}::/restapis/{made}/stages/live"


def key(client: Client) -> str:
    made = client("kms").create_key(Tags=[{"TagKey": "team", "TagValue": "web"}])
    return made["KeyMetadata"]["KeyId"]


CASES = {
    "AWS::EC2::SecurityGroup": Case("security-group", group, (
        "GroupId", "GroupName", "Description", "OwnerId", "VpcId", "IpPermissions", "IpPermissionsEgress", "Tags")),
    "AWS::EC2::Instance": Case("ec2", instance, (
        "InstanceId", "ImageId", "State", "VpcId", "SubnetId", "SecurityGroups", "NetworkInterfaces", "LaunchTime",
        "MetadataOptions", "BlockDeviceMappings", "Placement", "Tags")),
    "AWS::EC2::Volume": Case(
        "ebs", lambda client: client("ec2").create_volume(Size=1, AvailabilityZone=f"{REGION}a")["VolumeId"],
        ("VolumeId", "Encrypted", "Size", "State", "Attachments", "CreateTime", "VolumeType")),
    "AWS::EC2::VPC": Case("vpc", vpc, ("VpcId", "CidrBlock", "IsDefault", "State", "OwnerId")),
    "AWS::EC2::Subnet": Case(
        "subnet", lambda client: subnets(client)[0],
        ("SubnetId", "VpcId", "CidrBlock", "MapPublicIpOnLaunch", "AvailabilityZone")),
    "AWS::EC2::RouteTable": Case(
        "route-table", lambda client: client("ec2").create_route_table(VpcId=vpc(client))["RouteTable"]["RouteTableId"],
        ("RouteTableId", "VpcId", "Routes", "Associations")),
    "AWS::EC2::NetworkAcl": Case("network-acl", network_acl, (
        "NetworkAclId", "VpcId", "OwnerId", "IsDefault", "Entries", "Associations")),
    "AWS::EC2::NetworkInterface": Case("eni", interface, (
        "NetworkInterfaceId", "SubnetId", "VpcId", "Groups", "Description", "Status", "SourceDestCheck")),
    "AWS::S3::Bucket": Case("s3", bucket, (
        "Name", "CreationDate", "Location", "Policy", "Versioning", "Logging", "Tags", "Website", "Lifecycle.Rules",
        "Notification", "Acl")),
    "AWS::IAM::User": Case("iam-user", user, ("UserName", "UserId", "Arn", "Path", "CreateDate", "Tags")),
    "AWS::IAM::Group": Case("iam-group", iam_group, ("GroupName", "GroupId", "Arn", "Path", "CreateDate")),
    "AWS::IAM::Role": Case("iam-role", role, ("RoleName", "RoleId", "Arn", "Path", "CreateDate", "Tags")),
    "AWS::IAM::Policy": Case("iam-policy", policy, (
        "PolicyName", "PolicyId", "Arn", "DefaultVersionId", "AttachmentCount")),
    "AWS::RDS::DBInstance": Case("rds", database, (
        "DBInstanceIdentifier", "DBInstanceArn", "DbiResourceId", "Engine", "StorageEncrypted", "MultiAZ",
        "PubliclyAccessible", "Endpoint", "InstanceCreateTime", "VpcSecurityGroups", "Tags")),
    "AWS::Redshift::Cluster": Case("redshift", cluster, (
        "ClusterIdentifier", "Encrypted", "PubliclyAccessible", "EnhancedVpcRouting", "MasterUsername",
        "AutomatedSnapshotRetentionPeriod", "AllowVersionUpgrade")),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": Case("app-elb", balancer, (
        "LoadBalancerArn", "LoadBalancerName", "DNSName", "Scheme", "Type", "VpcId", "SecurityGroups", "CreatedTime",
        "State", "AvailabilityZones", "Tags")),
    "AWS::DynamoDB::Table": Case("dynamodb-table", table, (
        "TableName", "TableArn", "TableStatus", "SSEDescription", "KeySchema", "CreationDateTime", "BillingModeSummary",
        "Tags")),
    "AWS::EFS::FileSystem": Case("efs", file_system, (
        "FileSystemId", "Encrypted", "KmsKeyId", "PerformanceMode", "ThroughputMode", "Tags")),
    "AWS::CloudTrail::Trail": Case("cloudtrail", trail, (
        "Name", "TrailARN", "S3BucketName", "IsMultiRegionTrail", "LogFileValidationEnabled", "HomeRegion", "KmsKeyId",
        "IncludeGlobalServiceEvents")),
    "AWS::ApiGateway::RestApi": Case("rest-api", api, ("id", "name", "endpointConfiguration", "createdDate", "Tags")),
    "AWS::ApiGateway::Stage": Case("rest-stage", stage, (
        "stageName", "deploymentId", "cacheClusterEnabled", "methodSettings", "variables", "Tags")),
    "AWS::KMS::Key": Case("kms-key", key, ("KeyId", "Arn", "KeyState", "KeyManager", "Origin", "CreationDate", "Tags")),
}

READ_BOTH = '''
import json, sys
from c7n.config import Config
from c7n.loader import PolicyLoader
from c7n.resources import load_resources

region, account, wanted = sys.argv[1], sys.argv[2], json.loads(sys.stdin.read())
load_resources([f"aws.{name}" for name, _ in wanted.values()])
options = Config.empty(region=region, account_id=account, cache=None, output_dir=None)
found = {}
for kind, (name, resource_id) in wanted.items():
    [policy] = PolicyLoader(options).load_data(
        {"policies": [{"name": "p", "resource": name}]}, "memory", validate=False)
    manager = policy.load_resource_manager()
    assert manager.resource_type.config_type == kind
    [configured] = manager.get_source("config").get_resources([resource_id])
    [described] = [
        resource for resource in manager.resources()
        if resource[manager.resource_type.id] == configured[manager.resource_type.id]
    ]
    found[kind] = described, configured
print(json.dumps(found, default=lambda time: time.astimezone().isoformat(timespec="milliseconds")))
'''


@dataclass(frozen=True)
class Recorded:
    """An account with a resource of each type, all recorded."""

    client: Client
    ids: dict[str, str]
    sources: dict[str, tuple[dict[str, Any], dict[str, Any]]]


@pytest.fixture(scope="module")
def recorded(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Made once: c7n reads every type in one process."""
    def client(service: str) -> Any:
        return sandbox.client(service, ACCOUNT, REGION)

    start_recorder(sandbox, ACCOUNT, REGION)
    ids = {kind: case.make(client) for kind, case in CASES.items()}
    sandbox.settle()
    script = tmp_path_factory.mktemp("items") / "read_both.py"
    script.write_text(READ_BOTH)
    answer = subprocess.run(
        [sys.executable, script, REGION, ACCOUNT], check=True, text=True, stdout=subprocess.PIPE,
        input=json.dumps({kind: (case.resource, ids[kind]) for kind, case in CASES.items()}),
        env={**os.environ, **sandbox.environment(ACCOUNT, REGION)},
    )
    return Recorded(client, ids, json.loads(answer.stdout))


def test_there_is_a_case_for_each_type() -> None:
    assert set(CASES) == {kind.type for kind in kinds()}


@pytest.mark.parametrize("kind", CASES)
def test_an_item_means_what_the_service_shows(recorded: Recorded, kind: str) -> None:
    [item, *_] = recorded.client("config").get_resource_config_history(
        resourceType=kind, resourceId=recorded.ids[kind])["configurationItems"]
    assert item["configurationItemStatus"] in {"ResourceDiscovered", "OK"}
    configuration = json.loads(item["configuration"])
    assert isinstance(configuration, dict)
    assert item["arn"].startswith("arn:aws:")
    described, configured = recorded.sources[kind]
    for name in CASES[kind].keys:
        there = jmespath.search(name, described)
        assert there is not None, f"nothing to compare: {name}"
        assert plain(jmespath.search(name, configured)) == plain(there), name


def test_a_function_is_told_what_the_history_says(sandbox: Sandbox, recorded: Recorded) -> None:
    put_rule(sandbox, ACCOUNT, region=REGION, scope={}, source=(
        "import json\ndef run(event, context): print(json.dumps(json.loads(event['invokingEvent'])))\n"))
    sandbox.settle()
    items = {}
    for message in printed(sandbox, ACCOUNT, REGION, "ports"):
        item = message["configurationItem"]
        items[item["resourceType"], item["resourceId"]] = item
    for kind, resource in recorded.ids.items():
        [kept, *_] = recorded.client("config").get_resource_config_history(
            resourceType=kind, resourceId=resource, limit=1)["configurationItems"]
        item = items[kind, resource]
        assert item["configuration"] == json.loads(kept["configuration"])
        assert item["supplementaryConfiguration"] == {
            key: json.loads(value) for key, value in kept["supplementaryConfiguration"].items()}
        assert (item["tags"], item["ARN"], item.get("resourceName")) == (
            kept["tags"], kept["arn"], kept.get("resourceName"))


def plain(value: Any) -> Any:
    """Without what says nothing: nulls, empty values and the order of tags."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if plain(inner) not in (None, {}, [], "")} or None
    if isinstance(value, list):
        found = [plain(inner) for inner in value]
        return sorted(found, key=json.dumps) or None
    return value if value != "" else None
