"""The address of a finding's resource in the AWS console, and of AWS's own text on how to fix it.

Addresses are made from `console.yml`. Every value in them is URL-encoded, so a name from AWS cannot lead to another
page; an address always begins with `https://` and the host of a known partition. The HTML page makes the same ones in
`assets/links.js`.
"""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from custom_actions.vocabulary import GLOBAL

from ..results import Finding
from ..yamlfile import read

ACCOUNT = "account"
SECURITY_HUB = ("aws-fsbp", "securityhub-other")
"""The frameworks whose requirements are controls of Security Hub, with AWS's ids."""

_VALUE = re.compile(r"\{(\w+)\}")
_CONTROL = re.compile(r"([A-Za-z0-9]+)\.(\d+)")


@dataclass(frozen=True)
class Partition:
    """The console of one AWS partition."""

    host: str
    region: str
    """The region of its global services."""
    by_arn: str = ""
    """The address that finds a resource by its ARN; empty where AWS is not known to offer one."""


PARTITIONS: Mapping[str, Partition] = {
    "aws": Partition("console.aws.amazon.com", "us-east-1", "go/view?arn={arn}"),
    "aws-us-gov": Partition("console.amazonaws-us-gov.com", "us-gov-west-1"),
    "aws-cn": Partition("console.amazonaws.cn", "cn-north-1"),
}

PREFIXES: Mapping[str, str] = {
    "us-gov-": "aws-us-gov", "cn-": "aws-cn", "us-iso": "aws-iso", "eu-iso": "aws-iso-e", "eusc-": "aws-eusc"}
"""The beginning of a region's name to its partition; all others are in `aws`."""


def console_url(finding: Finding) -> str:
    """The address of the resource in the console; empty in an unknown partition, and without a page for the type.

    The console shows it to a reader who is signed in to the account.
    """
    partition = PARTITIONS.get(partition_of(finding.arn, finding.region))
    if partition is None:
        return ""
    template = page_of(finding.resource_type.partition(".")[2], finding.policy)
    if not template and finding.arn:
        template = partition.by_arn
    parent, _, child = finding.resource.rpartition("/")
    values = {
        "resource": finding.resource, "parent": parent, "child": child, "arn": finding.arn,
        "region": partition.region if finding.region == GLOBAL else finding.region}
    wanted = _VALUE.findall(template)
    if not template or not all(values[name] for name in wanted):
        return ""
    return f"https://{partition.host}/" + _VALUE.sub(lambda match: _encoded(values[match[1]]), template)


def page_of(service: str, policy: str) -> str:
    """The template of the page for a resource type, and for an account by the policy; empty if there is none."""
    if service == ACCOUNT:
        return next((page for glob, page in _pages()[ACCOUNT].items() if fnmatchcase(policy, glob)), "")
    return _pages()["types"].get(service, "")


def partition_of(arn: str, region: str) -> str:
    """The partition, by the ARN or else by the region."""
    if arn.startswith("arn:"):
        return arn.split(":", 2)[1]
    return next((name for prefix, name in PREFIXES.items() if region.startswith(prefix)), "aws")


def remediation_urls(controls: Mapping[str, Any]) -> dict[str, str]:
    """Control of Security Hub to the address of AWS's steps by hand, for the controls that a policy covers."""
    found = [_CONTROL.fullmatch(control) for framework in SECURITY_HUB for control in controls.get(framework, ())]
    return {
        match[0]: "https://docs.aws.amazon.com/securityhub/latest/userguide/"
                  f"{match[1].lower()}-controls.html#{match[1].lower()}-{match[2]}"
        for match in found if match}


def _encoded(value: str) -> str:
    return quote(value, safe="", errors="replace")


@cache
def _pages() -> Mapping[str, Mapping[str, str]]:
    pages: Mapping[str, Mapping[str, str]] = read(Path(__file__).with_name("console.yml")).data
    return pages
