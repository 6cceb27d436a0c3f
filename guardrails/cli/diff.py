"""`diff`: which resources two versions of a policy directory match, for whoever reviews the change.

A filter that looks right in a review matches nothing in the account, or everything. So the policies that changed are
swept twice, in their old form and in their new one, dry, and the difference is what the review is about. A place that
one of the two sweeps did not see is unknown: it is neither "newly matched" nor "no longer".
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..policies import Policy
from ..results import Finding
from .options import INCOMPLETE, account_options, output_option

if TYPE_CHECKING:
    from ..runs import Sweep

Place = tuple[str, str, str]
"""Account, region as a report gives it, policy."""
# What says nothing of which resources match in a sweep.
_NOT_MATCHING = ("description", "title", "comment", "comments", "mode", "actions")
_LISTED_AT_MOST = 50
# GitHub takes 65,536 characters.
_COMMENT_AT_MOST = 60_000


class Change(StrEnum):
    """What the new directory does to a policy."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class Changed:
    """A policy that is not the same in both directories."""

    name: str
    old: Policy | None
    new: Policy | None

    @property
    def change(self) -> Change:
        if self.old is None:
            return Change.ADDED
        return Change.REMOVED if self.new is None else Change.CHANGED

    @property
    def swept(self) -> bool:
        """Whether a sweep can say what it matches: in one of its forms it does more than judge events."""
        return any(policy is not None and policy.sweeps for policy in (self.old, self.new))

    @property
    def matches_otherwise(self) -> bool:
        """Whether its two forms can match other resources; of one that is only there once: yes."""
        if self.old is None or self.new is None:
            return True
        return self.old.sweeps != self.new.sweeps or _matching(self.old) != _matching(self.new)

    @property
    def acts_otherwise(self) -> tuple[str, ...]:
        """What else changed of how it runs: `mode`, `actions`."""
        if self.old is None or self.new is None:
            return ()
        return tuple(key for key in ("mode", "actions") if self.old.data.get(key) != self.new.data.get(key))


def changed(old: Iterable[Policy], new: Iterable[Policy]) -> list[Changed]:
    """The policies that differ, by name."""
    before, after = {policy.name: policy for policy in old}, {policy.name: policy for policy in new}
    return [
        Changed(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if name not in before or name not in after or before[name].data != after[name].data
    ]


def _matching(policy: Policy) -> Mapping[str, Any]:
    return {key: value for key, value in policy.data.items() if key not in _NOT_MATCHING}


@dataclass(frozen=True)
class Side:
    """What one sweep found, and what it did not see."""

    findings: Sequence[Finding] = ()
    missing: Mapping[Place, str] = field(default_factory=dict)
    """Where there is no whole answer, and why."""

    @classmethod
    def of(cls, swept: Sweep) -> Side:
        """From a sweep."""
        return cls(swept.findings(), {
            (check.account.id, swept.region(check), check.policy.name): f"{check.state.value}: {check.reason}"
            for check in swept.missing
        })

    @cached_property
    def found(self) -> frozenset[tuple[str, str, str]]:
        """What makes each finding the same in both sweeps."""
        return frozenset(finding.key for finding in self.findings)


@dataclass(frozen=True)
class Difference:
    """One changed policy, and what it matches otherwise."""

    policy: Changed
    before: int
    now: int
    newly: tuple[Finding, ...] = ()
    no_longer: tuple[Finding, ...] = ()
    unsure: tuple[Finding, ...] = ()
    """Matched by one form; the other did not see the place."""
    missing: tuple[str, ...] = ()
    """Each place that was not seen, and why."""

    def to_dict(self) -> dict[str, Any]:
        """The difference as JSON has it."""
        return {
            "policy": self.policy.name, "change": self.policy.change.value, "before": self.before, "now": self.now,
            "newly": [finding.to_dict() for finding in self.newly],
            "no_longer": [finding.to_dict() for finding in self.no_longer],
            "unsure": [finding.to_dict() for finding in self.unsure], "missing": list(self.missing),
        }


def differences(policies: Sequence[Changed], old: Side, new: Side) -> list[Difference]:
    """The differences of the policies that were swept, by name."""
    return [_difference(policy, old, new) for policy in policies]


def _difference(policy: Changed, old: Side, new: Side) -> Difference:
    before = [finding for finding in old.findings if finding.policy == policy.name]
    now = [finding for finding in new.findings if finding.policy == policy.name]
    newly = [finding for finding in now if finding.key not in old.found]
    no_longer = [finding for finding in before if finding.key not in new.found]

    def unseen(finding: Finding, other: Side) -> bool:
        return (finding.account, finding.region, finding.policy) in other.missing

    return Difference(
        policy, len(before), len(now),
        newly=tuple(finding for finding in newly if not unseen(finding, old)),
        no_longer=tuple(finding for finding in no_longer if not unseen(finding, new)),
        unsure=tuple([finding for finding in newly if unseen(finding, old)]
                     + [finding for finding in no_longer if unseen(finding, new)]),
        missing=tuple(
            f"{when}, {account} {region}: {why}"
            for when, side in (("before", old), ("now", new))
            for (account, region, name), why in side.missing.items() if name == policy.name),
    )


def markdown(found: Sequence[Difference], every: Sequence[Changed], same: int) -> str:
    """The comment for a pull request.

    Args:
        every: all changed policies, those that were not swept too.
        same: how many policies are the same in both directories.
    """
    text = "\n".join(_summary(found, every, same)) + "\n"
    for number, each in enumerate(found):
        lists = "".join(f"{line}\n" for line in _lists(each))
        if len(text) + len(lists) > _COMMENT_AT_MOST:
            return f"{text}\nThe resources of {len(found) - number} more policies are in diff.json.\n"
        text += lists
    return text


def _summary(found: Sequence[Difference], every: Sequence[Changed], same: int) -> Iterator[str]:
    """What changed, in numbers, and what the numbers do not tell."""
    from ..report import cell

    yield "## What the changed policies match"
    yield ""
    unknown = [each for each in found if each.missing]
    newly, no_longer = (sum(len(getattr(each, what)) for each in found) for what in ("newly", "no_longer"))
    state = f"INCOMPLETE: of {len(unknown)} policies not everything was seen. " if unknown else ""
    yield (f"**{state}{newly} newly matched, {no_longer} no longer matched**; {len(every)} policies changed, "
           f"{same} did not.")
    if found:
        yield ""
        yield "| policy | change | before | now | newly | no longer | unknown |"
        yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
        for each in found:
            places = f"{len(each.unsure)} in {len(each.missing)} places" if each.missing else "0"
            yield (f"| {cell(each.policy.name)} | {each.policy.change} | {each.before} | {each.now} "
                   f"| {len(each.newly)} | {len(each.no_longer)} | {places} |")
    swept = {each.policy.name for each in found}
    notes = [note for each in every for note in _notes(each, swept=each.name in swept)]
    if notes:
        yield ""
        yield from (f"- {cell(note)}" for note in notes)


def _lists(each: Difference) -> Iterator[str]:
    """The resources of one policy, folded away."""
    from ..report import cell

    parts: list[tuple[str, Sequence[str]]] = [
        ("newly matched", _named(each.newly)), ("no longer matched", _named(each.no_longer)),
        ("matched by one form, and not seen with the other", _named(each.unsure)), ("not seen", each.missing),
    ]
    for what, lines in parts:
        if not lines:
            continue
        yield ""
        yield f"<details><summary>{cell(each.policy.name)}: {len(lines)} {what}</summary>"
        yield ""
        yield from (f"- {cell(line)}" for line in lines[:_LISTED_AT_MOST])
        if len(lines) > _LISTED_AT_MOST:
            yield f"- and {len(lines) - _LISTED_AT_MOST} more"
        yield ""
        yield "</details>"


def _named(findings: Sequence[Finding]) -> list[str]:
    return [f"{finding.account_name} {finding.region} {finding.arn or finding.resource}" for finding in findings]


def _notes(each: Changed, *, swept: bool) -> Iterator[str]:
    """What a reviewer has to know that the table does not tell."""
    if not each.swept:
        yield f"{each.name} ({each.change}) judges events: ./run.sh replay shows what it does with one"
    elif not swept and not each.acts_otherwise:
        yield f"{each.name}: its description changed, and not what it matches"
    if each.acts_otherwise:
        also = "" if each.matches_otherwise else ", and not what it matches"
        yield f"{each.name}: {' and '.join(each.acts_otherwise)} changed{also}"


@click.command()
@click.argument("old", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="OLD_DIR")
@click.argument("new", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="NEW_DIR")
@account_options
@output_option
def diff(
    old: Path, new: Path, config: Path | None, regions: tuple[str, ...], output: str | None
) -> None:
    """Which resources two versions of a policy directory match otherwise; changes nothing.

    Sweeps the policies that differ, in both forms, and prints Markdown for a pull request: newly matched, no longer
    matched, and unknown where a sweep did not see. diff.json in the output directory has all of it. Exceptions do
    not count. Exits with 2 when something is unknown.

    \b
    Example:
      git worktree add /tmp/main origin/main
      ./run.sh diff /tmp/main/policies policies -c accounts.yml
    """
    from ..accounts import find_accounts
    from ..paths import output_directory, write_json, write_text
    from ..policies import load
    from ..runs import Plan, sweep
    from .progress import progress_bar

    before, after = load(old), load(new)
    every = changed(before, after)
    asked = [each for each in every if each.swept and each.matches_otherwise]
    directory = output_directory(output, "diff")
    sides = {"old": Side(), "new": Side()}
    if asked:
        accounts = find_accounts(config, regions)
        pick: dict[str, Callable[[Changed], Policy | None]] = {"old": lambda c: c.old, "new": lambda c: c.new}
        for name, form in pick.items():
            policies = [p for each in asked if (p := form(each)) is not None and p.sweeps]
            if policies:
                sides[name] = Side.of(sweep(Plan(policies, accounts), directory / name, progress=progress_bar))
    found = differences(asked, sides["old"], sides["new"])
    same = len({policy.name for policy in after} - {each.name for each in every})
    text = markdown(found, every, same)
    write_text(directory / "diff.md", text)
    write_json(directory / "diff.json", [each.to_dict() for each in found])
    click.echo(text, nl=False)
    raise SystemExit(INCOMPLETE if any(each.missing for each in found) else 0)
