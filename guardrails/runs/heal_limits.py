"""How much one heal may change: in the whole run, for each policy, and in each account.

A limit is a number of findings, or a percentage of the resources that the policies looked at. The names are those of
c7n's `max-resources` and `max-resources-percent`. A policy may have these, too; they apply in each account and region.
"""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import GuardrailsError
from ..policies import Policy
from ..results import Finding
from .fix_rounds import Place, place_of
from .sweeps import Sweep

LIMIT_EXCEEDED = re.compile(r"policy:\S+ exceeded (?:resource-limit|percentage-limit).*$", re.MULTILINE)
"""What c7n-org logs when a policy matches more than its `max-resources`; such a policy changes nothing."""
_NATIVE = ("max-resources", "max-resources-percent")
_TEXT = re.compile(r"(\d+)|(\d+(?:\.\d+)?)\s*%")


@dataclass(frozen=True)
class Limit:
    """A number of findings, or a percentage of the resources that were looked at."""

    number: int = 0
    percent: float = 0.0
    """Used if `number` is 0."""

    @classmethod
    def parse(cls, text: str) -> Limit:
        """`100` or `5%`. Raises ValueError for any other text, for 0, and for more than 100%."""
        match = _TEXT.fullmatch(text.strip())
        limit = cls(int(match[1] or 0), float(match[2] or 0)) if match else cls()
        if not (limit.number or limit.percent) or limit.percent > 100:
            raise ValueError(f"{text!r} must be a number from 1, or a percentage such as 5%")
        return limit

    def __str__(self) -> str:
        return str(self.number) if self.number else f"{self.percent:g}%"

    def exceeded(self, found: int, looked_at: int) -> bool:
        """Whether `found` of `looked_at` resources are more than this."""
        return found > self.number if self.number else found * 100 > looked_at * self.percent


@dataclass(frozen=True)
class HealLimits:
    """The limits of one heal. Each level may have several, and all of them apply."""

    run: Sequence[Limit] = ()
    policy: Sequence[Limit] = ()
    account: Sequence[Limit] = ()

    @classmethod
    def parse(cls, run: Iterable[str], policy: Iterable[str], account: Iterable[str]) -> HealLimits:
        """From texts such as `100` and `5%`. Raises ValueError."""
        return cls(*(tuple(Limit.parse(text) for text in texts) for texts in (run, policy, account)))

    def to_dict(self) -> dict[str, list[str]]:
        """The arguments of `parse`, for JSON."""
        return {name: [str(limit) for limit in getattr(self, name)] for name in ("run", "policy", "account")}


def breaches(
    findings: Sequence[Finding], looked_at: Mapping[Place, int], limits: HealLimits, policies: Iterable[Policy]
) -> list[str]:
    """Every limit that fixing these findings would exceed, in words; empty when there is none.

    Args:
        findings: what would be fixed.
        looked_at: how many resources each check looked at. A check that is missing here counts as 0.
        limits: the limits of the heal.
        policies: the policies, which may have limits of their own.
    """
    found = Counter(place_of(finding) for finding in findings)
    total = sum(looked_at.values())
    lines = list(_exceeded("this run", len(findings), total, limits.run))
    names = {finding.account: finding.account_name for finding in findings}

    def group(what: Callable[[Place], str], label: Callable[[str], str], given: Sequence[Limit]) -> None:
        counts, seen = Counter[str](), Counter[str]()
        for place, number in found.items():
            counts[what(place)] += number
        for place, number in looked_at.items():
            seen[what(place)] += number
        for key, number in sorted(counts.items()):
            lines.extend(_exceeded(label(key), number, seen[key], given))

    group(lambda place: place[2], lambda name: f"policy {name}", limits.policy)
    group(lambda place: place[0], lambda key: f"account {names[key]}", limits.account)
    native = {policy.name: policy.data for policy in policies}
    for (account, region, policy), number in sorted(found.items()):
        label = f"policy {policy} in {names[account]} {region}"
        lines.extend(_native(label, number, looked_at.get((account, region, policy), 0), native[policy]))
    return lines


def refuse_breaches(lines: Sequence[str]) -> None:
    """Raise GuardrailsError if there is a breach."""
    if lines:
        raise GuardrailsError(
            "more would be changed than the limits allow: nothing was changed\n" + "\n".join(lines),
            "select fewer findings (--policy, --severity, --service, --region), or raise the limit "
            "(--max-resources, --max-resources-per-policy, --max-resources-per-account)")


def without_limits(policy: Policy) -> Policy:
    """The policy without `max-resources`: c7n would hide all its findings from a sweep that finds more."""
    return replace(policy, data={key: value for key, value in policy.data.items() if key not in _NATIVE})


def looked_at(swept: Sweep) -> dict[Place, int]:
    """How many resources each check of a sweep looked at, before the policy's filters; without those that do not say.
    """
    return {
        (check.account.id, swept.region(check), check.policy.name): check.counts.listed
        for check in swept.checks if check.counts is not None}


def _exceeded(label: str, found: int, looked_at: int, limits: Iterable[Limit]) -> Iterator[str]:
    for limit in limits:
        if limit.exceeded(found, looked_at):
            of = "" if limit.number else f" of {looked_at} resources looked at"
            yield f"{label}: {found} findings{of}, but the limit is {limit}"


def _native(label: str, found: int, looked_at: int, data: Mapping[str, Any]) -> Iterator[str]:
    """The breaches of the policy's own `max-resources` and `max-resources-percent`, as c7n defines them."""
    given = data.get("max-resources")
    settings: Mapping[str, Any] = given if isinstance(given, Mapping) else {"amount": given}
    percent = settings.get("percent") or data.get("max-resources-percent")
    limits = [*([Limit(number=settings["amount"])] if settings.get("amount") else []),
              *([Limit(percent=float(percent))] if percent else [])]
    lines = list(_exceeded(f"{label} (its max-resources)", found, looked_at, limits))
    # With `op: and`, c7n stops only if both are exceeded.
    if not (settings.get("op") == "and" and len(limits) == 2) or len(lines) == 2:
        yield from lines
