"""AWS facts that several formats need: partitions, ARNs, and the region of a finding."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from custom_actions.vocabulary import GLOBAL

from ...accounts import account_region, partition_of
from ...results import AccountInfo, Finding


def account_arn(account: str, region: str) -> str:
    """The ARN of the account's root."""
    return f"arn:{partition_of(region)}:iam::{account}:root"


def regions_of(accounts: Sequence[AccountInfo]) -> Mapping[str, tuple[str, ...]]:
    """Account id to the regions of the run in that account."""
    found: dict[str, tuple[str, ...]] = {}
    for account in accounts:
        found[account.id] = (*found.get(account.id, ()), *account.regions)
    return found


def real_region(region: str, regions: Sequence[str]) -> str:
    """The AWS region of a finding or a check, which has `global` for what belongs to the whole account.

    For `global` it is the region that AWS reports global resources in (us-east-1 in most partitions), if the run
    covers it, else the first of `regions`, the regions of the run in the account: an organization may have disabled
    the other one.
    """
    if region != GLOBAL:
        return region
    usual = account_region(regions)
    return usual if usual in regions or not regions else regions[0]


def identity(finding: Finding, region: str) -> str:
    """The resource's ARN; without one its id; without that the account's ARN."""
    return identity_of(finding.account, finding.resource, finding.arn, region)


def identity_of(account: str, resource: str, arn: str, region: str) -> str:
    """As `identity`, of a resource that passed."""
    return arn or resource or account_arn(account, region)
