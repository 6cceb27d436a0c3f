"""The policies of a directory: finds, reads and selects them, and merges them into the one file that c7n-org needs."""
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_actions.names import FUNCTION_PREFIX
from custom_actions.parameters import USE_PLAIN_NAMES, lookups
from custom_actions.vocabulary import CALLING, OTHER, PASSIVE, RESPONSES, SEVERITIES, TELLING, UNRATED

from ..command import command
from ..errors import GuardrailsError
from ..paths import POLICIES
from ..suggest import nearest
from ..yamlfile import YamlError, YamlFile, read
from .claims import Claim, claimed_parts, claims_of, partial_claims

if TYPE_CHECKING:
    from ..accounts import Account

PROVIDER = "aws"
"""c7n's name of the only cloud provider that this project supports."""


class Kind(StrEnum):
    """When a policy evaluates resources; the folder of its file has the same name."""

    REALTIME = "realtime"
    """After an event, within seconds. It evaluates only events, so an audit cannot run it."""
    CONFIG_RULE = "config-rule"
    """After a change that AWS Config recorded."""
    PERIODIC = "periodic"
    """On a schedule, or on demand."""


_KINDS = {
    "config-rule": Kind.CONFIG_RULE,
    "config-poll-rule": Kind.CONFIG_RULE,
    "periodic": Kind.PERIODIC,
    "schedule": Kind.PERIODIC,
    "pull": Kind.PERIODIC,
}


@dataclass(frozen=True)
class Policy:
    """One policy of a policy file."""

    data: Mapping[str, Any]
    source: YamlFile
    index: int
    """Its position in the file's list."""
    account_severities: tuple[tuple[str, str], ...] = ()
    """Names, ids or globs of accounts with their own severity; the last one that fits applies."""

    @property
    def name(self) -> str:
        return str(self.data["name"])

    @property
    def resource(self) -> str:
        """The resource type with its provider: `aws.ec2`."""
        given = str(self.data["resource"])
        return given if "." in given else f"aws.{given}"

    @property
    def service(self) -> str:
        """The resource type without its provider, as in --service: `ec2`."""
        return self.resource.partition(".")[2]

    @property
    def mode(self) -> Mapping[str, Any]:
        return self.data.get("mode") or {"type": "pull"}

    @property
    def kind(self) -> Kind:
        return _KINDS.get(self.mode["type"], Kind.REALTIME)

    @property
    def sweeps(self) -> bool:
        """Whether an audit can run it. A realtime policy evaluates only events, so an audit cannot run it."""
        return self.kind is not Kind.REALTIME

    @property
    def deploys(self) -> bool:
        """Whether the policy becomes a Lambda function; a policy without a mode does not."""
        return self.mode["type"] != "pull"

    @property
    def function(self) -> str:
        """The name of its Lambda function."""
        return f"{self.mode.get('function-prefix', FUNCTION_PREFIX)}{self.name}"

    @property
    def metadata(self) -> Mapping[str, Any]:
        given = self.data.get("metadata")
        return given if isinstance(given, Mapping) else {}

    @property
    def title(self) -> str:
        return str(self.metadata.get("title") or self.name)

    @property
    def severity(self) -> str:
        """The general one, of SEVERITIES; `unrated` if the policy says none of them. See `severity_in`."""
        given = self.metadata.get("severity")
        return given if isinstance(given, str) and given in SEVERITIES else UNRATED

    @property
    def severities(self) -> set[str]:
        """Its general severity, and those of single accounts."""
        return {self.severity, *(severity for _, severity in self.account_severities)}

    def severity_in(self, account: Account) -> str:
        """Its severity in the account: the general one if the account has none of its own."""
        found = self.severity
        for pattern, severity in self.account_severities:
            if any(fnmatchcase(key, pattern) for key in account.keys):
                found = severity
        return found

    @property
    def response(self) -> str:
        """One of RESPONSES. If the policy says none of them, it follows from its actions: none, alert or other."""
        given = self.metadata.get("response")
        if isinstance(given, str) and given in RESPONSES:
            return given
        actions = [action_type(action) for action in self.data.get("actions") or ()]
        if not actions:
            return "none"
        return "alert" if all(action in TELLING for action in actions) else OTHER

    @property
    def claims(self) -> list[Claim]:
        """The controls that it claims to check, wholly or in part."""
        return claims_of(self.metadata)

    @property
    def controls(self) -> dict[str, list[str]]:
        """Framework to the ids of the controls that it claims to check, wholly or in part."""
        found: dict[str, list[str]] = {}
        for claim in self.claims:
            found.setdefault(claim.framework, []).append(claim.id)
        return found

    @property
    def partial(self) -> dict[str, dict[str, str]]:
        """Framework to the ids of the controls that it checks only in part, with what it does not check.

        A claim that is not true with the default parameters is one of them.
        """
        return partial_claims(self.claims, self.metadata.get("parameters") or {})

    @property
    def parts(self) -> dict[str, dict[str, list[str]]]:
        """Framework to control to the parts that it checks, for the controls of which it checks some parts only."""
        return claimed_parts(self.claims)

    @property
    def heals(self) -> bool:
        """Whether it may change resources in the account if it is not run as a dry run, whatever its metadata says."""
        actions = [action_type(action) for action in self.data.get("actions") or ()]
        return bool(actions) and (
            self.response not in PASSIVE or not set(actions) <= TELLING | CALLING)

    @property
    def where(self) -> str:
        """`file:line` of the policy."""
        return f"{self.source.path}:{self.source.line(('policies', self.index))}"

    @property
    def location(self) -> str:
        """`where` relative to the current directory: `policies/config-rule/s3.yml:66`."""
        file, _, line = self.where.rpartition(":")
        return f"{os.path.relpath(file)}:{line}"


def action_type(action: Any) -> str:
    """The type of a policy's action, which can be a mapping or only a name."""
    return str(action.get("type") if isinstance(action, Mapping) else action)


def policy_files(paths: Iterable[Path]) -> list[Path]:
    """The policy files (YAML or JSON) in `paths`, including those in directories, without hidden ones.

    Raises GuardrailsError for a path that does not exist or a directory without policy files.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(
                file for pattern in ("*.yml", "*.yaml", "*.json") for file in path.rglob(pattern)
                if not any(part.startswith(".") for part in file.relative_to(path).parts)
            )
            if not inside:
                raise GuardrailsError(
                    f"{path}: no *.yml, *.yaml or *.json file in this directory", "name a directory of policies")
            files.update(dict.fromkeys(inside))
        elif path.is_file():
            files[path] = None
        else:
            raise GuardrailsError(
                f"{path}: no such file or directory", "name a policy file or a directory of policy files")
    return list(files)


def is_part(directory: Path) -> bool:
    """Whether the directory is a subdirectory of the project's policies."""
    return directory.resolve() != POLICIES and directory.resolve().is_relative_to(POLICIES)


def load(directory: Path = POLICIES) -> list[Policy]:
    """Every policy of the directory.

    Raises GuardrailsError for an invalid policy file and for a duplicate name; `validate` shows every error.
    """
    policies: dict[str, Policy] = {}
    for file in policy_files([directory]):
        try:
            source = read(file)
        except YamlError as error:
            raise GuardrailsError(f"{file}:{error.line}: {error.message}", _see_validate(directory)) from None
        for policy in policies_of(source):
            if policy.name in policies:
                raise GuardrailsError(
                    f"{policy.where}: duplicate policy name {policy.name}; "
                    f"the other one is in {policies[policy.name].where}",
                    "rename one of them: findings and output directories use the name",
                )
            policies[policy.name] = policy
    return list(policies.values())


def policies_of(source: YamlFile) -> list[Policy]:
    """The policies of one file; an empty file has none. Raises GuardrailsError for an invalid policy file."""
    if source.data is None:
        return []
    listed = source.data.get("policies") if isinstance(source.data, Mapping) else None
    if not isinstance(listed, list):
        raise GuardrailsError(f"{source.path}:1: the file must have a list `policies:`", _see_validate(source.path))
    for index, data in enumerate(listed):
        mode_ok = isinstance(data, Mapping) and (
            "mode" not in data or (isinstance(data["mode"], Mapping) and "type" in data["mode"])
        )
        if not (mode_ok and "name" in data and "resource" in data):
            raise GuardrailsError(
                f"{source.path}:{source.line(('policies', index))}: a policy needs a name and a resource, "
                "and a mode needs a type",
                _see_validate(source.path),
            )
        _refuse(source, index, data)
    return [Policy(data, source, index) for index, data in enumerate(listed)]


def foreign_provider(resource: str) -> tuple[str, str] | None:
    """The problem with a resource type of another cloud (`gcp.instance`), and how to fix it; None for AWS.

    c7n would import the package of that provider, which is not installed here.
    """
    provider, dot, _ = resource.partition(".")
    if not dot or provider == PROVIDER:
        return None
    return (
        f"resource type {resource} is of the provider {provider!r}; this project supports only AWS",
        nearest(provider, (PROVIDER,)) or f"use a resource type of AWS, such as {PROVIDER}.ec2, or move the policy to "
        "a directory that c7n runs with the package of that provider",
    )


def _refuse(source: YamlFile, index: int, data: Mapping[str, Any]) -> None:
    """Raise GuardrailsError for a policy that must not run: for another cloud, or with braces that read attributes."""
    base = ("policies", index)
    if not isinstance(data["resource"], str):
        raise GuardrailsError(
            f"{source.path}:{source.line((*base, 'resource'))}: resource must be a string, got {data['resource']!r}",
            "write one resource type, such as aws.ec2, and one policy for each type")
    if foreign := foreign_provider(data["resource"]):
        problem, fix = foreign
        raise GuardrailsError(f"{source.path}:{source.line((*base, 'resource'))}: {data['name']}: {problem}", fix)
    for path, problem in lookups(data):
        where = ".".join(map(str, path))
        raise GuardrailsError(
            f"{source.path}:{source.line((*base, *path))}: {data['name']}: {where}: {problem}", USE_PLAIN_NAMES)


def _see_validate(path: Path) -> str:
    return f"`{command('validate')} {path}` shows every error"


@dataclass(frozen=True)
class Selection:
    """The criteria for selecting policies; an empty criterion selects every policy."""

    names: Sequence[str] = ()
    """Names or globs."""
    services: Sequence[str] = ()
    """Resource types (`s3`), or globs of them (`iam-*`)."""
    severities: Sequence[str] = ()
    """A policy matches with its general severity, or with that of any account."""
    excluded: Sequence[str] = ()
    """Names or globs of policies that are left out."""

    def choose(self, policies: Iterable[Policy]) -> list[Policy]:
        """The policies that match every criterion, in their order.

        Raises GuardrailsError for a name or service that matches no policy, so that a typing error is not reported as
        compliant.
        """
        from difflib import get_close_matches

        policies = list(policies)
        for what, given, known in (
            ("policy", self.names, sorted({policy.name for policy in policies})),
            ("exclude-policy", self.excluded, sorted({policy.name for policy in policies})),
            ("service", self.services, sorted({policy.service for policy in policies})),
        ):
            for pattern in given:
                if not any(fnmatchcase(name, pattern) for name in known):
                    near = get_close_matches(pattern, known, n=3)
                    raise GuardrailsError(
                        f"no policy matches --{what} {pattern}",
                        f"did you mean {', '.join(near)}?" if near else f"`{command('policies')}` lists all policies")
        return [
            policy for policy in policies
            if (not self.names or any(fnmatchcase(policy.name, pattern) for pattern in self.names))
            and not any(fnmatchcase(policy.name, pattern) for pattern in self.excluded)
            and (not self.services or any(fnmatchcase(policy.service, pattern) for pattern in self.services))
            and (not self.severities or policy.severities & set(self.severities))
        ]


def merged(policies: Iterable[Policy], *, mode: bool, actions: bool) -> dict[str, Any]:
    """The content of one policy file with all of `policies`.

    Without `mode`, each policy runs locally (c7n's pull mode) and is not deployed. Without `actions`, it cannot change
    anything, whatever the options are. Everything else is the same as in the file of the policy.
    """
    copies = []
    for policy in policies:
        data = deepcopy(dict(policy.data))
        if not mode:
            data.pop("mode", None)
        if not actions:
            data.pop("actions", None)
        copies.append(data)
    return {"policies": copies}
