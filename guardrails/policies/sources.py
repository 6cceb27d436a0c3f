"""Where policies come from: packs that this project ships, and directories of the team, read as one list.

A pack is taken wholly, or by framework, service, severity or name. Values of parameters and severities can be set for
all policies, whatever their source, so that a team changes no shipped file.
"""
from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from custom_actions.parameters import kind_of

from ..errors import GuardrailsError
from ..paths import POLICIES
from ..suggest import nearest
from .catalogue import load_catalogues
from .frameworks import policies_for
from .policy import Policy, Selection, is_part, load, policy_files

PACK = "aws-guardrails"
"""The pack of the policies that this project ships."""
PACKS: Mapping[str, Path] = {PACK: POLICIES}
# A pattern that ids of accounts can match, and hardly any name.
_ID_GLOB = re.compile(r"[0-9*?\[\]!-]+")


@dataclass(frozen=True)
class PackChoice:
    """A pack, and which of its policies are taken: those that meet every criterion. Without criteria, all."""

    name: str = PACK
    frameworks: Sequence[str] = ()
    """As --framework: cis-aws-6.0, or cis-aws-6.0:5.*"""
    services: Sequence[str] = ()
    """As --service."""
    severities: Sequence[str] = ()
    policies: Sequence[str] = ()
    """Names or globs."""

    def load(self) -> list[Policy]:
        """Every policy of the pack. Raises GuardrailsError if there is no such pack."""
        if self.name not in PACKS:
            raise GuardrailsError(f"there is no pack {self.name}", nearest(self.name, PACKS, give_all=True))
        return load(PACKS[self.name])

    def choose(self, every: Sequence[Policy], controls: Sequence[Path]) -> list[Policy]:
        """Those policies of the pack that are taken. Raises GuardrailsError for a name that does not exist."""
        found = Selection(self.policies, self.services, self.severities).choose(every)
        if self.frameworks:
            wanted = policies_for(self.frameworks, load_catalogues(controls), every)
            found = [policy for policy in found if policy.name in wanted]
        return found


@dataclass(frozen=True)
class PolicySources:
    """Every source of policies, and what is changed in them."""

    packs: Sequence[PackChoice] = (PackChoice(),)
    directories: Sequence[str] = ()
    """Absolute paths."""
    controls: Sequence[str] = ()
    """Directories of the team's own frameworks, by which a pack can be chosen too."""
    exclude: Sequence[str] = ()
    """Names or globs of policies that are switched off."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Parameter to its value in all accounts, in place of the default in the policy file."""
    severities: Mapping[str, str | Mapping[str, Any]] = field(default_factory=dict)
    """Name or glob of a policy to its severity; the last one that fits applies.

    The severity can be a mapping: `accounts` has names or ids of accounts, or globs, with their severities, and
    `default` the severity in all other accounts. Without `default`, it stays what it was.
    """
    origin: str = ""
    """The file of settings that says so, for errors; empty without one."""
    part: bool = False
    """Whether the team has named other sources for good, and these are only for one command."""

    @classmethod
    def of(cls, directory: Path) -> PolicySources:
        """The policies of one directory alone."""
        return cls(packs=(), directories=(str(directory.absolute()),))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PolicySources:
        """The opposite of `asdict`. Raises TypeError or KeyError for other data."""
        return cls(**{**data, "packs": tuple(PackChoice(**pack) for pack in data["packs"])})

    def __str__(self) -> str:
        """For messages: `policies/ and the pack aws-guardrails`."""
        named = [*self.directories, *(f"the pack {pack.name}" for pack in self.packs)]
        return " and ".join(named) or "no source of policies"

    @property
    def is_part(self) -> bool:
        """Whether other policies of the team may be deployed: only a part of all sources, or of the project's own."""
        return self.part or any(is_part(Path(directory)) for directory in self.directories)

    def files(self) -> list[Path]:
        """Every policy file of the directories, and of each pack as a whole. Raises GuardrailsError."""
        packs = [PACKS[pack.name] for pack in self.packs if pack.name in PACKS]
        return policy_files([*map(Path, self.directories), *packs])

    def load(self) -> list[Policy]:
        """Every policy, without the excluded ones, with the team's values and severities.

        Raises GuardrailsError for an invalid policy file, for a name that two policies have, and for a name of a
        policy or a parameter that does not exist.
        """
        return self._loaded[:]

    @cached_property
    def _loaded(self) -> list[Policy]:
        found: dict[str, Policy] = {}
        known: list[Policy] = []
        for every, chosen in self._read():
            known += every
            for policy in chosen:
                self._add(policy, found)
        if not self.part:  # the settings are about all sources of the team, and these are others
            self._check_names("exclude", self.exclude, known)
            self._check_names("severities", self.severities, known)
            self._check_parameters(known)
        return [self._changed(policy) for policy in found.values() if not _fits(policy.name, self.exclude)]

    def _add(self, policy: Policy, found: dict[str, Policy]) -> None:
        if other := found.get(policy.name):
            raise GuardrailsError(
                f"{policy.where}: duplicate policy name {policy.name}; the other one is in {other.where}",
                "rename one of them: findings, functions and output directories use the name")
        found[policy.name] = policy

    def _read(self) -> Iterator[tuple[list[Policy], list[Policy]]]:
        """Every policy of a source, and those that are taken."""
        for pack in self.packs:
            every = pack.load()
            yield every, pack.choose(every, [Path(each) for each in self.controls])
        for directory in self.directories:
            every = load(Path(directory))
            yield every, every

    def _changed(self, policy: Policy) -> Policy:
        """The policy with the team's values and severity."""
        metadata = dict(policy.metadata)
        defaults = metadata.get("parameters") or {}
        if chosen := {name: value for name, value in self.parameters.items() if name in defaults}:
            metadata["parameters"] = {**defaults, **chosen}
        severity, in_accounts = self._severities_of(policy)
        if severity:
            metadata["severity"] = severity
        if metadata != policy.metadata:
            policy = replace(policy, data={**policy.data, "metadata": metadata})
        return replace(policy, account_severities=in_accounts) if in_accounts else policy

    def _severities_of(self, policy: Policy) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The policy's general severity, empty if none is set, and those in accounts.

        An entry with a general severity replaces everything that earlier entries set.
        """
        general, in_accounts = "", list[tuple[str, str]]()
        for pattern, given in self.severities.items():
            if fnmatchcase(policy.name, pattern):
                entry: Mapping[str, Any] = {"default": given, "accounts": {}} if isinstance(given, str) else given
                if "default" in entry:
                    general, in_accounts = entry["default"], []
                in_accounts += entry["accounts"].items()
        return general, tuple(in_accounts)

    def check_accounts(self, known: Collection[str] | None) -> None:
        """Raise GuardrailsError if `severities` names an account that does not exist.

        Args:
            known: the names and ids of all accounts; None if there is no accounts.yml. Then names are not known, and
                an id may be that of an account that another run audits.
        """
        for policies, given in self.severities.items():
            for pattern in () if isinstance(given, str) else given["accounts"]:
                where = f"{self.origin}: severities.{policies}.accounts"
                if known is None:
                    if not _ID_GLOB.fullmatch(pattern):
                        raise GuardrailsError(
                            f"{where}: {pattern} cannot be compared with an account: names are in accounts.yml, and "
                            "none is given",
                            "add -c accounts.yml, or `accounts:` in guardrails.yml, or write the account's id")
                elif not any(fnmatchcase(key, pattern) for key in known):
                    raise GuardrailsError(
                        f"{where}: no account is named {pattern}",
                        nearest(pattern, known) or "names and ids are in accounts.yml")

    def _check_names(self, key: str, patterns: Iterable[str], every: Sequence[Policy]) -> None:
        names = [policy.name for policy in every]
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise GuardrailsError(
                    f"{self.origin}: {key}: no policy is named {pattern}",
                    nearest(pattern, names) or "write the name of a policy, or a glob such as iam-*")

    def _check_parameters(self, every: Sequence[Policy]) -> None:
        defaults: dict[str, Any] = {}
        for policy in every:
            defaults.update(policy.metadata.get("parameters") or {})
        for name, value in self.parameters.items():
            if name not in defaults:
                raise GuardrailsError(
                    f"{self.origin}: parameters: no policy has the parameter {name}",
                    nearest(name, defaults) or "the parameters are at the top of each policy file")
            if (wanted := kind_of(defaults[name])) != (given := kind_of(value)):
                raise GuardrailsError(
                    f"{self.origin}: parameters: {name} must be {wanted}, got {given}",
                    f"its default is {defaults[name]!r}")


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
