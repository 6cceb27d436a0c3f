"""The file of a run, filled from the output of deployed functions in many accounts, as a sweep would have filled it.

A function that was never deployed, or that fails before it writes, leaves nothing, and nothing looks like compliance.
So the expected results come first: every account, region and scheduled policy. For each the newest output is looked
up, and it counts as run only if it is complete and not too old. Everything else is listed with a reason.
"""
from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from custom_actions.vocabulary import GLOBAL

from ..accounts import AWS_ERRORS, Account, Accounts, reason_of
from ..errors import GuardrailsError
from ..limits import OUTPUTS_READ
from ..policies import DAY, Policy, Scope, audit_scope, good_for, is_scheduled
from ..results import FILE, CheckRow, Finding, JudgedResources, RunStore, State, Status, findings_of, state_of
from .accounting import has_conditions, one_line
from .collected_run import CollectedRun, read, read_metadata
from .outputs import Source, Unreadable, last_run, policy_runs, source_of

NOTES = "notes"
"""The key in the run's file of notes for the reader, each a short sentence."""
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
_ACCOUNT = re.compile(r"\d{12}")
_NAMED = 5


@dataclass
class _Folders:
    """An account, and its folders in the source."""

    account: Account
    places: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    """Region to policy to folders: an account may have a folder with its id and one with its name."""

    def add(self, name: str, region: str, policies: Iterable[str]) -> None:
        for policy in policies:
            self.places[region][policy].append(f"{name}/{region}/{policy}")


def collect(
    source: str, *, accounts: Accounts | None = None, policies: Sequence[Policy], target: Path,
    chosen: Collection[str] | None = None, since: datetime | None = None, now: datetime | None = None,
) -> RunStore:
    """Read the newest output of each (account, region, policy) into the file of a new run in `target`.

    Args:
        source: `s3://BUCKET/PREFIX`, or a directory that c7n-org wrote.
        accounts: the accounts that must have results; None for those with any output in the source.
        policies: every policy. Results are expected of those whose functions run on a schedule, and of those with any
            output in the source.
        target: the directory of the new run's file.
        chosen: names of policies; results of others are not expected.
        since: older output does not count.
        now: the current time, for tests.

    Raises GuardrailsError if the source cannot be listed or holds no output, or if `target` has a run already.
    """
    place = source_of(source)
    at = now or datetime.now(UTC)
    try:
        known = {policy.name for policy in policies if policy.sweeps}
        found, notes = _accounts(place, accounts)
        expected = [
            policy for policy in _expected(place, policies, found) if chosen is None or policy.name in chosen]
    except AWS_ERRORS as error:
        raise GuardrailsError(
            f"{place}: {reason_of(error)}", "allow s3:ListBucket and s3:GetObject; see docs/scheduling.md",
        ) from None
    if not expected:
        raise GuardrailsError(
            f"{place}: no output of any of the {len(known)} policies that can be swept",
            "folders must be ACCOUNT/REGION/POLICY, as deploy --reports s3://… and c7n-org run -s write them")
    return _Collection(place, expected, accounts, chosen, since, at).into(target, found, policies, notes)


@dataclass(frozen=True)
class _Collection:
    """One pass over a source."""

    source: Source
    expected: Sequence[Policy]
    accounts: Accounts | None
    chosen: Collection[str] | None
    since: datetime | None
    now: datetime

    def into(
        self, target: Path, found: Sequence[_Folders], policies: Sequence[Policy], notes: list[str]
    ) -> RunStore:
        """Write all results into a new run's file, one account at a time."""
        from .audit import describe

        events = [
            policy for policy in policies
            if not policy.sweeps and (self.chosen is None or policy.name in self.chosen)]
        every = Accounts(tuple(each.account for each in found), (), self.accounts.vars if self.accounts else {})
        store = RunStore.create(target / FILE)
        try:
            describe(store, "report", [*self.expected, *events], every, policies)
            troubles: list[str] = []
            times: list[datetime] = []
            with ThreadPoolExecutor(OUTPUTS_READ) as pool:
                for each in found:
                    store.add(self._rows(each, pool, troubles, times))
            store[NOTES] = notes + _troubles(troubles)
            # The time of the newest output, not of this report. Output that is too old counts here too: a report with
            # an earlier time than the one before would make the history go backwards.
            store["started"] = store["finished"] = max(times, default=self.now).isoformat(timespec="seconds")
        except BaseException:
            store.close()
            raise
        return store

    def _rows(
        self, folders: _Folders, pool: ThreadPoolExecutor, troubles: list[str], times: list[datetime]
    ) -> Iterator[tuple[CheckRow, list[Finding]]]:
        targets = list(self._targets(folders))
        for (policy, region, _), (result, findings, seen_in) in zip(
            targets, pool.map(lambda target: self._look(folders, *target), targets), strict=True
        ):
            account = folders.account
            if result.when:
                times.append(result.when)
            if result.trouble:
                troubles.append(f"{policy.name} in {account} {seen_in}: {result.trouble}")
            yield CheckRow(account.id, account.name, region, policy.name, result.state.value,
                           one_line(result.reason or result.trouble), len(result.resources), result.unknown,
                           JudgedResources.of(result.counts, len(result.resources), fixed=len(result.fixed))), findings

    def _targets(self, folders: _Folders) -> Iterator[tuple[Policy, str, dict[str, list[str]]]]:
        """Each policy with its region in a report, and where its output may be: region to folders."""
        for policy in self.expected:
            there = {region: by[policy.name] for region, by in folders.places.items() if policy.name in by}
            if audit_scope(policy) is Scope.ACCOUNT:
                # The function in any region sees the whole account, not only that in the first region of accounts.yml.
                yield policy, GLOBAL, there
                continue
            for region in folders.account.regions:
                yield policy, region, {region: there.get(region, [])}

    def _look(
        self, folders: _Folders, policy: Policy, reported: str, there: Mapping[str, Sequence[str]]
    ) -> tuple[CollectedRun, list[Finding], str]:
        """The result, its findings, and the region whose function wrote it."""
        account = folders.account
        best: tuple[CollectedRun, str] | None = None
        for region, places in there.items():
            try:
                result = self._newest(policy, account, region, places) if places else None
            except AWS_ERRORS as error:
                result = CollectedRun(state_of(reason_of(error)), f"its output cannot be listed: {reason_of(error)}")
            if result is not None and (best is None or _rank(result) > _rank(best[0])):
                best = result, region
        wrote = best is not None
        if best is None:
            best = CollectedRun(State.NOT_RUN, f"no output under {self.source}"), reported
        result, region = best
        if result.state is State.NOT_RUN and self._is_off(policy, account, region, wrote=wrote):
            result = CollectedRun(State.SKIPPED, "its conditions are not met here")
        findings = findings_of(policy, account, region, result.resources, whole_account=reported == GLOBAL)
        return result, [
            replace(finding, status=Status.FIXED) if finding.resource in result.fixed else finding
            for finding in findings
        ], region

    def _newest(self, policy: Policy, account: Account, region: str, places: Sequence[str]) -> CollectedRun | None:
        """The result of the newest run, or that it is too old to count; None if there has never been a run."""
        oldest = self._oldest(policy)
        # One day earlier: folders are named after the start of a run, in UTC.
        after = f"{oldest - DAY:%Y/%m/%d}" if oldest else ""
        runs = sorted(
            (run for place in places for run in policy_runs(self.source.files(place, after), place)),
            key=lambda run: run.when, reverse=True)
        for run in runs:
            result = read(self.source, run, policy, account, region)
            if result is None:
                continue
            if oldest and run.when < oldest:
                return _too_old(run.when, self.now)
            return replace(result, when=run.when)
        if not oldest:
            return None
        ends = [last.when for place in places if (last := last_run(self.source, place))]
        return _too_old(max(ends), self.now) if ends and max(ends) < oldest else None

    def _oldest(self, policy: Policy) -> datetime | None:
        """The earliest time at which the policy's newest run may have ended and still count."""
        age = good_for(policy) if self.source.dated else None
        by_schedule = self.now - age if age else None
        return max((limit for limit in (by_schedule, self.since) if limit), default=None)

    def _is_off(self, policy: Policy, account: Account, region: str, *, wrote: bool) -> bool:
        """Whether the policy's own conditions are not met in the account, such as a profile that is off.

        Without accounts.yml only the defaults are known. If the policy `wrote` output, the account overrides them.
        """
        if not has_conditions(policy) or (wrote and self.accounts is None):
            return False
        from ..policies import conditions_hold

        given = {**(self.accounts.vars if self.accounts else {}), **(account.entry.get("vars") or {})}
        place = region if _REGION.fullmatch(region) else next(iter(account.regions), "us-east-1")
        return not conditions_hold(policy, account=account.id, region=place, variables=given)


def _rank(result: CollectedRun) -> tuple[bool, datetime]:
    """The order of results of several regions about the whole account: the newest that saw everything counts."""
    return result.state.seen, result.when or datetime.min.replace(tzinfo=UTC)


def _too_old(when: datetime, now: datetime) -> CollectedRun:
    return CollectedRun(
        State.NOT_RUN, f"its last output is from {when:%Y-%m-%d %H:%M} UTC, {_age(now - when)} old", when=when)


def _age(age: timedelta) -> str:
    hours = int(age / timedelta(hours=1))
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"


def _accounts(source: Source, accounts: Accounts | None) -> tuple[list[_Folders], list[str]]:
    """Every expected account with its folders, and notes for the reader about the others."""
    tops = source.folders("")
    with ThreadPoolExecutor(OUTPUTS_READ) as pool:
        regions = pool.map(lambda top: [name for name in source.folders(top) if _REGION.fullmatch(name)], tops)
        listed = [(top, region) for top, those in zip(tops, regions, strict=True) for region in those]
        names = list(pool.map(lambda place: source.folders("/".join(place)), listed))
    inside: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for (top, region), those in zip(listed, names, strict=True):
        inside[top][region] = those
    unread = [top for top in tops if top not in inside]
    notes = [f"not read, because it is not ACCOUNT/REGION/POLICY: {_some(unread)}"] if unread else []
    if accounts is None:
        return _seen(source, inside), [
            f"without accounts.yml (-c) only accounts with output under {source} are known, and profiles have their "
            "defaults", *notes]
    every = {region for those in inside.values() for region in those}
    found = []
    for account in accounts.all:
        folders = _Folders(account)
        for top in dict.fromkeys((account.id, account.name)):
            for region, those in inside.get(top, {}).items():
                folders.add(top, region, those)
        if "all" in account.regions:
            # The regions of an account that cannot be reached are not known.
            folders.account = replace(account, regions=tuple(sorted(folders.places or every)) or account.regions)
        found.append(folders)
    known = {name for account in accounts.all for name in (account.id, account.name)}
    if others := sorted(inside.keys() - known):
        notes.insert(0, f"not in accounts.yml, and therefore not in this report: {_some(others)}")
    return found, notes


def _seen(source: Source, inside: Mapping[str, Mapping[str, list[str]]]) -> list[_Folders]:
    """The accounts with output. If a folder has an account's name, the account's id is read from its files."""
    found: dict[str, _Folders] = {}
    for top, regions in sorted(inside.items()):
        number = top if _ACCOUNT.fullmatch(top) else _account_id(source, top, regions) or top
        folders = found.setdefault(number, _Folders(Account(number, top, ())))
        for region, those in regions.items():
            folders.add(top, region, those)
        name = folders.account.name if folders.account.name != number else top
        folders.account = Account(number, name, tuple(sorted(folders.places)))
    return sorted(found.values(), key=lambda folders: folders.account.name)


def _account_id(source: Source, top: str, regions: Mapping[str, list[str]]) -> str:
    """The id of an account that wrote under its name; empty if none of its files has it."""
    for region, policies in regions.items():
        for policy in policies:
            run = last_run(source, f"{top}/{region}/{policy}")
            if run is None or "metadata.json" not in run.files:
                continue
            try:
                metadata = read_metadata(source.read(run.files["metadata.json"]))
            except (Unreadable, *AWS_ERRORS):
                continue
            number = str((metadata.get("config") or {}).get("account_id"))
            if _ACCOUNT.fullmatch(number):
                return number
    return ""


def _expected(source: Source, policies: Sequence[Policy], found: Sequence[_Folders]) -> list[Policy]:
    """The policies whose results are expected.

    Of a bucket: those that are deployed to run on a schedule, and those that c7n-org wrote there. Of a directory: those
    that c7n-org wrote there; it does not show what else it should contain.
    """
    there = {policy for folders in found for by in folders.places.values() for policy in by}
    return [
        policy for policy in policies
        if policy.sweeps and (policy.name in there or (source.dated and is_scheduled(policy)))
    ] if found else []


def _troubles(troubles: Sequence[str]) -> list[str]:
    return [f"evaluated everything, but the actions failed: {_some(troubles, '; ')}"] if troubles else []


def _some(names: Sequence[str], between: str = ", ") -> str:
    more = f"{between}and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return between.join(names[:_NAMED]) + more
