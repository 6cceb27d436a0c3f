"""CloudTrail's records: when one is made and how it is spelled."""
from __future__ import annotations

import json
import re
import uuid

import jmespath
import pytest
from botocore.exceptions import ClientError
from c7n.cwe import CloudWatchEvents

from guardrails.sandbox import Sandbox
from guardrails.sandbox.catalogue import calls, recorded_operation

from .conftest import open_port, security_group


def last(sandbox: Sandbox, account: str) -> dict:
    return sandbox.events(account)[-1]


def request(sandbox: Sandbox, account: str) -> dict:
    """The last call's requestParameters, less the token that boto3 makes up."""
    parameters = last(sandbox, account)["requestParameters"]
    parameters.pop("clientToken", None)
    return parameters


def rules(sandbox: Sandbox, account: str, group: str) -> list[dict]:
    only = [{"Name": "group-id", "Values": [group]}]
    found = sandbox.client("ec2", account).describe_security_group_rules(Filters=only)["SecurityGroupRules"]
    return [rule for rule in found if not rule["IsEgress"]]


def test_a_record_has_every_common_member(sandbox: Sandbox, account: str) -> None:
    security_group(sandbox, account)
    record = last(sandbox, account)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["eventTime"])
    assert uuid.UUID(record["eventID"])
    assert record["requestID"] == record["responseElements"]["requestId"]
    assert "Boto3" in record["userAgent"]
    expected = {
        "eventVersion": "1.11", "eventSource": "ec2.amazonaws.com", "eventName": "CreateSecurityGroup",
        "awsRegion": "us-east-1", "sourceIPAddress": "127.0.0.1", "readOnly": False, "eventType": "AwsApiCall",
        "managementEvent": True, "recipientAccountId": account, "eventCategory": "Management",
    }
    assert {key: record[key] for key in expected} == expected
    assert record["requestParameters"] == {"groupName": "web", "groupDescription": "test"}
    assert record["responseElements"]["groupId"].startswith("sg-")


def test_authorize_security_group_ingress(sandbox: Sandbox, account: str) -> None:
    group = security_group(sandbox, account)
    sandbox.client("ec2", account).authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
         "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "why"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
        {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]},
    ])
    record = last(sandbox, account)
    assert record["requestParameters"] == {"groupId": group, "ipPermissions": {"items": [
        {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "groups": {}, "prefixListIds": {},
         "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0", "description": "why"}]},
         "ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]}},
        {"ipProtocol": "-1", "groups": {"items": [{"groupId": group}]}, "ipRanges": {}, "ipv6Ranges": {},
         "prefixListIds": {}},
    ]}}
    assert record["responseElements"]["_return"] is True
    made = record["responseElements"]["securityGroupRuleSet"]["items"]
    by_id = {rule["SecurityGroupRuleId"]: rule for rule in rules(sandbox, account, group)}
    assert {item["securityGroupRuleId"] for item in made} == set(by_id)
    first = made[0]
    assert (first["groupId"], first["groupOwnerId"], first["isEgress"]) == (group, account, False)
    assert (first["ipProtocol"], first["fromPort"], first["toPort"]) == ("tcp", 22, 22)
    assert first["cidrIpv4"] == "0.0.0.0/0"
    assert made[1]["cidrIpv6"] == "::/0"
    assert made[2]["referencedGroupInfo"]["groupId"] == group
    assert (made[2]["fromPort"], made[2]["toPort"]) == (-1, -1)


def test_revoke_by_rule_id(sandbox: Sandbox, account: str) -> None:
    group = security_group(sandbox, account)
    open_port(sandbox, account, group, 22)
    rule = rules(sandbox, account, group)[0]["SecurityGroupRuleId"]
    sandbox.client("ec2", account).revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])
    record = last(sandbox, account)
    assert record["requestParameters"] == {
        "groupId": group, "ipPermissions": {}, "securityGroupRuleIds": {"items": [{"securityGroupRuleId": rule}]},
    }
    revoked, = record["responseElements"]["revokedSecurityGroupRuleSet"]["items"]
    assert (revoked["securityGroupRuleId"], revoked["cidrIpv4"]) == (rule, "0.0.0.0/0")


def test_modify_security_group_rules_keeps_the_wires_spelling(sandbox: Sandbox, account: str) -> None:
    group = security_group(sandbox, account)
    open_port(sandbox, account, group, 22)
    open_port(sandbox, account, group, 80)
    ids = [rule["SecurityGroupRuleId"] for rule in rules(sandbox, account, group)]
    new = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "CidrIpv4": "0.0.0.0/0"}
    ec2 = sandbox.client("ec2", account)

    ec2.modify_security_group_rules(
        GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": ids[0], "SecurityGroupRule": new}]
    )
    record = last(sandbox, account)
    assert record["requestParameters"] == {"ModifySecurityGroupRulesRequest": {
        "GroupId": group, "SecurityGroupRule": {"SecurityGroupRuleId": ids[0], "SecurityGroupRule": new, "tag": 1},
    }}
    assert record["responseElements"]["ModifySecurityGroupRulesResponse"]["return"] is True

    ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[
        {"SecurityGroupRuleId": one, "SecurityGroupRule": {**new, "ToPort": 100 + number}}
        for number, one in enumerate(ids)
    ])
    several = last(sandbox, account)["requestParameters"]["ModifySecurityGroupRulesRequest"]["SecurityGroupRule"]
    assert [(one["tag"], one["SecurityGroupRuleId"]) for one in several] == [(1, ids[0]), (2, ids[1])]


def test_instances_volumes_tags_and_permissions(sandbox: Sandbox, account: str) -> None:
    ec2 = sandbox.client("ec2", account)
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["amzn2*"]}])["Images"][0]["ImageId"]
    group = security_group(sandbox, account)
    made = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro", SecurityGroupIds=[group],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "k", "Value": "v"}]}],
    )["Instances"][0]["InstanceId"]
    record = last(sandbox, account)
    assert request(sandbox, account) == {
        "instancesSet": {"items": [{"imageId": image, "minCount": 1, "maxCount": 1}]}, "instanceType": "t3.micro",
        "groupSet": {"items": [{"groupId": group}]},
        "tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": [{"key": "k", "value": "v"}]}]},
    }
    assert record["responseElements"]["instancesSet"]["items"][0]["instanceId"] == made

    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=8)["VolumeId"]
    record = last(sandbox, account)
    assert request(sandbox, account) == {"zone": "us-east-1a", "size": 8}
    assert record["responseElements"]["volumeId"] == volume

    ec2.create_tags(Resources=[volume], Tags=[{"Key": "a", "Value": "b"}])
    assert last(sandbox, account)["requestParameters"] == {
        "resourcesSet": {"items": [{"resourceId": volume}]}, "tagSet": {"items": [{"key": "a", "value": "b"}]}
    }

    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    shared = {
        "snapshotId": snapshot, "createVolumePermission": {"add": {"items": [{"group": "all"}]}},
        "attributeType": "CREATE_VOLUME_PERMISSION",
    }
    ec2.modify_snapshot_attribute(
        SnapshotId=snapshot, Attribute="createVolumePermission", OperationType="add", GroupNames=["all"]
    )
    assert last(sandbox, account)["requestParameters"] == shared

    own = ec2.create_image(InstanceId=made, Name="own")["ImageId"]
    ec2.modify_image_attribute(ImageId=own, LaunchPermission={"Add": [{"Group": "all"}]})
    assert last(sandbox, account)["requestParameters"] == {
        "imageId": own, "launchPermission": {"add": {"items": [{"group": "all"}]}}, "attributeType": "launchPermission"
    }


def test_flow_logs(sandbox: Sandbox, account: str) -> None:
    ec2 = sandbox.client("ec2", account)
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    flow = ec2.create_flow_logs(
        ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName="flow",
        DeliverLogsPermissionArn=f"arn:aws:iam::{account}:role/flow",
    )["FlowLogIds"][0]
    assert ec2.describe_flow_logs()["FlowLogs"][0]["DeliverLogsStatus"] == "SUCCESS"
    ec2.delete_flow_logs(FlowLogIds=[flow])
    record = last(sandbox, account)
    assert record["requestParameters"] == {"DeleteFlowLogsRequest": {"FlowLogId": {"content": flow, "tag": 1}}}
    assert record["responseElements"]["DeleteFlowLogsResponse"]["unsuccessful"] == ""


def test_trails(sandbox: Sandbox, account: str) -> None:
    sandbox.client("s3", account).create_bucket(Bucket=f"logs-{account}")
    trails = sandbox.client("cloudtrail", account)
    arn = trails.create_trail(Name="main", S3BucketName=f"logs-{account}", IsMultiRegionTrail=True)["TrailARN"]
    record = last(sandbox, account)
    assert record["requestParameters"] == {
        "name": "main", "s3BucketName": f"logs-{account}", "isMultiRegionTrail": True
    }
    assert (record["responseElements"]["trailARN"], record["responseElements"]["name"]) == (arn, "main")

    trails.put_event_selectors(TrailName="main", EventSelectors=[{"ReadWriteType": "All"}])
    record = last(sandbox, account)
    assert record["requestParameters"] == {"trailName": "main", "eventSelectors": [{"readWriteType": "All"}]}
    assert record["responseElements"]["trailARN"] == arn
    trails.update_trail(Name="main", EnableLogFileValidation=True)
    assert last(sandbox, account)["requestParameters"] == {"name": "main", "enableLogFileValidation": True}
    for act, name in (
        (trails.start_logging, "StartLogging"), (trails.stop_logging, "StopLogging"),
        (trails.delete_trail, "DeleteTrail"),
    ):
        act(Name=arn)
        record = last(sandbox, account)
        assert (record["eventName"], record["requestParameters"]) == (name, {"name": arn})
        assert record["responseElements"] is None


def test_buckets(sandbox: Sandbox, account: str) -> None:
    bucket, s3 = f"data-{account}", sandbox.client("s3", account, "eu-west-1")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    record = last(sandbox, account)
    assert (record["eventSource"], record["eventName"]) == ("s3.amazonaws.com", "CreateBucket")
    assert (record["requestParameters"]["bucketName"], record["responseElements"]) == (bucket, None)
    assert record["awsRegion"] == "eu-west-1"

    blocked = {
        "BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": False
    }
    policy = '{"Version": "2012-10-17", "Statement": []}'
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    for act, arguments, name, member, value in (
        (s3.put_bucket_acl, {"ACL": "private"}, "PutBucketAcl", "x-amz-acl", "private"),
        (s3.put_bucket_policy, {"Policy": policy}, "PutBucketPolicy", "bucketPolicy",
         {"Version": "2012-10-17", "Statement": []}),
        (s3.delete_bucket_policy, {}, "DeleteBucketPolicy", "policy", ""),
        (s3.put_public_access_block, {"PublicAccessBlockConfiguration": blocked}, "PutBucketPublicAccessBlock",
         "PublicAccessBlockConfiguration", {"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", **blocked}),
        (s3.delete_public_access_block, {}, "DeleteBucketPublicAccessBlock", "publicAccessBlock", ""),
        (s3.put_bucket_encryption, {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}, "PutBucketEncryption",
         "ServerSideEncryptionConfiguration", {"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Rule": rule}),
        (s3.delete_bucket_encryption, {}, "DeleteBucketEncryption", "encryption", ""),
        (s3.put_bucket_versioning, {"VersioningConfiguration": {"Status": "Enabled"}}, "PutBucketVersioning",
         "VersioningConfiguration", {"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Status": "Enabled"}),
        (s3.put_bucket_logging, {"BucketLoggingStatus": {}}, "PutBucketLogging", "logging", ""),
    ):
        act(Bucket=bucket, **arguments)
        record = last(sandbox, account)
        assert record["eventName"] == name
        assert record["requestParameters"]["bucketName"] == bucket
        assert record["requestParameters"][member] == value
        assert record["awsRegion"] == "eu-west-1"

    count = len(sandbox.events(account))
    s3.put_object(Bucket=bucket, Key="acl", Body=b"x")
    s3.put_object_acl(Bucket=bucket, Key="acl", ACL="private")
    s3.list_objects_v2(Bucket=bucket)
    assert len(sandbox.events(account)) == count  # only calls of the table are recorded


def test_the_accounts_public_access_block(sandbox: Sandbox, account: str) -> None:
    control = sandbox.client("s3control", account)
    control.put_public_access_block(AccountId=account, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    record = last(sandbox, account)
    assert (record["eventSource"], record["eventName"]) == ("s3.amazonaws.com", "PutAccountPublicAccessBlock")
    assert record["requestParameters"]["PublicAccessBlockConfiguration"]["BlockPublicAcls"] is True
    assert control.get_public_access_block(AccountId=account)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]


def test_users_are_recorded_in_us_east_1_without_their_secrets(sandbox: Sandbox, account: str) -> None:
    iam = sandbox.client("iam", account, "eu-west-1")
    iam.create_user(UserName="bob")
    record = last(sandbox, account)
    assert record["awsRegion"] == "us-east-1"
    assert record["requestParameters"] == {"userName": "bob"}
    assert record["responseElements"]["user"]["arn"] == f"arn:aws:iam::{account}:user/bob"

    key = iam.create_access_key(UserName="bob")["AccessKey"]
    record = last(sandbox, account)
    assert record["responseElements"]["accessKey"]["accessKeyId"] == key["AccessKeyId"]
    assert key["SecretAccessKey"] not in str(record)

    iam.create_login_profile(UserName="bob", Password="correct horse")
    record = last(sandbox, account)
    assert record["eventName"] == "CreateLoginProfile"
    assert "correct horse" not in str(record)

    iam.attach_user_policy(UserName="bob", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    assert last(sandbox, account)["requestParameters"] == {
        "userName": "bob", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"
    }
    iam.put_user_policy(UserName="bob", PolicyName="p", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}
    ))
    assert last(sandbox, account)["requestParameters"]["policyName"] == "p"


def test_other_services(sandbox: Sandbox, account: str) -> None:
    rds = sandbox.client("rds", account)
    rds.create_db_instance(
        DBInstanceIdentifier="db", Engine="postgres", DBInstanceClass="db.t3.micro", AllocatedStorage=20,
        MasterUsername="root", MasterUserPassword="hunter22", PubliclyAccessible=True,
    )
    record = last(sandbox, account)
    assert record["requestParameters"]["dBInstanceIdentifier"] == "db"
    assert record["requestParameters"]["allocatedStorage"] == 20
    assert record["requestParameters"]["publiclyAccessible"] is True
    assert record["responseElements"]["dBInstanceArn"] == f"arn:aws:rds:us-east-1:{account}:db:db"
    assert "hunter22" not in str(record)
    rds.modify_db_instance(DBInstanceIdentifier="db", PubliclyAccessible=False)
    assert last(sandbox, account)["requestParameters"] == {"dBInstanceIdentifier": "db", "publiclyAccessible": False}

    rds.create_db_snapshot(DBInstanceIdentifier="db", DBSnapshotIdentifier="copy")
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="restored", DBSnapshotIdentifier="copy", PubliclyAccessible=True)
    record = last(sandbox, account)
    assert record["eventName"] == "RestoreDBInstanceFromDBSnapshot"
    assert record["requestParameters"]["publiclyAccessible"] is True
    assert record["responseElements"]["dBInstanceIdentifier"] == "restored"
    rds.create_db_cluster(
        DBClusterIdentifier="cluster", Engine="aurora-postgresql", MasterUsername="root", MasterUserPassword="hunter22")
    rds.create_db_cluster_snapshot(DBClusterIdentifier="cluster", DBClusterSnapshotIdentifier="copy")
    shared = {"DBClusterSnapshotIdentifier": "copy", "AttributeName": "restore", "ValuesToAdd": ["all"]}
    rds.modify_db_cluster_snapshot_attribute(**shared)
    record = last(sandbox, account)
    assert record["requestParameters"] == {
        "dBClusterSnapshotIdentifier": "copy", "attributeName": "restore", "valuesToAdd": ["all"],
    }
    assert record["responseElements"]["dBClusterSnapshotIdentifier"] == "copy"

    kms = sandbox.client("kms", account)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    assert last(sandbox, account)["requestParameters"] == {"keyId": key}
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    record = last(sandbox, account)
    assert record["requestParameters"] == {"keyId": key, "pendingWindowInDays": 7}
    assert record["responseElements"]["deletionDate"]
    assert record["responseElements"]["keyState"] == "PendingDeletion"

    config = sandbox.client("config", account)
    role = f"arn:aws:iam::{account}:role/c"
    config.put_configuration_recorder(ConfigurationRecorder={"name": "default", "roleARN": role})
    sandbox.client("s3", account).create_bucket(Bucket=f"config-{account}")
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": f"config-{account}"})
    config.start_configuration_recorder(ConfigurationRecorderName="default")
    config.stop_configuration_recorder(ConfigurationRecorderName="default")
    record = last(sandbox, account)
    assert record["eventName"] == "StopConfigurationRecorder"
    assert record["requestParameters"] == {"configurationRecorderName": "default"}
    assert record["responseElements"] is None

    guard = sandbox.client("guardduty", account)
    detector = guard.create_detector(Enable=True)["DetectorId"]
    guard.delete_detector(DetectorId=detector)
    record = last(sandbox, account)
    assert (record["eventName"], record["requestParameters"]) == ("DeleteDetector", {"detectorId": detector})


def test_a_refused_call_is_recorded_with_its_error_and_starts_nothing(sandbox: Sandbox, account: str) -> None:
    with pytest.raises(ClientError):
        sandbox.client("ec2", account).delete_security_group(GroupId="sg-0123456789abcdef0")
    record = last(sandbox, account)
    assert record["errorCode"] == "Client.InvalidGroup.NotFound"
    assert "sg-0123456789abcdef0" in record["errorMessage"]
    assert record["responseElements"] is None


def test_reading_is_not_recorded(sandbox: Sandbox, account: str) -> None:
    sandbox.client("ec2", account).describe_instances()
    sandbox.client("iam", account).list_users()
    assert sandbox.events(account) == []


def test_custodians_own_paths_find_the_ids(sandbox: Sandbox, account: str) -> None:
    """The paths that Cloud Custodian has for its shortcuts lead to ids in our records."""
    ec2 = sandbox.client("ec2", account)
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=8)
    sandbox.client("s3", account).create_bucket(Bucket=f"path-{account}")
    for record in sandbox.events(account):
        assert jmespath.search(CloudWatchEvents.trail_events[record["eventName"]]["ids"], record)


@pytest.mark.parametrize(("request_", "expected"), [
    (("s3", "PUT", "/b", "acl"), ("s3", "PutBucketAcl")),
    (("s3", "PUT", "/b", ""), ("s3", "CreateBucket")),
    (("s3", "PUT", "/b", "x-id=CreateBucket"), ("s3", "CreateBucket")),
    (("s3", "PUT", "/b", "lifecycle"), None),
    (("s3", "PUT", "/b/key", "acl"), None),
    (("s3", "GET", "/b", "policy"), None),
    (("s3", "PUT", "/v20180820/configuration/publicAccessBlock", ""), ("s3control", "PutAccountPublicAccessBlock")),
    (("guardduty", "DELETE", "/detector/abc", ""), ("guardduty", "DeleteDetector")),
    (("guardduty", "DELETE", "/detector/abc/filter/f", ""), None),
    (("ec2", "POST", "/", "Action=CreateVolume"), ("ec2", "CreateVolume")),
    (("dynamodb", "POST", "/", ""), None),
])
def test_a_request_is_recognised(request_: tuple[str, str, str, str], expected: tuple[str, str] | None) -> None:
    assert recorded_operation(*request_, {}, b"") == expected


def test_the_table_names_real_operations() -> None:
    import botocore.session

    session = botocore.session.get_session()
    renamed = {
        "PutBucketPublicAccessBlock", "DeleteBucketPublicAccessBlock", "PutAccountPublicAccessBlock",
        "DeleteAccountPublicAccessBlock",
    }
    for service, operations in calls().items():
        known = set(session.get_service_model(service).operation_names)
        assert set(operations) - renamed <= known, service
