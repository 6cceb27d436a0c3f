"""Which deployed functions will make a fix again after its rollback, and when.

A function is looked up by its policy, and its archive is read: there are the mode, the fix, and the exceptions that
the function knows. What cannot be read is reported as unknown, never as "no function".
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from custom_actions.exceptions import TYPE, InvalidExceptions, Subject, holds, parse_rule
from custom_actions.names import FORWARD_ROLE, FUNCTION_PREFIX, RESPONDER
from custom_actions.vocabulary import TELLING

from ..accounts import AWS_ERRORS, Account, reason_of
from ..deployment import Service
from ..policies import SCHEDULED, Kind, Policy
from .facts import Read, Unread
from .reading import AccountReader, archive_of, attempt, now

_REALTIME = "cloudtrail"
_OWN_CALLS = "a rollback is such a change, unless a role of this project makes it"


@dataclass(frozen=True)
class UndoneFix:
    """A fix that is rolled back: what a function would fix again."""

    policy: str
    region: str
    action: str
    """The c7n action; empty in old receipts."""
    resource: str

    @classmethod
    def of(cls, receipt: Mapping[str, Any]) -> UndoneFix:
        """The fix of a valid receipt."""
        return cls(receipt["policy"], receipt["region"], receipt.get("action") or "", receipt["resource"])


@dataclass(frozen=True)
class FixesAgain:
    """A function that makes a fix again, or may do so."""

    fix: UndoneFix
    function: str
    when: str
    known: bool = True
    """Whether it is certain that the function is there and has the fix."""


def fixes_again(
    undone: Iterable[UndoneFix], account: Account, policies: Sequence[Policy], *, at: datetime | None = None
) -> list[FixesAgain]:
    """The functions in the account that make the fixes again.

    Args:
        account: reads with its credentials.
        policies: for the names of functions; a policy that is not among them has c7n's default prefix.
        at: the current time, for tests.
    """
    names = {policy.name: policy.function for policy in policies if policy.deploys}
    not_in_hub = {policy.name for policy in policies if policy.kind is not Kind.REALTIME}
    found: list[FixesAgain] = []
    by_region: dict[str, list[UndoneFix]] = {}
    for fix in dict.fromkeys(undone):
        by_region.setdefault(fix.region, []).append(fix)
    for region, fixes in by_region.items():
        try:
            places = _Region(AccountReader(account, region, at or now()), at or now())
        except AWS_ERRORS as error:
            found += [_unknown(fix, names.get(fix.policy, f"{FUNCTION_PREFIX}{fix.policy}"), reason_of(error))
                      for fix in fixes]
            continue
        for fix in fixes:
            name = names.get(fix.policy, f"{FUNCTION_PREFIX}{fix.policy}")
            if fix.policy not in not_in_hub:
                found += places.in_hub(fix, name)
            found += places.look(fix, name)
    return found


class _Region:
    """The functions of one account and region, each read once."""

    def __init__(self, reader: AccountReader, at: datetime) -> None:
        self._reader = reader
        self._at = at
        self._functions: dict[str, Read[Mapping[str, Any] | None]] = {}
        self._archives: dict[str, Read[Mapping[str, Any]]] = {}
        self._forwards: Read[Sequence[str]] | None = None
        self._found_services: Read[Mapping[str, Service]] | None = None

    def look(self, fix: UndoneFix, name: str) -> Iterator[FixesAgain]:
        """The functions in the account that make the fix again: the policy's own, its group's, or the responder."""
        services = self._services()
        if isinstance(services, Unread):
            yield _unknown(fix, name, services.reason)
            return
        trigger = name
        if trigger in services:
            name = services[trigger].group.name
        function = self._function(name)
        if isinstance(function, Unread):
            yield _unknown(fix, name, function.reason)
            return
        if function is None or _is_off(function):
            return
        policy = self._policy(name, fix)
        if isinstance(policy, Unread):
            yield FixesAgain(fix, name, f"it is deployed, but its archive could not be read: {policy.reason}", False)
        elif policy is not None and (excepted := self._is_excepted(policy, fix)) is not True:
            if not _fixes(policy, fix):
                yield from self._by_responder(fix)
            elif excepted is None:
                yield _excepted_by_name(fix, name)
            else:
                yield from self._when(fix, name, policy, trigger)

    def _by_responder(self, fix: UndoneFix) -> Iterator[FixesAgain]:
        """The responder makes the fixes of functions that only notify."""
        function = self._function(RESPONDER)
        if isinstance(function, Unread):
            yield _unknown(fix, RESPONDER, function.reason)
        elif function is not None and not _is_off(function):
            policy = self._policy(RESPONDER, fix)
            if isinstance(policy, Unread):
                yield FixesAgain(
                    fix, RESPONDER, f"it is deployed, but its archive could not be read: {policy.reason}", False)
            elif policy is not None and _fixes(policy, fix) and (
                    excepted := self._is_excepted(policy, fix)) is not True:
                yield _excepted_by_name(fix, RESPONDER) if excepted is None else FixesAgain(
                    fix, RESPONDER, "when it is notified of the resource")

    def in_hub(self, fix: UndoneFix, name: str) -> Iterator[FixesAgain]:
        """The function of a hub to which the account forwards events; the account's credentials cannot read it."""
        if self._forwards is None:
            self._forwards = _hubs(self._reader)
        if isinstance(self._forwards, Unread):
            yield _unknown(fix, f"{name} of a hub", self._forwards.reason)
        elif self._forwards:
            yield FixesAgain(
                fix, name, f"events of this account are forwarded to the hub {', '.join(self._forwards)}; if the "
                "policy runs there, within seconds of the next change", False)

    def _when(
        self, fix: UndoneFix, name: str, policy: Mapping[str, Any], trigger: str
    ) -> Iterator[FixesAgain]:
        mode = policy.get("mode") or {}
        kind = str(mode.get("type"))
        if kind in (_REALTIME, "periodic"):
            rule = attempt(lambda: self._reader.client("events").describe_rule(Name=trigger))
            if rule is None or (not isinstance(rule, Unread) and rule.get("State") == "DISABLED"):
                return  # nothing starts it
        if kind == _REALTIME:
            calls = [each.get("event") if isinstance(each, Mapping) else each for each in mode.get("events") or ()]
            yield FixesAgain(fix, name, f"within seconds of the next {' or '.join(map(str, calls))}; {_OWN_CALLS}")
        elif kind == "config-rule":
            yield FixesAgain(fix, name, f"minutes after AWS Config records a change of the resource; {_OWN_CALLS}")
        elif kind in SCHEDULED:
            yield FixesAgain(fix, name, f"at its next scheduled run: {mode.get('schedule')}")
        else:
            yield FixesAgain(fix, name, f"at its next event ({kind})")

    def _services(self) -> Read[Mapping[str, Service]]:
        """What invokes functions of many policies, by the name of the trigger."""
        if self._found_services is None:
            functions: Read[Mapping[str, Any]] = self._reader.functions([FUNCTION_PREFIX])
            self._found_services = functions if isinstance(functions, Unread) else self._reader.services(functions)
        return self._found_services

    def _function(self, name: str) -> Read[Mapping[str, Any] | None]:
        if name not in self._functions:
            self._functions[name] = attempt(lambda: self._reader.client("lambda").get_function(FunctionName=name))
        return self._functions[name]

    def _policy(self, name: str, fix: UndoneFix) -> Read[Mapping[str, Any] | None]:
        """The policy of the fix in the archive of a function that is there; None if it is not in it."""
        function = self._function(name)
        if name not in self._archives:
            assert isinstance(function, Mapping)
            self._archives[name] = archive_of(function)
        archive = self._archives[name]
        if isinstance(archive, Unread):
            return archive
        return next(
            (each for each in archive["config"].get("policies") or () if each.get("name") == fix.policy), None)

    def _is_excepted(self, policy: Mapping[str, Any], fix: UndoneFix) -> bool | None:
        """Whether an exception that the function carries is in force for the resource.

        None if that depends on the resource's name, which a receipt does not have.
        """
        entries = [entry for each in policy.get("filters") or () if isinstance(each, Mapping)
                   and each.get("type") == TYPE for entry in each.get("exceptions") or ()]
        try:
            rules = [parse_rule(entry) for entry in entries]
        except InvalidExceptions:
            return False
        arn = fix.resource if fix.resource.startswith("arn:") else ""
        subject = Subject(fix.policy, self._reader.account.id, fix.region, fix.resource, arn)
        if holds(rules, subject, self._at) is not None:
            return True
        return None if any(rule.may_cover(subject) and not rule.expired(self._at) for rule in rules) else False


def _hubs(reader: AccountReader) -> Read[Sequence[str]]:
    """The hubs to which rules of the account forward events: account and region of each event bus."""
    def read() -> list[str]:
        rules = reader.pages("events", "list_rules", "Rules", NamePrefix=f"{FORWARD_ROLE}-")
        buses = [
            target["Arn"] for rule in rules if rule.get("State") != "DISABLED"
            for target in reader.pages("events", "list_targets_by_rule", "Targets", Rule=rule["Name"])]
        return sorted({" ".join(reversed(bus.split(":")[3:5])) for bus in buses if ":event-bus/" in bus})

    found = attempt(read)
    return [] if found is None else found


def _fixes(policy: Mapping[str, Any], fix: UndoneFix) -> bool:
    actions = [str(each.get("type") if isinstance(each, Mapping) else each) for each in policy.get("actions") or ()]
    return fix.action in actions if fix.action else any(each not in TELLING for each in actions)


def _is_off(function: Mapping[str, Any]) -> bool:
    return (function.get("Concurrency") or {}).get("ReservedConcurrentExecutions") == 0


def _excepted_by_name(fix: UndoneFix, name: str) -> FixesAgain:
    return FixesAgain(fix, name, "unless its exception by name covers the resource, whose name is unknown here", False)


def _unknown(fix: UndoneFix, name: str, why: str) -> FixesAgain:
    return FixesAgain(fix, name, f"unknown whether it is deployed: {why}", False)
