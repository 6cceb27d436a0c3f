"""For each fix of ours, resources with drift in moto: two at least, where an account can have two."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.custom_actions.elements.cloudtrail import records as trails
from tests.moto_server import ACCOUNT, REGION

from .cloud import Cloud, event, policy, record
from .faults import Drift, State

DRIFTS: dict[tuple[str, str, str], Callable[[Cloud], Drift]] = {}
"""By resource type, action, and which of several drifts of this action it is."""

ONE_EVENT = "an event is about one resource"
ONE_A_REGION = "a region has one"
ONE_AN_ACCOUNT = "an account has one"


def drifts(resource: str, action: str, which: str = "") -> Callable[[Any], Any]:
    def add(make: Callable[[Cloud], Drift]) -> Callable[[Cloud], Drift]:
        DRIFTS[resource, action, which] = make
        return make

    return add


def pulled(resource: str, action: Any, *filters: Any) -> dict[str, Any]:
    return {"name": "undo", "resource": f"aws.{resource}", "filters": list(filters), "actions": [action]}


# -- security groups --------------------------------------------------------------------------------------------


def _open(cloud: Cloud, group: str, *rules: tuple[int, int, str]) -> None:
    cloud.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": first, "ToPort": last, "IpRanges": [{"CidrIp": source}]}
        for first, last, source in rules
    ])


def _groups(cloud: Cloud, *rules: tuple[int, int, str]) -> list[str]:
    ec2, groups = cloud.client("ec2"), []
    for name in ("one", "two"):
        groups.append(ec2.create_security_group(GroupName=name, Description=name)["GroupId"])
        _open(cloud, groups[-1], *rules)
    return groups


def _ingress(cloud: Cloud, groups: Sequence[str]) -> Callable[[], State]:
    def state() -> State:
        found = cloud.client("ec2").describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": list(groups)}])["SecurityGroupRules"]
        return {group: sorted(
            [rule["FromPort"], rule["ToPort"], rule["CidrIpv4"]] for rule in found
            if rule["GroupId"] == group and not rule["IsEgress"]
        ) for group in groups}

    return state


@drifts("security-group", "revert-ingress", "narrow")
def narrow(cloud: Cloud) -> Drift:
    groups = _groups(cloud, (22, 22, "0.0.0.0/0"), (0, 65535, "0.0.0.0/0"), (22, 22, "10.0.0.0/8"))

    def wrong(rules: Any) -> set[str]:
        def opened(port: int, source: str) -> bool:
            return any(first <= port <= last and cidr == source for first, last, cidr in rules)

        closed = {f"{port} is closed" for port in (0, 21, 23, 443, 65535) if not opened(port, "0.0.0.0/0")}
        if not opened(22, "10.0.0.0/8"):
            closed.add("22 is closed inside")
        return closed | ({"22 is open"} if opened(22, "0.0.0.0/0") else set())

    forbidden = {"type": "ingress-drift", "forbidden": ["tcp 22 from world"], "narrow": True}
    return Drift(pulled("security-group", "revert-ingress", forbidden), groups, _ingress(cloud, groups), wrong)


@drifts("security-group", "revert-ingress", "exact")
def exact(cloud: Cloud) -> Drift:
    groups = _groups(cloud, (443, 443, "0.0.0.0/0"), (22, 22, "0.0.0.0/0"), (3389, 3389, "0.0.0.0/0"))
    baseline = [[80, 80, "10.0.0.0/8"], [81, 81, "10.0.0.0/8"], [443, 443, "0.0.0.0/0"]]

    def wrong(rules: Any) -> set[str]:
        return {f"extra {rule}" for rule in rules if rule not in baseline} | {
            f"missing {rule}" for rule in baseline if rule not in rules}

    required = {"type": "ingress-drift", "required": ["tcp 80-80,81-81 from 10.0.0.0/8", "tcp 443 from 0.0.0.0/0"]}
    return Drift(pulled("security-group", "revert-ingress", required), groups, _ingress(cloud, groups), wrong,
                 picks=lambda group: group["GroupId"] in groups)


@drifts("security-group", "revert-ingress", "event")
def revoked(cloud: Cloud) -> Drift:
    group, _ = _groups(cloud, (80, 80, "10.0.0.0/8"))
    # The event names the rule by its id alone: what it was is in the history.
    opened = {"securityGroupRuleId": "sgr-1", "groupId": group, "isEgress": False, "ipProtocol": "tcp",
              "fromPort": 443, "toPort": 443, "cidrIpv4": "0.0.0.0/0"}
    cloud.history = [record(
        "AuthorizeSecurityGroupIngress", {"groupId": group}, {"securityGroupRuleSet": {"items": [opened]}},
        source="ec2", minutes_ago=60)]
    made = record("RevokeSecurityGroupIngress", {
        "groupId": group, "securityGroupRuleIds": {"items": [{"securityGroupRuleId": "sgr-1"}]}}, source="ec2")

    def wrong(rules: Any) -> set[str]:
        lacking = {f"lacks {port}" for port, source in ((80, "10.0.0.0/8"), (443, "0.0.0.0/0"))
                   if [port, port, source] not in rules}
        return lacking | {f"has {rule}" for rule in rules if rule[0] not in (80, 443)}

    return Drift(
        policy("security-group", {"type": "revert-ingress", "baseline": "event"}, "ec2",
               ("RevokeSecurityGroupIngress", "requestParameters.groupId")),
        [group], _ingress(cloud, [group]), wrong, event(made), ONE_EVENT,
        picks=lambda resource: resource["GroupId"] == group)


# -- CloudTrail -------------------------------------------------------------------------------------------------


def _trail(
    cloud: Cloud, made: Mapping[str, Any], state: Callable[[Any], Any], wrong: Callable[[Any], set[str]]
) -> Drift:
    client = cloud.client("cloudtrail")
    return Drift(
        policy("cloudtrail", "revert-trail", "cloudtrail", (str(made["eventName"]), "requestParameters.name")),
        [trails.ARN], lambda: {trails.ARN: state(client)}, wrong, event(made), ONE_EVENT)


def _make_trail(cloud: Cloud, **settings: Any) -> Any:
    cloud.client("s3").create_bucket(Bucket="logs")
    client = cloud.client("cloudtrail")
    client.create_trail(Name="audit", S3BucketName="logs", **settings)
    client.start_logging(Name="audit")
    cloud.history = [trails.create(60 * 24)]
    return client


@drifts("cloudtrail", "revert-trail", "stopped")
def stopped_trail(cloud: Cloud) -> Drift:
    _make_trail(cloud).stop_logging(Name="audit")
    return _trail(
        cloud, trails.record("StopLogging", {"Name": "audit"}),
        lambda client: client.get_trail_status(Name="audit")["IsLogging"],
        lambda logging: set() if logging else {"does not log"})


@drifts("cloudtrail", "revert-trail", "updated")
def updated_trail(cloud: Cloud) -> Drift:
    _make_trail(cloud, IsMultiRegionTrail=False, EnableLogFileValidation=False, KmsKeyId=trails.OTHER_KEY)
    request = {"IsMultiRegionTrail": False, "EnableLogFileValidation": False, "KmsKeyId": trails.OTHER_KEY}
    wanted = {"IsMultiRegionTrail": True, "LogFileValidationEnabled": True, "KmsKeyId": trails.KEY}

    def state(client: Any) -> Any:
        [trail] = client.describe_trails(trailNameList=["audit"])["trailList"]
        return trail

    return _trail(
        cloud, trails.update(request, IsMultiRegionTrail=False, LogFileValidationEnabled=False), state,
        lambda trail: {name for name, value in wanted.items() if trail.get(name) != value})


@drifts("cloudtrail", "revert-trail", "selected")
def selected_trail(cloud: Cloud) -> Drift:
    selectors = [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": False}]
    _make_trail(cloud).put_event_selectors(TrailName="audit", EventSelectors=selectors)
    return _trail(
        cloud, trails.select({"EventSelectors": selectors}),
        # An empty part has no meaning, and moto leaves it out as it was put.
        lambda client: [{key: value for key, value in each.items() if value != []} for each in
                        client.get_event_selectors(TrailName="audit")["EventSelectors"]],
        lambda found: set() if any(
            each["ReadWriteType"] == "All" and each["IncludeManagementEvents"] for each in found
        ) else {"not all management events"})


# -- other settings ---------------------------------------------------------------------------------------------


@drifts("account", "create-log-alarm")
def log_alarm(cloud: Cloud) -> Drift:
    cloud.client("s3").create_bucket(Bucket="audit")
    logs, trail, sns = (cloud.client(service) for service in ("logs", "cloudtrail", "sns"))
    logs.create_log_group(logGroupName="audit")
    trail.create_trail(
        Name="audit", S3BucketName="audit", IsMultiRegionTrail=True,
        CloudWatchLogsLogGroupArn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:audit:*",
        CloudWatchLogsRoleArn=f"arn:aws:iam::{ACCOUNT}:role/audit")
    trail.start_logging(Name="audit")
    trail.put_event_selectors(
        TrailName="audit", EventSelectors=[{"ReadWriteType": "All", "IncludeManagementEvents": True}])
    topic = sns.create_topic(Name="told")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f")
    # What stands under our name and catches nothing is replaced, and comes back.
    logs.put_metric_filter(
        logGroupName="audit", filterName="guardrails-keys", filterPattern="{ $.eventName = Nothing }",
        metricTransformations=[{"metricNamespace": "other", "metricName": "other", "metricValue": "1"}])

    def state() -> State:
        filters = logs.describe_metric_filters(logGroupName="audit")["metricFilters"]
        alarms = cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]
        return {ACCOUNT: {
            **{f"filter {each['filterName']}": [each["filterPattern"], each["metricTransformations"]]
               for each in filters},
            **{f"alarm {each['AlarmName']}": [each["MetricName"], each["AlarmActions"]] for each in alarms},
        }}

    def wrong(found: Any) -> set[str]:
        lacking = {name for name in ("keys", "root") if f"alarm guardrails-{name}" not in found}
        return lacking | {
            f"{name} is not counted" for name, caught in (("keys", "DisableKey"), ("root", "Root"))
            if caught not in (found.get(f"filter guardrails-{name}") or [""])[0]}

    events = {
        "keys": "$.eventSource = kms.amazonaws.com && $.eventName = DisableKey",
        "root": "$.userIdentity.type = Root && $.eventType != AwsServiceEvent",
    }
    return Drift(
        pulled("account", {"type": "create-log-alarm", "topic": "told"}, {"type": "log-alarm", "events": events}),
        [ACCOUNT], state, wrong, alone=ONE_AN_ACCOUNT)


@drifts("rest-stage", "encrypt-cache")
def cache(cloud: Cloud) -> Drift:
    client, apis = cloud.client("apigateway"), []
    for name in ("one", "two"):
        api = client.create_rest_api(name=name)
        root = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
        client.put_method(**root, authorizationType="NONE")
        client.put_integration(**root, type="MOCK")
        client.create_deployment(restApiId=api["id"], stageName="prod")
        client.update_stage(restApiId=api["id"], stageName="prod", patchOperations=[
            {"op": "replace", "path": f"/{method}/caching/enabled", "value": "true"}
            for method in ("*/*", "~1pets/GET")])
        apis.append(api["id"])
    names = {api: f"arn:aws:apigateway:{REGION}::/restapis/{api}/stages/prod" for api in apis}

    def state() -> State:
        return {name: client.get_stage(restApiId=api, stageName="prod")["methodSettings"]
                for api, name in names.items()}

    return Drift(
        pulled("rest-stage", "encrypt-cache"), list(names.values()), state,
        lambda methods: {name for name, setting in methods.items() if not setting["cacheDataEncrypted"]})


@drifts("app-elb", "redirect-to-https")
def balancers(cloud: Cloud) -> Drift:
    client, arns = cloud.client("elbv2"), []
    subnets = cloud.client("ec2").describe_subnets()["Subnets"]
    target = client.create_target_group(
        Name="web", Protocol="HTTP", Port=80, VpcId=subnets[0]["VpcId"])["TargetGroups"][0]["TargetGroupArn"]
    certificate = cloud.client("acm").request_certificate(DomainName="example.com")["CertificateArn"]
    forward = [{"Type": "forward", "TargetGroupArn": target}]
    for name in ("one", "two"):
        arn = client.create_load_balancer(
            Name=name, Subnets=[subnet["SubnetId"] for subnet in subnets[:2]])["LoadBalancers"][0]["LoadBalancerArn"]
        client.create_listener(
            LoadBalancerArn=arn, Protocol="HTTPS", Port=443, DefaultActions=forward,
            Certificates=[{"CertificateArn": certificate}])
        listener = client.create_listener(
            LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=forward)["Listeners"][0]["ListenerArn"]
        client.create_rule(
            ListenerArn=listener, Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["/1"]}],
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": target, "Weight": 1}]}}])
        arns.append(arn)

    def state() -> State:
        return {arn: [
            [listener["Port"], [rule["Actions"] for rule in client.describe_rules(
                ListenerArn=listener["ListenerArn"])["Rules"]]]
            for listener in client.describe_listeners(LoadBalancerArn=arn)["Listeners"]
        ] for arn in arns}

    def wrong(listeners: Any) -> set[str]:
        return {f"rule {number}" for port, rules in listeners if port == 80
                for number, actions in enumerate(rules) if any(action["Type"] != "redirect" for action in actions)}

    return Drift(pulled("app-elb", "redirect-to-https"), arns, state, wrong)


@drifts("dynamodb-table", "set-kms-encryption")
def tables(cloud: Cloud) -> Drift:
    client, names = cloud.client("dynamodb"), ["one", "two"]
    for name in names:
        client.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])

    def state() -> State:
        described = {name: client.describe_table(TableName=name)["Table"].get("SSEDescription") for name in names}
        return {name: (found or {}).get("Status", "DISABLED") for name, found in described.items()}

    return Drift(pulled("dynamodb-table", "set-kms-encryption"), names, state,
                 lambda status: set() if status == "ENABLED" else {"a key of AWS's own"})


@drifts("s3", "close-bucket")
def buckets(cloud: Cloud) -> Drift:
    client, names = cloud.client("s3"), ["bucket-one", "bucket-two"]
    for name in names:
        client.create_bucket(Bucket=name)
        client.put_bucket_acl(Bucket=name, ACL="public-read")
    # One has a block that blocks nothing, one has none.
    nothing = dict.fromkeys(
        ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
    client.put_public_access_block(Bucket=names[0], PublicAccessBlockConfiguration=nothing)
    client.delete_public_access_block(Bucket=names[1])

    def block(name: str) -> Any:
        try:
            return client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        except client.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "NoSuchPublicAccessBlockConfiguration"
            return None

    def state() -> State:
        return {name: {"grants": client.get_bucket_acl(Bucket=name)["Grants"], "block": block(name)} for name in names}

    def wrong(found: Any) -> set[str]:
        problems = {"open to everybody"} if "AllUsers" in json.dumps(found["grants"]) else set()
        return problems | {key for key in nothing if not (found["block"] or {}).get(key)}

    return Drift(pulled("s3", "close-bucket"), names, state, wrong, picks=lambda bucket: bucket["Name"] in names)


# -- sharing ----------------------------------------------------------------------------------------------------

FRIEND, STRANGER = "111122223333", "444455556666"
OUTSIDE = {"type": "shared-outside", "allowed-accounts": [FRIEND]}


def _shared(kind: str, names: Sequence[str], read: Callable[[str], Sequence[str]]) -> Drift:
    def wrong(parties: Any) -> set[str]:
        return {f"shared with {party}" for party in parties if party != FRIEND} | (
            set() if FRIEND in parties else {"not shared with a friend"})

    return Drift(pulled(kind, "revert-sharing", OUTSIDE), names,
                 # moto keeps a value that is added twice twice.
                 lambda: {name: sorted(set(read(name))) for name in names}, wrong)


@drifts("ebs-snapshot", "revert-sharing")
def snapshots(cloud: Cloud) -> Drift:
    ec2, names = cloud.client("ec2"), []
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    for _ in range(2):
        name = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
        ec2.modify_snapshot_attribute(SnapshotId=name, Attribute="createVolumePermission", CreateVolumePermission={
            "Add": [{"Group": "all"}, {"UserId": FRIEND}, {"UserId": STRANGER}]})
        names.append(name)

    def read(name: str) -> list[str]:
        found = ec2.describe_snapshot_attribute(SnapshotId=name, Attribute="createVolumePermission")
        return [value for each in found["CreateVolumePermissions"] for value in each.values()]

    return _shared("ebs-snapshot", names, read)


@drifts("ami", "revert-sharing")
def images(cloud: Cloud) -> Drift:
    ec2, names = cloud.client("ec2"), []
    instance = ec2.run_instances(
        ImageId=ec2.describe_images()["Images"][0]["ImageId"], MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    for name in ("one", "two"):
        image = ec2.create_image(InstanceId=instance, Name=name)["ImageId"]
        ec2.modify_image_attribute(ImageId=image, Attribute="launchPermission", LaunchPermission={
            "Add": [{"Group": "all"}, {"UserId": FRIEND}, {"UserId": STRANGER}]})
        names.append(image)

    def read(name: str) -> list[str]:
        found = ec2.describe_image_attribute(ImageId=name, Attribute="launchPermission")
        return [value for each in found["LaunchPermissions"] for value in each.values()]

    return _shared("ami", names, read)


def _restorable(attributes: Sequence[Mapping[str, Any]]) -> list[str]:
    return [value for each in attributes if each["AttributeName"] == "restore" for value in each["AttributeValues"]]


@drifts("rds-snapshot", "revert-sharing")
def database_snapshots(cloud: Cloud) -> Drift:
    rds, names = cloud.client("rds"), ["one", "two"]
    rds.create_db_instance(DBInstanceIdentifier="db", DBInstanceClass="db.t3.micro", Engine="postgres",
                           AllocatedStorage=20, MasterUsername="u", MasterUserPassword="password")
    for name in names:
        rds.create_db_snapshot(DBSnapshotIdentifier=name, DBInstanceIdentifier="db")
        rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=["all", FRIEND, STRANGER])

    def read(name: str) -> list[str]:
        return _restorable(rds.describe_db_snapshot_attributes(
            DBSnapshotIdentifier=name)["DBSnapshotAttributesResult"]["DBSnapshotAttributes"])

    return _shared("rds-snapshot", names, read)


@drifts("rds-cluster-snapshot", "revert-sharing")
def cluster_snapshots(cloud: Cloud) -> Drift:
    rds, names = cloud.client("rds"), ["one", "two"]
    rds.create_db_cluster(DBClusterIdentifier="c", Engine="aurora-postgresql", MasterUsername="u",
                          MasterUserPassword="password")
    for name in names:
        rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=name, DBClusterIdentifier="c")
        rds.modify_db_cluster_snapshot_attribute(
            DBClusterSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=["all", FRIEND, STRANGER])

    def read(name: str) -> list[str]:
        return _restorable(rds.describe_db_cluster_snapshot_attributes(
            DBClusterSnapshotIdentifier=name)["DBClusterSnapshotAttributesResult"]["DBClusterSnapshotAttributes"])

    return _shared("rds-cluster-snapshot", names, read)


@drifts("rds", "revert-public-access")
def databases(cloud: Cloud) -> Drift:
    rds, names = cloud.client("rds"), ["one", "two"]
    for name in names:
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
            MasterUsername="u", MasterUserPassword="password", PubliclyAccessible=True)

    def state() -> State:
        return {name: rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["PubliclyAccessible"]
                for name in names}

    return Drift(pulled("rds", "revert-public-access"), names, state, lambda public: {"public"} if public else set())


# -- events that are about an account or a key ------------------------------------------------------------------


@drifts("kms-key", "revert-key", "deleted")
def deleted_key(cloud: Cloud) -> Drift:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    made = record("ScheduleKeyDeletion", {"keyId": key, "pendingWindowInDays": 7})
    cloud.history = [record("EnableKey", {"keyId": key}, minutes_ago=60)]
    return Drift(
        policy("kms-key", "revert-key", "kms", ("ScheduleKeyDeletion", "requestParameters.keyId")), [key],
        lambda: {key: kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]},
        lambda state: set() if state == "Enabled" else {"not enabled"} | (
            {"to be deleted"} if state == "PendingDeletion" else set()),
        event(made), ONE_EVENT)


@drifts("kms-key", "revert-key", "disabled")
def disabled_key(cloud: Cloud) -> Drift:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key)
    return Drift(
        policy("kms-key", "revert-key", "kms", ("DisableKey", "requestParameters.keyId")), [key],
        lambda: {key: kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"]},
        lambda state: set() if state == "Enabled" else {"not enabled"},
        event(record("DisableKey", {"keyId": key})), ONE_EVENT)


@drifts("kms-key", "revert-key", "rotation")
def rotation(cloud: Cloud) -> Drift:
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    return Drift(
        policy("kms-key", "revert-key", "kms", ("DisableKeyRotation", "requestParameters.keyId")), [key],
        lambda: {key: kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]},
        lambda on: set() if on else {"does not rotate"},
        event(record("DisableKeyRotation", {"keyId": key})), ONE_EVENT)


@drifts("account", "recreate-flow-log")
def flow_logs(cloud: Cloud) -> Drift:
    ec2 = cloud.client("ec2")
    vpcs = {f"fl-{number}": ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"] for number in (1, 2)}
    cloud.history = [record("CreateFlowLogs", {"CreateFlowLogsRequest": {
        "ResourceId": {"content": vpc, "tag": 1}, "ResourceType": "VPC", "TrafficType": "REJECT",
        "LogGroupName": "flow", "DeliverLogsPermissionArn": f"arn:aws:iam::{ACCOUNT}:role/flow",
    }}, {"CreateFlowLogsResponse": {"flowLogIdSet": {"item": name}}}, source="ec2", minutes_ago=60)
        for name, vpc in vpcs.items()]
    made = record(
        "DeleteFlowLogs", {"DeleteFlowLogsRequest": {"FlowLogId": [
            {"content": name, "tag": number} for number, name in enumerate(vpcs, start=1)]}},
        {"DeleteFlowLogsResponse": {"unsuccessful": ""}}, source="ec2")

    def state() -> State:
        found = ec2.describe_flow_logs()["FlowLogs"]
        return {name: [[each["TrafficType"], each["LogGroupName"]] for each in found if each["ResourceId"] == vpc]
                for name, vpc in vpcs.items()}

    def concerns(parameters: Mapping[str, Any]) -> set[str]:
        return {name for name, vpc in vpcs.items() if vpc in json.dumps(parameters, default=str)}

    return Drift(
        policy("account", "recreate-flow-log", "ec2", ("DeleteFlowLogs", "recipientAccountId")), list(vpcs), state,
        lambda found: set() if len(found) == 1 else {f"{len(found)} flow logs"}, event(made), concerns=concerns)


@drifts("account", "revert-recorder")
def recorder(cloud: Cloud) -> Drift:
    config = cloud.client("config")
    role = f"arn:aws:iam::{ACCOUNT}:role/config"
    group = {"allSupported": False, "includeGlobalResourceTypes": False, "resourceTypes": ["AWS::EC2::VPC"]}
    cloud.client("s3").create_bucket(Bucket="recorded")
    cloud.history = [
        record("PutConfigurationRecorder", {"configurationRecorder": {
            "name": "default", "roleARN": role, "recordingGroup": group}}, source="config", minutes_ago=60),
        record("PutDeliveryChannel", {"deliveryChannel": {"name": "default", "s3BucketName": "recorded"}},
               source="config", minutes_ago=60),
    ]

    def state() -> State:
        return {"default": {
            "recorders": config.describe_configuration_recorders()["ConfigurationRecorders"],
            "channels": config.describe_delivery_channels()["DeliveryChannels"],
            "recording": [each["recording"] for each in
                          config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]],
        }}

    def wrong(found: Any) -> set[str]:
        return {key for key in ("recorders", "channels") if len(found[key]) != 1} | (
            set() if found["recording"] == [True] else {"recording"})

    return Drift(
        policy("account", "revert-recorder", "config", ("DeleteConfigurationRecorder", "recipientAccountId")),
        ["default"], state, wrong,
        event(record("DeleteConfigurationRecorder", {"configurationRecorderName": "default"}, source="config")),
        ONE_A_REGION)


def _detector(cloud: Cloud, name: str, made: Mapping[str, Any]) -> Drift:
    guardduty = cloud.client("guardduty")

    def state() -> State:
        found = [guardduty.get_detector(DetectorId=each) for each in guardduty.list_detectors()["DetectorIds"]]
        return {name: [[each["Status"], each.get("FindingPublishingFrequency")] for each in found]}

    return Drift(
        policy("account", "revert-detector", "guardduty", (str(made["eventName"]), "recipientAccountId")), [name], state,
        lambda found: set() if [status for status, _ in found] == ["ENABLED"] else {f"detectors: {len(found)}"},
        event(made), ONE_A_REGION)


@drifts("account", "revert-detector", "deleted")
def deleted_detector(cloud: Cloud) -> Drift:
    cloud.history = [record(
        "CreateDetector", {"enable": True, "findingPublishingFrequency": "ONE_HOUR"}, {"detectorId": "d"},
        source="guardduty", minutes_ago=60)]
    return _detector(cloud, "d", record("DeleteDetector", {"detectorId": "d"}, source="guardduty"))


@drifts("account", "revert-detector", "suspended")
def suspended_detector(cloud: Cloud) -> Drift:
    name = cloud.client("guardduty").create_detector(Enable=False)["DetectorId"]
    return _detector(cloud, name, record("UpdateDetector", {"detectorId": name, "enable": False}, source="guardduty"))


# -- IAM --------------------------------------------------------------------------------------------------------

EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
SOME = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def _principals(cloud: Cloud, kind: str) -> dict[str, str]:
    """Two users, groups or roles: their names by their ARNs."""
    iam, made = cloud.client("iam"), {}
    trust = {"AssumeRolePolicyDocument": TRUST} if kind == "role" else {}
    for name in ("one", "two"):
        found = getattr(iam, f"create_{kind}")(**{f"{kind.capitalize()}Name": name}, **trust)
        made[found[kind.capitalize()]["Arn"]] = name
    return made


def _policies(cloud: Cloud, kind: str, principals: Mapping[str, str]) -> Callable[[], State]:
    iam = cloud.client("iam")

    def state() -> State:
        found = {}
        for arn, name in principals.items():
            named = {f"{kind.capitalize()}Name": name}
            attached = getattr(iam, f"list_attached_{kind}_policies")(**named)["AttachedPolicies"]
            inline = getattr(iam, f"list_{kind}_policies")(**named)["PolicyNames"]
            found[arn] = {
                "attached": sorted(each["PolicyName"] for each in attached),
                "inline": {each: getattr(iam, f"get_{kind}_policy")(**named, PolicyName=each)["PolicyDocument"]
                           for each in sorted(inline)},
            }
        return found

    return state


def _full_star(cloud: Cloud, kind: str) -> Drift:
    iam, principals = cloud.client("iam"), _principals(cloud, kind)
    everything, some = (
        iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
        for name, document in (("everything", EVERYTHING), ("some", SOME)))
    for name in principals.values():
        named = {f"{kind.capitalize()}Name": name}
        for arn in (everything, some):
            getattr(iam, f"attach_{kind}_policy")(**named, PolicyArn=arn)
        for inline, document in (("inline-everything", EVERYTHING), ("inline-some", SOME)):
            getattr(iam, f"put_{kind}_policy")(**named, PolicyName=inline, PolicyDocument=document)

    def wrong(found: Any) -> set[str]:
        names = {*found["attached"], *found["inline"]}
        return {f"has {name}" for name in names if "everything" in name} | {
            f"lost {name}" for name in ("some", "inline-some") if name not in names}

    return Drift(pulled(f"iam-{kind}", "revoke-full-star", "full-star"), list(principals),
                 _policies(cloud, kind, principals), wrong)


def _missing_policies(cloud: Cloud, kind: str) -> Drift:
    iam, principals, wanted = cloud.client("iam"), _principals(cloud, kind), ("first", "second")
    for name in wanted:
        iam.create_policy(PolicyName=name, PolicyDocument=SOME)
    return Drift(
        pulled(f"iam-{kind}", "attach-missing-policies", {"type": "missing-policies", "policies": list(wanted)}),
        list(principals), _policies(cloud, kind, principals),
        lambda found: {name for name in wanted if name not in found["attached"]})


for _kind in ("user", "group", "role"):
    DRIFTS[f"iam-{_kind}", "revoke-full-star", ""] = lambda cloud, kind=_kind: _full_star(cloud, kind)
for _kind in ("user", "role"):
    DRIFTS[f"iam-{_kind}", "attach-missing-policies", ""] = lambda cloud, kind=_kind: _missing_policies(cloud, kind)


def _keys_of(cloud: Cloud, principals: Mapping[str, str]) -> Callable[[], State]:
    def state() -> State:
        return {arn: {key["AccessKeyId"]: key["Status"] for key in cloud.client("iam").list_access_keys(
            UserName=name)["AccessKeyMetadata"]} for arn, name in principals.items()}

    return state


@drifts("iam-user", "disable-keys")
def keys(cloud: Cloud) -> Drift:
    iam, principals = cloud.client("iam"), _principals(cloud, "user")
    for name in principals.values():
        for _ in range(2):
            iam.create_access_key(UserName=name)
    return Drift(
        pulled("iam-user", "disable-keys", {"type": "unused-keys", "days": 0}), list(principals),
        _keys_of(cloud, principals),
        lambda found: {key for key, status in found.items() if status == "Active"})


@drifts("iam-user", "disable-created-key")
def created_key(cloud: Cloud) -> Drift:
    iam = cloud.client("iam")
    iam.create_user(UserName="one")
    old, new = (iam.create_access_key(UserName="one")["AccessKey"]["AccessKeyId"] for _ in range(2))
    made = record("CreateAccessKey", {"userName": "one"}, {"accessKey": {"accessKeyId": new, "userName": "one"}},
                  source="iam")
    return Drift(
        policy("iam-user", "disable-created-key", "iam", ("CreateAccessKey", "responseElements.accessKey.userName")),
        ["one"], _keys_of(cloud, {"one": "one"}),
        lambda found: ({"the new one is active"} if found[new] == "Active" else set()) | (
            set() if found[old] == "Active" else {"the old one is not"}),
        event(made), ONE_EVENT)


@drifts("account", "strengthen-password-policy")
def passwords(cloud: Cloud) -> Drift:
    iam = cloud.client("iam")
    iam.update_account_password_policy(MinimumPasswordLength=8, RequireNumbers=True, MaxPasswordAge=30)

    def wrong(settings: Any) -> set[str]:
        return {name for name, good in (
            ("length", settings["MinimumPasswordLength"] >= 14), ("symbols", settings["RequireSymbols"]),
            ("numbers", settings["RequireNumbers"]), ("age", settings.get("MaxPasswordAge", 0) == 30),
        ) if not good}

    return Drift(
        pulled("account", {"type": "strengthen-password-policy", "policy": {
            "MinimumPasswordLength": 14, "RequireSymbols": True, "MaxPasswordAge": 90}}),
        [ACCOUNT], lambda: {ACCOUNT: iam.get_account_password_policy()["PasswordPolicy"]}, wrong,
        alone=ONE_AN_ACCOUNT)
