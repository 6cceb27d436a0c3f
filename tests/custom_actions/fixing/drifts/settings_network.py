"""Settings of load balancers, firewalls, stacks, file systems, groups and accounts."""
from __future__ import annotations

import json
from typing import Any

from tests.moto_server import ACCOUNT

from ..cloud import Cloud
from ..faults import Drift, State
from .native import or_none
from .scenarios import ONE_A_REGION, drifts, pulled

_DESYNC = "elb.http.desyncmitigationmode"


@drifts("elb", "change-settings")
def classic_load_balancers(cloud: Cloud) -> Drift:
    elb, names = cloud.client("elb"), ["one", "two"]
    for name in names:
        elb.create_load_balancer(LoadBalancerName=name, AvailabilityZones=["us-east-1a"], Listeners=[
            {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}])
        elb.modify_load_balancer_attributes(LoadBalancerName=name, LoadBalancerAttributes={
            "ConnectionDraining": {"Enabled": False, "Timeout": 60},
            "AdditionalAttributes": [{"Key": _DESYNC, "Value": "monitor"}]})

    def state() -> State:
        return {name: elb.describe_load_balancer_attributes(LoadBalancerName=name)["LoadBalancerAttributes"]
                for name in names}

    wanted = {"AccessLog": {"Enabled": True, "S3BucketName": "logs", "EmitInterval": 60},
              "ConnectionDraining": {"Enabled": True, "Timeout": 300}, "CrossZoneLoadBalancing": {"Enabled": True},
              "AdditionalAttributes": [{"Key": _DESYNC, "Value": "defensive"}]}
    return Drift(
        pulled("elb", {"type": "change-settings", "settings": wanted}), names, state,
        lambda found: {name for name, value in wanted.items() if found[name] != value})


@drifts("cfn", "change-settings")
def stacks(cloud: Cloud) -> Drift:
    formation, names = cloud.client("cloudformation"), ["one", "two"]
    for name in names:
        formation.create_stack(StackName=name, TemplateBody=json.dumps({
            "Resources": {"queue": {"Type": "AWS::SQS::Queue"}}}))

    def state() -> State:
        return {name: formation.describe_stacks(StackName=name)["Stacks"][0] for name in names}

    return Drift(
        pulled("cfn", {"type": "change-settings", "settings": {"EnableTerminationProtection": True}}), names, state,
        lambda found: set() if found["EnableTerminationProtection"] else {"not protected"})


def _firewalls(cloud: Cloud, action: dict[str, Any], setting: str) -> Drift:
    client, names = cloud.client("network-firewall"), ["one", "two"]
    for name in names:
        client.create_firewall(
            FirewallName=name, FirewallPolicyArn="arn:aws:network-firewall:us-east-1:123456789012:firewall-policy/p",
            VpcId="vpc-1", SubnetMappings=[{"SubnetId": "subnet-1"}], DeleteProtection=False,
            SubnetChangeProtection=False)

    def state() -> State:
        return {name: client.describe_firewall(FirewallName=name)["Firewall"] for name in names}

    return Drift(pulled("firewall", action), names, state, lambda found: set() if found[setting] else {"not protected"})


@drifts("firewall", "update-delete-protection")
def firewalls_to_keep(cloud: Cloud) -> Drift:
    return _firewalls(cloud, {"type": "update-delete-protection", "state": True}, "DeleteProtection")


@drifts("firewall", "change-settings")
def firewalls_with_subnets(cloud: Cloud) -> Drift:
    return _firewalls(
        cloud, {"type": "change-settings", "settings": {"SubnetChangeProtection": True}}, "SubnetChangeProtection")


@drifts("fsx", "change-settings")
def systems_of_open_zfs(cloud: Cloud) -> Drift:
    fsx = cloud.client("fsx")
    names = [fsx.create_file_system(FileSystemType="OPENZFS", SubnetIds=["subnet-0123456789"], OpenZFSConfiguration={
        "DeploymentType": "SINGLE_AZ_1", "ThroughputCapacity": 64, "CopyTagsToBackups": False,
        "CopyTagsToVolumes": False})["FileSystem"]["FileSystemId"] for _ in range(2)]

    def state() -> State:
        return {each["FileSystemId"]: each["OpenZFSConfiguration"]
                for each in fsx.describe_file_systems(FileSystemIds=names)["FileSystems"]}

    settings = ("CopyTagsToBackups", "CopyTagsToVolumes")
    return Drift(
        pulled("fsx", {"type": "change-settings", "settings": dict.fromkeys(settings, True)}), names, state,
        lambda found: {name for name in settings if not found[name]})


@drifts("efs", "change-settings")
def systems_without_backups(cloud: Cloud) -> Drift:
    efs = cloud.client("efs")
    names = [efs.create_file_system(CreationToken=name, Backup=False)["FileSystemId"] for name in ("one", "two")]

    def state() -> State:
        return {name: or_none(efs.describe_backup_policy, FileSystemId=name) for name in names}

    return Drift(
        pulled("efs", {"type": "change-settings", "settings": {"Status": "ENABLED"}}), names, state,
        lambda found: set() if found and found["BackupPolicy"]["Status"] == "ENABLED" else {"not backed up"})


@drifts("account", "block-snapshot-sharing")
def snapshots_to_share(cloud: Cloud) -> Drift:
    def state() -> State:
        return {ACCOUNT: cloud.client("ec2").get_snapshot_block_public_access_state()["State"]}

    return Drift(pulled("account", "block-snapshot-sharing"), [ACCOUNT], state,
                 lambda found: set() if found == "block-all-sharing" else {"not blocked"}, alone=ONE_A_REGION)


@drifts("account", "block-snapshot-sharing", "of-new-ones-only")
def shared_snapshots(cloud: Cloud) -> Drift:
    cloud.client("ec2").enable_snapshot_block_public_access(State="block-new-sharing")
    return snapshots_to_share(cloud)


_PUBLIC, _LOGS = "/ssm/documents/console/public-sharing-permission", "/ssm/automation/customer-script-log-destination"


def _service_setting(cloud: Cloud, setting: str, value: str) -> Drift:
    client = cloud.client("ssm")

    def state() -> State:
        found = client.get_service_setting(SettingId=setting)["ServiceSetting"]
        return {ACCOUNT: {name: found[name] for name in ("SettingValue", "Status")}}

    return Drift(
        pulled("account", {"type": "set-service-setting", "setting": setting, "value": value}), [ACCOUNT], state,
        lambda found: set() if found["SettingValue"] == value else {"other value"}, alone=ONE_A_REGION)


@drifts("account", "set-service-setting")
def documents_to_share(cloud: Cloud) -> Drift:
    return _service_setting(cloud, _PUBLIC, "Disable")


@drifts("account", "set-service-setting", "customized")
def documents_shared_on_purpose(cloud: Cloud) -> Drift:
    cloud.client("ssm").update_service_setting(SettingId=_PUBLIC, SettingValue="Enable")
    return documents_to_share(cloud)


@drifts("account", "set-service-setting", "unset")
def automations_without_logs(cloud: Cloud) -> Drift:
    return _service_setting(cloud, _LOGS, "CloudWatch")


@drifts("asg", "use-load-balancer-health")
def groups_behind_a_load_balancer(cloud: Cloud) -> Drift:
    scaling, names = cloud.client("autoscaling"), ["one", "two"]
    cloud.client("elb").create_load_balancer(LoadBalancerName="web", AvailabilityZones=["us-east-1a"], Listeners=[
        {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstancePort": 80}])
    image = cloud.client("ec2").describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    scaling.create_launch_configuration(LaunchConfigurationName="l", ImageId=image, InstanceType="t3.micro")
    for name in names:
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=name, MinSize=0, MaxSize=0, AvailabilityZones=["us-east-1a"],
            LaunchConfigurationName="l", LoadBalancerNames=["web"], HealthCheckType="EBS", HealthCheckGracePeriod=60)

    def state() -> State:
        found = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=names)["AutoScalingGroups"]
        return {each["AutoScalingGroupName"]: each for each in found}

    return Drift(
        pulled("asg", "use-load-balancer-health"), names, state,
        lambda found: ({"type"} if found["HealthCheckType"] != "EBS,ELB" else set())
        | ({"grace period"} if found["HealthCheckGracePeriod"] < 300 else set()))


@drifts("elb", "set-tls-policy")
def old_tls(cloud: Cloud) -> Drift:
    elb, names = cloud.client("elb"), ["one", "two"]
    certificate = cloud.client("acm").request_certificate(DomainName="example.com")["CertificateArn"]
    old, new = "ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS-1-2-2017-01"
    for name in names:
        elb.create_load_balancer(LoadBalancerName=name, AvailabilityZones=["us-east-1a"], Listeners=[
            {"Protocol": "HTTPS", "LoadBalancerPort": port, "InstancePort": 80, "SSLCertificateId": certificate}
            for port in (443, 8443)])
        elb.create_lb_cookie_stickiness_policy(LoadBalancerName=name, PolicyName="sticky")
        elb.create_load_balancer_policy(
            LoadBalancerName=name, PolicyName="old", PolicyTypeName="SSLNegotiationPolicyType",
            PolicyAttributes=[{"AttributeName": "Reference-Security-Policy", "AttributeValue": old}])
        for port in (443, 8443):
            elb.set_load_balancer_policies_of_listener(
                LoadBalancerName=name, LoadBalancerPort=port, PolicyNames=["old", "sticky"])

    def state() -> State:
        return {each["LoadBalancerName"]: {
            "listeners": [[listener["Listener"]["LoadBalancerPort"], sorted(listener["PolicyNames"])]
                          for listener in each["ListenerDescriptions"]],
            "policies": sorted(found["PolicyName"] for found in elb.describe_load_balancer_policies(
                LoadBalancerName=each["LoadBalancerName"])["PolicyDescriptions"]),
        } for each in elb.describe_load_balancers(LoadBalancerNames=names)["LoadBalancerDescriptions"]}

    return Drift(
        pulled("elb", {"type": "set-tls-policy", "allowed": [new], "policy": new}), names, state,
        lambda found: {f"port {port}" for port, of in found["listeners"] if of != [f"guardrails-{new}", "sticky"]})
