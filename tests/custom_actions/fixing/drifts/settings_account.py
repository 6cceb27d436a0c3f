"""Services and settings of the account that are off, keys, and buckets."""
from __future__ import annotations

import json
from typing import Any

from tests.moto_server import ACCOUNT

from ..cloud import Cloud
from ..faults import Drift, State
from .native import or_none
from .scenarios import ONE_A_REGION, ONE_AN_ACCOUNT, drifts, pulled


def _detectors(cloud: Cloud, action: Any) -> Drift:
    guardduty = cloud.client("guardduty")

    def state() -> State:
        found = [guardduty.get_detector(DetectorId=each) for each in guardduty.list_detectors()["DetectorIds"]]
        return {ACCOUNT: [[each["Status"], sorted(
            [feature["Name"], agent["Name"] if agent else "", (agent or feature)["Status"]]
            for feature in each["Features"] for agent in (None, *feature.get("AdditionalConfiguration", ()))
            if (agent or feature)["Status"] == "ENABLED")] for each in found]}

    def wrong(found: list[Any]) -> set[str]:
        if len(found) != 1 or found[0][0] != "ENABLED":
            return {"off"}
        wanted = action.get("agent") or action.get("plan") if isinstance(action, dict) else None
        return {"plan"} if wanted and not any(wanted in each for each in found[0][1]) else set()

    return Drift(pulled("account", action), [ACCOUNT], state, wrong, alone=ONE_A_REGION)


@drifts("account", "turn-on-detector", "none")
def no_detector(cloud: Cloud) -> Drift:
    return _detectors(cloud, "turn-on-detector")


@drifts("account", "turn-on-detector", "suspended")
def suspended(cloud: Cloud) -> Drift:
    cloud.client("guardduty").create_detector(Enable=False)
    return _detectors(cloud, "turn-on-detector")


@drifts("account", "turn-on-protection-plan", "plan")
def plan(cloud: Cloud) -> Drift:
    cloud.client("guardduty").create_detector(Enable=True, Features=[{"Name": "RDS_LOGIN_EVENTS", "Status": "ENABLED"}])
    return _detectors(cloud, {"type": "turn-on-protection-plan", "plan": "S3_DATA_EVENTS"})


@drifts("account", "turn-on-protection-plan", "agent")
def agent(cloud: Cloud) -> Drift:
    cloud.client("guardduty").create_detector(Enable=True, Features=[
        {"Name": "RUNTIME_MONITORING", "Status": "ENABLED", "AdditionalConfiguration": [
            {"Name": "EC2_AGENT_MANAGEMENT", "Status": "ENABLED"}]}])
    return _detectors(cloud, {
        "type": "turn-on-protection-plan", "plan": "RUNTIME_MONITORING", "agent": "EKS_ADDON_MANAGEMENT"})


def _macie(cloud: Cloud) -> Drift:
    macie = cloud.client("macie2")

    def state() -> State:
        return {ACCOUNT: (or_none(macie.get_macie_session) or {}).get("status")}

    return Drift(pulled("account", "turn-on-macie"), [ACCOUNT], state,
                 lambda status: set() if status == "ENABLED" else {"off"}, alone=ONE_A_REGION)


@drifts("account", "turn-on-macie", "off")
def macie_off(cloud: Cloud) -> Drift:
    cloud.client("macie2").disable_macie()
    return _macie(cloud)


@drifts("account", "turn-on-macie", "paused")
def macie_paused(cloud: Cloud) -> Drift:
    cloud.client("macie2").enable_macie(status="PAUSED")
    return _macie(cloud)


@drifts("account", "turn-on-macie-discovery")
def discovery(cloud: Cloud) -> Drift:
    macie = cloud.client("macie2")
    macie.enable_macie()

    def state() -> State:
        return {ACCOUNT: macie.get_automated_discovery_configuration()["status"]}

    return Drift(pulled("account", "turn-on-macie-discovery"), [ACCOUNT], state,
                 lambda status: set() if status == "ENABLED" else {"off"}, alone=ONE_A_REGION)


@drifts("account", "turn-on-inspector-scan")
def inspector(cloud: Cloud) -> Drift:
    client = cloud.client("inspector2")

    def state() -> State:
        [found] = client.batch_get_account_status(accountIds=[ACCOUNT])["accounts"]
        return {ACCOUNT: {name: each["status"] for name, each in found["resourceState"].items()}}

    return Drift(
        pulled("account", {"type": "turn-on-inspector-scan", "scan": "lambdaCode"}), [ACCOUNT], state,
        lambda found: {name for name in ("lambda", "lambdaCode") if found[name] != "ENABLED"}, alone=ONE_A_REGION)


@drifts("account", "set-missing-contact")
def contact(cloud: Cloud) -> Drift:
    client = cloud.client("account")

    def state() -> State:
        return {ACCOUNT: or_none(client.get_alternate_contact, AlternateContactType="SECURITY")}

    return Drift(
        pulled("account", {"type": "set-missing-contact", "contact": "SECURITY", "name": "Ann", "title": "Lead",
                           "email": "security@example.com", "phone": "1"}),
        [ACCOUNT], state, lambda found: set() if found else {"no contact"}, alone=ONE_AN_ACCOUNT)


@drifts("account", "create-analyzer")
def analyzer(cloud: Cloud) -> Drift:
    client = cloud.client("accessanalyzer")

    def state() -> State:
        return {ACCOUNT: [[each["name"], each["type"]] for each in client.list_analyzers()["analyzers"]]}

    return Drift(pulled("account", {"type": "create-analyzer", "name": "external"}), [ACCOUNT], state,
                 lambda found: set() if found else {"none"}, alone=ONE_A_REGION)


@drifts("account", "create-role-for-policy")
def support_role(cloud: Cloud) -> Drift:
    iam = cloud.client("iam")
    arn = "arn:aws:iam::aws:policy/AWSSupportAccess"

    def state() -> State:
        role = or_none(iam.get_role, RoleName="aws-support")
        return {ACCOUNT: role and [
            role["Role"]["AssumeRolePolicyDocument"],
            iam.list_attached_role_policies(RoleName="aws-support")["AttachedPolicies"]]}

    return Drift(
        pulled("account", {"type": "create-role-for-policy", "policy": "AWSSupportAccess", "role": "aws-support",
                           "principals": [f"arn:aws:iam::{ACCOUNT}:root"]}), [ACCOUNT], state,
        lambda found: set() if arn in json.dumps(found) else {"no role"}, alone=ONE_AN_ACCOUNT)


@drifts("account", "detach-policy")
def cloudshell(cloud: Cloud) -> Drift:
    iam, arn = cloud.client("iam"), "arn:aws:iam::aws:policy/AWSCloudShellFullAccess"
    iam.create_user(UserName="u")
    iam.create_group(GroupName="g")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    for kind, name in (("user", "u"), ("group", "g"), ("role", "r")):
        getattr(iam, f"attach_{kind}_policy")(**{f"{kind.capitalize()}Name": name, "PolicyArn": arn})

    def state() -> State:
        found = iam.list_entities_for_policy(PolicyArn=arn)
        return {ACCOUNT: {
            kind: [each[f"{kind}Name"] for each in found[f"Policy{kind}s"]] for kind in ("User", "Group", "Role")}}

    return Drift(
        pulled("account", {"type": "detach-policy", "policy": "AWSCloudShellFullAccess"}), [ACCOUNT], state,
        lambda found: {kind for kind, names in found.items() if names}, alone=ONE_AN_ACCOUNT)


# -- KMS --------------------------------------------------------------------------------------------------------


@drifts("kms-key", "set-rotation")
def rotation(cloud: Cloud) -> Drift:
    kms = cloud.client("kms")
    names = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2)]

    def state() -> State:
        return {name: kms.get_key_rotation_status(KeyId=name)["KeyRotationEnabled"] for name in names}

    return Drift(pulled("kms-key", {"type": "set-rotation", "state": True}), names, state,
                 lambda on: set() if on else {"does not rotate"}, picks=lambda key: key["KeyId"] in names)


@drifts("kms-key", "cancel-deletion")
def deletion(cloud: Cloud) -> Drift:
    kms = cloud.client("kms")
    names = [kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2)]
    for name in names:
        kms.schedule_key_deletion(KeyId=name, PendingWindowInDays=10)

    def state() -> State:
        return {name: kms.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] for name in names}

    return Drift(pulled("kms-key", "cancel-deletion"), names, state,
                 lambda found: {"to be deleted"} if found == "PendingDeletion" else set(),
                 picks=lambda key: key["KeyId"] in names)


# -- CloudTrail and AWS Config ----------------------------------------------------------------------------------


@drifts("cloudtrail", "set-logging")
def trails(cloud: Cloud) -> Drift:
    client, names = cloud.client("cloudtrail"), ["one", "two"]
    cloud.client("s3").create_bucket(Bucket="trails")
    arns = {client.create_trail(Name=name, S3BucketName="trails")["TrailARN"]: name for name in names}

    def state() -> State:
        return {arn: client.get_trail_status(Name=name)["IsLogging"] for arn, name in arns.items()}

    return Drift(pulled("cloudtrail", {"type": "set-logging", "enabled": True}), list(arns), state,
                 lambda on: set() if on else {"does not log"}, picks=lambda trail: trail["TrailARN"] in arns)


@drifts("config-recorder", "toggle-recording")
def recorder(cloud: Cloud) -> Drift:
    config = cloud.client("config")
    cloud.client("s3").create_bucket(Bucket="recorded")
    config.put_configuration_recorder(ConfigurationRecorder={
        "name": "default", "roleARN": f"arn:aws:iam::{ACCOUNT}:role/config"})
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "recorded"})

    def state() -> State:
        [found] = config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
        return {"default": found["recording"]}

    return Drift(pulled("config-recorder", {"type": "toggle-recording", "enabled": True}), ["default"], state,
                 lambda on: set() if on else {"does not record"}, alone=ONE_A_REGION)


# -- S3 ---------------------------------------------------------------------------------------------------------


def _buckets(cloud: Cloud) -> list[str]:
    names = ["bucket-one", "bucket-two"]
    for name in names:
        cloud.client("s3").create_bucket(Bucket=name)
    return names


@drifts("s3", "toggle-versioning")
def versioning(cloud: Cloud) -> Drift:
    client, names = cloud.client("s3"), _buckets(cloud)
    client.put_bucket_versioning(Bucket=names[0], VersioningConfiguration={"Status": "Suspended"})

    def state() -> State:
        return {name: client.get_bucket_versioning(Bucket=name).get("Status", "Suspended") for name in names}

    return Drift(pulled("s3", {"type": "toggle-versioning", "enabled": True}), names, state,
                 lambda found: set() if found == "Enabled" else {found}, picks=lambda each: each["Name"] in names)


@drifts("s3", "remove-outside-actions")
def outside(cloud: Cloud) -> Drift:
    client, names = cloud.client("s3"), _buckets(cloud)
    for name, further in zip(names, ([], ["s3:GetObject"]), strict=True):
        client.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": ["s3:PutBucketAcl", *further],
            "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]}]}))

    def state() -> State:
        return {name: json.loads((or_none(client.get_bucket_policy, Bucket=name) or {"Policy": "null"})["Policy"])
                for name in names}

    return Drift(pulled("s3", {"type": "remove-outside-actions", "actions": ["s3:PutBucketAcl"]}), names, state,
                 lambda found: {"allowed"} if "PutBucketAcl" in json.dumps(found) else set(),
                 picks=lambda each: each["Name"] in names)


@drifts("s3", "remove-acl-grants")
def grants(cloud: Cloud) -> Drift:
    client, names = cloud.client("s3"), _buckets(cloud)
    for name in names:
        owner = client.get_bucket_acl(Bucket=name)["Owner"]
        client.put_bucket_acl(Bucket=name, AccessControlPolicy={"Owner": owner, "Grants": [
            {"Grantee": {"Type": "CanonicalUser", "ID": each}, "Permission": "FULL_CONTROL"}
            for each in (owner["ID"], "9a7d1a8fcd0e1a2bb3e4")]})

    def state() -> State:
        return {name: client.get_bucket_acl(Bucket=name)["Grants"] for name in names}

    return Drift(pulled("s3", "remove-acl-grants"), names, state,
                 lambda found: {"others"} if len(found) > 1 else set(), picks=lambda each: each["Name"] in names)


@drifts("s3", "abort-incomplete-uploads")
def lifecycle(cloud: Cloud) -> Drift:
    client, names = cloud.client("s3"), _buckets(cloud)
    client.put_bucket_lifecycle_configuration(Bucket=names[0], LifecycleConfiguration={"Rules": [
        {"ID": "own", "Status": "Disabled", "Filter": {"Prefix": "x"}, "Expiration": {"Days": 9}}]})

    def state() -> State:
        return {name: (or_none(client.get_bucket_lifecycle_configuration, Bucket=name) or {}).get("Rules")
                for name in names}

    return Drift(pulled("s3", {"type": "abort-incomplete-uploads", "days": 7}), names, state,
                 lambda found: set() if "AbortIncomplete" in json.dumps(found) else {"no rule"},
                 picks=lambda each: each["Name"] in names)
