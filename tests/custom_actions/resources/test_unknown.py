"""`one_by_one`: the items that cause an error are found, all others have their results, and the effort is bounded."""
from __future__ import annotations

import math
import stat
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from c7n.exceptions import PolicyValidationError
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.errors import CannotRead
from custom_actions.resources import (
    UNKNOWN,
    ResourcesUnknown,
    UnknownResources,
    collecting,
    collector_of,
    filtered,
    one_by_one,
)
from tests import engine
from tests.moto_server import Moto
from tests.wire import Wire


def refused(code: str = "AccessDenied", operation: str = "GetBucketAcl") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


class Work:
    """Squares numbers; raises an error for a list with a bad one."""

    def __init__(self, bad: dict[int, Exception]) -> None:
        self.bad = bad
        self.processed = 0
        self.failed: dict[int, Exception] = {}

    def __call__(self, items: Sequence[int]) -> list[int]:
        for item in items:
            self.processed += 1
            if item in self.bad:
                raise self.bad[item]
        return [item * item for item in items]

    def run(self, items: Sequence[int]) -> list[int]:
        return one_by_one(items, self, self.failed.__setitem__)


@given(st.integers(2, 200), st.sets(st.integers(0, 199), max_size=20))
def test_all_others_have_their_results_in_order(number: int, bad: set[int]) -> None:
    bad = {item for item in bad if item < number}
    work = Work({item: refused(f"Code{item}") for item in bad})
    assert work.run(range(number)) == [item * item for item in range(number) if item not in bad]
    assert work.failed == work.bad
    assert work.processed <= number * (2 + math.log2(len(bad) + 1)) + 1


def test_one_bad_item_costs_about_twice_the_work_more() -> None:
    work = Work({700: refused()})
    assert len(work.run(range(1000))) == 999
    assert work.processed < 3_000


@pytest.mark.parametrize("number", [2, 3, 1000])
def test_what_all_have_in_common_ends_the_check(number: int) -> None:
    work = Work(dict.fromkeys(range(number), refused()))
    with pytest.raises(ClientError, match="AccessDenied"):
        work.run(range(number))
    assert not work.failed
    assert work.processed < 30  # not one by one


def test_the_only_item_is_named() -> None:
    work = Work({7: refused()})
    assert work.run([7]) == []
    assert list(work.failed) == [7]


@pytest.mark.parametrize("error", [
    *map(refused, ("Throttling", "RequestLimitExceeded", "SlowDown", "ExpiredToken", "InvalidClientTokenId")),
    EndpointConnectionError(endpoint_url="https://aws"), NoCredentialsError(), MemoryError(),
    PolicyValidationError("x"),
])
def test_what_is_not_about_one_resource_ends_the_check(error: Exception) -> None:
    work = Work({3: error})
    with pytest.raises(type(error)):
        work.run(range(5))
    assert not work.failed


def test_a_fault_of_a_filter_is_about_its_resource() -> None:
    work = Work({3: KeyError("Grants")})
    assert work.run(range(5)) == [0, 1, 4, 16]
    assert list(work.failed) == [3]


def test_an_interrupt_is_not_caught() -> None:
    work = Work({3: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        work.run(range(5))


def test_what_happens_once_is_forgotten() -> None:
    failures = iter([refused()])

    def work(items: Sequence[int]) -> list[int]:
        for failure in failures:
            raise failure
        return list(items)

    def failed(item: int, error: Exception) -> None:
        raise AssertionError

    assert one_by_one(range(4), work, failed) == [0, 1, 2, 3]


def test_a_manager_collects_only_inside() -> None:
    manager, other = SimpleNamespace(), SimpleNamespace()
    with collecting(manager) as unknown:
        with collecting(other, into=unknown):
            assert collector_of(manager) is collector_of(other) is unknown
        assert collector_of(other) is None
    assert collector_of(manager) is None


@pytest.fixture
def unknown() -> UnknownResources:
    found = UnknownResources()
    found.add("b", "denied")
    found.add("a", "denied")
    found.add("a", "later")
    return found


def test_the_error_names_each_once(unknown: UnknownResources) -> None:
    with pytest.raises(ResourcesUnknown, match=r"^resources unknown: a: denied; b: denied$"):
        unknown.raise_if_any()
    UnknownResources().raise_if_any()


def test_the_file_is_the_owners_alone_and_never_an_old_one(unknown: UnknownResources, tmp_path: Path) -> None:
    file = tmp_path / UNKNOWN
    file.write_text("of an earlier run")
    output = SimpleNamespace(root_dir=str(tmp_path))
    unknown.write(output)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    UnknownResources().write(output)
    assert not file.exists()
    unknown.write(SimpleNamespace())


def test_a_denied_detail_is_unknown_to_every_policy_that_shares_the_resource(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """c7n notes what it takes for the setting, and shares its resources between the policies of a run."""
    moto.client("s3").create_bucket(Bucket="closed")
    moto.client("s3").create_bucket(Bucket="open")
    wire = Wire()
    wire.install(monkeypatch)
    wire.fail("GetPublicAccessBlock", "closed")
    manager = engine.load(
        {"name": "p", "resource": "aws.s3", "filters": ["check-public-block"]}, tmp_path, dryrun=True).resource_manager
    shared = [{"Name": name, "Location": {}} for name in ("closed", "open")]
    for _ in range(2):
        with collecting(manager) as unknown:
            assert [each["Name"] for each in filtered(manager, manager.filters[0], shared, None)] == ["open"]
        assert unknown.to_list() == [
            {"resource": "closed", "reason": "check-public-block: GetPublicAccessBlock: AccessDenied"}]
    with pytest.raises(CannotRead, match="closed: check-public-block: GetPublicAccessBlock: AccessDenied"):
        filtered(manager, manager.filters[0], shared, None)
