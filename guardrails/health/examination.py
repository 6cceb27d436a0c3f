"""What `doctor` examines, account by account and region by region, and its result as a value."""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from custom_actions.names import FUNCTION_PREFIX, RESPONDER

from ..accounts import AWS_ERRORS, Account, Accounts, Response, has_responder, reason_of, response_of
from ..command import command
from ..deployment import answering, is_hub, places, regions_for
from ..limits import HEALTH_REGIONS
from ..policies import Kind, Policy
from ..results import exceptions_in_force
from ..stacks import of_function, redelivers
from .expectations import ExpectedFunction, expected
from .facts import FunctionFacts, RoleFacts, Unread
from .forwarding import answered, member_verdicts, read_member
from .functions import function_verdicts, group_verdicts
from .probe import fire, probes
from .reading import AccountReader, now
from .region_reading import NameListing, RegionReading, read_listing, read_region, role_of
from .regions import region_verdicts
from .responder import read_responder, responder_verdicts, responds
from .shared import is_realtime, read_shared, shared_verdicts
from .verdict import HealthState, HealthVerdict, unknown

# c7n loads policies into state that all threads share.
_ONE_AT_A_TIME = Lock()
_ORDER = {HealthState.BROKEN: 0, HealthState.UNKNOWN: 1, HealthState.OK: 2}


@dataclass(frozen=True)
class ExaminationRequest:
    """What is to be examined."""

    policies: Sequence[Policy]
    """The selected policies."""
    every: Sequence[Policy]
    """All policies that are deployed, selected or not: a function of none of them is a stray."""
    named: frozenset[str]
    """Policies that were selected by their full name."""
    all_selected: bool
    """Whether all policies are selected; only then are strays reported."""
    exceptions: Path | None
    """The file of exceptions in force."""
    declared: bool
    """Whether accounts.yml says what functions may do in an account."""
    wait: float | None
    """Seconds to wait for a probe's log line; None: no probe is sent."""


@dataclass(frozen=True)
class HealthRow:
    """One verdict, and what it is about."""

    account: Account
    region: str
    subject: str
    """The policy of a function; empty for what a whole region needs."""
    verdict: HealthVerdict

    def to_dict(self) -> dict[str, str]:
        """The row as JSON has it."""
        return {
            "account": self.account.id, "account_name": self.account.name, "region": self.region,
            "policy": self.subject, "check": self.verdict.check, "state": self.verdict.state.value,
            "reason": self.verdict.reason, "remedy": self.verdict.remedy,
        }


@dataclass(frozen=True)
class HealthReport:
    """All verdicts: broken first, then unknown, then ok."""

    rows: tuple[HealthRow, ...]

    @property
    def state(self) -> HealthState:
        """The worst state of all rows. A report without rows is ok."""
        return min((row.verdict.state for row in self.rows), key=_ORDER.__getitem__, default=HealthState.OK)

    @property
    def functions(self) -> int:
        """How many functions were examined."""
        return len({(row.account.name, row.region, row.subject) for row in self.rows if row.subject})

    @property
    def counts(self) -> Counter[HealthState]:
        """How many verdicts each state has."""
        return Counter(row.verdict.state for row in self.rows)


def examine(request: ExaminationRequest, accounts: Accounts) -> HealthReport:
    """Examine every account and region, several at once. Changes nothing, except that probes are sent if requested.

    What cannot be read is unknown.
    """
    rows = [HealthRow(account, "", "", unknown("account", problem, "see accounts.yml and the role's trust policy"))
            for account, problem in accounts.unreachable]
    with exceptions_in_force(request.exceptions), ThreadPoolExecutor(HEALTH_REGIONS) as pool:
        found = list(pool.map(
            lambda place: _examine_region(request, place[0], place[1], accounts.vars), places(accounts.reached)))
    rows += [row for region in found for row in region]
    examined = {row.account for row in rows}
    rows += [
        HealthRow(account, "", "", unknown(
            "functions", "no function of this project is deployed there, so there is nothing to examine",
            command("deploy")))
        for account in accounts.reached if account not in examined
    ]
    return HealthReport(tuple(sorted(rows, key=lambda row: (
        _ORDER[row.verdict.state], row.account.name, row.region, row.subject, row.verdict.check))))


def _examine_region(
    request: ExaminationRequest, account: Account, region: str, variables: Mapping[str, object]
) -> list[HealthRow]:
    try:
        reader = AccountReader(account, region, now())
    except AWS_ERRORS as error:
        return [HealthRow(account, region, "", unknown("region", reason_of(error)))]
    return _Region(request, reader, variables).rows()


@dataclass(frozen=True)
class _Region:
    """The examination of one account and region."""

    request: ExaminationRequest
    reader: AccountReader
    variables: Mapping[str, object]

    def rows(self) -> list[HealthRow]:
        """Every verdict on it: on the region, on the responder and on each function."""
        account, region = self.reader.account, self.reader.region
        reading = self._read()
        existing = [each for each in reading.wanted if each.function in reading.functions and not each.problem]
        rows = [self._row("", verdict) for verdict in region_verdicts(existing, reading.region)]
        if any(is_realtime(each) for each in existing):
            rows += [self._row("", verdict) for verdict in shared_verdicts(
                existing, read_shared(self.reader), account.id, region, now())]
        rows += self._member_rows()
        if responds(self.request.policies, account, region):
            rows += [self._row(RESPONDER.removeprefix(FUNCTION_PREFIX), verdict) for verdict in responder_verdicts(
                read_responder(self.reader, redelivers=self._responder_redelivers()))]
        if isinstance(reading.region.functions, Unread):
            return rows
        for name, group in reading.groups.items():
            rows += [self._row(name.removeprefix(FUNCTION_PREFIX), verdict) for verdict in group_verdicts(group)]
        probed = self._probe(existing, reading)
        for each in reading.wanted:
            facts = reading.functions.get(each.function, FunctionFacts())
            role = reading.roles.get(role_of(facts)) or RoleFacts(Unread("Lambda does not say which role it has"))
            verdicts = function_verdicts(each, facts, reading.region, role, named=self._is_named(each.policy))
            if each.function in probed:
                verdicts.append(probed[each.function])
            rows += [self._row(each.policy.name, verdict) for verdict in verdicts]
        return rows

    def _row(self, subject: str, verdict: HealthVerdict) -> HealthRow:
        return HealthRow(self.reader.account, self.reader.region, subject, verdict)

    def _is_due(self, policy: Policy) -> bool:
        """Whether `deploy` would deploy the policy here."""
        return self.reader.region in regions_for(policy, self.reader.account)

    def _is_named(self, policy: Policy) -> bool:
        return policy.name in self.request.named and self._is_due(policy)

    def _responder_redelivers(self) -> bool:
        """Whether a realtime fix of the account waits for CloudTrail's event history, which the responder then does."""
        account = self.reader.account
        variables = {**self.variables, **(account.entry.get("vars") or {})}
        fixes = [policy for policy in self.request.policies
                 if policy.kind is Kind.REALTIME and policy.heals and self._is_due(policy)]
        with _ONE_AT_A_TIME:
            return any(redelivers(permission) for policy in fixes
                       for permission in of_function(answering(policy), [variables]))

    def _read(self) -> RegionReading:
        """Read everything about the functions that are deployed or due here."""
        account, region = self.reader.account, self.reader.region
        # A function can be where `deploy` would no longer put it; in a region that is not the account's own, only
        # what is due there counts.
        here = [policy for policy in self.request.policies if region in account.regions or self._is_due(policy)]
        listing = read_listing(self.reader, (policy.function.removesuffix(policy.name) for policy in here))
        known = frozenset(policy.function for policy in self.request.every) | (
            {RESPONDER} if has_responder(account) else frozenset())
        return read_region(
            self.reader, listing, self._forms(here, listing), known if self.request.all_selected else None)

    def _forms(self, here: Sequence[Policy], listing: NameListing) -> list[tuple[ExpectedFunction, ...]]:
        """The forms in which each policy may be deployed, for those that are deployed or selected by name."""
        account, region = self.reader.account, self.reader.region
        # Without accounts.yml, nothing says whether the account was deployed to with --heal: both forms are right.
        responses = [response_of(account)] if self.request.declared else [Response.OBSERVE, Response.HEAL]
        with _ONE_AT_A_TIME:
            return expected(
                [policy for policy in here if listing.mentions(policy.function) or self._is_named(policy)],
                account, region, self.variables, responses)

    def _member_rows(self) -> list[HealthRow]:
        """The verdicts on a region whose events the hub answers; none without a hub."""
        account, region, wait = self.reader.account, self.reader.region, self.request.wait
        waiting = answered(self.request.policies, account, region)
        if account.hub is None or not waiting:
            return []
        rows = [self._row("", verdict)
                for verdict in member_verdicts(waiting, read_member(self.reader), account, region)]
        if wait is None or is_hub(account, region):
            return rows
        try:
            listener = AccountReader(account.hub.entry, account.hub.region, now())
            functions = listener.functions([FUNCTION_PREFIX])
        except AWS_ERRORS as error:
            functions = Unread(reason_of(error))
        if isinstance(functions, Unread):
            return [*rows, self._row("", unknown("fire", f"the hub's functions cannot be read: {functions.reason}"))]
        ready, unfit = probes((each, each.pattern or {}, {}) for each in waiting if each.function in functions)
        probed = {**unfit, **fire(self.reader, ready, wait, heard_by=listener)}
        return rows + [self._row(each.policy.name, probed[each.function])
                       for each in waiting if each.function in probed]

    def _probe(self, existing: Sequence[ExpectedFunction], reading: RegionReading) -> dict[str, HealthVerdict]:
        """The probes' verdicts by function, for realtime modes only; empty when no probe was requested."""
        if self.request.wait is None:
            return {}
        rules = reading.region.rules
        wanted: list[tuple[ExpectedFunction, Mapping[str, object], Mapping[str, str]]] = []
        for each in existing:
            rule = None if isinstance(rules, Unread) else rules.get(each.rule)
            found = reading.functions[each.function].function
            if (each.policy.kind is not Kind.REALTIME or rule is None or rule.get("State") == "DISABLED"
                    or found is None or isinstance(found, Unread)):
                # The function's other verdicts report it.
                continue
            environment = (found["Configuration"].get("Environment") or {}).get("Variables") or {}
            # The pattern that is in force, not the one that should be.
            wanted.append((each, json.loads(rule.get("EventPattern") or "{}"), environment))
        ready, unfit = probes(wanted)
        return {**unfit, **fire(self.reader, ready, self.request.wait)}
