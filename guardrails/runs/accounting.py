"""Run accounting: a result for every (account, region, policy).

c7n-org does not report targets that it did not reach or workers that crashed, and exits with 0 in both cases. So its
exit code is not enough: a policy has run only if its output is complete. Every other check gets a state and a
reason. A policy that did not run never counts as compliant.
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import UnknownRegionError
from botocore.session import get_session

from custom_actions.fixing import JOURNAL, NOT_SENT, interrupted
from custom_actions.resources import COUNTS, PASSED, UNKNOWN, ResourceCounts, is_unknown_text, unknown_text

from ..accounts import Account
from ..policies import Policy
from ..results import PassedOutput, State, UnknownResource, state_of
from .c7n_org import STARTED, Target, Work


@dataclass(frozen=True)
class Check:
    """One policy in one account and region, and its result."""

    policy: Policy
    account: Account
    region: str
    state: State
    reason: str = ""
    resources: tuple[Mapping[str, Any], ...] = ()
    """The resources that matched; if the check is incomplete, those written so far."""
    receipts: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    started: bool = False
    """Whether c7n-org started it."""
    unknown: tuple[UnknownResource, ...] = ()
    """Resources that could not be read."""
    counts: ResourceCounts | None = None
    """The resources that it looked at; None if its output does not say."""
    passed: PassedOutput | None = field(default=None, repr=False)
    """The ids of the resources that passed, if they were kept."""

    def judged(self, resource: str) -> bool:
        """Whether the check has a result for the resource (its id)."""
        unknown = {each.resource for each in self.unknown}
        return self.state.seen or (self.state is State.PARTIAL and resource not in unknown)

    def to_dict(self, *, region: str) -> dict[str, Any]:
        """The check for JSON, without the resources."""
        return {
            "account": self.account.id, "account_name": self.account.name, "region": region,
            "policy": self.policy.name, "state": self.state.value, "reason": self.reason,
            "matched": len(self.resources),
        }


_ACCESS_DENIED = re.compile(
    r"c7n_org:WARNING Access denied api:(\S+) policy:(\S+) account:(.+) region:(\S+)$", re.MULTILINE
)
_POLICY_FAILED = re.compile(
    r"c7n_org:ERROR Exception running policy:(\S+) account:(.+) region:(\S+) error:(.*)$", re.MULTILINE
)
_TARGET_FAILED = re.compile(r"c7n_org:WARNING Error running policy in (.+) @ (\S+) exception: (.*)$", re.MULTILINE)
# A policy's own log: `time - logger - LEVEL - message`.
_LOGGED = re.compile(r" - (?P<logger>\S+) - (?P<level>WARNING|ERROR|CRITICAL) - (?P<message>.*)$")
# c7n logs this when a call for a bucket fails, and continues without that information about the bucket.
_CUT_SHORT = re.compile(r"unable to invoke method")
# The whole of botocore's error. Only a part of an error could be the name of a resource, which anybody may have chosen.
_NO_ENDPOINT = re.compile(
    r'Could not connect to the endpoint URL: "https://([a-z0-9-]+)\.([a-z]+-[a-z-]+-\d+)\.amazonaws\.com(?:\.cn)?/[^"\s]*"')
# Where an endpoint is not named as the service.
_ENDPOINTS = {"email": "ses"}
_OFFERED_IN = {"bedrock-agentcore-control": frozenset({
    "us-east-1", "us-east-2", "us-west-2", "ap-northeast-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
    "eu-central-1", "eu-west-1"})}
"""Services of which botocore has no list of regions, with theirs. Source: AWS General Reference, "Service endpoints".

A region that AWS has added since does no harm: its endpoint can be reached.
"""
_REASON_LIMIT = 300
Key = tuple[str, str, str]


@dataclass(frozen=True)
class _Log:
    """What c7n-org logged for each (account name, region, policy)."""

    started: frozenset[Key]
    failed: Mapping[Key, str]
    ended: Mapping[tuple[str, str], str]
    """The (account, region) targets that c7n-org left early, and why."""
    crashed: Mapping[tuple[str, str], str]
    """The (account, region) targets whose worker failed, and why."""
    last_line: str


def read_log(text: str) -> _Log:
    """Parse the log of `c7n-org -v`."""
    failed, ended = {}, {}
    for operation, policy, account, region in _ACCESS_DENIED.findall(text):
        failed[account, region, policy] = f"AccessDenied on {operation}"
        ended[account, region] = f"AccessDenied on {operation} in {policy}"
    for policy, account, region, error in _POLICY_FAILED.findall(text):
        failed[account, region, policy] = error.strip()
    crashed = {(account, region): error.strip() for account, region, error in _TARGET_FAILED.findall(text)}
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _Log(
        frozenset((account, region, policy) for policy, account, region in STARTED.findall(text)),
        failed, ended, crashed, lines[-1] if lines else "",
    )


def account_for(
    work: Work, log_text: str, output: Path, *, fixing: bool = False, lists: Path | None = None
) -> list[Check]:
    """The result of every check in `work`.

    With `fixing`, the actions ran too, and their receipts are included. `lists` is the directory with the lists of
    resources, if the ids of those that passed were kept.
    """
    log = read_log(log_text)
    return [
        _check(policy, target, log, output / target[0].name / target[1] / policy.name, fixing, lists)
        for target, policies in work.items()
        for policy in policies
    ]


def unreached(checks: Iterable[Check], log_text: str) -> dict[Target, tuple[Policy, ...]]:
    """The work that c7n-org did not start because it left the account and region early; it is safe to run again."""
    log = read_log(log_text)
    found: dict[Target, list[Policy]] = {}
    for check in checks:
        if not check.started and (check.account.name, check.region) in log.ended:
            found.setdefault((check.account, check.region), []).append(check.policy)
    return {target: tuple(policies) for target, policies in found.items()}


def not_reached(
    accounts: Iterable[tuple[Account, str]], work: Work
) -> list[Check]:
    """The checks of accounts that cannot be reached.

    Args:
        accounts: each with the reason.
        work: the checks that would have run in them.
    """
    reasons = {account.name: reason for account, reason in accounts}
    return [
        Check(policy, account, region, State.DENIED, reasons[account.name])
        for (account, region), policies in work.items()
        for policy in policies
    ]


def _check(
    policy: Policy, target: Target, log: _Log, directory: Path, fixing: bool, lists: Path | None
) -> Check:
    account, region = target
    key = (account.name, region, policy.name)
    judgement = judge(
        Output.read(directory), did_not_end=log.crashed.get(key[:2]) or "it was started but did not finish")
    resources = judgement.resources if judgement else ()
    receipts = tuple(recorded_receipts(directory)) if fixing else ()

    def ended(state: State, reason: str, *, unknown: bool = True) -> Check:
        counts = judgement.counts if judgement and (state.seen or state is State.PARTIAL) else None
        passed = None
        if counts and lists:
            try:
                passed = PassedOutput.read(directory, lists, counts)
            except ValueError as error:
                state, reason, counts = State.ERROR, f"its output is incomplete: {PASSED}: {error}", None
        return Check(
            policy, account, region, state, one_line(reason), resources, receipts, key in log.started,
            judgement.unknown if judgement and unknown else (), counts, passed)

    # A policy fails when it has unknown resources, but only after it has processed all others.
    if key in log.failed and not (judgement and judgement.unknown and is_unknown_text(log.failed[key])):
        if service := missing_service(log.failed[key], region):
            return ended(State.SKIPPED, f"AWS does not offer {service} in {region}", unknown=False)
        # In a sweep, the list may be from an earlier run, because this one failed before it had read everything.
        return ended(state_of(log.failed[key]), log.failed[key], unknown=fixing)
    if judgement:
        return ended(judgement.state, judgement.reason)
    if key in log.started and key[:2] not in log.crashed:
        if has_conditions(policy):
            return ended(State.SKIPPED, "its conditions are not met here")
        return ended(State.NOT_RUN, "it was started but wrote no output")
    if key[:2] in log.crashed:
        return ended(state_of(log.crashed[key[:2]], State.NOT_RUN), log.crashed[key[:2]])
    if key[:2] in log.ended:
        return ended(State.NOT_RUN, f"c7n-org gave up on this account and region: {log.ended[key[:2]]}")
    return ended(State.NOT_RUN, f"c7n-org did not start it; the last line of its log: {log.last_line or 'none'}")


@dataclass(frozen=True)
class Output:
    """The files that one run of one policy wrote; None for a file that does not exist."""

    resources: bytes | None
    metadata: bytes | None
    log: str = ""
    unknown: bytes | None = None
    """The resources that the run could not read."""
    counts: bytes | None = None
    """How many resources the run looked at."""

    @classmethod
    def read(cls, directory: Path) -> Output:
        """Read c7n's output directory; a directory that does not exist has no files."""
        log = _bytes(directory / "custodian-run.log") or b""
        return cls(
            _bytes(directory / "resources.json"), _bytes(directory / "metadata.json"), log.decode(errors="replace"),
            _bytes(directory / UNKNOWN), _bytes(directory / COUNTS))


@dataclass(frozen=True)
class Judgement:
    """How a run ended, according to its output."""

    state: State
    reason: str
    resources: tuple[Mapping[str, Any], ...] = ()
    """The resources that matched, as far as they were written."""
    unknown: tuple[UnknownResource, ...] = ()
    """The resources that the run could not read."""
    counts: ResourceCounts | None = None
    """How many resources the run looked at; None if its output does not say, or if it did not see everything else."""


def judge(output: Output, *, did_not_end: str = "it was started but did not finish") -> Judgement | None:
    """How a run ended, according to its output; None if it wrote no output.

    A policy has run only if its output is complete and its log has no denied call.

    Args:
        did_not_end: the reason to give if c7n did not write its last file.
    """
    logged = list(_policy_log(output.log))
    if output.resources is None:
        return Judgement(state_of(logged[-1]), logged[-1]) if logged else None
    resources, cut = _resources(output.resources)
    # A process that was killed while it wrote its resources leaves them cut, too.
    if output.metadata is None:
        return Judgement(State.NOT_RUN, did_not_end, resources)
    if cut:
        return Judgement(State.ERROR, f"its output is incomplete: {cut}", resources)
    try:
        unknown = _unknown(output.unknown)
    except ValueError as error:
        return Judgement(State.ERROR, f"its output is incomplete: {UNKNOWN}: {error}", resources)
    try:
        counts = None if output.counts is None else ResourceCounts.parse(output.counts)
    except ValueError as error:
        return Judgement(State.ERROR, f"its output is incomplete: {COUNTS}: {error}", resources)
    if unknown:
        return Judgement(State.PARTIAL, unknown_text(each._asdict() for each in unknown), resources, unknown, counts)
    for message in logged:
        # After some denied calls c7n and its filters log a message, and continue with only a part of the resources.
        if (state := state_of(message)) is not State.ERROR or _CUT_SHORT.search(message):
            return Judgement(state, f"it could not read everything: {message}", resources)
    if denied := [resource for resource in resources if "c7n:DeniedMethods" in resource]:
        named = ", ".join(str(resource.get("Name", "")) for resource in denied)
        return Judgement(
            State.DENIED, f"it could not read everything: calls on single resources denied: {named}", resources)
    # A fix is complete without its message, but somebody must hear that nobody was told.
    return Judgement(
        State.RAN, next((message for message in logged if NOT_SENT in message), ""), resources, counts=counts)


def missing_service(error: str, region: str) -> str:
    """The service whose endpoint could not be reached because AWS does not offer it in the region; else empty.

    Both must hold: the endpoint could not be reached, and botocore, or `_OFFERED_IN`, knows the service in other
    regions only.
    """
    found = _NO_ENDPOINT.fullmatch(error)
    if not found or found[2] != region:
        return ""
    session, service = get_session(), _ENDPOINTS.get(found[1], found[1])
    try:
        partition = session.get_partition_for_region(region)
    except UnknownRegionError:
        return ""
    here = _OFFERED_IN.get(service) or session.get_available_regions(service, partition)
    known = service in _OFFERED_IN or session.get_available_regions(service)
    return service if known and region not in here else ""


def has_conditions(policy: Policy) -> bool:
    """Whether the policy has conditions on where and when it runs. If they are not met, it writes no output."""
    return bool(policy.data.get("conditions") or {"region", "start", "end"} & set(policy.data))


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        # It exists but cannot be read: treated as an incomplete file.
        return b""


def _resources(content: bytes) -> tuple[tuple[Mapping[str, Any], ...], str]:
    """The resources in c7n's output, and the problem if it is incomplete."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        return (), str(error)
    if not isinstance(found, list):
        return (), "it must be a list of resources"
    return tuple(resource for resource in found if isinstance(resource, dict)), ""


def _unknown(content: bytes | None) -> tuple[UnknownResource, ...]:
    """The unknown resources in a policy's output. Raises ValueError if the file is not what our patch of c7n writes."""
    if content is None:
        return ()
    try:
        return tuple(
            UnknownResource(str(each["resource"]), one_line(str(each["reason"]))) for each in json.loads(content))
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"must be a list of resources and reasons: {error!r}") from None


def _policy_log(text: str) -> Iterator[str]:
    """The warnings and errors in a policy's own log; of a traceback the last line, which names the exception."""
    trace: list[str] | None = None
    for line in text.splitlines():
        entry = _LOGGED.search(line)
        if entry is None:
            if trace is not None and line[:1].strip():
                trace.append(line)
            continue
        if trace:
            yield trace[-1]
        trace = [] if entry["message"] == "Error while executing policy" else None
        if trace is None:
            yield entry["message"]
    if trace:
        yield trace[-1]


def recorded_receipts(directory: Path) -> Iterator[Mapping[str, Any]]:
    """The receipts of a policy's fixes, from its journal, which also has those of a run that was killed."""
    if (journal := _bytes(directory / JOURNAL)) is not None:
        yield from interrupted(journal)
        return
    for file in sorted(directory.glob("action-*")):
        yield from receipts_in(_bytes(file) or b"")


def receipts_in(content: bytes) -> Iterator[Mapping[str, Any]]:
    """The receipts in the output of an action; only our own actions write receipts."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return
    for receipt in found if isinstance(found, list) else ():
        if isinstance(receipt, dict) and "outcome" in receipt and "resource" in receipt:
            yield receipt


def one_line(reason: str) -> str:
    """A reason on one line, short enough for a table."""
    short = " ".join(reason.split())
    return short if len(short) <= _REASON_LIMIT else short[: _REASON_LIMIT - 1] + "…"


def totals(checks: Sequence[Check]) -> dict[str, int]:
    """How many checks ended in each state; 0 for states that did not occur."""
    counts = {state.value: 0 for state in State}
    for check in checks:
        counts[check.state.value] += 1
    return counts
