"""Applications: policies and settings of topics, queues, functions, repositories, secrets, streams and clusters."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.moto_server import ACCOUNT, REGION

from ..cloud import Cloud
from ..faults import Drift, State
from .scenarios import drifts, pulled

CLOSE = "remove-public-statements"
_PARTNER = {"Sid": "Partner", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": "*", "Resource": "*"}


def _public(*others: Any) -> str:
    everyone = {"Sid": "Everyone", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [everyone, *others]})


def _closed(resource: str, names: list[str], read: Callable[[str], str | None]) -> Drift:
    """One resource has only a public statement, and the other one another statement too."""
    def state() -> State:
        return {name: json.loads(read(name) or "{}").get("Statement") or [] for name in names}

    return Drift(
        pulled(resource, CLOSE, "public-policy"), names, state,
        lambda found: {"everyone" for each in found if each["Sid"] == "Everyone"})


@drifts("sns", CLOSE)
def topics(cloud: Cloud) -> Drift:
    sns = cloud.client("sns")
    names = [sns.create_topic(Name=name)["TopicArn"] for name in ("one", "two")]
    for name, others in zip(names, ((), (_PARTNER,)), strict=True):
        sns.set_topic_attributes(TopicArn=name, AttributeName="Policy", AttributeValue=_public(*others))
    return _closed("sns", names, lambda name: sns.get_topic_attributes(TopicArn=name)["Attributes"]["Policy"])


@drifts("sqs", CLOSE)
def queues(cloud: Cloud) -> Drift:
    sqs = cloud.client("sqs")
    names = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("one", "two")]
    for name, others in zip(names, ((), (_PARTNER,)), strict=True):
        sqs.set_queue_attributes(QueueUrl=name, Attributes={"Policy": _public(*others)})
    return _closed("sqs", names, lambda name: sqs.get_queue_attributes(
        QueueUrl=name, AttributeNames=["Policy"]).get("Attributes", {}).get("Policy"))


@drifts("ecr", CLOSE)
def repositories(cloud: Cloud) -> Drift:
    ecr, names = cloud.client("ecr"), ["one", "two"]
    for name, others in zip(names, ((), (_PARTNER,)), strict=True):
        ecr.create_repository(repositoryName=name)
        ecr.set_repository_policy(repositoryName=name, policyText=_public(*others))

    def read(name: str) -> str | None:
        try:
            return str(ecr.get_repository_policy(repositoryName=name)["policyText"])
        except ecr.exceptions.RepositoryPolicyNotFoundException:
            return None

    return _closed("ecr", names, read)


@drifts("secrets-manager", CLOSE)
def secrets(cloud: Cloud) -> Drift:
    manager, names = cloud.client("secretsmanager"), ["one", "two"]
    for name, others in zip(names, ((), (_PARTNER,)), strict=True):
        manager.create_secret(Name=name, SecretString="x")
        manager.put_resource_policy(SecretId=name, ResourcePolicy=_public(*others))
    return _closed("secrets-manager", names, lambda name: manager.get_resource_policy(SecretId=name).get(
        "ResourcePolicy"))


@drifts("lambda", CLOSE)
def functions(cloud: Cloud) -> Drift:
    client, names = cloud.client("lambda"), ["one", "two"]
    role = cloud.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    for name in names:
        client.create_function(
            FunctionName=name, Runtime="python3.12", Role=role, Handler="x.y", Code={"ImageUri": "x"})
        for sid, caller in (("everyone", {"Principal": "*"}), ("partner", {"Principal": "111122223333"}), (
                "buckets", {"Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::uploads"})):
            client.add_permission(FunctionName=name, StatementId=sid, Action="lambda:InvokeFunction", **caller)

    def state() -> State:
        found = {name: json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"] for name in names}
        return {name: {each["Sid"]: each for each in statements} for name, statements in found.items()}

    def wrong(found: Any) -> set[str]:
        limited = found.get("buckets-own-account", {}).get("Condition", {}).get("StringEquals")
        return {name for name in ("everyone", "buckets") if name in found} | (
            set() if limited == {"AWS:SourceAccount": ACCOUNT} else {"own buckets are not admitted"})

    return Drift(pulled("lambda", CLOSE, "public-policy"), names, state, wrong)


@drifts("ecr", "set-scanning")
def scanning(cloud: Cloud) -> Drift:
    ecr, names = cloud.client("ecr"), ["one", "two"]
    for name in names:
        ecr.create_repository(repositoryName=name)

    def state() -> State:
        found = ecr.batch_get_repository_scanning_configuration(repositoryNames=names)["scanningConfigurations"]
        return {each["repositoryName"]: each["scanFrequency"] for each in found}

    return Drift(pulled("ecr", {"type": "set-scanning", "state": True}), names, state,
                 lambda found: set() if found == "SCAN_ON_PUSH" else {"not scanned"})


@drifts("ecr", "set-immutability")
def tags(cloud: Cloud) -> Drift:
    ecr, names = cloud.client("ecr"), ["one", "two"]
    for name in names:
        ecr.create_repository(repositoryName=name)

    def state() -> State:
        found = ecr.describe_repositories(repositoryNames=names)["repositories"]
        return {each["repositoryName"]: each["imageTagMutability"] for each in found}

    return Drift(pulled("ecr", {"type": "set-immutability", "state": True}), names, state,
                 lambda found: set() if found == "IMMUTABLE" else {"tags can be moved"})


@drifts("sqs", "change-settings")
def plain_queues(cloud: Cloud) -> Drift:
    sqs = cloud.client("sqs")
    names = [sqs.create_queue(QueueName=name, Attributes={"SqsManagedSseEnabled": "false"})["QueueUrl"]
             for name in ("one", "two")]

    def state() -> State:
        return {name: sqs.get_queue_attributes(QueueUrl=name, AttributeNames=["SqsManagedSseEnabled"])[
            "Attributes"]["SqsManagedSseEnabled"] for name in names}

    return Drift(pulled("sqs", {"type": "change-settings", "settings": {"SqsManagedSseEnabled": "true"}}), names, state,
                 lambda found: set() if found == "true" else {"not encrypted"})


@drifts("kinesis", "encrypt-stream")
def data_streams(cloud: Cloud) -> Drift:
    kinesis, names = cloud.client("kinesis"), ["one", "two"]
    for name in names:
        kinesis.create_stream(StreamName=name, ShardCount=1)

    def state() -> State:
        return {name: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["EncryptionType"]
                for name in names}

    return Drift(pulled("kinesis", "encrypt-stream"), names, state,
                 lambda found: set() if found == "KMS" else {"not encrypted"})


@drifts("kinesis", "raise-retention")
def short_streams(cloud: Cloud) -> Drift:
    kinesis, names = cloud.client("kinesis"), ["one", "two"]
    for name in names:
        kinesis.create_stream(StreamName=name, ShardCount=1)

    def state() -> State:
        return {name: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"][
            "RetentionPeriodHours"] for name in names}

    return Drift(pulled("kinesis", {"type": "raise-retention", "hours": 168}), names, state,
                 lambda hours: set() if hours >= 168 else {"too short"})


@drifts("firehose", "encrypt-stream")
def delivery_streams(cloud: Cloud) -> Drift:
    firehose, names = cloud.client("firehose"), ["one", "two"]
    for name in names:
        firehose.create_delivery_stream(DeliveryStreamName=name, S3DestinationConfiguration={
            "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/r", "BucketARN": "arn:aws:s3:::b"})

    def state() -> State:
        found = {name: firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
                 for name in names}
        return {name: each.get("DeliveryStreamEncryptionConfiguration", {}).get("Status", "DISABLED")
                for name, each in found.items()}

    return Drift(pulled("firehose", "encrypt-stream"), names, state,
                 lambda found: set() if found == "ENABLED" else {"not encrypted"})


@drifts("athena-work-group", "change-settings")
def workgroups(cloud: Cloud) -> Drift:
    athena, names = cloud.client("athena"), ["one", "two"]
    for name in names:
        athena.create_work_group(Name=name, Configuration={"PublishCloudWatchMetricsEnabled": False})

    def state() -> State:
        return {name: athena.get_work_group(WorkGroup=name)["WorkGroup"]["Configuration"][
            "PublishCloudWatchMetricsEnabled"] for name in names}

    return Drift(
        pulled("athena-work-group", {"type": "change-settings", "settings": {"PublishCloudWatchMetricsEnabled": True}},
               {"type": "value", "key": "Name", "op": "in", "value": names}),
        names, state, lambda found: set() if found else {"no metrics"})


@drifts("ecs", "change-settings")
def clusters(cloud: Cloud) -> Drift:
    ecs = cloud.client("ecs")
    names = [ecs.create_cluster(clusterName=name, settings=[{"name": "containerInsights", "value": "disabled"}])[
        "cluster"]["clusterArn"] for name in ("one", "two")]

    def state() -> State:
        found = ecs.describe_clusters(clusters=names, include=["SETTINGS"])["clusters"]
        return {each["clusterArn"]: each["settings"][0]["value"] for each in found}

    return Drift(
        pulled("ecs", {"type": "change-settings", "settings": {"settings": [
            {"name": "containerInsights", "value": "enabled"}]}}),
        names, state, lambda found: set() if found == "enabled" else {"no Container Insights"})


def _stages(cloud: Cloud) -> dict[str, str]:
    """The ARN of a stage of each of two APIs, by the id of the API."""
    client, apis = cloud.client("apigateway"), []
    for name in ("one", "two"):
        api = client.create_rest_api(name=name)
        root = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
        client.put_method(**root, authorizationType="NONE")
        client.put_integration(**root, type="MOCK")
        client.create_deployment(restApiId=api["id"], stageName="prod")
        apis.append(api["id"])
    return {api: f"arn:aws:apigateway:{REGION}::/restapis/{api}/stages/prod" for api in apis}


@drifts("rest-stage", "enable-logs")
def silent_stages(cloud: Cloud) -> Drift:
    client, names = cloud.client("apigateway"), _stages(cloud)
    client.update_account(patchOperations=[
        {"op": "replace", "path": "/cloudwatchRoleArn", "value": f"arn:aws:iam::{ACCOUNT}:role/logs"}])
    for api in names:
        client.update_stage(restApiId=api, stageName="prod", patchOperations=[
            {"op": "replace", "path": f"/{method}/logging/loglevel", "value": level}
            for method, level in (("*/*", "OFF"), ("~1pets/GET", "OFF"), ("~1pets/PUT", "INFO"))])

    def state() -> State:
        found = {name: client.get_stage(restApiId=api, stageName="prod")["methodSettings"]
                 for api, name in names.items()}
        return {name: {method: each["loggingLevel"] for method, each in methods.items()}
                for name, methods in found.items()}

    return Drift(pulled("rest-stage", "enable-logs"), list(names.values()), state,
                 lambda levels: {method for method, level in levels.items() if level == "OFF"})


@drifts("rest-stage", "change-settings")
def stages(cloud: Cloud) -> Drift:
    client, names = cloud.client("apigateway"), _stages(cloud)

    def state() -> State:
        return {name: bool(client.get_stage(restApiId=api, stageName="prod").get("tracingEnabled"))
                for api, name in names.items()}

    return Drift(pulled("rest-stage", {"type": "change-settings", "settings": {"tracingEnabled": "true"}}),
                 list(names.values()), state, lambda found: set() if found else {"no traces"})


@drifts("secrets-manager", "schedule-deletion")
def unused_secrets(cloud: Cloud) -> Drift:
    manager, names = cloud.client("secretsmanager"), ["one", "two"]
    for name in names:
        manager.create_secret(Name=name, SecretString="x")

    def state() -> State:
        return {name: "DeletedDate" in manager.describe_secret(SecretId=name) for name in names}

    return Drift(pulled("secrets-manager", "schedule-deletion"), names, state,
                 lambda deleted: set() if deleted else {"not deleted"})


@drifts("eks", "enable-logs")
def control_planes(cloud: Cloud) -> Drift:
    eks, names = cloud.client("eks"), ["one", "two"]
    role = cloud.client("iam").create_role(RoleName="eks", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    subnets = [each["SubnetId"] for each in cloud.client("ec2").describe_subnets()["Subnets"][:2]]
    for name in names:
        eks.create_cluster(
            name=name, roleArn=role, resourcesVpcConfig={"subnetIds": subnets}, logging={"clusterLogging": [
                {"types": ["api"], "enabled": True}, {"types": ["audit", "scheduler"], "enabled": False}]})

    def state() -> State:
        found = {name: eks.describe_cluster(name=name)["cluster"]["logging"]["clusterLogging"] for name in names}
        return {name: {kind: each["enabled"] for each in entries for kind in each["types"]}
                for name, entries in found.items()}

    return Drift(
        pulled("eks", {"type": "enable-logs", "types": ["api", "audit", "scheduler"]}), names, state,
        lambda logs: {kind for kind in ("api", "audit", "scheduler") if not logs.get(kind)})
