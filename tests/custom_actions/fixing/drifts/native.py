"""c7n's own actions, as our policies use them."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from tests.moto_server import ACCOUNT, REGION

from ..cloud import Cloud
from ..faults import Drift, State
from .scenarios import ONE_A_REGION, ONE_AN_ACCOUNT, described, drifts, pulled

DOCUMENT = json.dumps({
    "Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
BLOCK = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def or_none(operation: Callable[..., Any], **parameters: Any) -> Any:
    """The response without its metadata; None when there is nothing."""
    try:
        answer = operation(**parameters)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if "NotFound" in code or code.startswith("NoSuch"):
            return None
        raise
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


# -- IAM users --------------------------------------------------------------------------------------------------


def _users(cloud: Cloud) -> list[str]:
    for name in ("one", "two"):
        cloud.client("iam").create_user(UserName=name)
    return ["one", "two"]


def _of_users(names: list[str], read: Callable[..., Any]) -> Callable[[], State]:
    return lambda: {name: or_none(read, UserName=name) for name in names}


@drifts("iam-user", "delete")
def passwords(cloud: Cloud) -> Drift:
    iam, names = cloud.client("iam"), _users(cloud)
    for name in names:
        iam.create_login_profile(UserName=name, Password="Long-enough-1234")
    return Drift(pulled("iam-user", {"type": "delete", "options": ["console-access"]}), names,
                 _of_users(names, iam.get_login_profile), lambda found: {"has a password"} if found else set())


def _user_tags(found: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


@drifts("iam-user", "mark-for-op")
def mark_user(cloud: Cloud) -> Drift:
    iam, names = cloud.client("iam"), _users(cloud)
    iam.tag_user(UserName="one", Tags=[{"Key": "mark", "Value": "old"}])
    return Drift(
        pulled("iam-user", {"type": "mark-for-op", "tag": "mark", "op": "delete", "days": 7}), names,
        _of_users(names, iam.list_user_tags),
        lambda found: set() if "delete@" in _user_tags(found).get("mark", "") else {"not marked"})


@drifts("iam-user", "remove-tag")
def unmark_user(cloud: Cloud) -> Drift:
    iam, names = cloud.client("iam"), _users(cloud)
    for name in names:
        iam.tag_user(UserName=name, Tags=[{"Key": "mark", "Value": "delete@2026/12/01"}])
    return Drift(pulled("iam-user", {"type": "remove-tag", "tags": ["mark"]}), names,
                 _of_users(names, iam.list_user_tags),
                 lambda found: {"marked"} if "mark" in _user_tags(found) else set())


@drifts("iam-user", "set-boundary")
def boundaries(cloud: Cloud) -> Drift:
    iam, names = cloud.client("iam"), _users(cloud)
    wanted, other = (iam.create_policy(PolicyName=name, PolicyDocument=DOCUMENT)["Policy"]["Arn"]
                     for name in ("wanted", "other"))
    iam.put_user_permissions_boundary(UserName="one", PermissionsBoundary=other)

    def state() -> State:
        return {name: iam.get_user(UserName=name)["User"].get("PermissionsBoundary") for name in names}

    return Drift(pulled("iam-user", {"type": "set-boundary", "policy": wanted}), names, state,
                 lambda found: set() if wanted in json.dumps(found) else {"no boundary"})


@drifts("iam-user", "set-policy")
def denied(cloud: Cloud) -> Drift:
    iam, names = cloud.client("iam"), _users(cloud)
    arn = iam.create_policy(PolicyName="deny", PolicyDocument=DOCUMENT)["Policy"]["Arn"]
    return Drift(
        pulled("iam-user", {"type": "set-policy", "state": "attached", "arn": arn}), names,
        _of_users(names, iam.list_attached_user_policies),
        lambda found: set() if found["AttachedPolicies"] else {"not denied"})


# -- the account ------------------------------------------------------------------------------------------------


@drifts("account", "set-ebs-encryption")
def ebs_encryption(cloud: Cloud) -> Drift:
    def state() -> State:
        return {ACCOUNT: cloud.client("ec2").get_ebs_encryption_by_default()["EbsEncryptionByDefault"]}

    return Drift(pulled("account", {"type": "set-ebs-encryption", "state": True}), [ACCOUNT], state,
                 lambda on: set() if on else {"off"}, alone=ONE_A_REGION)


@drifts("account", "set-s3-public-block")
def account_block(cloud: Cloud) -> Drift:
    client = cloud.client("s3control")
    client.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration={
        **dict.fromkeys(BLOCK, False), "IgnorePublicAcls": True})

    def state() -> State:
        return {ACCOUNT: client.get_public_access_block(AccountId=ACCOUNT)["PublicAccessBlockConfiguration"]}

    return Drift(
        pulled("account", {"type": "set-s3-public-block", "BlockPublicAcls": True}), [ACCOUNT], state,
        lambda block: {key for key in ("BlockPublicAcls", "IgnorePublicAcls") if not block[key]}, alone=ONE_AN_ACCOUNT)


# -- buckets ----------------------------------------------------------------------------------------------------


def _buckets(cloud: Cloud) -> list[str]:
    names = ["bucket-one", "bucket-two"]
    for name in names:
        cloud.client("s3").create_bucket(Bucket=name)
    return names


def _of_buckets(names: list[str], read: Callable[..., Any]) -> Callable[[], State]:
    return lambda: {name: or_none(read, Bucket=name) for name in names}


@drifts("s3", "set-bucket-encryption")
def encryption(cloud: Cloud) -> Drift:
    client, names = cloud.client("s3"), _buckets(cloud)
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    client.put_bucket_encryption(Bucket=names[0], ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}]})
    return Drift(
        pulled("s3", {"type": "set-bucket-encryption", "crypto": "aws:kms", "key": key}), names,
        _of_buckets(names, client.get_bucket_encryption),
        lambda found: set() if key in json.dumps(found) else {"not this key"},
        picks=lambda bucket: bucket["Name"] in names)


@drifts("s3", "set-public-block")
def block(cloud: Cloud) -> Drift:
    client, names = cloud.client("s3"), _buckets(cloud)
    client.put_public_access_block(Bucket=names[0], PublicAccessBlockConfiguration={
        **dict.fromkeys(BLOCK, False), "BlockPublicPolicy": True})
    client.delete_public_access_block(Bucket=names[1])
    return Drift(
        pulled("s3", {"type": "set-public-block", "IgnorePublicAcls": True}), names,
        _of_buckets(names, client.get_public_access_block),
        lambda found: set() if found and found["PublicAccessBlockConfiguration"]["IgnorePublicAcls"] else {"open"},
        picks=lambda bucket: bucket["Name"] in names)


@drifts("s3", "set-statements")
def statements(cloud: Cloud) -> Drift:
    client, names = cloud.client("s3"), _buckets(cloud)
    client.put_bucket_policy(Bucket=names[0], Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Sid": "Own", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{names[0]}/*"}]}))

    def wrong(found: Any) -> set[str]:
        return set() if found and "DenyPlain" in found["Policy"] else {"plain HTTP"}

    return Drift(
        pulled("s3", {"type": "set-statements", "remove": ["DenyPlain"], "statements": [{
            "Sid": "DenyPlain", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": ["arn:aws:s3:::{bucket_name}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}),
        names, _of_buckets(names, client.get_bucket_policy), wrong, picks=lambda bucket: bucket["Name"] in names)


@drifts("s3", "toggle-logging")
def logging(cloud: Cloud) -> Drift:
    client, names = cloud.client("s3"), _buckets(cloud)
    for target in ("logs", "elsewhere"):
        client.create_bucket(Bucket=target)
        client.put_bucket_acl(Bucket=target, ACL="log-delivery-write")
    client.put_bucket_logging(Bucket=names[0], BucketLoggingStatus={
        "LoggingEnabled": {"TargetBucket": "elsewhere", "TargetPrefix": "x/"}})
    return Drift(
        pulled("s3", {"type": "toggle-logging", "target_bucket": "logs", "target_prefix": "{source_bucket_name}/"}),
        names, _of_buckets(names, client.get_bucket_logging),
        lambda found: set() if found.get("LoggingEnabled", {}).get("TargetBucket") == "logs" else {"not logged"},
        picks=lambda bucket: bucket["Name"] in names)


# -- EC2 --------------------------------------------------------------------------------------------------------


def _instances(cloud: Cloud) -> list[str]:
    made = cloud.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=2, MaxCount=2)["Instances"]
    return [instance["InstanceId"] for instance in made]


def _groups(cloud: Cloud) -> list[str]:
    return [cloud.client("ec2").create_security_group(GroupName=name, Description=name)["GroupId"]
            for name in ("one", "two")]


def _tags_of(cloud: Cloud, ids: list[str]) -> Callable[[], State]:
    def state() -> State:
        found = cloud.client("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": ids}])["Tags"]
        return {each: {tag["Key"]: tag["Value"] for tag in found if tag["ResourceId"] == each} for each in ids}

    return state


def _mark(cloud: Cloud, resource: str, ids: list[str], op: str, named: str) -> Drift:
    # One has an older mark, which comes back.
    cloud.client("ec2").create_tags(Resources=ids[:1], Tags=[
        {"Key": "mark", "Value": "old"}, {"Key": "team", "Value": "a"}])
    return Drift(
        pulled(resource, {"type": "mark-for-op", "tag": "mark", "op": op, "days": 7}), ids, _tags_of(cloud, ids),
        lambda tags: set() if f"{op}@" in tags.get("mark", "") else {"not marked"},
        picks=lambda each: each[named] in ids)


def _unmark(cloud: Cloud, resource: str, ids: list[str], named: str) -> Drift:
    cloud.client("ec2").create_tags(Resources=ids, Tags=[
        {"Key": "mark", "Value": "stop@2026/12/01"}, {"Key": "team", "Value": "a"}])
    return Drift(
        pulled(resource, {"type": "remove-tag", "tags": ["mark"]}), ids, _tags_of(cloud, ids),
        lambda tags: {"marked"} if "mark" in tags else set(), picks=lambda each: each[named] in ids)


@drifts("ec2", "mark-for-op")
def mark_instance(cloud: Cloud) -> Drift:
    return _mark(cloud, "ec2", _instances(cloud), "stop", "InstanceId")


@drifts("ec2", "remove-tag")
def unmark_instance(cloud: Cloud) -> Drift:
    return _unmark(cloud, "ec2", _instances(cloud), "InstanceId")


@drifts("ec2", "stop")
def running(cloud: Cloud) -> Drift:
    ec2, ids = cloud.client("ec2"), _instances(cloud)

    def state() -> State:
        found = ec2.describe_instances(InstanceIds=ids)["Reservations"]
        return {instance["InstanceId"]: instance["State"]["Name"] for each in found for instance in each["Instances"]}

    return Drift(pulled("ec2", "stop"), ids, state, lambda name: {"runs"} if name == "running" else set())


@drifts("security-group", "mark-for-op")
def mark_group(cloud: Cloud) -> Drift:
    return _mark(cloud, "security-group", _groups(cloud), "delete", "GroupId")


@drifts("security-group", "remove-tag")
def unmark_group(cloud: Cloud) -> Drift:
    return _unmark(cloud, "security-group", _groups(cloud), "GroupId")


@drifts("security-group", "delete")
def unused_group(cloud: Cloud) -> Drift:
    ids = _groups(cloud)

    def state() -> State:
        found = cloud.client("ec2").describe_security_groups()["SecurityGroups"]
        return {each: [group for group in found if group["GroupId"] == each] for each in ids}

    return Drift(pulled("security-group", "delete"), ids, state, lambda found: {"exists"} if found else set(),
                 picks=lambda group: group["GroupId"] in ids)


@drifts("ebs", "snapshot")
def volumes(cloud: Cloud) -> Drift:
    ec2 = cloud.client("ec2")
    ids = [ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"] for _ in range(2)]

    def state() -> State:
        found = ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        return {each: [snapshot["Description"] for snapshot in found if snapshot["VolumeId"] == each] for each in ids}

    return Drift(pulled("ebs", {"type": "snapshot", "description": "made here"}), ids, state,
                 lambda found: set() if found else {"no snapshot"})


@drifts("vpc", "set-flow-log")
def vpcs(cloud: Cloud) -> Drift:
    ec2 = cloud.client("ec2")
    cloud.client("logs").create_log_group(logGroupName="flow")
    ids = [ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"] for number in (1, 2)]

    def state() -> State:
        found = ec2.describe_flow_logs()["FlowLogs"]
        return {each: [[log["TrafficType"], log["LogGroupName"]] for log in found if log["ResourceId"] == each]
                for each in ids}

    return Drift(
        pulled("vpc", {"type": "set-flow-log", "attrs": {
            "TrafficType": "REJECT", "LogGroupName": "flow",
            "DeliverLogsPermissionArn": f"arn:aws:iam::{ACCOUNT}:role/flow"}}),
        ids, state, lambda found: set() if len(found) == 1 else {f"{len(found)} flow logs"},
        picks=lambda vpc: vpc["VpcId"] in ids)


@drifts("subnet", "modify")
def subnets(cloud: Cloud) -> Drift:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    ids = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{number}.0/24")["Subnet"]["SubnetId"] for number in (1, 2)]
    for each in ids:
        ec2.modify_subnet_attribute(SubnetId=each, MapPublicIpOnLaunch={"Value": True})

    def state() -> State:
        return {each["SubnetId"]: each for each in ec2.describe_subnets(SubnetIds=ids)["Subnets"]}

    return Drift(pulled("subnet", {"type": "modify", "MapPublicIpOnLaunch": False}), ids, state,
                 lambda found: {"public addresses"} if found["MapPublicIpOnLaunch"] else set(),
                 picks=lambda subnet: subnet["SubnetId"] in ids)


@drifts("ec2", "set-metadata-access")
def metadata_options(cloud: Cloud) -> Drift:
    ec2 = cloud.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ids = [each["InstanceId"] for each in ec2.run_instances(ImageId=image, MinCount=2, MaxCount=2, MetadataOptions={
        "HttpTokens": "optional", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1})["Instances"]]

    def state() -> State:
        names = ("HttpTokens", "HttpEndpoint", "HttpPutResponseHopLimit")
        return {instance["InstanceId"]: {name: instance["MetadataOptions"].get(name) for name in names}
                for each in ec2.describe_instances(InstanceIds=ids)["Reservations"] for instance in each["Instances"]}

    return Drift(
        pulled("ec2", {"type": "set-metadata-access", "tokens": "required", "hop-limit": 2}), ids, state,
        lambda found: set() if found["HttpTokens"] == "required" else {"accepts IMDSv1"})


# -- load balancers and trails ----------------------------------------------------------------------------------


def _balancers(cloud: Cloud) -> list[str]:
    subnets = [each["SubnetId"] for each in cloud.client("ec2").describe_subnets()["Subnets"][:2]]
    return [cloud.client("elbv2").create_load_balancer(Name=name, Subnets=subnets)["LoadBalancers"][0][
        "LoadBalancerArn"] for name in ("one", "two")]


@drifts("app-elb", "modify-attributes")
def attributes(cloud: Cloud) -> Drift:
    client, arns = cloud.client("elbv2"), _balancers(cloud)

    def state() -> State:
        return {arn: {each["Key"]: each["Value"] for each in client.describe_load_balancer_attributes(
            LoadBalancerArn=arn)["Attributes"]} for arn in arns}

    return Drift(
        pulled("app-elb", {"type": "modify-attributes", "attributes": {"deletion_protection.enabled": True}}), arns,
        state, lambda found: set() if found["deletion_protection.enabled"] == "true" else {"unprotected"})


@drifts("app-elb", "modify-listener")
def listeners(cloud: Cloud) -> Drift:
    client, arns = cloud.client("elbv2"), _balancers(cloud)
    certificate = cloud.client("acm").request_certificate(DomainName="example.com")["CertificateArn"]
    fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    for arn in arns:
        client.create_listener(
            LoadBalancerArn=arn, Protocol="HTTPS", Port=443, Certificates=[{"CertificateArn": certificate}],
            SslPolicy="ELBSecurityPolicy-2016-08", DefaultActions=[fixed])

    def state() -> State:
        return {arn: [[each["Port"], each["SslPolicy"], each["DefaultActions"]] for each in client.describe_listeners(
            LoadBalancerArn=arn)["Listeners"]] for arn in arns}

    new = "ELBSecurityPolicy-TLS13-1-2-2021-06"
    return Drift(
        pulled("app-elb", {"type": "modify-listener", "sslpolicy": new},
               {"type": "listener", "key": "SslPolicy", "op": "ne", "value": new}),
        arns, state, lambda found: {"old TLS"} if found[0][1] != new else set())


@drifts("cloudtrail", "update-trail")
def trails(cloud: Cloud) -> Drift:
    client = cloud.client("cloudtrail")
    cloud.client("s3").create_bucket(Bucket="audit")
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    arns = [client.create_trail(Name=name, S3BucketName="audit")["TrailARN"] for name in ("one", "two")]

    def state() -> State:
        # A setting that was removed is empty.
        return {each["TrailARN"]: {key: value for key, value in each.items() if value != ""}
                for each in client.describe_trails()["trailList"]}

    return Drift(
        pulled("cloudtrail", {"type": "update-trail", "attributes": {
            "EnableLogFileValidation": True, "KmsKeyId": key}}), arns, state,
        lambda trail: ({"no validation"} if not trail["LogFileValidationEnabled"] else set()) | (
            {"no key"} if not trail.get("KmsKeyId") else set()))


# -- databases --------------------------------------------------------------------------------------------------


@drifts("rds", "modify-db")
def databases(cloud: Cloud) -> Drift:
    rds, names = cloud.client("rds"), ["one", "two"]
    for name in names:
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
            MasterUsername="u", MasterUserPassword="password", AutoMinorVersionUpgrade=False)

    def state() -> State:
        return {name: described(rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0])
                for name in names}

    settings = ("AutoMinorVersionUpgrade", "DeletionProtection")
    return Drift(
        pulled("rds", {"type": "modify-db", "update": [{"property": name, "value": True} for name in settings]}),
        names, state, lambda found: {name for name in settings if not found[name]})


@drifts("redshift", "set-attributes")
def clusters(cloud: Cloud) -> Drift:
    client, names = cloud.client("redshift"), ["one", "two"]
    for name in names:
        client.create_cluster(ClusterIdentifier=name, NodeType="ra3.large", MasterUsername="u",
                              MasterUserPassword="Password1", AllowVersionUpgrade=False)

    def state() -> State:
        return {name: client.describe_clusters(ClusterIdentifier=name)["Clusters"][0] for name in names}

    return Drift(pulled("redshift", {"type": "set-attributes", "attributes": {"AllowVersionUpgrade": True}}), names,
                 state, lambda found: set() if found["AllowVersionUpgrade"] else {"no upgrades"})


# -- documents of Systems Manager -------------------------------------------------------------------------------


@drifts("ssm-document", "set-sharing")
def public_documents(cloud: Cloud) -> Drift:
    ssm, names = cloud.client("ssm"), ["one", "two"]
    content = json.dumps({"schemaVersion": "2.2", "mainSteps": []})
    for name in names:
        ssm.create_document(Name=name, Content=content, DocumentType="Command")
        ssm.modify_document_permission(Name=name, PermissionType="Share", AccountIdsToAdd=["all"])

    def state() -> State:
        return {name: sorted(ssm.describe_document_permission(Name=name, PermissionType="Share")["AccountIds"])
                for name in names}

    return Drift(pulled("ssm-document", {"type": "set-sharing", "remove": ["all"]}), names, state,
                 lambda found: {"public"} if "all" in found else set())
