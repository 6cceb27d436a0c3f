"""The resources that passed: where a check's output has their ids, how a run's file keeps them, how reports read them.

The ids of 100,000 resources that 100 checks judged are ten million. So the file of a run has each list of resources
once, as c7n's side wrote it, and of each check only a bitmap over its list (`custom_actions.resources`). Reading needs
memory for the resources of one account and policy, not of the run.
"""
from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from custom_actions.resources import PASSED, PassedResources, ResourceCounts, ResourceList, list_file

from ..inputfile import CannotRead, read_bytes
from ..limits import FILE_BYTES
from .columns import valid_text
from .finding import GLOBAL, Status, id_of, key_of

PASSED_TABLES = """
create table resource_lists (digest text primary key, content blob not null);
create table passed (
    account text not null, account_name text not null, region text not null, policy text not null,
    list text not null, number integer not null, bits blob not null,
    primary key (policy, account, region, account_name)
);
"""
_LISTS_KEPT = 2
"""Lists in memory: policies on the same type, one after the other, often have the same list."""


@dataclass(frozen=True)
class PassedOutput:
    """The resources that a check found compliant, as its output has them."""

    passed: PassedResources
    file: Path
    """The list of resources."""

    @classmethod
    def read(cls, directory: Path, lists: Path, counts: ResourceCounts | None) -> PassedOutput | None:
        """Read and check the output of a policy; None if it has none.

        Args:
            directory: the output of the policy.
            lists: the directory of the lists of resources.
            counts: how many resources the policy looked at.

        Raises ValueError if it is not what our patch of c7n writes, or contradicts the counts.
        """
        if not (directory / PASSED).exists():
            return None
        passed = PassedResources.parse(_bytes(directory / PASSED))
        file = list_file(lists, passed.list)
        passed.names(_read_list(file, passed.list))
        if counts is None or passed.number > counts.passed:
            raise ValueError(f"{passed.number} resources passed, which contradicts the numbers of resources")
        return cls(passed, file)


def _bytes(path: Path) -> bytes:
    try:
        return read_bytes(path, FILE_BYTES, pipes=False)
    except CannotRead as error:
        raise ValueError(f"{path.name}: {error}") from None


@lru_cache(_LISTS_KEPT)
def _read_list(path: Path, digest: str) -> ResourceList:
    return ResourceList.parse(_bytes(path), digest)


class PassedResource(NamedTuple):
    """A resource that passed."""

    id: str
    """That of the finding that the same account, policy and resource would have."""
    resource: str
    arn: str
    """Empty when it has none."""
    fixed: bool = False
    """Whether the run has a finding with this id and the status fixed: an earlier run found it."""


@dataclass(frozen=True)
class PassedCheck:
    """The resources that one check found compliant."""

    account: str
    account_name: str
    region: str
    """`global` for what belongs to the whole account."""
    policy: str
    resources: Sequence[PassedResource]


def save_passed(
    db: sqlite3.Connection, account: str, key: tuple[str, str, str], output: PassedOutput | None
) -> None:
    """Replace what the file of a run has of a check; `key` is its account name, region and policy.

    Raises ValueError if the list of resources cannot be read any more.
    """
    db.execute("delete from passed where account = ? and (account_name, region, policy) = (?, ?, ?)", (account, *key))
    if output is None:
        return
    passed = output.passed
    if not db.execute("select count(*) from resource_lists where digest = ?", (passed.list,)).fetchone()[0]:
        db.execute("insert into resource_lists values (?, ?)", (passed.list, _bytes(output.file)))
    db.execute("insert into passed values (?, ?, ?, ?, ?, ?, ?)",
               (account, *key, passed.list, passed.number, passed.bits))


def read_passed(
    db: sqlite3.Connection, regions: Mapping[str, Sequence[str]], policy: str = ""
) -> Iterator[PassedCheck]:
    """The resources that passed, by policy, account and region; each pair of resource and policy once.

    A resource that has an open or excepted finding of the policy has not passed, whichever region showed it. One that
    several regions list (a multi-region trail) has passed if it has in its home region, or in any other if the run did
    not look there.

    Args:
        regions: account to the regions of the run.
        policy: only that of this policy; empty for all.

    Raises ValueError for values that we have not written.
    """
    of = "where policy = ?" if policy else ""
    places = db.execute(
        f"select policy, account, region, account_name, list, number, bits from passed {of} order by 1, 2, 3, 4",  # noqa: S608
        (policy,) if policy else ())
    before: tuple[str, str] | None = None
    seen: set[str] = set()
    fixed: set[str] = set()
    stored_list = lru_cache(_LISTS_KEPT)(lambda digest: _stored_list(db, digest))
    for name, account, region, account_name, digest, number, bits in places:
        if (name, account) != before:
            before = name, account
            seen, fixed = set(), set()
            for found, status in db.execute(
                    "select id, status from findings where policy = ? and account = ?", before):
                (fixed if status == Status.FIXED else seen).add(found)
        resources = []
        for resource, arn in PassedResources(digest, number, bits).names(stored_list(digest)):
            identity = id_of(key_of(account, name, region, resource, arn))
            if identity not in seen and not _belongs_elsewhere(arn, region, regions.get(account, ())):
                seen.add(identity)
                resources.append(PassedResource(identity, valid_text(resource), valid_text(arn), identity in fixed))
        yield PassedCheck(account, account_name, region, name, resources)


def _stored_list(db: sqlite3.Connection, digest: str) -> ResourceList:
    found = db.execute("select content from resource_lists where digest = ?", (digest,)).fetchone()
    if found is None or not isinstance(found[0], bytes):
        raise ValueError(f"the list of resources {digest} is missing")
    return ResourceList.parse(found[0], digest)


def _belongs_elsewhere(arn: str, region: str, regions: Sequence[str]) -> bool:
    """Whether another region of the run is the resource's home, whose check decides."""
    parts = arn.split(":", 4)
    return region != GLOBAL and len(parts) > 3 and parts[3] != region and parts[3] in regions
