"""The plan of a heal: a file that people review and commit, and that `heal --apply` carries out exactly.

A plan only selects. It names findings, and describes the policies and resources as they were seen. It has no calls:
what happens to a resource is decided by the policies in force when the plan is applied. So whoever can change the file
can at most select other findings of these policies. docs/heal.md describes the keys.
"""
from __future__ import annotations

import getpass
import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from ..accounts import Account, Accounts
from ..command import command
from ..errors import GuardrailsError
from ..inputfile import CannotRead, read_bytes
from ..limits import PLAN_BYTES
from ..paths import write_text
from ..policies import Policy, audit_scope
from ..results import Finding

FORM = "guardrails-heal-plan"
VERSION = 1
_HINT = f"make a new plan: {command('heal --plan-out FILE')}"
# What changes without anybody changing the resource. It says nothing about drift.
_VOLATILE = frozenset({
    "LatestRestorableTime", "PasswordLastUsed", "LastUsedDate", "RoleLastUsed", "LastAccessedDate",
    "StateUpdatedTimestamp", "StateTransitionedTimestamp", "StateReasonData", "c7n.metrics", "c7n:credential-report",
    "last_used_date", "last_used_region", "last_used_service", "password_last_used",
})
_DIGITS = 16
Made = TypeVar("Made")


@dataclass(frozen=True)
class PlannedFinding:
    """One finding of a plan."""

    account: str
    region: str
    """`global` for what belongs to the whole account."""
    policy: str
    resource: str
    resource_type: str
    arn: str
    severity: str
    response: str
    title: str
    evidence: Mapping[str, Any]
    """The values that made the resource match, and what the filters added."""
    seen: Mapping[str, str]
    """Each field of the resource, as c7n returned it, with a digest of its value."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What identifies it in a plan."""
        return (self.account, self.region, self.policy, self.resource)

    @classmethod
    def of(cls, finding: Finding, resource: Mapping[str, Any]) -> PlannedFinding:
        """A finding, and the resource in which it was found."""
        return cls(
            finding.account, finding.region, finding.policy, finding.resource, finding.resource_type, finding.arn,
            finding.severity, finding.response, finding.title, steady(finding.evidence), digests(resource))

    def changed(self, now: PlannedFinding) -> list[str]:
        """The fields in which the finding differs from what is there now."""
        described = ("resource_type", "arn", "severity", "response", "title", "evidence")
        names = [name for name in described if getattr(self, name) != getattr(now, name)]
        return names + sorted(
            name for name in {*self.seen, *now.seen} if self.seen.get(name) != now.seen.get(name))


@dataclass(frozen=True)
class PlannedPolicy:
    """A policy of a plan, as it was when the plan was made."""

    sha256: str
    """Of its content: everything in the policy, not the layout of its file."""
    response: str
    actions: Sequence[Any]

    @classmethod
    def of(cls, policy: Policy) -> PlannedPolicy:
        """The policy as it is now."""
        content = json.dumps([policy.data, audit_scope(policy).value], sort_keys=True, default=str)
        actions = json.loads(json.dumps(list(policy.data.get("actions") or ()), default=str))
        return cls(hashlib.sha256(content.encode()).hexdigest(), policy.response, actions)


@dataclass(frozen=True)
class PlannedAccount:
    """An account of a plan."""

    name: str
    vars: str
    """A digest of the variables with which policies run there; they may decide what a fix does."""

    @classmethod
    def of(cls, account: Account, accounts: Accounts) -> PlannedAccount:
        """The account as it is configured now."""
        return cls(account.name, _digest({**accounts.vars, **(account.entry.get("vars") or {})}))


@dataclass(frozen=True)
class HealPlan:
    """A plan: findings to fix, with the policies and accounts that they depend on."""

    created: str
    """ISO 8601, UTC."""
    created_by: str
    versions: Mapping[str, str]
    """Of guardrails and c7n; they do not have to be the same when the plan is applied."""
    accounts: Mapping[str, PlannedAccount]
    policies: Mapping[str, PlannedPolicy]
    findings: Sequence[PlannedFinding]
    not_seen: Sequence[str] = ()
    """The checks that did not complete, so that their findings are not in the plan."""

    @classmethod
    def of(
        cls, found: Iterable[tuple[Finding, Mapping[str, Any]]], policies: Iterable[Policy], accounts: Accounts, *,
        created: str, not_seen: Sequence[str],
    ) -> HealPlan:
        """The plan that fixes these findings, each with its resource."""
        findings = sorted((PlannedFinding.of(*each) for each in found), key=lambda finding: finding.key)
        ids, names = {finding.account for finding in findings}, {finding.policy for finding in findings}
        return cls(
            created, f"{_user()}@{platform.node()}",
            {"guardrails": version("aws-guardrails"), "c7n": version("c7n")},
            {account.id: PlannedAccount.of(account, accounts)
             for account in sorted(accounts.all, key=lambda account: account.id) if account.id in ids},
            {policy.name: PlannedPolicy.of(policy)
             for policy in sorted(policies, key=lambda policy: policy.name) if policy.name in names},
            findings, sorted(not_seen))

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {"form": FORM, "version": VERSION, **asdict(self)}

    def write(self, path: Path) -> Path:
        """Write the plan, completely or not at all; returns `path`."""
        return write_text(path, json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n", shared=True)

    @classmethod
    def read(cls, path: Path) -> HealPlan:
        """Read a plan. Raises GuardrailsError for any other content."""
        try:
            data = json.loads(read_bytes(path, PLAN_BYTES))
            # Half of a surrogate pair cannot be stored; its UnicodeEncodeError is a ValueError.
            json.dumps(data, ensure_ascii=False).encode()
            return cls.parse(data)
        except CannotRead as error:
            raise GuardrailsError(f"{path}: cannot be read: {error}", _HINT) from None
        except (ValueError, RecursionError) as error:
            raise GuardrailsError(f"{path}: not a plan of heal: {error}", _HINT) from None

    @classmethod
    def parse(cls, data: Any) -> HealPlan:
        """The plan in this JSON. Raises ValueError for any other content."""
        top = dict(_object(data, "the plan"))
        if (top.pop("form", None), top.pop("version", None)) != (FORM, VERSION):
            raise ValueError(f"it must have the form {FORM} in version {VERSION}")
        _keys(top, cls, "the plan")
        accounts = {key: _texts(PlannedAccount, value, f"accounts.{key}")
                    for key, value in _object(top["accounts"], "accounts").items()}
        policies = {}
        for key, value in _object(top["policies"], "policies").items():
            actions = _list(_object(value, f"policies.{key}").get("actions"), f"policies.{key}.actions")
            policies[key] = _texts(PlannedPolicy, value, f"policies.{key}", actions=actions)
        findings = []
        for number, value in enumerate(_list(top["findings"], "findings")):
            where = f"findings[{number}]"
            seen = _strings(_object(value, where).get("seen"), f"{where}.seen")
            evidence = _object(value.get("evidence"), f"{where}.evidence")
            findings.append(_texts(PlannedFinding, value, where, seen=seen, evidence=evidence))
        keys = [finding.key for finding in findings]
        if len(set(keys)) != len(keys):
            raise ValueError("findings: one is listed twice")
        for number, finding in enumerate(findings):
            if finding.account not in accounts or finding.policy not in policies:
                raise ValueError(f"findings[{number}]: its policy or its account is not among those of the plan")
        return cls(
            _text(top["created"], "created"), _text(top["created_by"], "created_by"),
            _strings(top["versions"], "versions"), accounts, policies, findings,
            [_text(each, "not_seen") for each in _list(top["not_seen"], "not_seen")])

    def selected(self, policies: Iterable[Policy]) -> list[Policy]:
        """Those of `policies` that the plan fixes.

        Raises GuardrailsError if one of them is missing, has another content than when the plan was made, or has no
        fix: then nothing of the plan is applied.
        """
        known = {policy.name: policy for policy in policies}
        problems = []
        for name, planned in self.policies.items():
            if name not in known:
                problems.append(f"policy {name}: there is no such policy any more")
            elif PlannedPolicy.of(known[name]) != planned:
                problems.append(f"policy {name}: {known[name].where}: its content has changed since the plan was made")
            elif not (known[name].sweeps and known[name].heals):
                problems.append(f"policy {name}: it has no fix that heal can run")
        _refuse(problems)
        return [known[name] for name in self.policies]

    def refuse_other_accounts(self, accounts: Accounts) -> None:
        """Raise GuardrailsError unless the plan's accounts, regions and variables are among those of this run."""
        known = {account.id: account for account in accounts.all}
        problems = []
        for number, planned in self.accounts.items():
            if number not in known:
                problems.append(f"account {number}: it is not among the accounts of this run (-c, or the credentials)")
            elif PlannedAccount.of(known[number], accounts).vars != planned.vars:
                problems.append(f"account {number}: its `vars` in accounts.yml have changed since the plan was made")
        for account, region in sorted({(finding.account, finding.region) for finding in self.findings}):
            if account in known and region not in ("global", *known[account].regions):
                problems.append(f"account {account}: {region} is not among the regions of this run (add -r {region})")
        _refuse(problems)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user that has no name
        return str(os.getuid())


def digests(resource: Mapping[str, Any]) -> dict[str, str]:
    """Each field of a resource with a digest of its value. The order of lists does not matter."""
    return {name: _digest(value) for name, value in sorted(steady(resource).items())}


def steady(value: Any) -> Any:
    """A JSON value without what changes by itself, with its lists in one order."""
    if isinstance(value, Mapping):
        return {key: steady(each) for key, each in value.items() if key not in _VOLATILE}
    if isinstance(value, (list, tuple)):
        return sorted((steady(each) for each in value), key=lambda each: json.dumps(each, sort_keys=True))
    return value


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:_DIGITS]


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        raise GuardrailsError("the plan cannot be applied: nothing was changed\n" + "\n".join(problems), _HINT)


def _texts(made: type[Made], data: Any, where: str, **others: Any) -> Made:
    """A dataclass whose fields are strings, except `others`."""
    _keys(_object(data, where), made, where)
    given = {key: _text(value, f"{where}.{key}") for key, value in data.items() if key not in others}
    return made(**given, **others)


def _keys(data: Mapping[str, Any], made: type[Any], where: str) -> None:
    wanted = {each.name for each in fields(made)}
    for problem, names in (("unknown", set(data) - wanted), ("missing", wanted - set(data))):
        if names:
            raise ValueError(f"{where}: {problem} keys: {', '.join(sorted(names))}")


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: must be an object, got {type(value).__name__}")
    for key in value:
        _text(key, where)
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{where}: must be a list, got {type(value).__name__}")
    return value


def _strings(value: Any, where: str) -> dict[str, str]:
    return {key: _text(each, f"{where}.{key}") for key, each in _object(value, where).items()}


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where}: must be a string, got {type(value).__name__}")
    return value
