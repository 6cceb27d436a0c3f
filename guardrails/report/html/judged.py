"""The resources that a requirement was judged on: of each policy that covers one, the first ids of each result."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from ...assessment import Assessment, PolicyRow
from ...results import PolicyInfo, Status

LISTED = 100
"""Resources of one policy with one result; the CSV files of the run have all of them."""


class JudgedResource(NamedTuple):
    """A resource, and where it is."""

    account_name: str
    region: str
    resource: str


@dataclass(frozen=True)
class JudgedList:
    """The resources of one policy with the same result."""

    result: str
    """`open`, `excepted`, `unknown` or `passed`."""
    file: str
    """The file of `--format csv` that has all of them."""
    shown: Sequence[JudgedResource]
    more: int
    """How many there are beside these."""


@dataclass(frozen=True)
class JudgedPolicy:
    """A policy with the resources that it judged."""

    policy: PolicyInfo
    words: str
    """The numbers of resources in words."""
    lists: Sequence[JudgedList]


def judged_policies(run: Assessment) -> Iterator[JudgedPolicy]:
    """Each policy that covers a requirement, with its resources. Empty if the run has not kept what passed."""
    if not run.evidence:
        return
    covering = {name for framework in run.frameworks for of in framework.requirements for name in of.policies}
    for row in sorted(run.by_policy, key=lambda row: row.policy.name):
        if row.policy.name in covering and row.asked:
            lists = [each for each in _lists(run, row) if each.shown or each.more]
            yield JudgedPolicy(row.policy, row.resources.words, lists)


def _lists(run: Assessment, row: PolicyRow) -> Iterator[JudgedList]:
    name, totals = row.policy.name, row.resources
    for status, number in ((Status.OPEN, totals.open), (Status.EXCEPTED, totals.excepted)):
        found = run.store.rows(
            "select account_name, region, resource from findings where policy = ? and status = ? "
            "order by 1, 2, 3 limit ?", name, status.value, LISTED)
        yield _list(status.value, "findings.csv", found, number)
    found = run.store.rows(
        "select account_name, region, json_extract(value, '$[0]') from checks, json_each(checks.unknown) "
        "where policy = ? order by 1, 2, 3 limit ?", name, LISTED)
    yield _list("unknown", "not-seen.csv", found, totals.unknown)
    passed = (
        (check.account_name, check.region, one.resource) for check in run.passed(name) for one in check.resources)
    yield _list("passed", "passed.csv", list(islice(passed, LISTED)), totals.passed)


def _list(result: str, file: str, found: Sequence[Sequence[str]], number: int) -> JudgedList:
    shown = [JudgedResource(*each) for each in found]
    return JudgedList(result, file, shown, max(number - len(shown), 0))
