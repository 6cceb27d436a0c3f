"""Addresses of resources in the AWS console: the right page, and never another host."""
from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.policies.policy import load
from guardrails.report.console import PARTITIONS, console_url, page_of, remediation_urls
from guardrails.results.finding import GLOBAL, Finding

from .html import runs

HOSTS = {partition.host for partition in PARTITIONS.values()}


def found(policy: str, region: str, resource: str, arn: str = "") -> Finding:
    return replace(runs.finding(runs.policies()[policy], runs.ACCOUNTS[0], region, resource), arn=arn)


@pytest.mark.parametrize(("policy", "region", "resource", "arn", "address"), [
    ("security-group-admin-ports", "eu-west-1", "sg-1", "arn:aws:ec2:eu-west-1:111111111111:security-group/sg-1",
     "https://console.aws.amazon.com/ec2/home?region=eu-west-1#SecurityGroup:groupId=sg-1"),
    ("security-group-admin-ports", "us-gov-west-1", "sg-1", "",
     "https://console.amazonaws-us-gov.com/ec2/home?region=us-gov-west-1#SecurityGroup:groupId=sg-1"),
    ("security-group-admin-ports", "cn-north-1", "sg-1", "",
     "https://console.amazonaws.cn/ec2/home?region=cn-north-1#SecurityGroup:groupId=sg-1"),
    ("iam-user-mfa", GLOBAL, "a/b@c", "arn:aws-cn:iam::111111111111:user/a/b@c",
     "https://console.amazonaws.cn/iam/home#/users/details/a%2Fb%40c"),
    ("s3-bucket-versioning", GLOBAL, "b", "arn:aws-us-gov:s3:::b", "https://console.amazonaws-us-gov.com/s3/buckets/b"),
    ("apigateway-stage-cached", "eu-west-1", "abc/prod", "",
     "https://console.aws.amazon.com/apigateway/main/apis/abc/stages?api=abc&region=eu-west-1"),
    ("iam-password-length", GLOBAL, "111111111111", "arn:aws:iam::111111111111:root",
     "https://console.aws.amazon.com/iam/home#/account_settings"),
    ("ebs-encryption-by-default", "eu-west-1", "111111111111", "arn:aws:iam::111111111111:root",
     "https://console.aws.amazon.com/ec2/home?region=eu-west-1#Settings:tab=dataProtectionAndSecurity"),
    ("s3-account-public-acls-blocked", GLOBAL, "111111111111", "arn:aws:iam::111111111111:root",
     "https://console.aws.amazon.com/s3/settings?region=us-east-1"),
    # What the address needs is missing, or the partition has no public console.
    ("cloudtrail-log-validation", "eu-west-1", "trail", "", ""),
    ("security-group-admin-ports", "us-iso-east-1", "sg-1", "", ""),
    ("security-group-admin-ports", "eu-west-1", "sg-1", "arn:evil.example/:ec2:::x", ""),
])
def test_each_partition_has_its_console(policy: str, region: str, resource: str, arn: str, address: str) -> None:
    assert console_url(found(policy, region, resource, arn)) == address


def test_another_type_is_found_by_its_arn() -> None:
    other = replace(found("ec2-patched", "eu-west-1", "f", "arn:aws:gamelift:eu-west-1:1:fleet/f"),
                    resource_type="aws.gamelift-fleet")
    assert console_url(other) == (
        "https://console.aws.amazon.com/go/view?arn=arn%3Aaws%3Agamelift%3Aeu-west-1%3A1%3Afleet%2Ff")
    assert console_url(replace(other, arn="arn:aws-cn:gamelift:cn-north-1:1:fleet/f")) == ""


def test_every_type_that_the_policies_use_has_a_page() -> None:
    for policy in load():
        if policy.sweeps:
            assert page_of(policy.resource.partition(".")[2], policy.name), policy.name


@given(st.sampled_from(sorted(runs.policies())), st.text(), st.text(), st.sampled_from(["eu-west-1", GLOBAL, "cn-x"]))
def test_no_name_leads_to_another_place(policy: str, resource: str, arn: str, region: str) -> None:
    for named in (arn, f"arn:aws:ec2:::{arn}"):
        address = console_url(found(policy, region, resource, named))
        if address:
            parts = urlsplit(address)
            assert parts.scheme == "https" and parts.netloc in HOSTS and address.isascii()
            own = runs.policies()[policy]
            fixed = page_of(own.service, policy).partition("{")[0]
            assert address.startswith(f"https://{parts.netloc}/{fixed}") and not set(address) & set("<>\"'` \n\\")


def test_an_id_can_be_read_back() -> None:
    address = console_url(found("s3-bucket-versioning", GLOBAL, "a b/ü?#&=%", "arn:aws:s3:::x"))
    assert unquote(address.rpartition("/")[2]) == "a b/ü?#&=%"


def test_controls_of_security_hub_have_the_steps_of_aws() -> None:
    assert remediation_urls({"aws-fsbp": ["S3.8", "APIGateway.1"], "pci-dss-4.0": ["1.2.5"], "securityhub-other": [
        "CloudTrail.3", "x"]}) == {
        "S3.8": "https://docs.aws.amazon.com/securityhub/latest/userguide/s3-controls.html#s3-8",
        "APIGateway.1": "https://docs.aws.amazon.com/securityhub/latest/userguide/apigateway-controls.html#apigateway-1",
        "CloudTrail.3": "https://docs.aws.amazon.com/securityhub/latest/userguide/cloudtrail-controls.html#cloudtrail-3"}
