"""JUnit XML, for CI: one test suite for each account and region, one test case for each policy.

A policy with open findings is a failure. A check that did not complete is an error, so that no build passes on missing
results. A policy whose findings are all excepted, that does not apply there, or that has no resource to judge is
skipped.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from ...assessment import Assessment, counted
from ...results import CheckRow
from ..fix_command import fix_check_command
from .rows import ReportRow
from .text import plain

NAMED_AT_MOST = 100
"""The resources that a test case lists; further ones are counted."""


@dataclass(frozen=True)
class _Case:
    name: str
    place: str
    outcome: str
    """failure, error or skipped; empty when it passed."""
    kind: str
    message: str
    text: str


def pieces(assessment: Assessment, rows: Iterable[ReportRow]) -> Iterator[str]:
    """All suites, by account and region."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield tag("testsuites", name=f"guardrails {assessment.verb}: {assessment.first_line()}") + "\n"
    for (account, region), checks in groupby(assessment.checks(), lambda check: (check.account_name, check.region)):
        yield from _suite(f"{account} {region}", [_case(check, assessment) for check in checks], assessment)
    yield "</testsuites>\n"


def _case(check: CheckRow, assessment: Assessment) -> _Case:
    policy = assessment.policies[check.policy]
    found = assessment.store.rows(
        "select status, case arn when '' then resource else arn end from findings where policy = ? and account = ? "
        "and region = ? and status in ('open', 'excepted') order by 2", check.policy, check.account, check.region)
    opened = [name for status, name in found if status == "open"]
    excepted = [name for status, name in found if status == "excepted"]
    parts = [_named("open", opened), _named("excepted", excepted), f"fix: {policy.fix}" if policy.fix else ""]
    if opened and (command := fix_check_command(assessment, check)):
        parts.append(f"fix all with: {command}")
    text = "\n".join(part for part in parts if part) if found else ""

    def case(outcome: str, kind: str, message: str) -> _Case:
        return _Case(check.policy, f"{check.account_name}.{check.region}", outcome, kind, message, text)

    if check.missing:
        so_far = f"; {counted(len(opened), 'open finding')} so far" if opened else ""
        return case("error", check.state, f"did not complete ({check.state}): {check.reason}{so_far}")
    if opened:
        severity = assessment.severity_of(check.account, check.policy)
        return case("failure", severity, f"Violated: {policy.title}: {counted(len(opened), 'open finding')}")
    if not check.seen:
        return case("skipped", check.state, check.reason or check.state)
    if excepted:
        return case("skipped", "excepted", f"{counted(len(excepted), 'finding')}, covered by exceptions")
    if check.judged is not None and not check.judged.in_scope:
        return case("skipped", "nothing-to-judge", "nothing to judge: no resource in scope")
    return case("", "", "")


def _named(status: str, names: list[str]) -> str:
    more = [f"  and {len(names) - NAMED_AT_MOST} more"] if len(names) > NAMED_AT_MOST else []
    return "\n".join([f"{status}:", *(f"  {name}" for name in names[:NAMED_AT_MOST]), *more]) if names else ""


def _suite(name: str, cases: list[_Case], assessment: Assessment) -> Iterator[str]:
    outcomes = [case.outcome for case in cases]
    yield tag(
        "testsuite", name=name, timestamp=assessment.started[:19], time="0", tests=len(cases),
        failures=outcomes.count("failure"), errors=outcomes.count("error"), skipped=outcomes.count("skipped")) + "\n"
    for case in cases:
        yield tag("testcase", classname=case.place, name=case.name, time="0")
        if case.outcome:
            yield tag(case.outcome, type=case.kind, message=case.message)
            yield f"{escape(plain(case.text))}</{case.outcome}>"
        yield "</testcase>\n"
    yield "</testsuite>\n"


def tag(name_: str, /, **attributes: object) -> str:
    """The start of an element; any text is safe in its attributes."""
    # quoteattr also escapes line ends, which an attribute would lose.
    return f"<{name_}{''.join(f' {key}={quoteattr(plain(value))}' for key, value in attributes.items())}>"
