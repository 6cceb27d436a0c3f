"""How a sweep is divided."""
from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.accounts import Account
from guardrails.distributed.shards import Shard, parse_shards, shards_of, shards_text
from guardrails.errors import GuardrailsError

REGIONS = ("us-east-1", "eu-west-1", "eu-central-1", "ap-south-1", "sa-east-1")


@given(st.lists(st.sets(st.sampled_from(REGIONS), min_size=1), max_size=6), st.integers(1, 6))
def test_each_account_and_region_is_in_exactly_one_shard(regions: list[set[str]], size: int) -> None:
    accounts = [Account(f"{100000000000 + n}", f"a{n}", tuple(sorted(each))) for n, each in enumerate(regions)]
    shards = shards_of(accounts, "us-east-1", size)
    covered = Counter(
        (shard.account, region) for shard in shards for region in REGIONS if shard.covers(region))
    assert covered == Counter((account.id, region) for account in accounts for region in account.regions)
    assert len({shard.id for shard in shards}) == len(shards) and max(
        (len(shard.regions) for shard in shards), default=0) <= size
    assert parse_shards(shards_text(shards)) == shards


@pytest.mark.parametrize(("region", "has", "not_has"), [
    ("us-east-1", "eu-west-1", "us-gov-west-1"), ("us-gov-west-1", "us-gov-east-1", "us-east-1"),
    ("cn-north-1", "cn-northwest-1", "eu-west-1")])
def test_all_regions_are_those_of_the_partition(region: str, has: str, not_has: str) -> None:
    shards = shards_of([Account("123456789012", "a", ("all",))], region)
    every = [each for shard in shards for each in shard.regions]
    assert has in every and not_has not in every and len(every) == len(set(every))
    # An account that cannot be entered has its checks in the region `all`: they belong to one shard.
    assert [shard.covers("all") for shard in shards] == [True] + [False] * (len(shards) - 1)


GOOD: dict[str, Any] = {"id": "123456789012-0", "account": "123456789012", "regions": ["us-east-1"], "first": True}


@pytest.mark.parametrize("bad", [
    None, [], {}, {**GOOD, "more": 1}, {**GOOD, "id": "123456789012/../x"}, {**GOOD, "id": 3},
    {**GOOD, "account": "210987654321"}, {**GOOD, "regions": [1]}, {**GOOD, "first": "yes"}])
def test_anything_else_is_no_shard(bad: Any) -> None:
    assert Shard.parse(GOOD).id == GOOD["id"]
    with pytest.raises(GuardrailsError, match="not a shard"):
        Shard.parse(bad)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b"[" * 100_000])
def test_anything_else_is_no_list_of_shards(content: bytes) -> None:
    with pytest.raises(GuardrailsError):
        parse_shards(content)
