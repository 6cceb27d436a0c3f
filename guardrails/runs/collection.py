"""From what functions wrote in many accounts to the file of a run, as a sweep would have made it.

A function that was never deployed, that fails before it writes, or that nobody pays for any more leaves nothing, and
nothing looks clean. So what is asked comes first: every account, region and scheduled policy; then its newest output
is looked for, and it counts as run only when that is whole and not too old. Everything else is named with a reason.
"""
from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from custom_actions.vocabulary import GLOBAL

from ..accounts import AWS_ERRORS, Account, Accounts, reason_of
from ..errors import GuardrailsError
from ..limits import OUTPUTS_READ
from ..policies import DAY, SCHEDULED, Policy, Scope, audit_scope, good_for, is_scheduled
from ..results import FILE, CheckRow, Finding, RunStore, State, Status, findings_of, state_of
from .accounting import Output, has_conditions, judge, one_line, receipts_in
from .outputs import Run, Source, Unreadable, last_of, runs_in, source_of

NOTES = "notes"
"""The key of the run's file that holds, in short sentences, what a reader has to know besides."""
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
_ACCOUNT = re.compile(r"\d{12}")
_GONE = ("reverted", "already-ok")
_COUNTED = re.compile(r" - policy:\S+ resource:\S+ region:\S+ count:(\d+)")
_EXCEPTED = "excepted.json"
"""What the run found and let off, because of an exception that was in force."""
_DEPLOYMENT = " - Provisioning policy lambda: "
_FAILED = " - Error while executing policy"
_READ = ("resources.json", _EXCEPTED, "metadata.json", "custodian-run.log")
_NAMED = 5


@dataclass(frozen=True)
class Answer:
    """What one run of a policy says."""

    state: State
    reason: str
    resources: tuple[Mapping[str, Any], ...] = ()
    fixed: frozenset[str] = frozenset()
    """Ids of resources that the run put right, and read again."""
    trouble: str = ""
    """What its actions failed at, after everything had been seen."""
    when: datetime | None = None
    """When the run ended, of which it is the answer."""


@dataclass
class _Folders:
    """An account as the source has it."""

    account: Account
    places: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    """Region to policy to its folders: an account may have one by its id and one by its name."""

    def add(self, name: str, region: str, policies: Iterable[str]) -> None:
        for policy in policies:
            self.places[region][policy].append(f"{name}/{region}/{policy}")


def collect(
    source: str, *, accounts: Accounts | None = None, policies: Sequence[Policy], target: Path,
    chosen: Collection[str] | None = None, since: datetime | None = None, now: datetime | None = None,
) -> RunStore:
    """Read the newest output of each (account, region, policy) into a new run's file in `target`.

    `source` is `s3://BUCKET/PREFIX`, or a directory of c7n-org's. `accounts` says which must have answered; without
    it, those of which there is anything. `policies` are all that there are: those are asked whose functions run by the
    clock, and those that the source has an output of; of these only the `chosen`, when names are given. What is older
    than `since` does not count. Raises GuardrailsError when the source cannot be listed, holds nothing, or `target`
    has a run already.
    """
    place = source_of(source)
    at = now or datetime.now(UTC)
    try:
        known = {policy.name for policy in policies if policy.sweeps}
        found, notes = _accounts(place, accounts)
        asked = [
            policy for policy in _asked(place, policies, found) if chosen is None or policy.name in chosen]
    except AWS_ERRORS as error:
        raise GuardrailsError(
            f"{place}: {reason_of(error)}", "listing needs s3:ListBucket, reading s3:GetObject; docs/scheduling.md",
        ) from None
    if not asked:
        raise GuardrailsError(
            f"{place}: no output of any of the {len(known)} policies that can be swept",
            "it is ACCOUNT/REGION/POLICY/…: ./run.sh deploy --reports s3://…, or c7n-org run -s")
    return _Collection(place, asked, accounts, chosen, since, at).into(target, found, policies, notes)


@dataclass(frozen=True)
class _Collection:
    """One reading of a source."""

    source: Source
    asked: Sequence[Policy]
    accounts: Accounts | None
    chosen: Collection[str] | None
    since: datetime | None
    now: datetime

    def into(
        self, target: Path, found: Sequence[_Folders], policies: Sequence[Policy], notes: list[str]
    ) -> RunStore:
        """Write everything, an account at a time."""
        from .audit import describe

        events = [
            policy for policy in policies
            if not policy.sweeps and (self.chosen is None or policy.name in self.chosen)]
        every = Accounts(tuple(each.account for each in found), (), self.accounts.vars if self.accounts else {})
        store = RunStore.create(target / FILE)
        try:
            describe(store, "report", [*self.asked, *events], every, policies)
            troubles: list[str] = []
            times: list[datetime] = []
            with ThreadPoolExecutor(OUTPUTS_READ) as pool:
                for each in found:
                    store.add(self._rows(each, pool, troubles, times))
            store[NOTES] = notes + _troubles(troubles)
            # As new as the newest output, whenever somebody asks for the report. One that is too old counts here: no
            # report may be older than an earlier one, or the history goes backwards.
            store["started"] = store["finished"] = max(times, default=self.now).isoformat(timespec="seconds")
        except BaseException:
            store.close()
            raise
        return store

    def _rows(
        self, folders: _Folders, pool: ThreadPoolExecutor, troubles: list[str], times: list[datetime]
    ) -> Iterator[tuple[CheckRow, list[Finding]]]:
        targets = list(self._targets(folders))
        for (policy, region, _), (answer, findings, seen_in) in zip(
            targets, pool.map(lambda target: self._look(folders, *target), targets), strict=True
        ):
            account = folders.account
            if answer.when:
                times.append(answer.when)
            if answer.trouble:
                troubles.append(f"{policy.name} in {account} {seen_in}: {answer.trouble}")
            yield CheckRow(account.id, account.name, region, policy.name, answer.state.value,
                           one_line(answer.reason or answer.trouble), len(answer.resources)), findings

    def _targets(self, folders: _Folders) -> Iterator[tuple[Policy, str, dict[str, list[str]]]]:
        """Each policy with the region that a report gives, and where its output may be: regions to folders."""
        for policy in self.asked:
            there = {region: by[policy.name] for region, by in folders.places.items() if policy.name in by}
            if audit_scope(policy) is Scope.ACCOUNT:
                # Any region's function sees the whole account, whichever region is the first of accounts.yml today.
                yield policy, GLOBAL, there
                continue
            for region in folders.account.regions:
                yield policy, region, {region: there.get(region, [])}

    def _look(
        self, folders: _Folders, policy: Policy, reported: str, there: Mapping[str, Sequence[str]]
    ) -> tuple[Answer, list[Finding], str]:
        """The answer, its findings, and the region in which it was given."""
        account = folders.account
        best: tuple[Answer, str] | None = None
        for region, places in there.items():
            try:
                answer = self._newest(policy, account, region, places) if places else None
            except AWS_ERRORS as error:
                answer = Answer(state_of(reason_of(error)), f"its output could not be looked for: {reason_of(error)}")
            if answer is not None and (best is None or _rank(answer) > _rank(best[0])):
                best = answer, region
        wrote = best is not None
        if best is None:
            best = Answer(State.NOT_RUN, f"no output under {self.source}"), reported
        answer, region = best
        if answer.state is State.NOT_RUN and self._is_off(policy, account, region, wrote=wrote):
            answer = Answer(State.SKIPPED, "its conditions do not hold here")
        findings = findings_of(policy, account, region, answer.resources, whole_account=reported == GLOBAL)
        return answer, [
            replace(finding, status=Status.FIXED) if finding.resource in answer.fixed else finding
            for finding in findings
        ], region

    def _newest(self, policy: Policy, account: Account, region: str, places: Sequence[str]) -> Answer | None:
        """What the newest run says, and whether it is too old to count; None when there never was one."""
        oldest = self._oldest(policy)
        # A day more: the names of folders are times of starting, in UTC.
        after = f"{oldest - DAY:%Y/%m/%d}" if oldest else ""
        runs = sorted(
            (run for place in places for run in runs_in(self.source.files(place, after), place)),
            key=lambda run: run.when, reverse=True)
        for run in runs:
            answer = read(self.source, run, policy, account, region)
            if answer is None:
                continue
            if oldest and run.when < oldest:
                return _too_old(run.when, self.now)
            return replace(answer, when=run.when)
        if not oldest:
            return None
        ends = [last.when for place in places if (last := last_of(self.source, place))]
        return _too_old(max(ends), self.now) if ends and max(ends) < oldest else None

    def _oldest(self, policy: Policy) -> datetime | None:
        """When the policy's newest answer must have been given at the earliest."""
        age = good_for(policy) if self.source.dated else None
        by_clock = self.now - age if age else None
        return max((limit for limit in (by_clock, self.since) if limit), default=None)

    def _is_off(self, policy: Policy, account: Account, region: str, *, wrote: bool) -> bool:
        """Whether the policy's own conditions keep it from running in the account, such as a profile that is off.

        Without accounts.yml only the defaults are known: where it `wrote` once, they are no longer all.
        """
        if not has_conditions(policy) or (wrote and self.accounts is None):
            return False
        from ..policies import conditions_hold

        given = {**(self.accounts.vars if self.accounts else {}), **(account.entry.get("vars") or {})}
        place = region if _REGION.fullmatch(region) else next(iter(account.regions), "us-east-1")
        return not conditions_hold(policy, account=account.id, region=place, variables=given)


def read(source: Source, run: Run, policy: Policy, account: Account, region: str) -> Answer | None:
    """What a run says; None when it was no sweep: a deployment, or one event. Raises one of AWS_ERRORS."""
    try:
        contents = {
            name: source.read(path) for name, path in run.files.items()
            if name in _READ or name.startswith("action-")
        }
        metadata = _metadata(contents.get("metadata.json"))
    except Unreadable as error:
        return Answer(State.ERROR, f"its output is cut short: {error}")
    log = _of_last_run(contents.get("custodian-run.log", b"").decode(errors="replace"), metadata)
    resources = contents.get("resources.json")
    if not _is_sweep(metadata) or _DEPLOYMENT in log:
        return None
    if problem := _elsewhere(metadata, policy, account, region):
        return Answer(State.ERROR, problem)
    if not all(_is_text(contents.get(name)) for name in ("resources.json", _EXCEPTED)):
        return Answer(State.ERROR, "its output holds halves of characters, which is no text")
    seeing, acting, counted = _parts(metadata, log)
    if resources is not None and counted is None and "metrics" in metadata:
        # c7n counts what it has found, then writes it: these resources are another run's.
        resources = None
    told = judge(Output(resources, contents.get("metadata.json"), seeing))
    if told is None:
        return Answer(State.NOT_RUN, "it was started and wrote nothing")
    if told.state is State.RAN and counted is not None and counted != len(told.resources):
        return Answer(State.ERROR, f"its files are of different runs: {counted} found, {len(told.resources)} written")
    if _EXCEPTED in contents and resources is not None:
        let_off = judge(Output(contents[_EXCEPTED], b""))
        if let_off and not let_off.state.seen:
            return Answer(let_off.state, let_off.reason)
        told = replace(told, resources=told.resources + (let_off.resources if let_off else ()))
    began = _began(metadata)
    receipts = [
        receipt for name in contents if name.startswith("action-") for receipt in receipts_in(contents[name])
        if str(receipt.get("at", "")) >= began]
    failed = judge(Output(None, None, acting)) if _FAILED in acting else None
    return Answer(
        told.state, told.reason, told.resources,
        frozenset(str(receipt["resource"]) for receipt in receipts if receipt["outcome"] in _GONE),
        f"its actions failed: {failed.reason}" if failed else "")


def _metadata(content: bytes | None) -> dict[str, Any]:
    """What metadata.json says; empty when it is not there.

    Raises Unreadable when it is none of c7n's. It may come from an account that nobody here controls, and what one
    account writes must not keep the others out of the report.
    """
    if content is None:
        return {}
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"metadata.json: {error}") from None
    if not isinstance(found, dict):
        raise Unreadable("metadata.json: not c7n's")
    for name in ("policy", "config", "execution"):
        if not isinstance(found.get(name), dict):
            raise Unreadable(f"metadata.json: {name} is not c7n's")
    if not isinstance(found.get("metrics", []), list):
        raise Unreadable("metadata.json: metrics is not c7n's")
    if not isinstance(found["policy"].get("mode", {}), dict):
        raise Unreadable("metadata.json: policy.mode is not c7n's")
    return found


def _is_text(content: bytes | None) -> bool:
    """Whether the strings in the JSON are text: half of a surrogate pair is none, and nothing can store it."""
    if content is None or b"\\ud" not in content.lower():
        return True
    try:
        json.dumps(json.loads(content), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    except (ValueError, RecursionError):
        pass  # said by whoever reads it
    return True


def _number(metadata: Mapping[str, Any], name: str) -> float | None:
    """A number of seconds of the run's execution; None when it is not there."""
    found = metadata.get("execution", {}).get(name)
    return float(found) if isinstance(found, int | float) and 0 <= found < _LATEST else None


_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def _began(metadata: Mapping[str, Any]) -> str:
    """When the run began, as a receipt has its time; what was written earlier is another run's of the same hour."""
    start = _number(metadata, "start")
    return "" if start is None else datetime.fromtimestamp(start, UTC).isoformat(timespec="seconds")


def _of_last_run(log: str, metadata: Mapping[str, Any]) -> str:
    """The part of a log that the last run wrote: in a directory, c7n appends to the log of the run before.

    Its last line is the last run's, so what that run wrote is as old as it took, at most. In which time zone the log
    is written need not be known. The whole log, when the metadata does not say how long the run took.
    """
    took = _number(metadata, "duration")
    lines = log.splitlines(keepends=True)
    times = [_time(line) for line in lines]
    last = next((time for time in reversed(times) if time), None)
    if took is None or last is None:
        return log
    # The metadata is written shortly before the last line.
    begin = last - timedelta(seconds=min(took, DAY.total_seconds())) - _LINE
    first = next(number for number, time in enumerate(times) if time and time >= begin)
    return "".join(lines[first:])


_LINE = timedelta(seconds=1)
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - ")


def _time(line: str) -> datetime | None:
    """When a line was logged, in whatever time zone; None for a line that goes on with the one before."""
    try:
        return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f") if _STAMP.match(line) else None
    except ValueError:
        return None


def _is_sweep(metadata: Mapping[str, Any]) -> bool:
    """Whether the run looked at everything; a function on events saw one resource."""
    mode = str(metadata.get("policy", {}).get("mode", {}).get("type") or "pull")
    return mode in ("pull", *SCHEDULED) or metadata.get("config", {}).get("dryrun") is True


def _elsewhere(metadata: Mapping[str, Any], policy: Policy, account: Account, region: str) -> str:
    """What is wrong when the files say that they are of another account, region or policy than their folder.

    The folder counts: who may write where is the bucket's policy to say, and a file says what its writer likes.
    """
    config = metadata.get("config", {})
    told = (config.get("account_id"), config.get("region"), metadata.get("policy", {}).get("name"))
    for what, says, is_in in zip(("account", "region", "policy"), told, (account.id, region, policy.name), strict=True):
        if says and str(says) != is_in:
            return f"its metadata is of {what} {says}"
    return ""


def _parts(metadata: Mapping[str, Any], log: str) -> tuple[str, str, int | None]:
    """The log up to the point where everything was seen, the rest, and how many resources had been found by then."""
    counts = [
        m.get("Value") for m in metadata.get("metrics", ())
        if isinstance(m, Mapping) and m.get("MetricName") == "ResourceCount"]
    lines = list(_COUNTED.finditer(log))
    # c7n's own count, where it is: a line may be left from the run before.
    counted = next(iter(counts), None) if "metrics" in metadata else int(lines[-1][1]) if lines else None
    if not isinstance(counted, int):
        return log, "", None
    at = lines[-1].end() if lines else len(log)
    return log[:at], log[at:], counted


def _rank(answer: Answer) -> tuple[bool, datetime]:
    """Of the answers of several regions about the whole account, the newest that saw everything counts."""
    return answer.state.seen, answer.when or datetime.min.replace(tzinfo=UTC)


def _too_old(when: datetime, now: datetime) -> Answer:
    return Answer(
        State.NOT_RUN, f"its last output is of {when:%Y-%m-%d %H:%M} UTC, {_age(now - when)} old", when=when)


def _age(age: timedelta) -> str:
    hours = int(age / timedelta(hours=1))
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"


def _accounts(source: Source, accounts: Accounts | None) -> tuple[list[_Folders], list[str]]:
    """Every account that is asked, with its folders, by name; and what a reader has to know of the others."""
    tops = source.folders("")
    with ThreadPoolExecutor(OUTPUTS_READ) as pool:
        regions = pool.map(lambda top: [name for name in source.folders(top) if _REGION.fullmatch(name)], tops)
        listed = [(top, region) for top, those in zip(tops, regions, strict=True) for region in those]
        names = list(pool.map(lambda place: source.folders("/".join(place)), listed))
    inside: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for (top, region), those in zip(listed, names, strict=True):
        inside[top][region] = those
    unread = [top for top in tops if top not in inside]
    notes = [f"no ACCOUNT/REGION/POLICY, and not read: {_some(unread)}"] if unread else []
    if accounts is None:
        return _seen(source, inside), [
            f"without accounts.yml (-c) only accounts with an output under {source} are known, and only the defaults "
            "of profiles", *notes]
    every = {region for those in inside.values() for region in those}
    found = []
    for account in accounts.all:
        folders = _Folders(account)
        for top in dict.fromkeys((account.id, account.name)):
            for region, those in inside.get(top, {}).items():
                folders.add(top, region, those)
        if "all" in account.regions:
            # Of an account that there is no way into, nobody knows the regions.
            folders.account = replace(account, regions=tuple(sorted(folders.places or every)) or account.regions)
        found.append(folders)
    known = {name for account in accounts.all for name in (account.id, account.name)}
    if others := sorted(inside.keys() - known):
        notes.insert(0, f"not in accounts.yml, and not in this report: {_some(others)}")
    return found, notes


def _seen(source: Source, inside: Mapping[str, Mapping[str, list[str]]]) -> list[_Folders]:
    """The accounts that there is anything of; one whose folder is named otherwise is asked who it is."""
    found: dict[str, _Folders] = {}
    for top, regions in sorted(inside.items()):
        number = top if _ACCOUNT.fullmatch(top) else _who(source, top, regions) or top
        folders = found.setdefault(number, _Folders(Account(number, top, ())))
        for region, those in regions.items():
            folders.add(top, region, those)
        name = folders.account.name if folders.account.name != number else top
        folders.account = Account(number, name, tuple(sorted(folders.places)))
    return sorted(found.values(), key=lambda folders: folders.account.name)


def _who(source: Source, top: str, regions: Mapping[str, list[str]]) -> str:
    """The number of an account that wrote under its name; empty when none of its files tells."""
    for region, policies in regions.items():
        for policy in policies:
            run = last_of(source, f"{top}/{region}/{policy}")
            if run is None or "metadata.json" not in run.files:
                continue
            try:
                number = str((_metadata(source.read(run.files["metadata.json"])).get("config") or {}).get("account_id"))
            except (Unreadable, *AWS_ERRORS):
                continue
            if _ACCOUNT.fullmatch(number):
                return number
    return ""


def _asked(source: Source, policies: Sequence[Policy], found: Sequence[_Folders]) -> list[Policy]:
    """The policies whose answers are asked for.

    Of a bucket: those that are deployed to run by the clock, and those that somebody's c7n-org wrote there. A
    directory holds what one start of c7n-org was given, and nothing says what else should be there.
    """
    there = {policy for folders in found for by in folders.places.values() for policy in by}
    return [
        policy for policy in policies
        if policy.sweeps and (policy.name in there or (source.dated and is_scheduled(policy)))
    ] if found else []


def _troubles(troubles: Sequence[str]) -> list[str]:
    return [f"saw everything, and could not act on it: {_some(troubles, '; ')}"] if troubles else []


def _some(names: Sequence[str], between: str = ", ") -> str:
    more = f"{between}and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return between.join(names[:_NAMED]) + more
