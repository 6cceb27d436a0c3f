"""A finding: one resource that violates a policy, in a form that runs can compare and reports can count."""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any

from custom_actions.resources import evidence, resource_arn, resource_id, resource_name, resource_tags

from ..accounts import Account
from ..policies import Policy
from .columns import Column, FindingTable, json_text
from .severities import rank


class Status(StrEnum):
    """The status of a finding."""

    OPEN = "open"
    EXCEPTED = "excepted"
    """The resource violates the policy, and an exception in force covers it."""
    FIXED = "fixed"
    """An earlier run found it. This run checked the same place and did not."""


_STATUSES = {status.value: status for status in Status}


def controls_text(controls: Mapping[str, Sequence[str]]) -> str:
    """`cis-aws-5.0: 2.1.1, 2.1.2; pci-dss-4.0: 1.2`."""
    return "; ".join(f"{framework}: {', '.join(ids)}" for framework, ids in controls.items())


def _json(text: str) -> Any:
    """The value; most findings have no tags and no exception."""
    return {} if text == "{}" else json.loads(text)


def _tags(text: str) -> dict[str, str]:
    """Raises ValueError for tags that are not ours: exceptions depend on them."""
    found = _json(text)
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError(f"tags must be strings, got {text[:100]!r}")
    return found


_POLICY = Column(sql="")
_POLICY_HIDDEN = Column(sql="", cells={})
_IDENTITY = Column(updated=False)
_JSON = Column(write=json_text, read=_json)
_STATUS = Column(read=lambda value: _STATUSES.get(value) or Status(value), cells={"status": str})
_TYPE = Column(updated=False, cells={"service": lambda resource_type: resource_type.partition(".")[2]})
_CONTROLS = Column(sql="", cells={"controls": controls_text})
_TAGS = Column(write=json_text, read=_tags, cells={})
_EXCEPTION = Column(write=json_text, read=_json, cells={
    "exception_reason": lambda exception: exception.get("reason", ""),
    "exception_owner": lambda exception: exception.get("owner", ""),
    "exception_expires": lambda exception: exception.get("expires", ""),
})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One resource that violates a policy. The fields are the table of columns: see `columns.py`."""

    status: Annotated[Status, _STATUS] = Status.OPEN
    severity: Annotated[str, _POLICY]
    account: Annotated[str, _IDENTITY]
    """The account's id."""
    account_name: Annotated[str, Column()]
    region: Annotated[str, Column()]
    """`global` for what belongs to the whole account."""
    resource_type: Annotated[str, _TYPE]
    """`aws.s3`."""
    policy: Annotated[str, _IDENTITY]
    """The policy's name."""
    title: Annotated[str, _POLICY]
    resource: Annotated[str, _IDENTITY]
    """The resource's id, as AWS has it."""
    arn: Annotated[str, _IDENTITY]
    """Empty when the id and the type are not enough to build it."""
    name: Annotated[str, Column()] = ""
    """The resource's name in AWS, not its tag Name; empty when it has none."""
    tags: Annotated[Mapping[str, str], _TAGS] = field(default_factory=dict)
    """The resource's tags, as far as the policy has read them: exceptions may depend on them."""
    first_seen: Annotated[str, _IDENTITY] = ""
    """ISO 8601, UTC. Empty, as `last_seen`, in a run without a history."""
    last_seen: Annotated[str, Column()] = ""
    controls: Annotated[Mapping[str, Sequence[str]], _CONTROLS] = field(default_factory=dict)
    """Framework to the ids of its requirements."""
    exception: Annotated[Mapping[str, Any], _EXCEPTION] = field(default_factory=dict)
    """The exception that covers the finding; empty when none does."""
    evidence: Annotated[Mapping[str, Any], _JSON] = field(default_factory=dict)
    """The values that made the resource match, and what our filters added; long values are cut."""
    fix: Annotated[str, _POLICY] = ""
    response: Annotated[str, _POLICY_HIDDEN]
    exposure: Annotated[str, _POLICY_HIDDEN] = "internal"
    """Who can reach the resource: internet, cross-account or internal. It weights the risk."""

    @cached_property
    def id(self) -> str:
        """The same in every run for the same account, policy and resource: 32 hexadecimal digits."""
        return id_of(self.key)

    @property
    def in_home_region(self) -> bool:
        """Whether it was found in the region that its ARN names."""
        return f":{self.region}:" in self.arn

    @property
    def key(self) -> tuple[str, str, str]:
        """Account, policy and resource: equal for the same drift, whichever region showed it."""
        return key_of(self.account, self.policy, self.region, self.resource, self.arn)

    def to_dict(self) -> dict[str, Any]:
        """The finding for JSON: its id, and every field."""
        return {"id": self.id, **{name: getattr(self, name) for name in self.__dataclass_fields__}}


GLOBAL = "global"
"""The region of what belongs to the whole account."""
TABLE = FindingTable(Finding)


def key_of(account: str, policy: str, region: str, resource: str, arn: str) -> tuple[str, str, str]:
    """Account, policy and resource, as `Finding.key`; a resource that passed has the key of the finding it would be."""
    name = arn or resource
    # An account has settings in every region, all under the ARN of the account.
    regional = not arn or (arn.endswith(":root") and region != GLOBAL)
    return (account, policy, f"{region}/{name}" if regional else name)


def id_of(key: tuple[str, str, str]) -> str:
    """The id of a finding with this key: 32 hexadecimal digits."""
    return sha256("\0".join(key).encode(errors="backslashreplace")).hexdigest()[:32]


def findings_of(
    policy: Policy, account: Account, region: str, resources: Iterable[Mapping[str, Any]], *, whole_account: bool
) -> list[Finding]:
    """The findings of one policy in one account and region: one for each resource that it matched."""
    severity = policy.severity_in(account)
    return [
        Finding(
            account=account.id,
            account_name=account.name,
            region=GLOBAL if whole_account else region,
            policy=policy.name,
            resource_type=policy.resource,
            resource=resource_id(resource, policy.resource),
            arn=resource_arn(resource, policy.resource, account.id, region),
            name=resource_name(resource, policy.resource),
            tags=resource_tags(resource),
            severity=severity,
            title=policy.title,
            response=policy.response,
            controls=policy.controls,
            evidence=evidence(resource),
            fix=str(policy.metadata.get("fix") or "").strip(),
            exposure=str(policy.metadata.get("exposure") or "internal"),
        )
        for resource in resources
    ]


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, the most severe first, with each pair of resource and policy once.

    Some services list one resource in every region (a multi-region trail): the finding of its home region is kept.
    """
    kept: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        other = kept.get(finding.key)
        if other is None or (finding.in_home_region and not other.in_home_region):
            kept[finding.key] = finding
    return sorted(kept.values(), key=lambda f: (rank(f.severity), f.account_name, f.region, f.policy, f.resource))
