"""Starting a sweep: its question, the run's file without results, and its shards, all in the bucket."""
from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..errors import GuardrailsError
from ..results import RunStore
from ..runs import AUDIT, AuditRun, now, refuse_invalid
from .bucket import NIGHTLY, RunPlace, SweepBucket
from .question import Question, digest
from .shards import Shard, parse_shards, shards_of, shards_text

QUESTION_DIGEST = "question_digest"
"""In the run's file: the digest of the question to which it belongs."""
_LOCAL = ("question", "distributed")
"""Facts about a run that only the machine needs from which it was started."""


def upload_run(run: AuditRun, bucket: SweepBucket, region: str) -> RunPlace:
    """Write everything of a new audit that its workers need. Calling it again has no effect.

    Args:
        region: a region of the partition.

    Raises GuardrailsError if a policy is invalid, no worker can enter an account, or S3 refuses.
    """
    place = RunPlace(bucket, str(run.store["run"]))
    question = _question(run)
    content = question.text()
    run.store[QUESTION_DIGEST] = digest(content)
    bucket.create(place.question, content)
    _upload_plan(run.store, bucket, place.plan, new=True)
    bucket.create(place.shards(1), shards_text(shards_of(question.accounts, region)))
    return place


def upload_nightly(run: AuditRun, bucket: SweepBucket) -> None:
    """Let the nightly sweep ask what this audit asks. Raises GuardrailsError as `upload_run` does."""
    content = _question(run).text()
    run.store[QUESTION_DIGEST] = digest(content)
    bucket.write(f"{NIGHTLY}/question.yml", content)
    _upload_plan(run.store, bucket, f"{NIGHTLY}/plan.db.gz", new=False)


def upload_shards(place: RunPlace, attempt: int, shards: list[Shard]) -> None:
    """Write the shards of a further attempt. Raises GuardrailsError."""
    place.bucket.create(place.shards(attempt), shards_text(shards))


def prepare(place: RunPlace, attempt: int, *, nightly: bool) -> tuple[int, str]:
    """Make sure that an attempt can begin; a nightly run is made of the nightly question first.

    Returns the number of its shards, and the digest of the question. Raises GuardrailsError. Calling it again has no
    effect and returns the same.
    """
    if nightly and not place.bucket.exists(place.shards(1)):
        _copy_nightly(place)
    found = digest(place.bucket.read(place.question))
    return len(parse_shards(place.bucket.read(place.shards(attempt)))), found


def _copy_nightly(place: RunPlace) -> None:
    bucket = place.bucket
    content = bucket.read(f"{NIGHTLY}/question.yml")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "plan.db"
        bucket.download(f"{NIGHTLY}/plan.db.gz", file)
        with RunStore.open(file) as store:
            if store.get(QUESTION_DIGEST) != digest(content):
                raise GuardrailsError(
                    f"s3://{bucket.name}/{NIGHTLY}/: the question and the plan are not of one upload",
                    "upload them again: guardrails audit --on step-functions --nightly")
            store["run"], store["started"] = place.run, now()
        bucket.create(place.question, content)
        bucket.upload(file, place.plan)
    # The list of shards is the last: a run that has it has everything.
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    bucket.create(place.shards(1), shards_text(shards_of(Question.parse(content).accounts, region)))


def _question(run: AuditRun) -> Question:
    refuse_invalid(run.plan.policies, AUDIT)
    return Question.of(run.request, run.plan.policies, run.plan.accounts, run.exceptions)


def _upload_plan(store: RunStore, bucket: SweepBucket, key: str, *, new: bool) -> None:
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "plan.db"
        store.copy_to(copy)
        with RunStore.open(copy) as plan:
            plan.set_all(dict.fromkeys(_LOCAL))
        bucket.upload(copy, key, new=new)
