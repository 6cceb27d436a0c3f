"""How somebody changes a resource after a fix, so that its state is neither that of the fix nor the one before it."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.custom_actions.fixing.drifts.native import DOCUMENT

Parameters = Mapping[str, Any]
TAMPERING: dict[str, Callable[[Any, Parameters], Any]] = {}
"""By the operation that undoes the fix. Takes boto3's client of its service, and its parameters."""
TWO_STATES = {
    "attach_group_policy", "attach_role_policy", "attach_user_policy", "detach_role_policy", "detach_user_policy",
    "delete_analyzer", "delete_load_balancer_policy", "disable_ebs_encryption_by_default", "disable_macie",
    "enable_ebs_encryption_by_default", "modify_document_permission", "modify_subnet_attribute",
    "reset_service_setting", "restore_secret", "start_instances", "stop_delivery_stream_encryption", "stop_logging",
    "stop_stream_encryption", "update_access_key", "update_automated_discovery_configuration", "update_detector",
    "update_macie_session", "update_service_setting", "update_table",
    # A flow log cannot be modified, and a snapshot cannot become one of another volume.
    "delete_flow_logs", "delete_snapshot",
}
"""What these undo has two states only: another state than that of the fix is the one before it."""

NOT_RESTORED = {
    # EC2 deletes a tag only if the call has its current value.
    "delete_tags",
    # KMS refuses to change a key that is pending deletion.
    "disable_key", "disable_key_rotation",
    # Lambda adds no second statement with the same id.
    "add_permission",
}
"""Calls that do not restore the earlier state after somebody's change, even with --force."""
SEEN_AT = {"schedule_key_deletion": "disable_key"}
"""The call of the same fix whose comparison sees the change: the key is in a state of the fix, but not in its last."""


def tampers(*operations: str) -> Callable[[Any], Any]:
    def add(change: Callable[[Any, Parameters], Any]) -> Callable[[Any, Parameters], Any]:
        TAMPERING.update(dict.fromkeys(operations, change))
        return change

    return add


# -- EC2 and RDS ------------------------------------------------------------------------------------------------


@tampers("modify_security_group_rules")
def another_range(client: Any, given: Parameters) -> None:
    [change] = given["SecurityGroupRules"]
    client.modify_security_group_rules(GroupId=given["GroupId"], SecurityGroupRules=[
        {**change, "SecurityGroupRule": {**change["SecurityGroupRule"], "FromPort": 50}}])


@tampers("authorize_security_group_ingress")
def one_rule_is_back(client: Any, given: Parameters) -> None:
    client.authorize_security_group_ingress(GroupId=given["GroupId"], IpPermissions=given["IpPermissions"][:1])


@tampers("authorize_security_group_egress")
def one_outbound_rule_is_back(client: Any, given: Parameters) -> None:
    client.authorize_security_group_egress(GroupId=given["GroupId"], IpPermissions=given["IpPermissions"][:1])


@tampers("revoke_security_group_ingress")
def one_rule_is_gone(client: Any, given: Parameters) -> None:
    client.revoke_security_group_ingress(GroupId=given["GroupId"], IpPermissions=given["IpPermissions"][:1])


@tampers("create_tags", "delete_tags")
def another_value(client: Any, given: Parameters) -> None:
    client.create_tags(Resources=given["Resources"], Tags=[{"Key": given["Tags"][0]["Key"], "Value": "somebody's"}])


@tampers("modify_instance_metadata_options")
def another_hop_limit(client: Any, given: Parameters) -> None:
    client.modify_instance_metadata_options(InstanceId=given["InstanceId"], HttpPutResponseHopLimit=5)


@tampers("modify_snapshot_attribute", "modify_image_attribute")
def shared_with_one(client: Any, given: Parameters) -> None:
    if "SnapshotId" in given:
        client.modify_snapshot_attribute(**{**given, "CreateVolumePermission": {
            "Add": given["CreateVolumePermission"]["Add"][:1]}})
    else:
        client.modify_image_attribute(**{**given, "LaunchPermission": {"Add": given["LaunchPermission"]["Add"][:1]}})


@tampers("modify_db_snapshot_attribute", "modify_db_cluster_snapshot_attribute")
def database_shared_with_one(client: Any, given: Parameters) -> None:
    kind = "modify_db_snapshot_attribute" if "DBSnapshotIdentifier" in given else "modify_db_cluster_snapshot_attribute"
    getattr(client, kind)(**{**given, "ValuesToAdd": given["ValuesToAdd"][:1]})


# -- IAM --------------------------------------------------------------------------------------------------------


@tampers("put_user_policy", "put_group_policy", "put_role_policy")
def another_document(client: Any, given: Parameters) -> None:
    [kind] = [each for each in ("user", "group", "role") if f"{each.capitalize()}Name" in given]
    getattr(client, f"put_{kind}_policy")(**{**given, "PolicyDocument": DOCUMENT})


@tampers("tag_user", "untag_user")
def another_user_tag(client: Any, given: Parameters) -> None:
    key = given["Tags"][0]["Key"] if "Tags" in given else given["TagKeys"][0]
    client.tag_user(UserName=given["UserName"], Tags=[{"Key": key, "Value": "somebody's"}])


@tampers("put_user_permissions_boundary", "delete_user_permissions_boundary")
def another_boundary(client: Any, given: Parameters) -> None:
    arn = client.create_policy(PolicyName="somebodys", PolicyDocument=DOCUMENT)["Policy"]["Arn"]
    client.put_user_permissions_boundary(UserName=given["UserName"], PermissionsBoundary=arn)


@tampers("update_account_password_policy", "delete_account_password_policy")
def another_password_policy(client: Any, _: Parameters) -> None:
    now = {key: value for key, value in client.get_account_password_policy()["PasswordPolicy"].items()
           if key != "ExpirePasswords" and (value or isinstance(value, bool))}
    client.update_account_password_policy(**{**now, "PasswordReusePrevention": 24})


@tampers("delete_role")
def another_trust(client: Any, given: Parameters) -> None:
    client.update_assume_role_policy(RoleName=given["RoleName"], PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:AssumeRole"}]}))


# -- S3 ---------------------------------------------------------------------------------------------------------

ONE_OF_FOUR = {"BlockPublicAcls": True, "IgnorePublicAcls": False, "BlockPublicPolicy": False,
               "RestrictPublicBuckets": True}


@tampers("put_public_access_block", "delete_public_access_block")
def another_block(client: Any, given: Parameters) -> None:
    of = {key: value for key, value in given.items() if key in ("Bucket", "AccountId")}
    client.put_public_access_block(**of, PublicAccessBlockConfiguration=ONE_OF_FOUR)


@tampers("put_bucket_acl")
def another_grant(client: Any, given: Parameters) -> None:
    client.put_bucket_acl(Bucket=given["Bucket"], ACL="authenticated-read")


@tampers("put_bucket_encryption", "delete_bucket_encryption")
def another_key(client: Any, given: Parameters) -> None:
    client.put_bucket_encryption(Bucket=given["Bucket"], ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/somebodys"}}]})


@tampers("put_bucket_policy", "delete_bucket_policy")
def another_policy(client: Any, given: Parameters) -> None:
    client.put_bucket_policy(Bucket=given["Bucket"], Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
        "Sid": "Somebodys", "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket",
        "Resource": f"arn:aws:s3:::{given['Bucket']}"}]}))


@tampers("put_bucket_logging")
def another_prefix(client: Any, given: Parameters) -> None:
    client.put_bucket_logging(Bucket=given["Bucket"], BucketLoggingStatus={
        "LoggingEnabled": {"TargetBucket": "logs", "TargetPrefix": "somebodys/"}})


# -- Resource policies ------------------------------------------------------------------------------------------

_SOMEBODYS = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Sid": "Somebodys", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::444455556666:root"}, "Action": "*",
    "Resource": "*"}]})


@tampers("set_topic_attributes")
def another_topic_policy(client: Any, given: Parameters) -> None:
    client.set_topic_attributes(**{**given, "AttributeValue": _SOMEBODYS})


@tampers("set_queue_attributes")
def another_queue_policy(client: Any, given: Parameters) -> None:
    client.set_queue_attributes(**{**given, "Attributes": {"Policy": _SOMEBODYS}})


@tampers("set_repository_policy")
def another_repository_policy(client: Any, given: Parameters) -> None:
    client.set_repository_policy(**{**given, "policyText": _SOMEBODYS})


@tampers("put_resource_policy")
def another_secret_policy(client: Any, given: Parameters) -> None:
    client.put_resource_policy(**{**given, "ResourcePolicy": _SOMEBODYS})


@tampers("add_permission")
def another_permission(client: Any, given: Parameters) -> None:
    client.add_permission(**{**given, "Principal": "444455556666"})


@tampers("put_bucket_lifecycle_configuration", "delete_bucket_lifecycle")
def another_rule(client: Any, given: Parameters) -> None:
    client.put_bucket_lifecycle_configuration(Bucket=given["Bucket"], LifecycleConfiguration={"Rules": [
        {"ID": "somebodys", "Status": "Enabled", "Filter": {"Prefix": "x"}, "Expiration": {"Days": 3}}]})


# -- CloudTrail, AWS Config, GuardDuty --------------------------------------------------------------------------


@tampers("update_trail")
def another_trail_key(client: Any, given: Parameters) -> None:
    client.update_trail(Name=given["Name"], KmsKeyId="arn:aws:kms:us-east-1:123456789012:key/somebodys")


@tampers("put_event_selectors")
def other_selectors(client: Any, given: Parameters) -> None:
    client.put_event_selectors(TrailName=given["TrailName"], EventSelectors=[
        {"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}])


@tampers("stop_configuration_recorder")
def a_recorder_that_stops(client: Any, given: Parameters) -> None:
    client.stop_configuration_recorder(**given)


@tampers("delete_configuration_recorder")
def another_recorder(client: Any, given: Parameters) -> None:
    client.put_configuration_recorder(ConfigurationRecorder={
        "name": given["ConfigurationRecorderName"], "roleARN": "arn:aws:iam::123456789012:role/somebodys"})


@tampers("delete_delivery_channel")
def another_channel(client: Any, given: Parameters) -> None:
    client.put_delivery_channel(DeliveryChannel={
        "name": given["DeliveryChannelName"], "s3BucketName": "recorded", "s3KeyPrefix": "somebodys"})


@tampers("delete_detector")
def another_frequency(client: Any, given: Parameters) -> None:
    client.update_detector(DetectorId=given["DetectorId"], FindingPublishingFrequency="FIFTEEN_MINUTES")


# -- the account ------------------------------------------------------------------------------------------------


@tampers("disable")
def one_scan_is_off(client: Any, given: Parameters) -> None:
    client.disable(**{**given, "resourceTypes": given["resourceTypes"][:1]})


@tampers("delete_alternate_contact")
def another_contact(client: Any, given: Parameters) -> None:
    client.put_alternate_contact(**given, Name="x", Title="x", EmailAddress="somebody@example.com", PhoneNumber="1")


# -- CloudWatch -------------------------------------------------------------------------------------------------


@tampers("put_metric_filter", "delete_metric_filter")
def another_pattern(client: Any, given: Parameters) -> None:
    [now] = client.describe_metric_filters(
        logGroupName=given["logGroupName"], filterNamePrefix=given["filterName"])["metricFilters"]
    client.put_metric_filter(
        logGroupName=given["logGroupName"], filterName=given["filterName"], filterPattern="{ $.somebodys = 1 }",
        metricTransformations=now["metricTransformations"])


@tampers("put_metric_alarm", "delete_alarms")
def another_threshold(client: Any, given: Parameters) -> None:
    name = given["AlarmName"] if "AlarmName" in given else given["AlarmNames"][0]
    [now] = client.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    kept = ("AlarmName", "Namespace", "MetricName", "Statistic", "Period", "EvaluationPeriods", "ComparisonOperator",
            "AlarmActions", "TreatMissingData", "ActionsEnabled", "AlarmDescription")
    client.put_metric_alarm(**{key: now[key] for key in kept}, Threshold=99.0)


@tampers("delete_topic")
def another_subscriber(client: Any, given: Parameters) -> None:
    client.subscribe(TopicArn=given["TopicArn"], Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:theirs")


# -- KMS, load balancers, API Gateway, EventBridge, Lambda ------------------------------------------------------


@tampers("disable_key", "disable_key_rotation")
def scheduled_for_deletion(client: Any, given: Parameters) -> None:
    client.schedule_key_deletion(KeyId=given["KeyId"])


@tampers("schedule_key_deletion")
def disabled_or_enabled(client: Any, given: Parameters) -> None:
    enabled = client.describe_key(KeyId=given["KeyId"])["KeyMetadata"]["Enabled"]
    (client.disable_key if enabled else client.enable_key)(KeyId=given["KeyId"])


@tampers("disable_snapshot_block_public_access")
def block_new_sharing(client: Any, given: Parameters) -> None:
    client.enable_snapshot_block_public_access(State="block-new-sharing")


@tampers("enable_snapshot_block_public_access")
def block_nothing(client: Any, given: Parameters) -> None:
    client.disable_snapshot_block_public_access()


@tampers("set_load_balancer_policies_of_listener")
def no_policy(client: Any, given: Parameters) -> None:
    client.set_load_balancer_policies_of_listener(**{**given, "PolicyNames": []})


@tampers("modify_load_balancer_attributes")
def reset_attributes(client: Any, given: Parameters) -> None:
    if "LoadBalancerName" in given:
        # Of a classic load balancer.
        client.modify_load_balancer_attributes(LoadBalancerName=given["LoadBalancerName"], LoadBalancerAttributes={
            "ConnectionDraining": {"Enabled": True, "Timeout": 7}})
        return
    client.modify_load_balancer_attributes(LoadBalancerArn=given["LoadBalancerArn"], Attributes=[
        {"Key": each["Key"], "Value": "somebodys"} for each in given["Attributes"]])


@tampers("modify_listener", "modify_rule")
def another_answer(client: Any, given: Parameters) -> None:
    answer = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain"}}]
    if "RuleArn" in given:
        client.modify_rule(RuleArn=given["RuleArn"], Actions=answer)
    elif "DefaultActions" in given:
        client.modify_listener(ListenerArn=given["ListenerArn"], DefaultActions=answer)
    else:
        client.modify_listener(ListenerArn=given["ListenerArn"], SslPolicy="ELBSecurityPolicy-TLS-1-2-2017-01")


@tampers("delete_scaling_policy")
def another_utilization(client: Any, given: Parameters) -> None:
    [now] = [each for each in client.describe_scaling_policies(
        ServiceNamespace="dynamodb", ResourceId=given["ResourceId"])["ScalingPolicies"]
        if each["PolicyName"] == given["PolicyName"]]
    client.put_scaling_policy(
        **given, PolicyType=now["PolicyType"],
        TargetTrackingScalingPolicyConfiguration={**now["TargetTrackingScalingPolicyConfiguration"], "TargetValue": 33})


@tampers("deregister_scalable_target")
def another_range_of_capacity(client: Any, given: Parameters) -> None:
    target = {name: given[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
    client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=77)


@tampers("decrease_stream_retention_period")
def a_longer_retention(client: Any, given: Parameters) -> None:
    client.increase_stream_retention_period(StreamName=given["StreamName"], RetentionPeriodHours=200)


@tampers("update_cluster_config")
def one_log_is_off(client: Any, given: Parameters) -> None:
    [entry] = given["logging"]["clusterLogging"]
    client.update_cluster_config(name=given["name"], logging={"clusterLogging": [
        {"types": entry["types"][:1], "enabled": False}]})


@tampers("update_stage")
def one_method_is_plain(client: Any, given: Parameters) -> None:
    client.update_stage(**{**given, "patchOperations": given["patchOperations"][:1]})


@tampers("disable_rule")
def all_management_events(client: Any, given: Parameters) -> None:
    rule = client.describe_rule(Name=given["Name"])
    client.put_rule(Name=given["Name"], EventPattern=rule["EventPattern"],
                    State="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")


@tampers("remove_targets")
def another_target(client: Any, given: Parameters) -> None:
    client.put_targets(Rule=given["Rule"], Targets=[
        {"Id": given["Ids"][0], "Arn": "arn:aws:lambda:us-east-1:123456789012:function:somebodys"}])


@tampers("put_function_concurrency")
def other_concurrency(client: Any, given: Parameters) -> None:
    client.put_function_concurrency(FunctionName=given["FunctionName"], ReservedConcurrentExecutions=5)


@tampers("remove_permission")
def another_caller(client: Any, given: Parameters) -> None:
    client.remove_permission(**given)
    client.add_permission(**given, Action="lambda:InvokeFunction", Principal="sns.amazonaws.com")


@tampers("disable_logging", "enable_logging")
def another_prefix_of_logs(client: Any, given: Parameters) -> None:
    client.enable_logging(
        ClusterIdentifier=given["ClusterIdentifier"], BucketName="logs", S3KeyPrefix="somebodys/")


@tampers("modify_db_cluster", "modify_db_instance")
def one_export_is_off(client: Any, given: Parameters) -> None:
    logs = given["CloudwatchLogsExportConfiguration"]["DisableLogTypes"]
    modify = client.modify_db_cluster if "DBClusterIdentifier" in given else client.modify_db_instance
    modify(**{**given, "CloudwatchLogsExportConfiguration": {"DisableLogTypes": logs[:1]}})
