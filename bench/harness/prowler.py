"""Prowler, installed on demand into an environment of its own, and the checks that ask what our policies ask.

It is installed from PyPI (`uv` if it is there, else venv and pip; a few minutes, once) into a directory of the user's
cache, never into this project's environment. `bench/prowler_checks.yaml` has its version and the table of checks.
"""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from .cloud import REGION, Cloud
from .processes import Failed, Usage, say

TABLE = Path(__file__).parents[1] / "prowler_checks.yaml"
_DISTURBED = 3
"""Prowler's exit code when a check found something."""


@dataclass(frozen=True)
class Equal:
    """A row of the table: policies and checks that ask the same."""

    policies: tuple[str, ...]
    checks: tuple[str, ...]


@dataclass(frozen=True)
class Scan:
    """What a run of Prowler used, and which checks could not be carried out."""

    usage: Usage
    failed: frozenset[str]


def version() -> str:
    """The version that is compared."""
    return str(yaml.safe_load(TABLE.read_text(encoding="utf-8"))["prowler"])


def equal_checks() -> list[Equal]:
    """The table."""
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))["checks"]
    return [Equal(tuple(row["policies"]), tuple(row["checks"])) for row in rows]


def without(rows: Sequence[Equal], failed: Collection[str]) -> tuple[list[Equal], list[Equal]]:
    """The rows that can be compared, and those that are left out on both sides because a check of theirs failed."""
    left_out = [row for row in rows if set(row.checks) & set(failed)]
    return [row for row in rows if row not in left_out], left_out


def install() -> Path:
    """The program `prowler`; installs it if it is not there yet. Raises Failed when that is impossible."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = cache / "aws-guardrails" / "bench" / f"prowler-{version()}-py{sys.version_info[0]}.{sys.version_info[1]}"
    program = place / "bin" / "prowler"
    if program.is_file():
        return program
    say(f"installing Prowler {version()} into {place} (a few minutes, once)")
    place.parent.mkdir(parents=True, exist_ok=True)
    # Under its final name from the start: programs of an environment cannot be moved.
    shutil.rmtree(place, ignore_errors=True)
    wanted = f"prowler=={version()}"
    if uv := shutil.which("uv"):
        steps = [[uv, "venv", "--python", sys.executable, str(place)],
                 [uv, "pip", "install", "--python", str(place / "bin/python"), wanted]]
    else:
        steps = [[sys.executable, "-m", "venv", str(place)],
                 [str(place / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted]]
    try:
        for step in steps:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Failed(f"Prowler cannot be installed:\n{done.stderr[-1500:].strip()}")
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return program


def scan(program: Path, where: Cloud, directory: Path, checks: Sequence[str]) -> Scan:
    """Run these checks on the account of the credentials, in one region, with JSON as the only report.

    Raises Failed when Prowler ends in another way than with results.
    """
    with tempfile.TemporaryDirectory(dir=directory) as name:
        here = Path(name)
        log = here / "log"
        usage = where.run(
            [program, "aws", "--region", REGION, "--output-directory", here / "out", "--output-formats", "json-ocsf",
             "--no-banner", "--no-color", "--log-level", "ERROR", "--log-file", log, "--check", *checks],
            cwd=here, good=(0, _DISTURBED))
        if not any((here / "out").rglob("*.ocsf.json")):
            raise Failed(f"Prowler wrote no results:\n{(usage.errors or usage.output)[-1500:]}")
        return Scan(usage, failed_checks(log.read_text(encoding="utf-8") if log.exists() else "", checks))


def failed_checks(log: str, checks: Collection[str]) -> frozenset[str]:
    """The checks that ended with an error, from Prowler's log: a message that begins with the check's name."""
    failed = set()
    for line in log.splitlines():
        try:
            message = str(json.loads(line)["message"])
        except (ValueError, KeyError, TypeError):  # a line of the terminal's log
            continue
        name = message.partition(" ")[0]
        if name in checks:
            failed.add(name)
    return frozenset(failed)
