"""What runs in the stack of sweeps: one handler for the functions, and the command of the Fargate task.

A message names the step. It comes from the state machine; its values are checked all the same, because they become
parts of keys.

    {"step": "plan",   "run": RUN, "attempt": 1, "nightly": false}
    {"step": "sweep",  "run": RUN, "attempt": 1, "question": DIGEST, "shard": {…}}
    {"step": "reduce", "run": RUN, "attempt": 1, "question": DIGEST, "nightly": false, "map": {…}}

The environment has BUCKET; for the worker GUARDRAILS_ASK_ONCE (custom_actions/patches), and TASKS if a task runs longer
shards; for plan MAX_CONCURRENCY.
"""
from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

# Before c7n is imported: Lambda does not read .pth files.
import custom_actions._autoload  # noqa: F401

from ..errors import GuardrailsError
from .bucket import RunPlace, SweepBucket
from .planning import prepare
from .question import Question
from .reduction import cause_text, failures_of, reduce_run
from .shards import Shard
from .sweeping import read_question, sweep_shard

_RESERVE_SECONDS = 45.0
"""What a worker keeps of its time to write and upload its results."""
_CONCURRENCY = 40
"""Shards that run at the same time, if MAX_CONCURRENCY does not say so."""


def handler(event: Any, context: Any) -> dict[str, object]:
    """The function: make one step. Raises an error if it cannot be made; Step Functions then tries it again."""
    left = context.get_remaining_time_in_millis() / 1000 - _RESERVE_SECONDS
    return make_step(event, left, whole=bool(os.environ.get("TASKS")))


def make_step(event: Any, seconds: float | None, *, whole: bool) -> dict[str, object]:
    """Make the step of a message; `seconds` and `whole` are those of `sweep_shard`. Raises GuardrailsError."""
    if not isinstance(event, Mapping):
        raise GuardrailsError(f"not a message of the state machine: {str(event)[:200]!r}", "start it with an object")
    place = RunPlace(SweepBucket(os.environ["BUCKET"]), str(event.get("run", "")))
    attempt, step = event.get("attempt"), event.get("step")
    if not isinstance(attempt, int) or isinstance(attempt, bool) or not 1 <= attempt <= 999:
        raise GuardrailsError(f"attempt must be a number from 1 to 999, got {attempt!r}", "start a new audit")
    if step == "plan":
        number, question = prepare(place, attempt, nightly=event.get("nightly") is True)
        return {
            "shards": number, "key": place.shards(attempt), "question": question, "results": place.results(attempt),
            "concurrency": int(os.environ.get("MAX_CONCURRENCY", _CONCURRENCY))}
    question = str(event.get("question", ""))
    if step == "sweep":
        shard = Shard.parse(event.get("shard"))
        return sweep_shard(place, attempt, shard, question, seconds, whole=whole).to_dict()
    if step == "reduce":
        return _reduce(place, attempt, read_question(place, question), event)
    raise GuardrailsError(f"there is no step {step!r}", "plan, sweep or reduce")


def _reduce(place: RunPlace, attempt: int, question: Question, event: Mapping[str, Any]) -> dict[str, object]:
    ended = event.get("map")
    ended = ended if isinstance(ended, Mapping) else {}
    failures: dict[str, str] = {}
    otherwise = ""
    if "Error" in ended:
        otherwise = f"the map run failed: {ended['Error']}: {cause_text(ended.get('Cause'))}"
    else:
        try:
            failures = failures_of(place, str((ended.get("ResultWriterDetails") or {}).get("Key", "")))
        except GuardrailsError as error:
            otherwise = f"its worker failed; the reason cannot be read: {error.problem}"
    return reduce_run(
        place, attempt, question, failures, otherwise=otherwise, nightly=event.get("nightly") is True)


def main(arguments: list[str]) -> int:
    """The task: make the step of the message in the first argument. It has as much time as it needs."""
    print(json.dumps(make_step(json.loads(arguments[0]), None, whole=False)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
