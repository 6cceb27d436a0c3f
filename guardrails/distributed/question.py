"""What a sweep asks, in one file: the policies, the accounts and the exceptions, so that a worker needs nothing else.

It holds what accounts.yml holds (role names and external ids), and no credentials. YAML, because policies are: JSON has
no dates.
"""
from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from ..accounts import Account, Accounts
from ..errors import GuardrailsError
from ..policies import Policy
from ..results import Exceptions
from ..results import load as load_exceptions
from ..runs import AuditRequest
from ..yamlfile import Loader, YamlFile, dump

_FORMAT = 1
_DAMAGED = "it was written by another version of guardrails, or changed: start a new audit"


@dataclass(frozen=True)
class Question:
    """What a sweep asks."""

    policies: tuple[Policy, ...]
    """Those that an audit can run."""
    accounts: tuple[Account, ...]
    vars: Mapping[str, Any]
    """c7n-org's `vars` for all accounts."""
    exceptions: str = ""
    """The content of exceptions.yml; empty without one."""
    evidence: bool = False
    """Whether to keep the ids of the resources that pass."""
    controls: Mapping[str, str] = field(default_factory=dict)
    """The team's own frameworks, for the reports: file name to content."""

    @classmethod
    def of(
        cls, request: AuditRequest, policies: Sequence[Policy], accounts: Accounts, exceptions: Exceptions
    ) -> Question:
        """The question of an audit. Raises GuardrailsError for accounts that no worker can enter."""
        for account in accounts.all:
            if account.entry.get("profile"):
                raise GuardrailsError(
                    f"account {account} is entered with the profile {account.entry['profile']}, which no worker has",
                    "name a role in accounts.yml, which the workers' role may assume")
        directories = [Path(each) for each in request.controls]
        files = sorted(file for each in directories for file in (each.rglob("*.yml") if each.is_dir() else [each]))
        return cls(
            tuple(policy for policy in policies if policy.sweeps), accounts.all, accounts.vars,
            exceptions.path.read_text(encoding="utf-8") if exceptions.path else "", request.evidence,
            {file.name: file.read_text(encoding="utf-8") for file in files})

    def text(self) -> bytes:
        """The file's content."""
        return dump({
            "format": _FORMAT,
            "policies": [{"data": _plain(policy.data), "file": policy.location} for policy in self.policies],
            "accounts": [{
                "id": account.id, "name": account.name, "regions": list(account.regions),
                "entry": _plain(account.entry),
            } for account in self.accounts],
            "vars": _plain(self.vars), "exceptions": self.exceptions, "evidence": self.evidence,
            "controls": dict(self.controls),
        }).encode()

    @classmethod
    def parse(cls, content: bytes) -> Question:
        """The question of such a file. Raises GuardrailsError for any other content."""
        try:
            data = yaml.load(content, Loader=Loader)  # noqa: S506 - a safe loader
            if data["format"] != _FORMAT:
                raise ValueError(f"format {data['format']}, not {_FORMAT}")
            return cls(
                tuple(_policy(each["data"], each["file"]) for each in data["policies"]),
                tuple(Account(each["id"], each["name"], tuple(each["regions"]), each["entry"])
                      for each in data["accounts"]),
                data["vars"], data["exceptions"], data["evidence"], data["controls"])
        except (yaml.YAMLError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise GuardrailsError(f"the question of the sweep cannot be read: {error!r}"[:300], _DAMAGED) from None

    def account(self, number: str) -> Account:
        """The account with this id. Raises GuardrailsError if the question has none."""
        for account in self.accounts:
            if account.id == number:
                return account
        raise GuardrailsError(f"the question of the sweep has no account {number}", _DAMAGED)

    def found(self) -> Accounts:
        """Its accounts, as if all could be reached."""
        return Accounts(self.accounts, (), self.vars)

    def alone(self, account: Account) -> Accounts:
        """One of its accounts."""
        return replace(self.found(), reached=(account,))

    def load_exceptions(self, directory: Path) -> Exceptions:
        """The exceptions. `directory` receives their file. Raises GuardrailsError for invalid ones."""
        if not self.exceptions:
            return Exceptions()
        file = directory / "exceptions.yml"
        file.write_text(self.exceptions, encoding="utf-8")
        return load_exceptions(file)

    def controls_in(self, directory: Path) -> list[Path]:
        """The directory of the team's own frameworks, which it creates; none without them."""
        if not self.controls:
            return []
        directory.mkdir()
        for name, text in self.controls.items():
            (directory / Path(name).name).write_text(text, encoding="utf-8")
        return [directory]


def digest(content: bytes) -> str:
    """What a worker compares with the question that it reads: a changed one is refused."""
    return hashlib.sha256(content).hexdigest()


def _policy(data: Mapping[str, Any], location: str) -> Policy:
    if not isinstance(data, dict) or not isinstance(data["name"], str) or not isinstance(data["resource"], str):
        raise ValueError("a policy needs a name and a resource")
    return Policy(data, YamlFile(Path(location.rpartition(":")[0] or location), {"policies": [data]}, None), 0)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value
