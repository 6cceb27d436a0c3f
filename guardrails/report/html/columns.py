"""The findings for the page's script: columns of small numbers, in blocks, and the tables that they refer to.

Findings as objects would repeat policy, account and region 50,000 times. Evidence is most of the data and is needed
only when a finding is opened, so it has separate blocks, which the script parses on demand.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache, cached_property
from hashlib import sha256
from itertools import islice
from typing import Any

from markupsafe import Markup

from custom_actions.vocabulary import SHOWN_SEVERITIES

from ...assessment import Assessment, owner_of, risk, setting_of
from ...results import DAYS, Finding, PolicyInfo, Status
from ..console import PARTITIONS, PREFIXES, page_of, remediation_urls
from ..fix_command import heal_words, heals
from ..formats.rows import ReportRow
from .side_files import SideFiles

BLOCK = 1000
CHANGES = ("none", "new", "reopened")
# Without these characters the data cannot end the script element or start a comment, and json.dumps writes ASCII only.
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def embedded(value: Any) -> Markup:
    """The value as JSON that is safe inside a script element."""
    return Markup(json.dumps(value, default=str, separators=(",", ":")).translate(_ESCAPES))  # noqa: S704


_key = json.JSONEncoder(default=str, sort_keys=True).encode


class _Table:
    """A table of different values; each has a number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, value: Any) -> int:
        return self._numbers.setdefault(_key(value), len(self._numbers))

    @property
    def values(self) -> list[Any]:
        return [json.loads(value) for value in self._numbers]


class FindingColumns:
    """The findings of a run. Read `blocks` to its end before `tables`, which it fills."""

    def __init__(self, assessment: Assessment, rows: Iterable[ReportRow], beside: SideFiles | None = None) -> None:
        """With `beside`, names, tags and evidence go into files beside the page."""
        self._run = assessment
        self._rows = rows
        self._beside = beside
        self._owners = _Table()
        self._resources: dict[bytes, int] = {}
        policies = assessment.policies.values()
        self._policies = {name: number for number, name in enumerate(assessment.policies)}
        self._severities = list(dict.fromkeys([*SHOWN_SEVERITIES, *sorted(policy.severity for policy in policies)]))
        self._risks = {
            exposure: [risk(severity, exposure) for severity in self._severities]
            for exposure in sorted({policy.exposure for policy in policies})}
        self._accounts = _Table()
        self._account = cache(lambda account, name: self._accounts.number({"id": account, "name": name}))
        self._regions = _Table()
        self._times = _Table()
        self._exceptions = _Table()
        self._tags = _Table()

    def blocks(self) -> Iterator[tuple[Markup, Markup | None]]:
        """The columns and the evidence of each block of findings, the most severe findings first.

        The evidence is None if it is in a file beside the page.
        """
        rows = iter(self._rows)
        while block := list(islice(rows, BLOCK)):
            findings = [row.finding for row in block]
            evidence = _Table()
            of = [evidence.number(finding.evidence) for finding in findings]
            columns = self._columns(findings)
            kept = {"of": of, "values": evidence.values}
            if self._beside is None:
                yield embedded({**_names(findings), **columns, "tags": self._tag_numbers(findings)}), embedded(kept)
            else:
                tags = _Table()
                numbers = [tags.number(finding.tags) for finding in findings]
                self._beside.add({**_names(findings), "tags": numbers, "tagSets": tags.values, "evidence": kept})
                yield embedded({
                    **columns, "owner": [self._owners.number(row.owner) for row in block],
                    "item": [self._resource_number(finding) for finding in findings]}), None

    def _tag_numbers(self, findings: Sequence[Finding]) -> list[int]:
        return [self._tags.number(finding.tags) for finding in findings]

    def _resource_number(self, finding: Finding) -> int:
        """Equal for two findings of the same resource, as `resourceKey` in the page."""
        key = finding.arn or f"{finding.account}/{finding.region}/{finding.resource}"
        digest = sha256(key.encode(errors="backslashreplace")).digest()[:16]
        return self._resources.setdefault(digest, len(self._resources))

    def _columns(self, findings: Sequence[Finding]) -> dict[str, list[Any]]:
        statuses = list(Status)
        return {
            "policy": [self._policies[finding.policy] for finding in findings],
            "severity": [self._severities.index(finding.severity) for finding in findings],
            "account": [self._account(finding.account, finding.account_name) for finding in findings],
            "region": [self._regions.number(finding.region) for finding in findings],
            "status": [statuses.index(finding.status) for finding in findings],
            "change": [CHANGES.index(self.change(finding)) for finding in findings],
            "first": [self._times.number(finding.first_seen) for finding in findings],
            "last": [self._times.number(finding.last_seen) for finding in findings],
            "exception": [
                self._exceptions.number(finding.exception) if finding.exception else -1 for finding in findings],
        }

    def change(self, finding: Finding) -> str:
        """`new`, `reopened` or `none`, compared with earlier runs; always `none` in a first run."""
        changes = self._run.changes
        if changes is None or not changes.previous or finding.status is not Status.OPEN:
            return "none"
        if finding.id in self._run.reopened:
            return "reopened"
        return "new" if finding.first_seen == self._run.started else "none"

    def tables(self) -> Markup:
        """The tables that the numbers in the blocks refer to, and the names of the columns."""
        before, after = heal_words(self._run.request)
        beside = self._beside
        return embedded({
            "block": BLOCK,
            "columns": [*(_names(()) if beside is None else ()), *self._columns(()),
                        *(("tags",) if beside is None else ("owner", "item"))],
            "beside": None if beside is None else {"directory": beside.name, "digests": beside.digests},
            "owners": self._owners.values,
            "severities": self._severities,
            "risks": self._risks,
            "statuses": [status.value for status in Status],
            "changes": CHANGES,
            "policies": [
                _policy(policy, self._controls.get(policy.name, {})) for policy in self._run.policies.values()],
            "accounts": self._accounts.values,
            "regions": self._regions.values,
            "times": self._times.values,
            "exceptions": self._exceptions.values,
            "tagSets": [
                {"tags": tags, "owner": owner_of(tags, self._run.owner_tags)} for tags in self._tags.values],
            "ownerTags": list(self._run.owner_tags),
            "started": self._run.started,
            "exceptionDays": DAYS,
            "frameworks": self._frameworks(),
            "partitions": {name: asdict(of) for name, of in PARTITIONS.items()},
            "prefixes": list(PREFIXES.items()),
            "heal": {
                "before": before, "after": after, "regions": list(self._run.request.get("regions") or ())},
        })

    def _frameworks(self) -> dict[str, Any]:
        """The titles of the frameworks, and of the requirements that a policy covers."""
        return {
            result.name: {
                "title": f"{result.catalogue.title} {result.catalogue.version}",
                "requirements": {
                    of.requirement.id: of.requirement.title for of in result.requirements if of.policies},
            }
            for result in self._run.frameworks
        }

    @cached_property
    def _controls(self) -> dict[str, dict[str, list[str]]]:
        """Policy and framework to the covered requirements, including those that the catalogue assigns."""
        covered: dict[str, dict[str, list[str]]] = {}
        for result in self._run.frameworks:
            for of in result.requirements:
                for policy in of.policies:
                    covered.setdefault(policy, {}).setdefault(result.name, []).append(of.requirement.id)
        return covered


def _names(findings: Sequence[Finding]) -> dict[str, list[str]]:
    return {
        "id": [finding.id for finding in findings],
        "resource": [finding.resource for finding in findings],
        "arn": [finding.arn for finding in findings],
    }


def _policy(policy: PolicyInfo, controls: Mapping[str, Sequence[str]]) -> Mapping[str, Any]:
    return {
        "name": policy.name, "title": policy.title, "exposure": policy.exposure, "service": policy.service,
        "kind": policy.kind, "response": policy.response, "profile": policy.profile, "heals": heals(policy),
        "controls": controls, "rationale": policy.rationale, "fix": policy.fix, "yaml": policy.yaml,
        "location": policy.location, "page": page_of(policy.service, policy.name),
        "setting": setting_of(policy.name), "steps": remediation_urls(controls),
    }
