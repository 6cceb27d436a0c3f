"""The end of a sweep: one run of all shards, its reports, and for the nightly sweep the history."""
from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..assessment import assess
from ..errors import GuardrailsError
from ..limits import OUTPUTS_READ
from ..report import report_files, write
from ..results import FILE, RunStore
from ..runs import now
from .bucket import HISTORY, NoSuchObject, RunPlace
from .merging import ShardFile, merge
from .question import Question
from .shards import Shard, parse_shards

FORMATS = ("html", "markdown", "json")
_AT_ONCE = 64
"""Files of shards that are on the disk at the same time."""


def reduce_run(
    place: RunPlace, attempt: int, question: Question, failures: Mapping[str, str], *, otherwise: str = "",
    nightly: bool = False,
) -> dict[str, object]:
    """Merge the results of all shards, and write the run and its reports.

    Args:
        failures: shard id to the reason why it failed.
        otherwise: the reason of shards that have neither a result nor a failure.
        nightly: whether to compare with the nightly history, and add the run to it.

    Returns what the run comes to, in short. Raises GuardrailsError if the bucket refuses.
    """
    with tempfile.TemporaryDirectory(prefix="reduce-") as directory:
        here = Path(directory)
        place.bucket.download(place.plan, here / FILE)
        with RunStore.open(here / FILE) as store:
            merge(store, question, shard_files(place, here, failures, otherwise))
            store["finished"] = now()
            history = f"s3://{place.bucket.name}/{HISTORY}" if nightly else None
            exceptions, controls = question.load_exceptions(here), question.controls_in(here / "controls")
            assessment = assess(store, controls=controls, exceptions=exceptions, history=history)
            store.copy_to(here / "merged.db")
            # Before the reports: if they need too long, the results are there all the same.
            place.bucket.upload(here / "merged.db", place.merged(attempt))
            write(FORMATS, assessment, here)
            for file in report_files(here):
                if file.name != FILE:
                    place.bucket.write(place.report(file.name), file.read_bytes())
            said: dict[str, object] = {
                "run": place.run, "complete": assessment.complete, "checks": assessment.asked,
                "completed": assessment.seen, "open": sum(assessment.open_by_severity.values())}
    return said


def shard_files(
    place: RunPlace, directory: Path, failures: Mapping[str, str], otherwise: str = ""
) -> Iterator[ShardFile]:
    """Each shard of the run once, with the file of its last attempt. A file is deleted when the next ones are read."""
    written = place.written_shards()
    shards = parse_shards(place.bucket.read(place.shards(1)))

    def fetched(shard: Shard) -> ShardFile:
        if shard.id not in written:
            return ShardFile(shard, None, failures.get(shard.id) or otherwise)
        file = directory / f"{shard.id}.db"
        try:
            place.bucket.download(place.shard(shard.id, written[shard.id]), file)
        except NoSuchObject as error:
            return ShardFile(shard, None, error.problem)
        except GuardrailsError as error:
            # What a worker wrote is damaged, or S3 refuses: it is known which checks are missing, and why.
            return ShardFile(shard, None, f"the results of its shard cannot be read: {error.problem}")
        return ShardFile(shard, file)

    with ThreadPoolExecutor(OUTPUTS_READ) as pool:
        for start in range(0, len(shards), _AT_ONCE):
            some = list(pool.map(fetched, shards[start:start + _AT_ONCE]))
            yield from some
            for each in some:
                if each.file:
                    each.file.unlink(missing_ok=True)


def failures_of(place: RunPlace, manifest: str) -> dict[str, str]:
    """Shard id to the reason, of the shards whose execution failed, as the Distributed Map has written it.

    `manifest` is the key that its ResultWriter returned. Raises GuardrailsError if it is not of this run, or cannot be
    read. Source: Step Functions' guide, "ResultWriter (Map)".
    """
    if not manifest.startswith(place.key("results/")):
        raise GuardrailsError(f"{manifest}: not the results of run {place.run}", "start a new audit")
    found: dict[str, str] = {}
    for each in _listed(_json(place, manifest), "ResultFiles", "FAILED"):
        for failed in _json(place, str(each.get("Key"))):
            shard, reason = _failure(failed)
            if shard:
                found[shard] = reason
    return found


def _listed(manifest: Any, *path: str) -> Sequence[Mapping[str, Any]]:
    for name in path:
        manifest = manifest.get(name) if isinstance(manifest, Mapping) else None
    return [each for each in manifest or () if isinstance(each, Mapping)]


def _json(place: RunPlace, key: str) -> Any:
    try:
        return json.loads(place.bucket.read(key))
    except (ValueError, RecursionError) as error:
        raise GuardrailsError(f"{key}: not JSON: {error}", "start a new audit") from None


def _failure(execution: Any) -> tuple[str, str]:
    """The shard of a failed execution, and why it failed."""
    try:
        shard = str(json.loads(execution["Input"])["shard"]["id"])
    except (KeyError, TypeError, ValueError):
        return "", ""
    name = str(execution.get("Error") or execution.get("Status") or "unknown error")
    return shard, f"its worker failed: {name}: {cause_text(execution.get('Cause'))}".rstrip(": ")


def cause_text(cause: object) -> str:
    """The cause of an error of Step Functions; of a function's error its message."""
    text = str(cause or "")
    try:
        said = json.loads(text)
    except ValueError:
        return text
    return str(said.get("errorMessage") or text) if isinstance(said, dict) else text
