"""Reading the files that one run of a policy wrote: whether it saw everything, what it found, and what it fixed.

The files may come from an account that we do not control: a broken or forged file must not keep the other accounts
out of the report.
"""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from custom_actions.resources import COUNTS, UNKNOWN, ResourceCounts

from ..accounts import Account
from ..policies import DAY, SCHEDULED, Policy
from ..results import State, UnknownResource
from .accounting import Output, judge, receipts_in
from .outputs import PolicyRun, Source, Unreadable

_GONE = ("reverted", "already-ok")
_COUNTED = re.compile(r" - policy:\S+ resource:\S+ region:\S+ count:(\d+)")
_EXCEPTED = "excepted.json"
"""What the run found and left alone, because an exception was in force."""
_DEPLOYMENT = " - Provisioning policy lambda: "
_FAILED = " - Error while executing policy"
_READ = ("resources.json", _EXCEPTED, UNKNOWN, COUNTS, "metadata.json", "custodian-run.log")


@dataclass(frozen=True)
class CollectedRun:
    """The result of one run of a policy, as its files tell it."""

    state: State
    reason: str
    resources: tuple[Mapping[str, Any], ...] = ()
    fixed: frozenset[str] = frozenset()
    """Ids of resources that the run fixed and verified."""
    trouble: str = ""
    """Why its actions failed, after all resources were evaluated."""
    when: datetime | None = None
    """When the run ended."""
    unknown: tuple[UnknownResource, ...] = ()
    """Resources that the run could not read."""
    counts: ResourceCounts | None = None
    """The resources that the run looked at; None if its output does not say."""


def read(source: Source, run: PolicyRun, policy: Policy, account: Account, region: str) -> CollectedRun | None:
    """The result of a run; None if it did not evaluate all resources: a deployment, or a run on one event.

    Raises one of AWS_ERRORS.
    """
    try:
        contents = {
            name: source.read(path) for name, path in run.files.items()
            if name in _READ or name.startswith("action-")
        }
        metadata = read_metadata(contents.get("metadata.json"))
    except Unreadable as error:
        return CollectedRun(State.ERROR, f"its output is incomplete: {error}")
    log = _of_last_run(contents.get("custodian-run.log", b"").decode(errors="replace"), metadata)
    if not _is_sweep(metadata) or _DEPLOYMENT in log:
        return None
    if problem := _elsewhere(metadata, policy, account, region):
        return CollectedRun(State.ERROR, problem)
    if not all(_is_unicode(contents.get(name)) for name in ("resources.json", _EXCEPTED, UNKNOWN)):
        return CollectedRun(State.ERROR, "its output holds half of a surrogate pair, which is not valid Unicode")
    return _judged(contents, metadata, log)


def _judged(contents: Mapping[str, bytes], metadata: Mapping[str, Any], log: str) -> CollectedRun:
    resources = contents.get("resources.json")
    seeing, acting, counted = _parts(metadata, log)
    if resources is not None and counted is None and "metrics" in metadata:
        # c7n counts the resources before it writes them: without a count, this file is from another run.
        resources = None
    judgement = judge(Output(
        resources, contents.get("metadata.json"), seeing, contents.get(UNKNOWN), contents.get(COUNTS)))
    if judgement is None:
        return CollectedRun(State.NOT_RUN, "it was started but wrote no output")
    if judgement.state in (State.RAN, State.PARTIAL) and counted is not None and counted != len(judgement.resources):
        return CollectedRun(
            State.ERROR, f"its files are from different runs: {counted} found, {len(judgement.resources)} written")
    if _EXCEPTED in contents and resources is not None:
        excepted = judge(Output(contents[_EXCEPTED], b""))
        if excepted and not excepted.state.seen:
            return CollectedRun(excepted.state, excepted.reason)
        judgement = replace(
            judgement, resources=judgement.resources + (excepted.resources if excepted else ()))
    began = _began(metadata)
    receipts = [
        receipt for name in contents if name.startswith("action-") for receipt in receipts_in(contents[name])
        if str(receipt.get("at", "")) >= began]
    failed = judge(Output(None, None, acting)) if _FAILED in acting else None
    return CollectedRun(
        judgement.state, judgement.reason, judgement.resources,
        frozenset(str(receipt["resource"]) for receipt in receipts if receipt["outcome"] in _GONE),
        f"its actions failed: {failed.reason}" if failed else "", unknown=judgement.unknown,
        counts=judgement.counts)


def read_metadata(content: bytes | None) -> dict[str, Any]:
    """The content of c7n's metadata.json; empty if there is no file.

    Raises Unreadable if it is not in c7n's format.
    """
    if content is None:
        return {}
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"metadata.json: {error}") from None
    if not isinstance(found, dict):
        raise Unreadable("metadata.json: must be a mapping")
    for name in ("policy", "config", "execution"):
        if not isinstance(found.get(name), dict):
            raise Unreadable(f"metadata.json: {name} must be a mapping")
    if not isinstance(found.get("metrics", []), list):
        raise Unreadable("metadata.json: metrics must be a list")
    if not isinstance(found["policy"].get("mode", {}), dict):
        raise Unreadable("metadata.json: policy.mode must be a mapping")
    return found


def _is_unicode(content: bytes | None) -> bool:
    """Whether the strings in the JSON are valid Unicode: half of a surrogate pair cannot be stored."""
    if content is None or b"\\ud" not in content.lower():
        return True
    try:
        json.dumps(json.loads(content), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    except (ValueError, RecursionError):
        pass  # `judge` reports it
    return True


def _number(metadata: Mapping[str, Any], name: str) -> float | None:
    """A time in seconds from the run's execution; None if there is none or it is out of range."""
    found = metadata.get("execution", {}).get(name)
    return float(found) if isinstance(found, int | float) and 0 <= found < _LATEST else None


_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def _began(metadata: Mapping[str, Any]) -> str:
    """When the run began, in the format of a receipt's time. Earlier receipts are from another run of the same hour."""
    start = _number(metadata, "start")
    return "" if start is None else datetime.fromtimestamp(start, UTC).isoformat(timespec="seconds")


def _of_last_run(log: str, metadata: Mapping[str, Any]) -> str:
    """The part of a log that the last run wrote: in a directory, c7n appends to the log of the run before.

    The last line is from the last run, so the lines of that run are at most as old as the run's duration. The time
    zone of the log does not matter. Returns the whole log if the metadata does not have the duration.
    """
    duration = _number(metadata, "duration")
    lines = log.splitlines(keepends=True)
    times = [_time(line) for line in lines]
    last = next((time for time in reversed(times) if time), None)
    if duration is None or last is None:
        return log
    # The metadata is written shortly before the last line.
    begin = last - timedelta(seconds=min(duration, DAY.total_seconds())) - _TOLERANCE
    first = next(number for number, time in enumerate(times) if time and time >= begin)
    return "".join(lines[first:])


_TOLERANCE = timedelta(seconds=1)
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - ")


def _time(line: str) -> datetime | None:
    """When a line was logged, in the log's own time zone; None for a continuation line."""
    try:
        return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f") if _STAMP.match(line) else None
    except ValueError:
        return None


def _is_sweep(metadata: Mapping[str, Any]) -> bool:
    """Whether the run evaluated all resources; a function on events evaluates one."""
    mode = str(metadata.get("policy", {}).get("mode", {}).get("type") or "pull")
    return mode in ("pull", *SCHEDULED) or metadata.get("config", {}).get("dryrun") is True


def _elsewhere(metadata: Mapping[str, Any], policy: Policy, account: Account, region: str) -> str:
    """The problem if the metadata names another account, region or policy than the folder; else empty.

    The folder decides: the bucket's policy controls who may write where, while a file may claim anything.
    """
    config = metadata.get("config", {})
    claimed = (config.get("account_id"), config.get("region"), metadata.get("policy", {}).get("name"))
    expected = (account.id, region, policy.name)
    for what, claim, truth in zip(("account", "region", "policy"), claimed, expected, strict=True):
        if claim and str(claim) != truth:
            return f"its metadata is of {what} {claim}"
    return ""


def _parts(metadata: Mapping[str, Any], log: str) -> tuple[str, str, int | None]:
    """The log up to the point where c7n had evaluated all resources, the rest, and the number of resources then."""
    counts = [
        m.get("Value") for m in metadata.get("metrics", ())
        if isinstance(m, Mapping) and m.get("MetricName") == "ResourceCount"]
    lines = list(_COUNTED.finditer(log))
    # Prefer c7n's metric: a line of the log may be from the run before.
    counted = next(iter(counts), None) if "metrics" in metadata else int(lines[-1][1]) if lines else None
    if not isinstance(counted, int):
        return log, "", None
    at = lines[-1].end() if lines else len(log)
    return log[:at], log[at:], counted
