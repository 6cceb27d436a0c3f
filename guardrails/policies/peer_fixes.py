"""The controls that other tools fix, and what fixes them here or why nothing does: docs/fixes.md.

`controls/fixes/aws.yml` lists the controls. Which policy fixes one is computed from the policies' claims, so the page
cannot say more than the policies do.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from custom_actions.vocabulary import PASSIVE, TELLING

from ..command import CHECKOUT_COMMAND
from ..errors import GuardrailsError
from ..paths import CONTROLS, ROOT
from ..yamlfile import YamlError, YamlFile, read
from .catalogue import load_catalogues
from .policy import Policy, action_type, load

PEER_FIXES = CONTROLS / "fixes" / "aws.yml"
FIXES_PAGE = ROOT / "docs" / "fixes.md"
TOOLS = {"asr": "Automated Security Response", "prowler": "Prowler", "flowpipe": "Flowpipe"}
FRAMEWORKS = ("aws-fsbp", "securityhub-other")
"""The catalogues with AWS Security Hub's controls."""
_KEYS = {"id", "by", "title", "policies", "because"}
_KEEPS_AWAY = "refuse"


@dataclass(frozen=True)
class PeerFix:
    """A control that other tools fix."""

    id: str
    title: str
    by: tuple[str, ...]
    """The tools, of TOOLS."""
    named: tuple[str, ...] = ()
    """Policies that fix it without claiming it."""
    because: str = ""
    """Why no policy fixes it."""
    where: str = ""
    """`file:line` of the row."""


@dataclass(frozen=True)
class FixedHere:
    """A control that other tools fix, and the policies that fix it here."""

    control: PeerFix
    policies: tuple[Policy, ...]

    @cached_property
    def by_default(self) -> bool:
        """Whether one of the policies is in no profile."""
        return any(not policy.metadata.get("profile") for policy in self.policies)


def load_peer_fixes(path: Path = PEER_FIXES) -> list[PeerFix]:
    """The controls that other tools fix. Raises GuardrailsError, with file and line, for a row that is wrong."""
    try:
        source = read(path)
    except YamlError as error:
        raise GuardrailsError(f"{path}:{error.line}: {error.message}", "correct the YAML") from None
    titles = {
        requirement.id: requirement.title for name, catalogue in load_catalogues().items() if name in FRAMEWORKS
        for requirement in catalogue.requirements}
    found: dict[str, PeerFix] = {}
    for index, row in enumerate(source.data["fixes"]):
        one = _peer_fix(source, source.line(("fixes", index)), row, titles)
        if one.id in found:
            raise GuardrailsError(f"{one.where}: {one.id} is at {found[one.id].where} too", "remove one of them")
        found[one.id] = one
    return list(found.values())


def _peer_fix(source: YamlFile, line: int, row: Any, titles: Mapping[str, str]) -> PeerFix:
    where = f"{source.path}:{line}"
    if not isinstance(row, Mapping) or not {"id", "by"} <= row.keys() <= _KEYS:
        raise GuardrailsError(f"{where}: not a row: {row!r}", f"a row has id and by; it may have {', '.join(_KEYS)}")
    if unknown := sorted(set(row["by"]) - TOOLS.keys()):
        raise GuardrailsError(f"{where}: unknown tool {', '.join(unknown)}", f"use {', '.join(TOOLS)}")
    if (row["id"] in titles) == ("title" in row):
        raise GuardrailsError(
            f"{where}: {row['id']} needs one title, its own or that of a catalogue",
            "give `title` only to a control that no catalogue has")
    return PeerFix(
        id=row["id"], title=row.get("title") or titles[row["id"]], by=tuple(row["by"]),
        named=tuple(row.get("policies") or ()), because=row.get("because", ""), where=where)


def fixed_here(controls: Iterable[PeerFix], policies: Sequence[Policy]) -> list[FixedHere]:
    """Each control with the policies that fix it. Raises GuardrailsError for a named policy that does not fix."""
    fixing = {policy.name: policy for policy in policies if policy.response not in PASSIVE}
    found = []
    for control in controls:
        if missing := [name for name in control.named if name not in fixing]:
            raise GuardrailsError(f"{control.where}: no policy {', '.join(missing)} changes AWS", "name one that does")
        claiming = [policy for policy in fixing.values()
                    if any(control.id in policy.controls.get(name, ()) for name in FRAMEWORKS)]
        named = [fixing[name] for name in control.named]
        found.append(FixedHere(control, tuple({policy.name: policy for policy in (*named, *claiming)}.values())))
    return found


@cache
def _undone() -> frozenset[tuple[str, str]]:
    """The actions whose changes `rollback` can undo: resource type and name."""
    from custom_actions.plugin import elements, native_actions
    from custom_actions.plugin import load as load_element

    undone = {(native.resource, native.type) for native in native_actions() if native.inverses}
    return frozenset(undone | {
        (each.resource, each.type) for each in elements()
        if each.kind == "action" and getattr(load_element(each), "inverses", None)})


def without_inverse(policy: Policy) -> list[str]:
    """The actions of a policy whose changes `rollback` cannot undo."""
    return [kind for action in policy.data.get("actions") or () if (kind := action_type(action)) not in TELLING
            and kind != _KEEPS_AWAY and (policy.service, kind) not in _undone()]


def peer_fixes_page(controls: Sequence[PeerFix] | None = None, policies: Sequence[Policy] | None = None) -> str:
    """docs/fixes.md as Markdown: from the project's own catalogue and policies by default."""
    found = fixed_here(load_peer_fixes() if controls is None else controls, load() if policies is None else policies)
    fixed = [each for each in found if each.policies]
    default = sum(each.by_default for each in fixed)
    *tools, last = TOOLS.values()
    return "\n".join([
        "# Fixes that other tools have, and ours",
        "",
        f"Made by `{CHECKOUT_COMMAND} rules` from `controls/fixes/aws.yml` and the policies; edit those.",
        "",
        f"{', '.join(tools)} and {last} fix **{len(found)}** controls. Policies here fix **{len(fixed)}** of them, "
        f"{default} by default and {len(fixed) - default} in a profile that a team switches on. For the others the "
        "last table says why not.",
        "",
        "Before each change the state is written down, and afterwards the resource is read again. `rollback` undoes "
        "every fix that has no note: [rollback.md](rollback.md).",
        "",
        *_table(("Control", "Question", "Also fixed by", "Policy"), _fixed_rows(fixed)),
        "",
        "## Not fixed here",
        "",
        *_table(("Control", "Question", "Fixed by", "Why not here"), (
            [each.control.id, each.control.title, _tools(each.control), each.control.because]
            for each in found if not each.policies)),
        "",
    ])


def _fixed_rows(found: Iterable[FixedHere]) -> Iterator[list[str]]:
    for each in found:
        yield [each.control.id, each.control.title, _tools(each.control),
               "<br>".join(_policy(policy) for policy in each.policies)]


def _policy(policy: Policy) -> str:
    notes = [f"profile `{policy.metadata['profile']}`"] if policy.metadata.get("profile") else []
    if lost := without_inverse(policy):
        notes.append(f"`{'`, `'.join(lost)}` cannot be undone")
    return f"`{policy.name}`" + (f" ({'; '.join(notes)})" if notes else "")


def _tools(control: PeerFix) -> str:
    return ", ".join(TOOLS[tool] for tool in control.by)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}",
            *[f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]]
