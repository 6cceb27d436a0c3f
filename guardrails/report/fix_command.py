"""The command that fixes exactly one finding, with the accounts, policies and exceptions of the run that found it.

People paste it into a shell, and the names of resources come from AWS. So every value is quoted, and a character that a
terminal may act on becomes `?`, which `--resource` reads as any character. The HTML page makes the same command in
`assets/commands.js`.
"""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from glob import escape
from shlex import join, quote, split
from typing import Any

from custom_actions.vocabulary import GLOBAL, PASSIVE

from ..assessment import Assessment
from ..command import command
from ..results import CheckRow, Finding, PolicyInfo, Status

# What a terminal may act on, or show in another place: control characters, direction marks, half surrogate pairs.
_UNSAFE = re.compile(
    "[\0-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")

_CHECKS_KEPT = 64
"""Findings come by account, region and policy, so few are enough."""


def heals(policy: PolicyInfo) -> bool:
    """Whether `heal` has an automatic fix for the policy."""
    return policy.audited and policy.response not in PASSIVE


def heal_words(request: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The words of the command before and after those of a finding, from the options that the run was started with."""
    sources = request.get("sources") or {}
    before = [
        *split(command()), *_option("--settings", sources.get("origin")), "heal", *_option("-c", request.get("config"))]
    return before, [
        *_sources(sources),
        *(word for path in request.get("controls") or () for word in _option("--controls", path)),
        *_option("--exceptions", request.get("exceptions")),
    ]


def _sources(sources: Mapping[str, Any]) -> Iterator[str]:
    """The sources of policies that the command line named; those of the settings and the default need no option."""
    if sources.get("origin") and not sources.get("part"):
        return
    directories = sources.get("directories") or ()
    for directory in directories:
        yield from ("--policies", directory)
    for pack in sources.get("packs") or () if directories or sources.get("part") else ():
        yield from ("--pack", pack["name"])


class FixCommands:
    """The commands of many findings of one run: the words before the resource are made once for each check."""

    def __init__(self, assessment: Assessment) -> None:
        self._policies = assessment.policies
        request = assessment.request
        self._beginning = lru_cache(_CHECKS_KEPT)(
            lambda account, region, policy: f"{join(_words(request, account, region, policy))} --resource ")

    def of(self, finding: Finding) -> str:
        """The command line, for a POSIX shell; empty when there is nothing to fix, or no automatic fix."""
        if finding.status is not Status.OPEN or not heals(self._policies[finding.policy]):
            return ""
        return self._beginning(finding.account, finding.region, finding.policy) + quote(
            resource_pattern(finding.arn or finding.resource))


def fix_command(assessment: Assessment, finding: Finding) -> str:
    """The command line that fixes one finding, as `FixCommands.of`."""
    return FixCommands(assessment).of(finding)


def fix_check_command(assessment: Assessment, check: CheckRow) -> str:
    """The command that fixes all open findings of a check; empty when its policy has no automatic fix."""
    if not heals(assessment.policies[check.policy]):
        return ""
    return join(_words(assessment.request, check.account, check.region, check.policy))


def fix_all_command(assessment: Assessment) -> str:
    """The command that fixes all open findings with an automatic fix; empty when there are none."""
    if not any(row.open and heals(row.policy) for row in assessment.by_policy):
        return ""
    before, after = heal_words(assessment.request)
    request = assessment.request
    return join([
        *before, *_choice(request.get("choice") or {}),
        *_regions(GLOBAL, request), *after,
        *(word for option, key in (
            ("--policy", "names"), ("--exclude-policy", "excluded"), ("--service", "services"),
            ("--severity", "severities"), ("--framework", "frameworks"))
          for value in request.get(key) or () for word in (option, value))])


def _choice(choice: Mapping[str, Any]) -> Iterator[str]:
    """The selectors of accounts."""
    for option, key in (("-a", "names"), ("--not-accounts", "without"), ("-t", "tags")):
        for value in choice.get(key) or ():
            yield from (option, value)


def _words(request: Mapping[str, Any], account: str, region: str, policy: str) -> list[str]:
    before, after = heal_words(request)
    return [*before, "-a", account, *_regions(region, request), *after, "--policy", policy]


def _regions(region: str, request: Mapping[str, Any]) -> list[str]:
    """`-r` with the finding's region; with the run's own for what belongs to the whole account."""
    regions: Sequence[str] = request.get("regions") or () if region == GLOBAL else (region,)
    return [word for each in regions for word in ("-r", each)]


def resource_pattern(resource: str) -> str:
    """The value of `--resource` that selects this resource."""
    return _UNSAFE.sub("?", escape(resource))


def _option(name: str, value: object) -> list[str]:
    return [name, str(value)] if value else []
