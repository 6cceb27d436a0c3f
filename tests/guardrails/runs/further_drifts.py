"""Further drifts, for the calls that undo a fix only if nothing was set before it, or if it was set otherwise."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.custom_actions.fixing.cloud import Cloud
from tests.custom_actions.fixing.drifts.native import ebs_encryption, or_none
from tests.custom_actions.fixing.drifts.scenarios import ONE_AN_ACCOUNT, pulled
from tests.custom_actions.fixing.drifts.settings import log_alarm
from tests.custom_actions.fixing.faults import Drift
from tests.moto_server import ACCOUNT


def ebs_encryption_off(cloud: Cloud) -> Drift:
    cloud.client("ec2").enable_ebs_encryption_by_default()
    return replace(ebs_encryption(cloud), policy=pulled("account", {"type": "set-ebs-encryption", "state": False}))


def no_account_block(cloud: Cloud) -> Drift:
    client = cloud.client("s3control")

    def state() -> dict[str, Any]:
        return {ACCOUNT: or_none(client.get_public_access_block, AccountId=ACCOUNT)}

    return Drift(pulled("account", {"type": "set-s3-public-block", "BlockPublicAcls": True}), [ACCOUNT], state,
                 lambda found: set() if found else {"no block"}, alone=ONE_AN_ACCOUNT)


def no_password_policy(cloud: Cloud) -> Drift:
    iam = cloud.client("iam")

    def state() -> dict[str, Any]:
        return {ACCOUNT: or_none(iam.get_account_password_policy)}

    return Drift(
        pulled("account", {"type": "strengthen-password-policy", "policy": {"MinimumPasswordLength": 14}}), [ACCOUNT],
        state, lambda found: set() if found else {"no policy"}, alone=ONE_AN_ACCOUNT)


def no_topic_and_another_alarm(cloud: Cloud) -> Drift:
    drift = log_alarm(cloud)
    sns, cloudwatch = cloud.client("sns"), cloud.client("cloudwatch")
    for topic in sns.list_topics()["Topics"]:
        sns.delete_topic(TopicArn=topic["TopicArn"])
    cloudwatch.put_metric_alarm(
        AlarmName="guardrails-root", Namespace="other", MetricName="other", Statistic="Sum", Period=60,
        EvaluationPeriods=2, ComparisonOperator="LessThanThreshold", Threshold=5.0)

    def state() -> dict[str, Any]:
        alarms = cloudwatch.describe_alarms()["MetricAlarms"]
        return {ACCOUNT: [drift.state(), sns.list_topics()["Topics"], [
            [each["AlarmName"], each["Threshold"], each["Period"]] for each in alarms]]}

    return replace(drift, state=state)


FURTHER = {
    ("account", "set-ebs-encryption", "off"): ebs_encryption_off,
    ("account", "set-s3-public-block", "none"): no_account_block,
    ("account", "strengthen-password-policy", "none"): no_password_policy,
    ("account", "create-log-alarm", "topic"): no_topic_and_another_alarm,
}
