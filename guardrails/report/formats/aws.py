"""What several formats have to say of AWS itself: partitions, the account's own ARN, where a finding belongs."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from custom_actions.vocabulary import GLOBAL

from ...accounts import account_region
from ...results import AccountInfo, Finding


@cache
def partition(region: str) -> str:
    """`aws`, `aws-cn`, `aws-us-gov` ..."""
    from c7n.utils import get_partition

    return str(get_partition(region) or "aws")


def account_arn(account: str, region: str) -> str:
    """The ARN of the account itself."""
    return f"arn:{partition(region)}:iam::{account}:root"


def regions_of(accounts: Sequence[AccountInfo]) -> Mapping[str, tuple[str, ...]]:
    """Account id to the regions that the run names for it."""
    found: dict[str, tuple[str, ...]] = {}
    for account in accounts:
        found[account.id] = (*found.get(account.id, ()), *account.regions)
    return found


def real_region(region: str, regions: Sequence[str]) -> str:
    """A region that AWS has: for `global` the one that holds what belongs to the whole account."""
    return account_region(regions) if region == GLOBAL else region


def identity(finding: Finding, region: str) -> str:
    """What names the resource best: its ARN, else its id, else the account's ARN."""
    return finding.arn or finding.resource or account_arn(finding.account, region)
