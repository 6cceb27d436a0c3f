"""Findings of one setting: several policies may match a resource for the same reason, which is one thing to put right.

`same_setting.yml` says which policies judge the same setting. Only lists of findings are grouped: counts, scores and
verdicts are those of each policy.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ..results import Finding, RunStore, Status
from ..yamlfile import read


@dataclass(frozen=True)
class FindingGroup:
    """Findings of one resource and one setting with the same status; of a policy without a setting, only one."""

    first: Finding
    """The most severe one."""
    others: tuple[str, ...] = ()
    """The policies of the other findings, by name."""
    setting: str = ""
    """What they have in common; empty for a single finding."""

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies of all its findings."""
        return (self.first.policy, *self.others)


def setting_of(policy: str) -> str:
    """The setting that the policy judges together with others; empty if it has its own."""
    return _settings().get(policy, "")


def finding_groups(store: RunStore, status: Status) -> Iterator[FindingGroup]:
    """The findings with the status in groups, the most severe first.

    It streams: the others of a group are looked up by their ids, and only their ids are kept.
    """
    listed: set[str] = set()
    for finding in store.findings(status):
        if finding.id in listed:
            listed.remove(finding.id)
            continue
        setting = setting_of(finding.policy)
        others = _others(store, finding, setting) if setting else {}
        listed.update(others)
        yield FindingGroup(finding, tuple(others.values()), setting if others else "")


def _others(store: RunStore, finding: Finding, setting: str) -> dict[str, str]:
    """Id to policy of the other findings of the resource and the setting, with the same status."""
    ids = {replace(finding, policy=policy).id: policy for policy, its in _settings().items()
           if its == setting and policy != finding.policy}
    marks = ", ".join("?" * len(ids))
    found = store.rows(
        f"select id, policy from findings where status = ? and id in ({marks}) order by policy",  # noqa: S608
        finding.status.value, *ids)
    return dict(found)


@cache
def _settings() -> Mapping[str, str]:
    """Policy to the setting that it judges."""
    listed = read(Path(__file__).with_name("same_setting.yml")).data["settings"]
    return {policy: setting for setting, policies in listed.items() for policy in policies}
