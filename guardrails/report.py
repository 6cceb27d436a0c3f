"""What a run found, on the terminal, as JSON and as Markdown."""
from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from .accounting import State, totals
from .console import severity, table, text
from .findings import Finding, rank
from .paths import write_json, write_text
from .policies import SEVERITIES
from .sweep import Sweep

SCHEMA = 1
_NAMED_AT_MOST = 20


@dataclass(frozen=True)
class Report:
    """Everything that a report says; the formats only lay it out."""

    verb: str
    started: datetime
    finished: datetime
    sweep: Sweep
    findings: tuple[Finding, ...]
    not_audited: int
    """Policies that judge events and cannot be swept."""
    headline: str = ""
    """The first line, where a verb has more to say than how many checks ran."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What a verb adds to the JSON."""

    @property
    def complete(self) -> bool:
        return not self.sweep.missing

    def first_line(self) -> str:
        """What a reader has to know before anything else."""
        if self.headline:
            return self.headline
        counted = totals(self.sweep.checks)
        asked = len(self.sweep.checks) - counted[State.SKIPPED]
        where = f"{_count(self.accounts, 'account')}, {_count(self.regions, 'region')}"
        if self.complete:
            return f"COMPLETE: all {asked} checks ran ({where})"
        return f"INCOMPLETE: {len(self.sweep.missing)} of {asked} checks did not run to their end ({where})"

    @property
    def accounts(self) -> int:
        return len({check.account.id for check in self.sweep.checks})

    @property
    def regions(self) -> int:
        return len({check.region for check in self.sweep.checks})

    def second_line(self) -> str:
        """The findings in numbers; the percentage is over what was seen."""
        by = Counter(finding.severity for finding in self.findings)
        counted = ", ".join(f"{by[name]} {name}" for name in SEVERITIES if by[name])
        seen = [check for check in self.sweep.checks if check.state.seen]
        passed = sum(not check.resources for check in seen)
        share = f"; {passed} of {len(seen)} checks seen passed ({_percent(passed, len(seen))})" if seen else ""
        return f"{_count(len(self.findings), 'finding')}{f' ({counted})' if counted else ''}{share}"

    def notes(self) -> list[str]:
        """What the reader should know besides."""
        said = []
        if self.not_audited:
            said.append(
                f"{_count(self.not_audited, 'realtime policy', 'realtime policies')} not audited: they judge events, "
                "as they happen, and not what is there"
            )
        return said

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "schema": SCHEMA,
            "verb": self.verb,
            "started": self.started.isoformat(timespec="seconds"),
            "finished": self.finished.isoformat(timespec="seconds"),
            "complete": self.complete,
            "checks": totals(self.sweep.checks),
            "findings_by_severity": dict(Counter(finding.severity for finding in self.findings)),
            "policies_not_audited": self.not_audited,
            "policies": [
                {
                    "name": row.name, "title": row.title, "severity": row.severity, "findings": row.findings,
                    "passed": row.passed, "seen": row.seen, "asked": row.asked,
                }
                for row in by_policy(self)
            ],
            "findings": [finding.to_dict() for finding in self.findings],
            "runs": [check.to_dict(region=self.sweep.region(check)) for check in self.sweep.checks],
            **self.extra,
        }


@dataclass(frozen=True)
class PolicyRow:
    """One policy over all accounts and regions."""

    name: str
    title: str
    severity: str
    findings: int
    passed: int
    """Of those seen: the checks without a finding."""
    seen: int
    asked: int

    @property
    def verdict(self) -> str:
        """`passed` only where everything was seen: unknown is never compliant."""
        if self.findings:
            return "failed"
        if not self.asked:
            return "skipped"
        return "passed" if self.seen == self.asked else "unknown"


def by_policy(report: Report) -> list[PolicyRow]:
    """The policies of a report, the most severe and most violated first."""
    found = Counter(finding.policy for finding in report.findings)
    checks = defaultdict(list)
    for check in report.sweep.checks:
        checks[check.policy.name].append(check)
    rows = [
        PolicyRow(
            name, of[0].policy.title, of[0].policy.severity, found[name],
            sum(check.state.seen and not check.resources for check in of),
            sum(check.state.seen for check in of),
            sum(check.state is not State.SKIPPED for check in of),
        )
        for name, of in checks.items()
    ]
    return sorted(rows, key=lambda row: (rank(row.severity), -row.findings, row.name))


def missing_lines(sweep: Sweep) -> list[tuple[str, str, str, str, str]]:
    """What is missing, put together where account, region and reason are the same.

    Each line: account, region, policies, state, reason.
    """
    groups: dict[tuple[str, str, str, str], list[str]] = {}
    for check in sweep.missing:
        key = (str(check.account), sweep.region(check), check.state.value, check.reason)
        groups.setdefault(key, []).append(check.policy.name)
    return [
        (account, region, ", ".join(names), state, reason)
        for (account, region, state, reason), names in groups.items()
    ]


def show(report: Report, console: Console) -> None:
    """Print the report; its first line says whether it is complete."""
    console.print(text(report.first_line(), "green" if report.complete else "bold red"))
    console.print(text(report.second_line()))
    if report.findings:
        console.print()
        console.print(table(
            "Findings", ("severity", "account", "region", "policy", "resource", "title"),
            [
                (severity(f.severity), f.account_name, f.region, f.policy, f.resource, f.title)
                for f in report.findings
            ],
        ))
    console.print()
    console.print(table(
        "Policies", ("severity", "policy", "result", "findings", "passed", "seen", "asked"),
        [
            (severity(row.severity), row.name, _verdict(row.verdict), row.findings, row.passed, row.seen, row.asked)
            for row in by_policy(report)
        ],
    ))
    show_missing(report.sweep, console)
    for note in report.notes():
        console.print(text(note, "dim"))


def show_missing(sweep: Sweep, console: Console) -> None:
    """Print what did not run, and why; every one of it is also in the report files."""
    lines = missing_lines(sweep)
    if not lines:
        return
    console.print()
    console.print(table("Did not run to the end", ("account", "region", "policies", "state", "reason"),
                        lines[:_NAMED_AT_MOST]))
    if len(lines) > _NAMED_AT_MOST:
        console.print(text(f"and {len(lines) - _NAMED_AT_MOST} more lines, in the report"))


def _verdict(verdict: str) -> Any:
    return text(verdict, {"failed": "red", "passed": "green", "unknown": "bold yellow"}.get(verdict, "dim"))


def write(report: Report, directory: Path) -> tuple[Path, Path]:
    """Write `report.json` and `report.md`; returns their paths."""
    return (
        write_json(directory / "report.json", report.to_dict()),
        write_text(directory / "report.md", markdown(report)),
    )


def markdown(report: Report) -> str:
    """The report as Markdown."""
    parts = [
        f"# {report.verb.capitalize()}: {_at(report.started)}",
        f"**{report.first_line()}**",
        report.second_line() + ".",
        *(f"{note}." for note in report.notes()),
    ]
    if report.sweep.missing:
        parts += ["## Did not run to the end", _markdown_table(
            ("account", "region", "policies", "state", "reason"), missing_lines(report.sweep)
        )]
    parts += ["## Findings", _markdown_table(
        ("severity", "account", "region", "policy", "resource", "title", "fix"),
        [
            (f.severity, f.account_name, f.region, f.policy, f.resource, f.title, f.fix) for f in report.findings
        ],
    ) if report.findings else "None."]
    parts += ["## Policies", _markdown_table(
        ("severity", "policy", "result", "findings", "passed", "seen", "asked"),
        [(r.severity, r.name, r.verdict, r.findings, r.passed, r.seen, r.asked) for r in by_policy(report)],
    )]
    if rows := report.extra.get("receipts"):
        columns = ("outcome", "account", "region", "policy", "resource", "reason")
        parts += ["## Fixes", _markdown_table(columns, [[row.get(name, "") for name in columns] for row in rows])]
    return "\n\n".join(parts) + "\n"


def _markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [f"| {' | '.join(cell(value) for value in row)} |" for row in rows]
    return "\n".join(lines)


_MARKDOWN = str.maketrans({
    **{mark: f"\\{mark}" for mark in "\\`*_[]|~#!"}, "<": "&lt;", ">": "&gt;", "&": "&amp;"
})


def cell(value: object) -> str:
    """A value as the text of a Markdown cell: nothing in it is markup, and it stays on its line."""
    shown = " ".join(str(value).split())
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in shown).translate(_MARKDOWN)


def _percent(part: int, whole: int) -> str:
    # Rounded down: 999 of 1,000 is not 100 %.
    return f"{100 * part // whole} %"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _at(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
