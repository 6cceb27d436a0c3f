"""Which cases can be in one account, and how they share it.

Cases that contradict each other (in a setting of the account, in the value of a parameter, in AWS's answer to a call
that the local AWS lacks) are in two accounts. The first account takes every case that it can, the others a bad and a
good case of each policy of which the accounts before have none.
"""
from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import cache
from typing import Any

from tests.moto_server import ACCOUNT

from .harness import Case, World, cases, loaded

NAMES = re.compile(r"(?<!Engine)(?<!Type)(Name|Identifier|CreationToken|family)$")
"""Parameters that name what a call makes, and not something of AWS."""
REFERENCE = "CallerReference"
WORDS = re.compile(
    r"(?i)(engine|type|mode|zone|protocol|value|runtime|tokens|endpoint|masterusername|platformidentifier"
    r"|awsservicename)$")
"""Parameters whose values are words of AWS, also where a resource of the case has such a word as its name."""
FIXED = ("keep", "profiles")
"""Keys of a case under which nothing is a resource's name."""
ACCOUNT_SETTINGS = ("config.put_configuration_recorder", "ecr.put_registry_", "s3control.put_public_access_block",
                    "s3control.delete_public_access_block")
"""Beginnings of calls that change a setting of the account, in cases of policies on other resources."""
APART = {"alarms-create": "cloudtrail-*", "iam-password-policy-strengthen": "iam-password-*"}
"""Policies whose bad cases have the setting that those of other policies lack."""
BLOCK, AGENTS = "PublicAccessBlockConfiguration", "AdditionalConfiguration"
PLACEHOLDER = re.compile(r"\{(?!account_id|region)\w+\}")
"""The id of a resource in the value of a parameter."""


def of_account(case: Case) -> bool:
    """Whether what the case says holds for a whole account."""
    calls = [next(iter(step)) for step in case.make if isinstance(step, dict)]
    return case.policy["resource"] == "aws.account" or any(call.startswith(ACCOUNT_SETTINGS) for call in calls)


@cache
def defaults(name: str) -> dict[str, Any]:
    """The parameters that a policy's filters use, with their defaults."""
    policy = loaded()[name]
    text = json.dumps([policy.data.get("filters"), policy.data.get("conditions")], default=str)
    return {key: value for key, value in (policy.metadata.get("parameters") or {}).items() if f"{{{key}}}" in text}


def joins(parameter: str) -> bool:
    """Whether an account can have the values of several cases at once: lists of which each entry has its own effect."""
    return parameter == "profiles" or "_exempt_" in parameter


def own_names(case: Case, number: int) -> Case:
    """The case with a number behind each name that it gives a resource."""
    kept = {name for step in case.make if isinstance(step, dict) for name in step.get("keep") or ()}
    names = {name for name in (*case.match, *case.passes) if name not in kept}
    for step in case.make:
        for call, parameters in step.items() if isinstance(step, dict) else ():
            if call.partition(".")[2].startswith(("create_", "register_")):
                names |= set(named(parameters))
    names = {name for name in names - {"default", "account_id", ACCOUNT} if re.fullmatch(r"[\w.-]+", name)}
    if not names:
        return case
    # Longer names first, and not in a placeholder such as {bad}.
    listed = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    pattern = re.compile(r"(?<![\w{-])(" + listed + r")(?![\w}-])")

    def renamed(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: each if name in FIXED else renamed(each, name) for name, each in value.items()}
        if isinstance(value, list):
            return [renamed(each, key) for each in value]
        return pattern.sub(rf"\1-{number}", value) if isinstance(value, str) and not WORDS.search(key) else value

    def ids(listed: list[str]) -> list[str]:
        return [name if name in kept else renamed(name) for name in listed]

    return replace(
        case, make=renamed(case.make), match=ids(case.match), passes=ids(case.passes), vars=renamed(case.vars))


def named(parameters: Any) -> Iterator[str]:
    """The names in the parameters of a call."""
    for key, value in parameters.items():
        if isinstance(value, str) and NAMES.search(key):
            yield value
        elif isinstance(value, dict) and REFERENCE in value:
            yield value[REFERENCE]


@dataclass
class Account:
    """What an account holds.

    Attributes:
        cases: the cases.
        values: the values of parameters.
        answers: by type of resource, what AWS answers to the calls that the local AWS lacks.
        settings: the policies of whose cases one is about the account itself, and whether it is a bad one.
    """

    cases: list[Case] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, bool] = field(default_factory=dict)

    def take(self, case: Case) -> bool:
        """Add a case; False if one that is here contradicts it."""
        name, kind = case.policy["name"], case.policy["resource"]
        kind = name if kind == "aws.account" else kind
        settings = {name: bool(case.match)} if of_account(case) else {}
        answers = {step["answer"]: step["gives"] for step in case.make if "answer" in step}
        values = {key: value for key, value in {**defaults(name), **case.vars}.items() if not joins(key)}
        # One setting has one value: an account is bad, or good, for all policies about the account itself.
        if settings and self.settings and (name in self.settings or settings[name] not in self.settings.values()):
            return False
        if any(fnmatch(a, APART.get(b, "")) for other in self.settings for a, b in ((name, other), (other, name))):
            return False
        # An answer is given to every call, so resources of its type that the local AWS has would not be seen.
        if self.answers.get(kind, answers) != answers or any(
                given.keys() & answers.keys() for other, given in self.answers.items() if other != kind):
            return False
        # Equal placeholders of two cases are two ids.
        if any(self.values[key] != value or PLACEHOLDER.search(str(value))
               for key, value in values.items() if key in self.values):
            return False
        self.cases.append(case)
        self.values |= values
        self.answers[kind] = answers
        self.settings |= settings
        return True


def accounts() -> list[Account]:
    """The accounts, and their cases."""
    listed = [own_names(case, number) for number, case in enumerate(cases("config-rule", "periodic"))]
    first = Account()
    left = [case for case in listed if of_account(case) or not first.take(case)]
    found, shown = [first], {kind for case in first.cases for kind in kinds(case)}
    for case in left:
        if not kinds(case) <= shown:
            shown |= kinds(case)
            if not any(account.take(case) for account in found[1:]):
                found.append(Account())
                assert found[-1].take(case)
    return found


def kinds(case: Case) -> set[tuple[str, str]]:
    """Of its policy, whether a case has a bad and a good resource."""
    return {(case.policy["name"], kind) for kind in ("match", "passes") if getattr(case, kind)}


class SharedWorld(World):
    """A case's world in an account that other cases share: what the account has once, gets the settings of all."""

    def _call(self, step: Mapping[str, Any]) -> Any:
        if "guardduty.create_detector" in step:
            client, wanted = self._client("guardduty"), step["guardduty.create_detector"]
            for detector in client.list_detectors()["DetectorIds"]:
                features = joined(client.get_detector(DetectorId=detector)["Features"], wanted.get("Features", []))
                client.update_detector(DetectorId=detector, **{**wanted, "Features": features})
                return {"DetectorId": detector}
        if "s3control.put_public_access_block" in step:
            client, wanted = self._client("s3control"), self.fill(step["s3control.put_public_access_block"])
            with contextlib.suppress(client.exceptions.NoSuchPublicAccessBlockConfiguration):
                now = client.get_public_access_block(AccountId=ACCOUNT)[BLOCK]
                block = {key: value or now[key] for key, value in {**now, **wanted[BLOCK]}.items()}
                return client.put_public_access_block(**{**wanted, BLOCK: block})
        if "iam.create_service_linked_role" in step:
            client = self._client("iam")
            try:
                return super()._call(step)
            except client.exceptions.EntityAlreadyExistsException as error:
                [name] = re.findall(r"Role with name (\S+) already exists", str(error))
                return client.get_role(RoleName=name)
        return super()._call(step)


def joined(now: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """GuardDuty's plans, with those that another case wants."""
    plans = {plan["Name"]: {key: value for key, value in plan.items() if key != "UpdatedAt"} for plan in now}
    for plan in wanted:
        agents = joined(plans.get(plan["Name"], {}).get(AGENTS, []), plan.get(AGENTS, []))
        plans[plan["Name"]] = {**plan, **({AGENTS: agents} if agents else {})}
    return list(plans.values())
