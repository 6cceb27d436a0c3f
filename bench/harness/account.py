"""What is in an account: buckets, users, groups and a few of everything else, of which about half drifts."""
from __future__ import annotations

import json
from dataclasses import dataclass

import boto3

from .cloud import Cloud, account_id

_PORTS = (22, 443, 3389, 8080)
_PASSWORD = "Correct-horse-1"  # noqa: S105 - of nobody


@dataclass(frozen=True)
class Size:
    """How many there are of what."""

    buckets: int
    users: int
    groups: int
    """Security groups."""
    others: int
    """Volumes, twice the instances; an eighth of it are databases, tables, file systems, log groups, APIs."""

    @classmethod
    def of(cls, number: int) -> Size:
        """An account of about one size: so many buckets and users, a third more groups."""
        return cls(number, number, number + number // 3, number * 2 // 3)

    def __str__(self) -> str:
        return (f"{self.users} users, {self.buckets} buckets, {self.groups} security groups, {self.others} volumes, "
                "and a few of everything else")


def seed(session: boto3.Session, size: Size) -> None:
    """Fill an account."""
    buckets(session, size.buckets)
    principals(session, size.users)
    _network(session, size)
    _rest(session, max(size.others // 5, 1))


def seeded(where: Cloud, accounts: int, size: Size) -> None:
    """Fill so many accounts; the first one is that of the credentials."""
    for number in range(accounts):
        seed(where.session(account_id(number)), size)


def buckets(session: boto3.Session, number: int) -> None:
    """Make so many buckets, with different settings."""
    account = session.client("sts").get_caller_identity()["Account"]
    s3 = session.client("s3")
    for n in range(number):
        name = f"bucket-{account}-{n}"
        s3.create_bucket(Bucket=name)
        if n % 2:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        if n % 3 == 0:
            s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
                "Sid": "Read", "Effect": "Allow", "Principal": "*" if n % 2 else {"AWS": account},
                "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*",
            }]}))
        if n % 5 == 0:
            s3.put_bucket_acl(Bucket=name, ACL="public-read")


def principals(session: boto3.Session, number: int) -> None:
    """Make so many users with keys, some with a password or a policy, and a third as many groups and roles."""
    iam = session.client("iam")
    star = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    trust = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    policy = iam.create_policy(PolicyName="everything", PolicyDocument=star)["Policy"]["Arn"]
    for n in range(number):
        name = f"user-{n}"
        iam.create_user(UserName=name)
        iam.create_access_key(UserName=name)
        if n % 2:
            iam.create_login_profile(UserName=name, Password=_PASSWORD)
        if n % 4 == 0:
            iam.attach_user_policy(UserName=name, PolicyArn=policy)
    for n in range(number // 3):
        iam.create_group(GroupName=f"group-{n}")
        iam.create_role(RoleName=f"role-{n}", AssumeRolePolicyDocument=trust)
        if n % 2:
            iam.put_role_policy(RoleName=f"role-{n}", PolicyName="all", PolicyDocument=star)


def _network(session: boto3.Session, size: Size) -> None:
    ec2 = session.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    image = ec2.describe_images(Filters=[{"Name": "owner-id", "Values": ["801119661308"]}])["Images"][0]["ImageId"]
    for n in range(size.groups):
        made = ec2.create_security_group(GroupName=f"group-{n}", Description="bench", VpcId=vpc)["GroupId"]
        port = _PORTS[n % len(_PORTS)]
        ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=[{
            "IpProtocol": "tcp", "FromPort": port, "ToPort": port,
            "IpRanges": [{"CidrIp": "10.0.0.0/8" if n % 3 else "0.0.0.0/0"}]}])
    instances = size.others // 2 or 1
    ec2.run_instances(ImageId=image, MinCount=instances, MaxCount=instances, SubnetId=subnet)
    for n in range(size.others):
        volume = ec2.create_volume(AvailabilityZone=f"{session.region_name}a", Size=1, Encrypted=bool(n % 2))
        if n % 2:
            ec2.create_snapshot(VolumeId=volume["VolumeId"])


def _rest(session: boto3.Session, few: int) -> None:
    rds, dynamodb, efs = session.client("rds"), session.client("dynamodb"), session.client("efs")
    session.client("iam").generate_credential_report()
    trails, logs, api = session.client("cloudtrail"), session.client("logs"), session.client("apigateway")
    for n in range(few):
        rds.create_db_instance(
            DBInstanceIdentifier=f"db-{n}", DBInstanceClass="db.t3.micro", Engine="mysql",
            StorageEncrypted=bool(n % 2), MasterUsername="admin", MasterUserPassword=_PASSWORD, AllocatedStorage=20)
        dynamodb.create_table(
            TableName=f"table-{n}", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
        efs.create_file_system(CreationToken=f"fs-{n}", Encrypted=bool(n % 2))
        api.create_rest_api(name=f"api-{n}")
        logs.create_log_group(logGroupName=f"logs-{n}")
    account = session.client("sts").get_caller_identity()["Account"]
    trails.create_trail(Name="main", S3BucketName=f"bucket-{account}-0", IsMultiRegionTrail=True)
    trails.start_logging(Name="main")
    _balancers(session, few)


def _balancers(session: boto3.Session, few: int) -> None:
    ec2, elb = session.client("ec2"), session.client("elbv2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:2]
    for n in range(few):
        balancer = elb.create_load_balancer(Name=f"lb-{n}", Subnets=subnets)["LoadBalancers"][0]
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}])
