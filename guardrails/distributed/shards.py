"""How a sweep is divided: a shard is one account and a group of its regions."""
from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..accounts import Account, partition_of
from ..errors import GuardrailsError
from ..limits import REGIONS_PER_SHARD

EVERY_REGION = "all"
"""In place of a region: every region that is enabled in the account. Only a worker can find out which these are."""
_ID = re.compile(r"\d{12}-\d{1,3}")


@dataclass(frozen=True)
class Shard:
    """A part of a sweep that one worker runs."""

    id: str
    """The account's id and a number; the same in every attempt of a run."""
    account: str
    """The account's id."""
    regions: tuple[str, ...]
    """Of an account with the region `all`: those that the worker runs in, if they are enabled."""
    first: bool
    """Whether it is the first shard of its account."""

    def covers(self, region: str) -> bool:
        """Whether the shard has the checks of this region of its account."""
        return region in self.regions or (region == EVERY_REGION and self.first)

    def to_dict(self) -> dict[str, Any]:
        """The shard as the Distributed Map hands it on."""
        return {"id": self.id, "account": self.account, "regions": list(self.regions), "first": self.first}

    @classmethod
    def parse(cls, data: Any) -> Shard:
        """The shard of what `to_dict` returned. Raises GuardrailsError for anything else."""
        if (
            not isinstance(data, Mapping) or set(data) != {"id", "account", "regions", "first"}
            or not isinstance(data["id"], str) or not _ID.fullmatch(data["id"])
            or data["account"] != data["id"].partition("-")[0] or not isinstance(data["regions"], list)
            or not data["regions"] or not all(isinstance(each, str) and each for each in data["regions"])
            or not isinstance(data["first"], bool)
        ):
            raise GuardrailsError(f"not a shard: {str(data)[:200]!r}", "shards are written by guardrails audit")
        return cls(data["id"], data["account"], tuple(data["regions"]), data["first"])


def shards_of(accounts: Iterable[Account], region: str, size: int = REGIONS_PER_SHARD) -> list[Shard]:
    """The shards of a sweep over `accounts`: each (account, region) is in exactly one.

    Args:
        region: a region of the partition, for accounts with the region `all`.
        size: the largest number of regions in a shard.
    """
    return [
        Shard(f"{account.id}-{number}", account.id, tuple(group), number == 0)
        for account in accounts for number, group in enumerate(_groups(_regions(account, region), size))]


def _regions(account: Account, region: str) -> Sequence[str]:
    if EVERY_REGION not in account.regions:
        return account.regions
    from botocore.session import get_session

    return sorted(get_session().get_available_regions("ec2", partition_of(region)))


def _groups(regions: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(regions), size):
        yield regions[start:start + size]


def shards_text(shards: Iterable[Shard]) -> bytes:
    """The JSON array that the Distributed Map reads."""
    return json.dumps([shard.to_dict() for shard in shards]).encode()


def parse_shards(content: bytes) -> list[Shard]:
    """The shards of `shards_text`. Raises GuardrailsError for other content."""
    try:
        listed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise GuardrailsError(f"the list of shards is not JSON: {error}", "start a new audit") from None
    if not isinstance(listed, list):
        raise GuardrailsError("the list of shards is not a list", "start a new audit")
    return [Shard.parse(each) for each in listed]
