"""What is read of an account and region: first the names of what exists, then details of what is deployed."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from custom_actions.names import FUNCTION_PREFIX, HUB_BUS, RESPONSE_TAG

from ..accounts import Response
from ..deployment import Service
from ..limits import HEALTH_READS
from .expectations import ExpectedFunction
from .facts import FunctionFacts, Read, RegionFacts, RoleFacts, Unread
from .reading import AccountReader


@dataclass(frozen=True)
class RegionReading:
    """Everything that was read of an account and region."""

    region: RegionFacts
    wanted: Sequence[ExpectedFunction]
    """Each policy in the form that is deployed, as far as that is known."""
    functions: Mapping[str, FunctionFacts]
    """What is known of each deployed policy, by the name that its own function has or would have."""
    groups: Mapping[str, FunctionFacts]
    """The functions of many policies, by name."""
    roles: Mapping[str, RoleFacts]
    """By ARN."""


@dataclass(frozen=True)
class NameListing:
    """The names of what exists, so that details are read only for what is deployed."""

    functions: Read[Mapping[str, Mapping[str, Any]]]
    rules: Read[Mapping[str, Mapping[str, Any]]]
    config_rules: Read[Mapping[str, Mapping[str, Any]]]
    services: Read[Mapping[str, Service]]
    """What invokes functions of many policies."""

    def mentions(self, function: str) -> bool:
        """Whether the function exists, or an event rule or Config rule of its name."""
        return any(
            not isinstance(names, Unread) and (function in names or f"{HUB_BUS}/{function}" in names)
            for names in (self.functions, self.rules, self.config_rules, self.services))


def read_listing(reader: AccountReader, prefixes: Iterable[str]) -> NameListing:
    """The functions whose names have one of the prefixes, and all rules."""
    functions, config_rules = reader.functions(sorted({FUNCTION_PREFIX, *prefixes})), reader.config_rules()
    return NameListing(functions, reader.rules(), config_rules, reader.services(functions, config_rules))


def read_region(
    reader: AccountReader, listing: NameListing, forms: Sequence[Sequence[ExpectedFunction]],
    known: frozenset[str] | None,
) -> RegionReading:
    """Read everything about an account and region.

    Args:
        forms: each policy, in the forms in which it may be deployed.
        known: the functions that some policy deploys; None when strays are not searched for.
    """
    services = {} if isinstance(listing.services, Unread) else listing.services
    # Without them, a policy that a group runs would look as if nothing ran it.
    functions = listing.services if isinstance(listing.services, Unread) else listing.functions
    rules = listing.rules
    wanted = [
        form_in_group(each, services[each[0].function]) if each[0].function in services
        else deployed_form(each, {} if isinstance(functions, Unread) else functions) for each in forms]
    there = [each for each in wanted if not isinstance(functions, Unread)
             and (each.function in functions or each.function in services)]
    modes = {each.mode for each in there}
    used = {service.group.name for service in services.values()}
    strays = [] if known is None or isinstance(functions, Unread) else sorted(functions.keys() - known - used)
    not_needed: Unread = Unread("no function needs it")
    with ThreadPoolExecutor(HEALTH_READS) as pool:
        arns = sorted({arn for each in there for arn in each.topics})
        region = RegionFacts(
            functions, rules,
            config_rules=listing.config_rules,
            recorders=reader.recorders() if any(each.config_type for each in there) else not_needed,
            trails=reader.trails() if "cloudtrail" in modes else not_needed,
            topics=dict(zip(arns, pool.map(reader.topic, arns), strict=True)),
            redelivery=reader.redelivery() if any(each.redelivers for each in there) else None,
            strays=dict(zip(strays, pool.map(reader.is_ours, strays), strict=True)),
        )
        activity = reader.activity(list(dict.fromkeys(each.runs_in for each in there)))
        names = sorted({each.group for each in there if each.group})
        groups = dict(zip(names, pool.map(lambda name: reader.group(name, activity[name]), names), strict=True))
        facts = dict(zip((each.function for each in there), pool.map(
            lambda each: reader.in_group(each, rules, groups[each.group]) if each.group
            else reader.function(each, rules, activity[each.function]), there), strict=True))
        needed: dict[str, set[str]] = {}
        for each in there:
            if arn := role_of(facts[each.function]):
                needed.setdefault(arn, set()).update(each.permissions)
        roles = dict(zip(needed, pool.map(lambda arn: reader.role(arn, needed[arn]), needed), strict=True))
    return RegionReading(region, wanted, facts, groups, roles)


def deployed_form(forms: Sequence[ExpectedFunction], functions: Mapping[str, Mapping[str, Any]]) -> ExpectedFunction:
    """The form that is deployed, found by the archive's checksum in `functions`, as ListFunctions returns them."""
    first = forms[0]
    if first.function not in functions or len(forms) == 1:
        return first
    sha256 = functions[first.function].get("CodeSha256")
    # Neither form: it is outdated, and the operator must know whether its fixes should run.
    return next((form for form in forms if form.sha256 == sha256), replace(first, option=" [--heal]"))


def form_in_group(forms: Sequence[ExpectedFunction], service: Service) -> ExpectedFunction:
    """The form that a group's function runs, found by its tag that says what it may do."""
    heals = len(forms) > 1 and service.group.tags.get(RESPONSE_TAG) == Response.HEAL
    return forms[-1 if heals else 0].in_group(service.group.name)


def role_of(facts: FunctionFacts) -> str:
    """The ARN of the role that the deployed function has; empty when unknown."""
    if facts.function is None or isinstance(facts.function, Unread):
        return ""
    return str(facts.function["Configuration"].get("Role") or "")
