"""Settings of a resource: alarms, caches, redirects, encryption, public buckets."""
from __future__ import annotations

import json
from typing import Any

from tests.moto_server import ACCOUNT, REGION

from ..cloud import Cloud
from ..faults import Drift, State
from .scenarios import ONE_AN_ACCOUNT, drifts, pulled


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
            if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
                raise
            return None

    def state() -> State:
        return {name: {"grants": client.get_bucket_acl(Bucket=name)["Grants"], "block": block(name)} for name in names}

    def wrong(found: Any) -> set[str]:
        problems = {"open to everybody"} if "AllUsers" in json.dumps(found["grants"]) else set()
        return problems | {key for key in nothing if not (found["block"] or {}).get(key)}

    return Drift(pulled("s3", "close-bucket"), names, state, wrong, picks=lambda bucket: bucket["Name"] in names)
