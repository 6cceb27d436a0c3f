"""docs/checks/: a page for each service that says to people what its policies check, why, and what their fixes do."""
from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from custom_actions.vocabulary import SEVERITIES

from ..command import CHECKOUT_COMMAND
from ..paths import ROOT
from .policy import Kind, Policy
from .rules_page import controls_text, own_parameters, table

CHECK_PAGES = ROOT / "docs" / "checks"
_GENERATED = f"This page is generated from the policies by `{CHECKOUT_COMMAND} rules`; edit the policies instead."
_FREQUENCIES = {
    "One_Hour": "every hour", "Three_Hours": "every 3 hours", "Six_Hours": "every 6 hours",
    "Twelve_Hours": "every 12 hours", "TwentyFour_Hours": "every day",
}
"""AWS Config's names."""
_RATE = re.compile(r"rate\((\d+) (\w+)\)")
_RESPONSES = {
    "none": "reports only", "alert": "notifies the security topic", "revert": "reverts the change",
    "encrypt": "encrypts the resource", "terminate": "stops or deletes the resource",
}


def check_pages(policies: Iterable[Policy]) -> dict[Path, str]:
    """The pages by path: one for each name of a policy file, in all modes, and an index."""
    by_page: dict[str, list[Policy]] = {}
    for policy in policies:
        by_page.setdefault(policy.source.path.stem, []).append(policy)
    pages = {CHECK_PAGES / f"{name}.md": _page(name, members) for name, members in by_page.items()}
    return {**pages, CHECK_PAGES / "README.md": _index(by_page)}


def stale_pages(pages: Mapping[Path, str]) -> list[Path]:
    """Pages that were generated before, and whose policies are gone."""
    return sorted(path for path in CHECK_PAGES.glob("*.md")
                  if path not in pages and _GENERATED in path.read_text(encoding="utf-8"))


def _index(by_page: Mapping[str, Sequence[Policy]]) -> str:
    rows = []
    for name, members in sorted(by_page.items()):
        severities = Counter(policy.severity for policy in members)
        rows.append([
            f"[{name}]({name}.md)", str(len(members)), *(str(severities[each] or "") for each in SEVERITIES),
            str(sum(policy.heals for policy in members) or ""),
        ])
    total = sum(len(members) for members in by_page.values())
    return "\n".join([
        "# Checks by service",
        "",
        f"{_GENERATED} [rules.md](../rules.md) has all {total} policies in one table.",
        "",
        *table(("Service", "Policies", *map(str.capitalize, SEVERITIES), "With a fix"), rows),
        "",
    ])


def _page(name: str, policies: Sequence[Policy]) -> str:
    policies = sorted(policies, key=lambda policy: (SEVERITIES.index(policy.severity), policy.name))
    return "\n".join([
        f"# {name}",
        "",
        f"{_GENERATED} Parameters are at the top of the policy's file; an account overrides them with `vars` in "
        "accounts.yml.",
        "",
        *table(("Check", "Severity", "Runs", "When it finds something"), (
            [f"[{policy.title}](#{policy.name})", policy.severity, _runs(policy), _response(policy)]
            for policy in policies)),
        "",
        *(line for policy in policies for line in _section(policy)),
    ])


def _section(policy: Policy) -> Iterator[str]:
    metadata = policy.metadata
    yield f"## {policy.name}"
    yield ""
    yield _words(policy.data.get("description") or policy.title)
    yield ""
    yield f"- **Why:** {_words(metadata.get('rationale', ''))}"
    yield f"- **What to do:** {_words(metadata.get('fix', ''))}"
    yield f"- **Severity:** {policy.severity}. **Resource:** `{policy.resource}`. **Runs:** {_runs(policy)}."
    if policy.controls:
        yield f"- **Controls:** {controls_text(policy.controls)}."
    for framework, partial in policy.partial.items():
        for control, missing in partial.items():
            yield f"- **{framework} {control} in part:** {_words(missing)}."
    defaults = metadata.get("parameters") or {}
    for name in own_parameters(policy):
        yield f"- **Parameter `{name}`** (default `{json.dumps(defaults[name])}`): {_comment(policy, name)}"
    yield ""


def _runs(policy: Policy) -> str:
    """When the policy runs, in everyday words."""
    if policy.kind is Kind.REALTIME:
        return "within seconds of the event"
    schedule = str(policy.mode.get("schedule") or "")
    if schedule in _FREQUENCIES:
        every = _FREQUENCIES[schedule]
    elif found := _RATE.fullmatch(schedule):
        number, unit = found.groups()
        every = f"every {unit.removesuffix('s')}" if number == "1" else f"every {number} {unit}"
    else:
        every = schedule or "after each change"
    return f"{every}, by AWS Config" if policy.kind is Kind.CONFIG_RULE else every


def _response(policy: Policy) -> str:
    profile = policy.metadata.get("profile")
    text = _RESPONSES.get(policy.response, policy.response)
    return f"{text} (profile `{profile}`)" if profile else text


def _words(text: object) -> str:
    return " ".join(str(text).split())


def _comment(policy: Policy, parameter: str) -> str:
    """What the policy's file says above the parameter."""
    lines = policy.source.text.splitlines()
    line = policy.source.line(("vars", "parameters", parameter)) - 1
    first = line
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    above = " ".join(each.strip().removeprefix("#").strip() for each in lines[first:line])
    return above or lines[line].partition("#")[2].strip()
