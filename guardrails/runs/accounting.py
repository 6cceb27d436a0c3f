"""Run accounting: what became of every (account, region, policy) that was asked for.

c7n-org reports neither what it did not reach nor a worker that died, and exits with 0 after either. So nothing
counts as run because the run ended well: a policy has run where its complete output says so, and everything else
gets a state and a reason. A policy that did not run is never read as compliant.
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..accounts import Account
from ..policies import Policy
from ..results import State, state_of
from .c7n_org import STARTED, Target, Work


@dataclass(frozen=True)
class Check:
    """One policy in one account and region, and what came of it."""

    policy: Policy
    account: Account
    region: str
    state: State
    reason: str = ""
    resources: tuple[Mapping[str, Any], ...] = ()
    """What matched; also of a policy that did not run to its end, as far as it was written."""
    receipts: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    started: bool = False
    """Whether c7n-org came to it at all."""

    def to_dict(self, *, region: str) -> dict[str, Any]:
        """The check as JSON has it, without the resources."""
        return {
            "account": self.account.id, "account_name": self.account.name, "region": region,
            "policy": self.policy.name, "state": self.state.value, "reason": self.reason,
            "matched": len(self.resources),
        }


_ENDED = re.compile(
    r"c7n_org:WARNING Access denied api:(\S+) policy:(\S+) account:(.+) region:(\S+)$", re.MULTILINE
)
_FAILED = re.compile(
    r"c7n_org:ERROR Exception running policy:(\S+) account:(.+) region:(\S+) error:(.*)$", re.MULTILINE
)
_WHOLE = re.compile(r"c7n_org:WARNING Error running policy in (.+) @ (\S+) exception: (.*)$", re.MULTILINE)
# A policy's own log: `time - logger - LEVEL - message`.
_LOGGED = re.compile(r" - (?P<logger>\S+) - (?P<level>WARNING|ERROR|CRITICAL) - (?P<message>.*)$")
# What c7n logs of a bucket that did not answer, to go on without what it would have said.
_CUT_SHORT = re.compile(r"unable to invoke method")
_REASON_LIMIT = 300
Key = tuple[str, str, str]


@dataclass(frozen=True)
class _Log:
    """What c7n-org said of each (account name, region, policy)."""

    started: frozenset[Key]
    failed: Mapping[Key, str]
    ended: Mapping[tuple[str, str], str]
    """Where it gave up on an account and region, and why."""
    whole: Mapping[tuple[str, str], str]
    last_words: str


def read_log(text: str) -> _Log:
    """Read what c7n-org logged with -v."""
    failed, ended = {}, {}
    for operation, policy, account, region in _ENDED.findall(text):
        failed[account, region, policy] = f"AccessDenied on {operation}"
        ended[account, region] = f"AccessDenied on {operation} in {policy}"
    for policy, account, region, error in _FAILED.findall(text):
        failed[account, region, policy] = error.strip()
    whole = {(account, region): error.strip() for account, region, error in _WHOLE.findall(text)}
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _Log(
        frozenset((account, region, policy) for policy, account, region in STARTED.findall(text)),
        failed, ended, whole, lines[-1] if lines else "",
    )


def account_for(work: Work, log_text: str, output: Path, *, fixing: bool = False) -> list[Check]:
    """What became of everything in `work`. `fixing`: actions ran too, and their receipts are read."""
    log = read_log(log_text)
    return [
        _check(policy, target, log, output / target[0].name / target[1] / policy.name, fixing)
        for target, policies in work.items()
        for policy in policies
    ]


def unreached(checks: Iterable[Check], log_text: str) -> dict[Target, tuple[Policy, ...]]:
    """What c7n-org never came to because it gave up on the account and region: it can be run again without harm."""
    log = read_log(log_text)
    found: dict[Target, list[Policy]] = {}
    for check in checks:
        if not check.started and (check.account.name, check.region) in log.ended:
            found.setdefault((check.account, check.region), []).append(check.policy)
    return {target: tuple(policies) for target, policies in found.items()}


def not_reached(
    accounts: Iterable[tuple[Account, str]], work: Work
) -> list[Check]:
    """The checks of accounts that there was no way into. `work` is what would have been run in them."""
    reasons = {account.name: reason for account, reason in accounts}
    return [
        Check(policy, account, region, State.DENIED, reasons[account.name])
        for (account, region), policies in work.items()
        for policy in policies
    ]


def _check(policy: Policy, target: Target, log: _Log, directory: Path, fixing: bool) -> Check:
    account, region = target
    key = (account.name, region, policy.name)
    told = judge(Output.read(directory), did_not_end=log.whole.get(key[:2]) or "it was started and did not end")
    resources = told.resources if told else ()
    receipts = tuple(_receipts(directory)) if fixing else ()

    def ended(state: State, reason: str) -> Check:
        return Check(policy, account, region, state, one_line(reason), resources, receipts, key in log.started)

    if key in log.failed:
        return ended(state_of(log.failed[key]), log.failed[key])
    if told:
        return ended(told.state, told.reason)
    if key in log.started and key[:2] not in log.whole:
        if has_conditions(policy):
            return ended(State.SKIPPED, "its conditions do not hold here")
        return ended(State.NOT_RUN, "it was started and wrote nothing")
    if key[:2] in log.whole:
        return ended(state_of(log.whole[key[:2]], State.NOT_RUN), log.whole[key[:2]])
    if key[:2] in log.ended:
        return ended(State.NOT_RUN, f"c7n-org gave up on this account and region: {log.ended[key[:2]]}")
    return ended(State.NOT_RUN, f"c7n-org did not come to it; its last words: {log.last_words or 'none'}")


@dataclass(frozen=True)
class Output:
    """What one run of one policy wrote; None for a file that is not there."""

    resources: bytes | None
    metadata: bytes | None
    log: str = ""

    @classmethod
    def read(cls, directory: Path) -> Output:
        """The output in a directory of c7n's; one that is not there holds nothing."""
        log = _bytes(directory / "custodian-run.log") or b""
        return cls(
            _bytes(directory / "resources.json"), _bytes(directory / "metadata.json"), log.decode(errors="replace"))


@dataclass(frozen=True)
class Judgement:
    """What the output of a run says of how the run ended."""

    state: State
    reason: str
    resources: tuple[Mapping[str, Any], ...] = ()
    """What matched, as far as it was written."""


def judge(output: Output, *, did_not_end: str = "it was started and did not end") -> Judgement | None:
    """How a run ended, by what it wrote; None when it wrote nothing that tells.

    Only a whole output of which the log tells no refused call has run. `did_not_end` is the reason when c7n had no
    time for its last file.
    """
    logged = list(_policy_log(output.log))
    if output.resources is None:
        return Judgement(state_of(logged[-1]), logged[-1]) if logged else None
    resources, cut = _resources(output.resources)
    if cut:
        return Judgement(State.ERROR, f"its output is cut short: {cut}", resources)
    if output.metadata is None:
        return Judgement(State.NOT_RUN, did_not_end, resources)
    for message in logged:
        # c7n and its filters log some refusals and go on with less than there is.
        if (state := state_of(message)) is not State.ERROR or _CUT_SHORT.search(message):
            return Judgement(state, f"what it saw is not all: {message}", resources)
    if any("c7n:DeniedMethods" in resource for resource in resources):
        return Judgement(State.DENIED, "what it saw is not all: calls for single resources were denied", resources)
    return Judgement(State.RAN, "", resources)


def has_conditions(policy: Policy) -> bool:
    """Whether the policy says itself where and when it runs; where it does not, it writes nothing."""
    return bool(policy.data.get("conditions") or {"region", "start", "end"} & set(policy.data))




def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError:
        # It is there and cannot be read: as if it were cut short.
        return b""


def _resources(content: bytes) -> tuple[tuple[Mapping[str, Any], ...], str]:
    """The resources in c7n's output, and what is wrong with it."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        return (), str(error)
    if not isinstance(found, list):
        return (), "no list of resources"
    return tuple(resource for resource in found if isinstance(resource, dict)), ""


def _policy_log(text: str) -> Iterator[str]:
    """The warnings and errors of a policy's own log; an exception with its last line, which names it."""
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


def _receipts(directory: Path) -> Iterator[Mapping[str, Any]]:
    for file in sorted(directory.glob("action-*")):
        yield from receipts_in(_bytes(file) or b"")


def receipts_in(content: bytes) -> Iterator[Mapping[str, Any]]:
    """The receipts in what an action of ours returned; what c7n's own actions return is no receipt."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return
    for receipt in found if isinstance(found, list) else ():
        if isinstance(receipt, dict) and "outcome" in receipt and "resource" in receipt:
            yield receipt


def one_line(reason: str) -> str:
    """A reason on one line, and no longer than a table bears."""
    short = " ".join(reason.split())
    return short if len(short) <= _REASON_LIMIT else short[: _REASON_LIMIT - 1] + "…"


def totals(checks: Sequence[Check]) -> dict[str, int]:
    """How many checks ended in each state; states that did not occur are there with 0."""
    counts = {state.value: 0 for state in State}
    for check in checks:
        counts[check.state.value] += 1
    return counts
