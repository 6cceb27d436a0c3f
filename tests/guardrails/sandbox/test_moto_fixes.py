"""What was repaired in moto, as AWS does it."""
from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardrails.sandbox import Sandbox

from .conftest import security_group


@pytest.fixture
def ec2(sandbox: Sandbox, account: str) -> Any:
    return sandbox.client("ec2", account)


@pytest.fixture
def group(sandbox: Sandbox, account: str) -> str:
    return security_group(sandbox, account)


def tcp(port: int, *v4: str, **more: Any) -> dict:
    ranges = [{"CidrIp": cidr} for cidr in v4]
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges, **more}


def ingress(ec2: Any, group: str) -> list[dict]:
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    return [rule for rule in rules if not rule["IsEgress"]]


def code_of(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"]


def test_authorize_answers_with_the_rules_of_every_permission(ec2: Any, group: str) -> None:
    everything = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    made = ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[tcp(22, "0.0.0.0/0", "10.0.0.0/8"), everything]
    )["SecurityGroupRules"]
    assert [rule.get("CidrIpv4") or rule["CidrIpv6"] for rule in made] == ["0.0.0.0/0", "10.0.0.0/8", "::/0"]
    assert (made[2]["FromPort"], made[2]["ToPort"]) == (-1, -1)
    assert {rule["SecurityGroupRuleId"] for rule in made} == {
        rule["SecurityGroupRuleId"] for rule in ingress(ec2, group)
    }


def test_a_duplicate_leaves_the_group_as_it_was(ec2: Any, group: str) -> None:
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, "0.0.0.0/0")])
    for permissions in (
        [tcp(80, "0.0.0.0/0"), tcp(22, "0.0.0.0/0")],
        [tcp(22, "10.0.0.0/8", "0.0.0.0/0")],
    ):
        assert code_of(
            ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=permissions
        ) == "InvalidPermission.Duplicate"
        assert [rule["CidrIpv4"] for rule in ingress(ec2, group)] == ["0.0.0.0/0"]


def test_a_rule_is_the_same_under_another_description(ec2: Any, group: str) -> None:
    described = tcp(22, UserIdGroupPairs=[{"GroupId": group, "Description": "one"}])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[described])
    other = tcp(22, UserIdGroupPairs=[{"GroupId": group, "Description": "two"}])
    assert code_of(
        ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[other]
    ) == "InvalidPermission.Duplicate"
    assert ingress(ec2, group)[0]["Description"] == "one"
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[other])
    assert ingress(ec2, group) == []


def test_a_prefix_lists_description_is_kept(ec2: Any, group: str) -> None:
    prefixes = ec2.create_managed_prefix_list(PrefixListName="p", MaxEntries=1, AddressFamily="IPv4")["PrefixList"]
    source = {"PrefixListId": prefixes["PrefixListId"], "Description": "office"}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, PrefixListIds=[source])])
    assert ingress(ec2, group)[0]["Description"] == "office"
    shown = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"][0]
    assert shown["PrefixListIds"] == [source]


def test_rules_are_paged(ec2: Any, group: str) -> None:
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[tcp(22, *[f"10.{number}.0.0/16" for number in range(12)])]
    )
    pages = ec2.get_paginator("describe_security_group_rules").paginate(
        Filters=[{"Name": "group-id", "Values": [group]}], PaginationConfig={"PageSize": 5}
    )
    sizes = [len(page["SecurityGroupRules"]) for page in pages]
    assert sizes == [5, 5, 3]


def test_revoke_names_what_it_revoked_and_what_is_gone(ec2: Any, group: str) -> None:
    sources = tcp(22, "0.0.0.0/0", "10.0.0.0/8", Ipv6Ranges=[{"CidrIpv6": "::/0"}])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[sources])
    world = [rule["SecurityGroupRuleId"] for rule in ingress(ec2, group) if rule.get("CidrIpv4") != "10.0.0.0/8"]

    revoked = ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=world)["RevokedSecurityGroupRules"]
    assert [rule["SecurityGroupRuleId"] for rule in revoked] == world
    assert [rule["CidrIpv4"] for rule in ingress(ec2, group)] == ["10.0.0.0/8"]
    assert code_of(
        ec2.revoke_security_group_ingress, GroupId=group, SecurityGroupRuleIds=world
    ) == "InvalidSecurityGroupRuleId.NotFound"
    assert code_of(
        ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=[tcp(22, "0.0.0.0/0")]
    ) == "InvalidPermission.NotFound"


def test_a_revoke_that_fails_revokes_nothing(ec2: Any, group: str) -> None:
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(22, "0.0.0.0/0")])
    assert code_of(
        ec2.revoke_security_group_ingress, GroupId=group, IpPermissions=[tcp(22, "0.0.0.0/0"), tcp(99, "0.0.0.0/0")]
    ) == "InvalidPermission.NotFound"
    assert len(ingress(ec2, group)) == 1


def test_rules_of_every_kind_can_be_modified(ec2: Any, group: str) -> None:
    other = ec2.create_security_group(GroupName="other", Description="x")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        tcp(22, "10.0.0.0/8", Ipv6Ranges=[{"CidrIpv6": "fd00::/8"}], UserIdGroupPairs=[{"GroupId": group}])
    ])
    v4, v6, source = (rule["SecurityGroupRuleId"] for rule in ingress(ec2, group))
    port = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}

    def modify(rule: str, **new: Any) -> None:
        ec2.modify_security_group_rules(
            GroupId=group, SecurityGroupRules=[{"SecurityGroupRuleId": rule, "SecurityGroupRule": new}]
        )

    modify(v4, **port, CidrIpv4="0.0.0.0/0")
    modify(v6, **port, CidrIpv6="::/0", Description="opened")
    modify(source, IpProtocol="-1", ReferencedGroupId=other)
    by_id = {rule["SecurityGroupRuleId"]: rule for rule in ingress(ec2, group)}
    assert by_id[v4]["CidrIpv4"] == "0.0.0.0/0"
    assert (by_id[v6]["CidrIpv6"], by_id[v6]["Description"]) == ("::/0", "opened")
    assert by_id[source]["ReferencedGroupInfo"]["GroupId"] == other
    assert (by_id[source]["IpProtocol"], by_id[source]["FromPort"]) == ("-1", -1)
    assert code_of(modify, rule=v4, **port, CidrIpv6="::/0") == "InvalidParameterValue"
    assert code_of(modify, rule="sgr-00000000000000000", **port, CidrIpv4="0.0.0.0/0") == (
        "InvalidSecurityGroupRuleId.NotFound"
    )

    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tcp(80, "0.0.0.0/0")])
    assert code_of(
        modify, rule=v4, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIpv4="0.0.0.0/0"
    ) == "InvalidPermission.Duplicate"
    assert {rule["FromPort"] for rule in ingress(ec2, group) if rule["SecurityGroupRuleId"] == v4} == {22}


def test_an_id_may_be_asked_for_twice(ec2: Any, group: str) -> None:
    image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["amzn2*"]}])["Images"][0]["ImageId"]
    instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    found = ec2.describe_instances(InstanceIds=[instance, instance])["Reservations"]
    assert [one["InstanceId"] for reservation in found for one in reservation["Instances"]] == [instance]
    assert len(ec2.describe_security_groups(GroupIds=[group, group])["SecurityGroups"]) == 1
    with pytest.raises(ClientError, match="sg-0123456789abcdef0") as refused:
        ec2.describe_security_groups(GroupIds=[group, "sg-0123456789abcdef0"])
    assert group not in str(refused.value)


def test_trails_are_found_by_name_and_arn(sandbox: Sandbox, account: str) -> None:
    sandbox.client("s3", account).create_bucket(Bucket=f"trails-{account}")
    topic = sandbox.client("sns", account).create_topic(Name="trails")["TopicArn"]
    trails = sandbox.client("cloudtrail", account)
    arns = {
        name: trails.create_trail(Name=name, S3BucketName=f"trails-{account}", SnsTopicName=topic)["TrailARN"]
        for name in ("one", "two")
    }

    def named(*wanted: str) -> list[str]:
        return [trail["Name"] for trail in trails.describe_trails(trailNameList=list(wanted))["trailList"]]

    assert named("one") == ["one"]
    assert named(arns["two"]) == ["two"]
    assert named("three") == []
    assert named() == ["one", "two"]
    trails.delete_trail(Name=arns["one"])
    assert named() == ["two"]


def test_an_access_keys_date_has_whole_seconds(sandbox: Sandbox, account: str) -> None:
    iam = sandbox.client("iam", account)
    iam.create_user(UserName="u")
    iam.create_access_key(UserName="u")
    assert iam.list_access_keys(UserName="u")["AccessKeyMetadata"][0]["CreateDate"].microsecond == 0


def test_amazons_policies_and_images_are_there(sandbox: Sandbox, account: str) -> None:
    policy = sandbox.client("iam", account).get_policy(PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    assert policy["Policy"]["PolicyName"] == "AdministratorAccess"


def test_a_group_has_room_for_sixty_rules_of_each_ip_version(ec2: Any, group: str) -> None:
    v6 = tcp(1, Ipv6Ranges=[{"CidrIpv6": f"fd00:{n}::/32"} for n in range(60)])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        tcp(22, *(f"10.{n}.0.0/16" for n in range(55))), v6])
    lists = [ec2.create_managed_prefix_list(PrefixListName="l", MaxEntries=size, AddressFamily="IPv4", Entries=[])[
        "PrefixList"]["PrefixListId"] for size in (6, 5)]
    full = "RulesPerSecurityGroupLimitExceeded"
    for too_much in (
        tcp(23, *(f"10.{n}.0.0/16" for n in range(6))), tcp(23, PrefixListIds=[{"PrefixListId": lists[0]}]),
        tcp(23, UserIdGroupPairs=[{"GroupId": group}]),
    ):
        assert code_of(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[too_much]) == full
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        tcp(23, PrefixListIds=[{"PrefixListId": lists[1]}])])
    assert code_of(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[tcp(24, "10.0.0.0/8")]) == full
    assert len(ingress(ec2, group)) == 116
