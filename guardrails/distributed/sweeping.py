"""One shard: enter its account, run its checks, and write its results exactly once."""
from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from ..accounts import Account, Accounts, reach
from ..errors import GuardrailsError
from ..policies import Policy, PolicySources
from ..results import FILE, CheckRow, PolicyInfo, RunStore
from ..runs import AuditRequest, AuditRun, InProcess, SweepPlan, account_infos, policy_info
from .bucket import RunPlace
from .merging import copy_results
from .question import Question, digest
from .shards import Shard


class ShardTooLong(Exception):
    """The shard needs more time than this worker has."""


@dataclass(frozen=True)
class ShardResult:
    """How a shard ended."""

    shard: str
    written: bool
    """False if there was a result already: another worker was faster, or this one was started twice."""
    checks: int = 0
    missing: int = 0
    """Checks without a complete result; their reasons are in the shard's file."""

    def to_dict(self) -> dict[str, object]:
        """What the worker returns: little, since Step Functions keeps it in its history."""
        return {"shard": self.shard, "written": self.written, "checks": self.checks, "missing": self.missing}


def sweep_shard(
    place: RunPlace, attempt: int, shard: Shard, question_digest: str, seconds: float | None = None, *,
    whole: bool = False,
) -> ShardResult:
    """Run a shard and write its results, unless there are any.

    Checks that an earlier attempt completed are taken from it, and not run again.

    Args:
        seconds: how long it may take.
        whole: whether to raise ShardTooLong, and write nothing, if it takes longer. Otherwise the rest is `not-run`.

    Raises GuardrailsError if the bucket refuses, or the question is another one.
    """
    runner = InProcess(seconds)
    key = place.shard(shard.id, attempt)
    if place.bucket.exists(key):
        return ShardResult(shard.id, written=False)
    question = read_question(place, question_digest)
    with tempfile.TemporaryDirectory(prefix="shard-") as directory:
        here = Path(directory)
        with RunStore.create(here / FILE) as store:
            _run(store, here, question, shard, _earlier(place, shard, attempt, here), runner)
            if whole and runner.out_of_time:
                raise ShardTooLong(f"shard {shard.id} did not end within {seconds:.0f} seconds")
            states = store.states()
            result = ShardResult(shard.id, written=True, checks=len(states), missing=sum(
                state not in ("ran", "skipped") for state in states.values()))
        return replace(result, written=place.bucket.upload(here / FILE, key))


def read_question(place: RunPlace, expected: str) -> Question:
    """The question of a run. Raises GuardrailsError if it is not the one with this digest."""
    return _parsed(place, expected)


@lru_cache(1)
def _parsed(place: RunPlace, expected: str) -> Question:
    content = place.bucket.read(place.question)
    if digest(content) != expected:
        raise GuardrailsError(
            f"s3://{place.bucket.name}/{place.question}: changed since the sweep began", "start a new audit")
    return Question.parse(content)


def _run(
    store: RunStore, here: Path, question: Question, shard: Shard, earlier: Path | None, runner: InProcess
) -> None:
    accounts = entered(question.alone(question.account(shard.account)))
    store.set_policies(_brief(question.policies))
    store.set_accounts(account_infos(accounts))
    if earlier:
        with RunStore.open(earlier) as before:
            copy_results(before, store, _done)
    plan = SweepPlan(question.policies, accounts, only=lambda target, policy: shard.covers(target[1]))
    request = AuditRequest.of(
        config=None, regions=(), names=(), services=(), severities=(), frameworks=(), policy_sources=PolicySources(),
        controls=(), exceptions=None, history=None, evidence=question.evidence)
    AuditRun(here, store, request, plan, question.load_exceptions(here)).sweep(runner=runner, valid=True)


def entered(accounts: Accounts) -> Accounts:
    """The accounts after an attempt to enter them. A region that an account has not enabled is a reason, too."""
    try:
        return reach(accounts)
    except GuardrailsError as error:
        return replace(accounts, reached=(), unreachable=_refused(accounts.all, error.problem))


def _refused(accounts: Iterable[Account], reason: str) -> tuple[tuple[Account, str], ...]:
    return tuple((account, reason) for account in accounts)


def _brief(policies: Iterable[Policy]) -> list[PolicyInfo]:
    """The policies for a shard's file, without the long texts: the plan of the run has them once for all shards."""
    return [replace(policy_info(policy), rationale="", fix="", yaml="", controls={}, partial={}, parts={})
            for policy in policies]


def _done(check: CheckRow) -> bool:
    return not check.missing


def _earlier(place: RunPlace, shard: Shard, attempt: int, directory: Path) -> Path | None:
    """The results of the last earlier attempt that has any; None without one."""
    for before in range(attempt - 1, 0, -1):
        # Whether it exists is listed: a worker may list only below its run's shards, so that S3 answers "denied" to a
        # read of what does not exist.
        if place.bucket.exists(place.shard(shard.id, before)):
            place.bucket.download(place.shard(shard.id, before), file := directory / f"attempt-{before}.db")
            return file
    return None
