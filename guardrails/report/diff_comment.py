"""The Markdown comment on a pull request that changes policies: which resources each version of them matches."""
from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..command import command
from ..results import Finding
from ..runs import PolicyChange, PolicyDiff, PolicyDifference
from .formats.markdown import cell

_LISTED_AT_MOST = 50
# GitHub accepts 65,536 characters.
_COMMENT_AT_MOST = 60_000


def comment_on(diff: PolicyDiff) -> str:
    """The comment, short enough for GitHub; resources that do not fit are in diff.json alone."""
    text = "\n".join(_summary(diff)) + "\n"
    for number, each in enumerate(diff.differences):
        lists = "".join(f"{line}\n" for line in _lists(each))
        if len(text) + len(lists) > _COMMENT_AT_MOST:
            return f"{text}\nThe resources of {len(diff.differences) - number} more policies are in diff.json.\n"
        text += lists
    return text


def _summary(diff: PolicyDiff) -> Iterator[str]:
    """What changed, in numbers, and what the numbers do not show."""
    found = diff.differences
    yield "## Resources that the changed policies match"
    yield ""
    incomplete = sum(bool(each.missing) for each in found)
    newly, no_longer = sum(len(each.newly) for each in found), sum(len(each.no_longer) for each in found)
    state = f"INCOMPLETE: {incomplete} policies could not be evaluated everywhere. " if incomplete else ""
    yield (f"**{state}{newly} newly matched, {no_longer} no longer matched**; {len(diff.changes)} policies changed, "
           f"{diff.unchanged} did not.")
    if found:
        yield ""
        yield "| policy | change | before | now | newly | no longer | unknown |"
        yield "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
        for each in found:
            unknown = f"{len(each.unsure)} in {len(each.missing)} places" if each.missing else "0"
            yield (f"| {cell(each.policy.name)} | {each.policy.kind} | {each.before} | {each.now} "
                   f"| {len(each.newly)} | {len(each.no_longer)} | {unknown} |")
    evaluated = {each.policy.name for each in found}
    notes = [note for change in diff.changes for note in _notes(change, evaluated=change.name in evaluated)]
    if notes:
        yield ""
        yield from (f"- {cell(note)}" for note in notes)


def _lists(each: PolicyDifference) -> Iterator[str]:
    """The resources of one policy, in sections that can be unfolded."""
    sections: list[tuple[str, Sequence[str]]] = [
        ("newly matched", _resources(each.newly)), ("no longer matched", _resources(each.no_longer)),
        ("matched by one version, unknown for the other", _resources(each.unsure)), ("not evaluated", each.missing),
    ]
    for title, lines in sections:
        if not lines:
            continue
        yield ""
        yield f"<details><summary>{cell(each.policy.name)}: {len(lines)} {title}</summary>"
        yield ""
        yield from (f"- {cell(line)}" for line in lines[:_LISTED_AT_MOST])
        if len(lines) > _LISTED_AT_MOST:
            yield f"- and {len(lines) - _LISTED_AT_MOST} more"
        yield ""
        yield "</details>"


def _resources(findings: Sequence[Finding]) -> list[str]:
    return [f"{finding.account_name} {finding.region} {finding.arn or finding.resource}" for finding in findings]


def _notes(change: PolicyChange, *, evaluated: bool) -> Iterator[str]:
    """What a reviewer must know and the table does not show."""
    if not change.sweeps:
        yield f"{change.name} ({change.kind}) handles events: {command('replay')} shows what it does with one"
    elif not evaluated and not change.other_changes:
        yield f"{change.name}: its description changed, but not which resources it matches"
    if change.other_changes:
        also = "" if change.matching_changed else ", but not which resources it matches"
        yield f"{change.name}: {' and '.join(change.other_changes)} changed{also}"
