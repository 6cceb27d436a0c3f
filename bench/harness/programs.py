"""The programs that are compared: their command lines, and the policy files that all of them get."""
from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .cloud import REGION, ROOT, Cloud
from .processes import Failed, Usage

BIN = Path(sys.executable).parent
# 2: a policy or check has failed, because moto lacks an API, and the others have run.
_RAN = (0, 2)


def sweepable(
    directory: Path, *, one_file: bool = False, selected: Callable[[str], bool] = lambda name: True,
) -> list[Path]:
    """Write the project's policies that a sweep runs, without modes: with one, plain c7n would deploy them.

    Args:
        directory: where the files are written.
        one_file: all policies in one file, as c7n-org wants it.
        selected: whether a policy of this name is wanted.
    """
    from guardrails.policies.policy import load, merged
    from guardrails.yamlfile import dump

    by_file: dict[str, list[Any]] = {}
    for policy in (each for each in load() if each.sweeps and selected(each.name)):
        path = policy.source.path
        by_file.setdefault("policies.yml" if one_file else f"{path.parent.name}-{path.name}", []).append(policy)
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for name, policies in by_file.items():
        files.append(directory / name)
        files[-1].write_text(dump(merged(policies, mode=False, actions=False)), encoding="utf-8")
    return files


def sweepable_names(resource: str) -> list[str]:
    """The policies on a resource type that a sweep runs."""
    from guardrails.policies.policy import load

    return [policy.name for policy in load() if policy.sweeps and policy.data["resource"] == resource]


def custodian(where: Cloud, files: Sequence[Path], output: Path, *options: str | Path) -> Usage:
    """`custodian run --dryrun` of all files, in one start."""
    return where.run(
        [BIN / "custodian", "run", "--dryrun", "-s", output, "--region", REGION, *options, *files], cwd=output.parent,
        good=_RAN)


def custodian_each(where: Cloud, files: Sequence[Path], output: Path) -> Usage:
    """`custodian run --dryrun`, a start and an empty cache for each file; the sum of all."""
    output.mkdir()
    used = [
        custodian(where, [file], output / file.stem, "--cache", str(output / f"{file.stem}.cache")) for file in files]
    return Usage(
        sum(each.wall for each in used), sum(each.processor for each in used), max(each.memory for each in used),
        calls=sum((Counter(each.calls) for each in used), Counter[str]()),
        repeated=sum((Counter(each.repeated) for each in used), Counter[str]()))


def audit(where: Cloud, output: Path, *options: str | Path) -> Usage:
    """`guardrails audit`, without a history; its first line of results is in `Usage.output`."""
    used = where.run(
        [BIN / "guardrails", "audit", "-r", REGION, "-o", output, "--history", "none", *options], cwd=output.parent,
        good=_RAN)
    if not any(output.iterdir()):
        raise Failed(f"the audit wrote nothing:\n{used.errors[-2000:]}")
    return used


def files_of(commit: str, directory: Path, *paths: str) -> Path:
    """A directory with the files of a commit: all of them, or these. Raises Failed when Git does not have it."""
    packed = subprocess.run(["git", "archive", commit, *paths], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode:
        raise Failed(f"git archive {commit}: {packed.stderr.decode().strip()}")
    place = directory / "earlier"
    place.mkdir()
    subprocess.run(["tar", "-x", "-C", str(place)], input=packed.stdout, check=True)
    return place


def c7n_org(where: Cloud, accounts: Path, policies: Path, output: Path, *options: str | Path) -> Usage:
    """`c7n-org run --dryrun` of one file of policies, with its usual cache, empty at the start."""
    cache = output.with_name("cache")
    cache.mkdir()
    used = where.run(
        [BIN / "c7n-org", "run", "--dryrun", "-c", accounts, "-u", policies, "-s", output,
         "--cache-path", cache, *options],
        cwd=output.parent, good=(0, 1, 2))
    if "c7n_org:INFO Ran account:" not in used.errors + used.output:
        raise Failed(f"c7n-org ran no policy:\n{used.errors[-2000:]}")
    return used
