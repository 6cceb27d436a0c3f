"""Deploying every policy, and one, against c7n, one function for each policy. `./run.sh bench deploy`

In the sandbox, which has Lambda, EventBridge and AWS Config. Each way deploys into an empty account of its own.
`doctor` then looks at the one function.
"""
from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from .harness import Benchmark, Failed, Option, Section, Usage, in_turn, run, say
from .harness.cloud import REGION
from .harness.programs import BIN

if TYPE_CHECKING:
    from guardrails.sandbox import Sandbox

_AGAINST = "c7n, one by one"
_FIRST_ACCOUNT = 310000000000
_NUMBERS = count()


class Place:
    """The sandbox, with a new account for each deployment."""

    def __init__(self, sandbox: Sandbox, directory: Path, roles: Sequence[str]) -> None:
        self._sandbox, self._directory, self._roles = sandbox, directory, roles
        self._latest = ""
        self.functions: dict[str, list[int]] = {}
        """How many functions each way made, by round."""
        self.bytes: dict[str, int] = {}
        """The largest archive of each way."""

    def deploy(self, way: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> Usage:
        """Run a command on an empty account, and count the functions that are there afterwards. Raises Failed."""
        number = next(_NUMBERS)
        account, here = str(_FIRST_ACCOUNT + number), self._directory / f"deploy-{number}"
        self._latest = account
        here.mkdir()
        iam = self._sandbox.client("iam", account, REGION)
        for role in self._roles:
            iam.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
        used = run(command, env={**environment, **self._sandbox.environment(account=account, region=REGION)}, cwd=here)
        pages = self._sandbox.client("lambda", account, REGION).get_paginator("list_functions").paginate()
        made = [each for page in pages for each in page["Functions"] if each["FunctionName"].startswith("custodian-")]
        if not made:
            raise Failed(f"{way} made no function:\n{(used.errors or used.output)[-2000:]}")
        self.functions.setdefault(way, []).append(len(made))
        self.bytes[way] = max(each["CodeSize"] for each in made)
        self._sandbox.settle()
        return used

    def examine(self, environment: Mapping[str, str]) -> Usage:
        """Run `doctor` in the account of the latest deployment. Raises Failed."""
        # There is no topic: what is broken makes no difference to what it takes.
        return run([BIN / "guardrails", "doctor", "-r", REGION], good=(0, 1),
                   env={**environment, **self._sandbox.environment(account=self._latest, region=REGION)},
                   cwd=self._directory)


def policies(directory: Path, glob: str) -> tuple[list[Path], list[str], list[str]]:
    """Files with the deployable policies, for c7n; their names, and their roles' names. Raises Failed if none match."""
    from guardrails.policies.policy import load
    from guardrails.yamlfile import dump

    chosen = [policy for policy in load() if policy.deploys and fnmatchcase(policy.name, glob)]
    if not chosen:
        raise Failed(f"--policies {glob}: no policy that is deployed has such a name")
    by_file: dict[str, list[object]] = {}
    for policy in chosen:
        by_file.setdefault(f"{policy.source.path.parent.name}-{policy.source.path.name}", []).append(policy.data)
    files = []
    for name, listed in by_file.items():
        files.append(directory / name)
        files[-1].write_text(dump({"policies": listed}), encoding="utf-8")
    roles = {str(policy.mode.get("role", "guardrails")).rpartition("/")[2] for policy in chosen}
    return files, [policy.name for policy in chosen], sorted(roles)


def knows_groups() -> bool:
    """Whether this checkout's `deploy` has the option --grouped."""
    return bool(re.search(r"(?m)^\s+--grouped\b", run([BIN / "guardrails", "deploy", "--help"]).output))


def measure(options: argparse.Namespace) -> Section:
    """Deploy everything in each way."""
    from guardrails.sandbox import Sandbox

    grouped = knows_groups()
    with tempfile.TemporaryDirectory() as name, Sandbox.start(Path(name) / "sandbox") as sandbox:
        directory = Path(name)
        files, names, roles = policies(directory, options.policies)
        place = Place(sandbox, directory, roles)
        environment = _environment()

        ours = [BIN / "guardrails", "deploy", "--yes", "-r", REGION, "-o", "output", options.policies]
        ways = {
            _AGAINST: [BIN / "custodian", "run", "-s", "output", "--region", REGION, *files],
            "deploy": ours,
        }
        if grouped:
            ways["deploy --grouped"] = [*ours, "--grouped"]
        if not options.one_by_one:
            del ways["deploy"]
        found = in_turn(options.rounds, {
            way: lambda way=way, command=command: place.deploy(way, command, environment)  # type: ignore[misc]
            for way, command in ways.items()})
        say(f"functions: {place.functions}")
        one = directory / "one"
        one.mkdir()
        [file], _, roles = policies(one, options.one)
        single = Place(sandbox, one, roles)
        alone = in_turn(options.rounds_of_one, {
            "custodian run": lambda: single.deploy(
                "custodian run", [BIN / "custodian", "run", "-s", "output", "--region", REGION, file], environment),
            "deploy": lambda: single.deploy(
                "deploy", [BIN / "guardrails", "deploy", "--yes", "-r", REGION, "-o", "output", options.one],
                environment),
            "doctor": lambda: single.examine(environment),
        })
    section = Section(
        f"{len(names)} policies that are deployed, into an empty account of the sandbox, one region: `custodian run` "
        "of all files in one start, and `deploy`, which also plans before and verifies afterwards.")
    for way in [each for each in ("deploy", "deploy --grouped") if each in found]:
        aims = way == "deploy --grouped"
        section.compare("deploy.functions" if aims else "", f"`{way}`, functions made", place.functions[way],
                        place.functions[_AGAINST], against=_AGAINST)
        section.compare("deploy.time" if aims else "", f"`{way}`, wall", [u.wall for u in found[way]],
                        [u.wall for u in found[_AGAINST]], against=_AGAINST, unit="s")
        section.compare("", f"`{way}`, processor", [u.processor for u in found[way]],
                        [u.processor for u in found[_AGAINST]], against=_AGAINST, unit="s")
    if not grouped:
        section.not_measured("`deploy --grouped`", _AGAINST, "this checkout's `deploy` has no option --grouped")
    for way, what in (("deploy", "`deploy` of one policy"), ("doctor", "`doctor` with one function")):
        for unit in ("processor", "wall"):
            section.compare("", f"{what}, {unit}", [getattr(used, unit) for used in alone[way]],
                            [getattr(used, unit) for used in alone["custodian run"]],
                            against="`custodian run` that deploys it", unit="s")
    section.notes.append("The largest archive: " + ", ".join(
        f"{way} {size / 1e6:.2f} MB" for way, size in place.bytes.items()) + ".")
    return section


def _environment() -> dict[str, str]:
    """This process's, without what is the user's."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GUARDRAILS_"))}


BENCHMARK = Benchmark("deploy", "How many functions does a deployment of everything make, and how long does it take?",
                      measure, (
    Option("policies", "*", "s3-bucket-public-a*", "a glob of policies"),
    Option("one-by-one", True, False, "also `deploy` without --grouped"),
    Option("rounds", 1, 1, "how often each way deploys, in turn"),
    Option("one", "security-group-admin-ports-revert", "security-group-admin-ports-revert", "the one policy"),
    Option("rounds-of-one", 3, 1, "how often it is deployed, in turn"),
))

if __name__ == "__main__":
    BENCHMARK.main()
