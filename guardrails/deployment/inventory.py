"""The functions that this project deployed in an account and region, and the policies that each group runs."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from custom_actions.names import FUNCTION_PREFIX, GROUP_TAG

from ..accounts import AWS_ERRORS, Account, account_region, reason_of
from ..limits import DEPLOYMENT_READS
from ..policies import Policy
from .forms import is_ours
from .reads import CLIENT, read_or_none
from .serving import DeployedGroup, Service, served


@dataclass(frozen=True)
class DeployedFunction:
    """A function that this project deployed, or a policy that a group's function runs."""

    account: Account
    region: str
    name: str
    arn: str = ""
    """Empty if the function itself no longer exists, and only resources with its name are searched for."""
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)
    group: str = ""
    """The name of the group's function that runs the policy. There is then no function of its own, only its trigger."""
    idle: str = field(default="", compare=False)
    """Why nothing invokes the function any more; empty if something does, or nothing is known."""

    @property
    def invoked(self) -> str:
        """The name of the function that the policy's trigger invokes."""
        return self.group or self.name

    @property
    def is_group(self) -> bool:
        """Whether it is a function that runs many policies."""
        return GROUP_TAG in self.tags

    @property
    def policy(self) -> str:
        """The policy's name, derived from the function's name."""
        return self.name.removeprefix(FUNCTION_PREFIX)


@dataclass(frozen=True)
class FunctionInventory:
    """The deployed functions of all accounts and regions, and the places that could not be read."""

    functions: tuple[DeployedFunction, ...]
    unknown: tuple[tuple[Account, str, str], ...]
    """Account, region, reason."""
    others: tuple[tuple[DeployedFunction, str], ...] = ()
    """Functions that have only our tags or only our name, with an explanation; they are never removed."""


def prefixes_of(policies: Iterable[Policy]) -> frozenset[str]:
    """The prefixes of the names of our functions: c7n's default, and those set in policies."""
    return frozenset({FUNCTION_PREFIX, *(str(policy.mode.get("function-prefix", FUNCTION_PREFIX))
                                         for policy in policies if policy.deploys)} - {""})


def places(accounts: Iterable[Account]) -> list[tuple[Account, str]]:
    """Where functions can be deployed: each account's regions, the region of global events, and the hub's region."""
    return [
        (account, region) for account in accounts
        for region in dict.fromkeys((*account.regions, account_region(account.regions), *_hub_region(account)))
    ]


def _hub_region(account: Account) -> tuple[str, ...]:
    return (account.hub.region,) if account.hub and account.hub.account == account.id else ()


def inventory(accounts: Iterable[Account], prefixes: Iterable[str] = (FUNCTION_PREFIX,)) -> FunctionInventory:
    """Every function in the accounts that this project deployed: it has our tags, and a name with one of `prefixes`."""
    where, beginnings = places(accounts), tuple(prefixes)
    with ThreadPoolExecutor(DEPLOYMENT_READS) as pool:
        found = list(pool.map(_functions, where))
    functions, others = [], []
    for function in (function for seen, _ in found for function in seen):
        tagged, named = is_ours(function.tags), function.name.startswith(beginnings)
        if tagged and named:
            functions.append(function)
        elif tagged:
            others.append((function, f"{function.name} does not belong to this project: it has the project's tags, but "
                           f"its name does not start with {' or '.join(sorted(beginnings))}"))
        elif named:
            others.append((function, without_tags(function.name)))
    return FunctionInventory(
        tuple(functions),
        tuple((*place, problem) for place, (_, problem) in zip(where, found, strict=True) if problem),
        tuple(others))


def without_tags(name: str) -> str:
    """That a function has our name, but not our tags."""
    return (f"{name} does not belong to this project: it lacks the tag project=aws-guardrails, or c7n's tag "
            "custodian-info")


def _functions(place: tuple[Account, str]) -> tuple[list[DeployedFunction], str]:
    """The functions in an account and region with their tags, and the error if not all of them could be read."""
    account, region = place
    found: list[DeployedFunction] = []
    try:
        client = account.session(region).client("lambda", config=CLIENT)
        for page in client.get_paginator("list_functions").paginate():
            for each in page["Functions"]:
                response = read_or_none(client.list_tags, Resource=each["FunctionArn"])
                tags = (response or {}).get("Tags") or {}
                found.append(DeployedFunction(account, region, each["FunctionName"], each["FunctionArn"], tags))
        if any(each.is_group for each in found):
            found = _with_groups(found, account.session(region))
    except AWS_ERRORS as error:
        return found, reason_of(error)
    return found, ""


def _with_groups(found: Sequence[DeployedFunction], session: Any) -> list[DeployedFunction]:
    """The functions, and one more for each policy that a group runs. Those that nothing invokes any more say so."""
    groups = [DeployedGroup(each.name, each.arn, each.tags) for each in found if each.is_group and is_ours(each.tags)]
    services = served({name: session.client(name, config=CLIENT) for name in ("events", "config", "scheduler")}, groups)
    used = {service.group.name for service in services.values()}

    def idle(each: DeployedFunction) -> str:
        if each.is_group:
            return "" if each.name in used else "no event rule, Config rule or schedule invokes it"
        return f"{services[each.name].group.name} runs its policy" if each.name in services else ""

    functions = [replace(each, idle=idle(each)) for each in found]
    place = found[0]
    return [*functions, *(
        DeployedFunction(place.account, place.region, name, tags=_tags_of(service), group=service.group.name)
        for name, service in services.items())]


def _tags_of(service: Service) -> dict[str, str]:
    """What identifies the policy's trigger as this project's: the tags of its group, and where its schedule is."""
    tags = {key: value for key, value in service.group.tags.items() if key != GROUP_TAG}
    if service.schedule_group:
        tags["custodian-schedule"] = f"name={service.function}:group={service.schedule_group}"
    return tags
