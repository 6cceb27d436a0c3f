"""How fast `validate` is against `custodian validate` on the same policies, and whether both find the same.

    ./run.sh bench validate                 # 500 policies: some minutes, nearly all of them c7n's
    ./run.sh bench validate --policies 50

Copies the project's policies under other names until there are enough, puts some files with one mistake each among
them, and gives all files to both. Each round runs `validate` with an empty cache (all changed) and then again (none
changed); c7n has no cache. Fails when both find other files wrong.
"""
from __future__ import annotations

import argparse
import os
import re
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import yaml

from bench.harness import Benchmark, Failed, Option, Section, Usage, run, say
from bench.harness.cloud import ROOT
from bench.harness.programs import BIN

_NUMBERS = count()

GROUP = """\
policies:
  - name: seeded
    resource: aws.security-group
    mode:
      type: config-rule
      role: arn:aws:iam::{account_id}:role/guardrails
      packages: [custom_actions]
      handler: custom_actions.lambda_entry.run
      memory: 256
    metadata:
      title: Nobody reaches port 22
      severity: high
      response: revert
      controls: {}
      rationale: Scanners find it.
      fix: It is closed.
      replaces: []
    filters:
      - type: ingress-drift
        forbidden: [tcp 22 from world]
      - {type: value, key: GroupName, op: ne, value: front}
    actions: [revert-ingress]
"""
# A mistake, and what of the policy it replaces. A key given twice is not among them: it ends `custodian validate`,
# which then looks at no further file.
SEEDS = {
    "no mistake": ("x", "x"),
    "unknown resource type": ("aws.security-group", "aws.security-grup"),
    "unknown filter": ("type: ingress-drift", "type: ingres-drift"),
    "unknown action": ("[revert-ingress]", "[revert-ingres]"),
    "unknown setting of ours": ("        forbidden:", "        forbiden:"),
    "unknown setting of c7n's": ("op: ne", "opp: ne"),
    "unknown operator": ("op: ne", "op: nee"),
    "a value that the element refuses": ("tcp 22 from world", "tcp 22 from mars"),
    "a text for a number": ("memory: 256", "memory: much"),
    "unknown mode": ("config-rule", "config-rul"),
    "a name too long for Lambda": ("name: seeded", f"name: {'long' * 16}"),
    "no name": ("  - name: seeded\n    resource", "  - resource"),
    "unknown key": ("    filters:", "    filtres: []\n    filters:"),
}


@dataclass(frozen=True)
class Ran:
    """What one program said of the files."""

    wrong: frozenset[str]
    """Names of files."""
    used: Usage


def generate(directory: Path, number: int) -> int:
    """Write at least so many policies, the project's under other names; returns how many."""
    written = 0
    for copy in range(number):
        for file in sorted((ROOT / "policies").glob("*/*.yml")):
            if written >= number:
                return written
            text = file.read_text(encoding="utf-8")
            names = [policy["name"] for policy in yaml.safe_load(text)["policies"]]
            for name in names:
                # Of the same length, for Lambda's limit is near for some.
                text = re.sub(rf"(?m)^(\s*- name: ){re.escape(name)}$", rf"\g<1>{name[:-3]}{copy:03}", text)
            target = directory / str(copy) / file.parent.name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            written += len(names)
    return written


def seed(directory: Path) -> None:
    """Write a file for each mistake, named after it."""
    for number, (mistake, (old, new)) in enumerate(SEEDS.items()):
        target = directory / "seeded" / f"{mistake.replace(' ', '-')}.yml"
        target.parent.mkdir(parents=True, exist_ok=True)
        text = GROUP.replace(old, new, 1).replace("name: seeded", f"name: seeded-{number}")
        target.write_text(text, encoding="utf-8")


def ours(files: list[Path], cache: Path) -> Ran:
    """Run `validate` with this directory as the user's cache."""
    used = _run("guardrails", files, cache)
    return Ran(_named(files, re.findall(r"(?m)^(\S.*?):\d+: ", used.output + used.errors)), used)


def custodian(files: list[Path], cache: Path) -> Ran:
    """Run `custodian validate`."""
    used = _run("custodian", files, cache)
    judged = re.findall(r"Configuration (invalid|valid): (.*)", used.output + used.errors)
    if len(judged) != len(files):
        raise Failed(f"custodian validate looked at {len(judged)} of {len(files)} files:\n{used.errors[-2000:]}")
    return Ran(_named(files, [file for verdict, file in judged if verdict == "invalid"]), used)


def _run(program: str, files: list[Path], cache: Path) -> Usage:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GUARDRAILS_"))}
    return run([BIN / program, "validate", *files], cwd="/", good=(0, 1), env={**kept, "XDG_CACHE_HOME": str(cache)})


def _named(files: list[Path], named: list[str]) -> frozenset[str]:
    """The files that are meant, whatever way their paths are written."""
    wanted = {Path("/", name).resolve() for name in named}
    return frozenset(str(file) for file in files if file.resolve() in wanted)


def same(mine: Ran, theirs: Ran, directory: Path) -> None:
    """Raises Failed with the files that only one of them calls wrong."""
    lines = []
    for who, only in (("validate", mine.wrong - theirs.wrong), ("custodian validate", theirs.wrong - mine.wrong)):
        lines += [f"wrong, says only {who}: {file.removeprefix(str(directory))}" for file in sorted(only)]
    if lines:
        raise Failed("both find other files wrong:\n" + "\n".join(lines))


def measure(options: argparse.Namespace) -> Section:
    """Generate, run both in turn, compare."""
    changed: list[Ran] = []
    unchanged: list[Ran] = []
    theirs: list[Ran] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name).resolve()
        written = generate(directory / "policies", options.policies)
        seed(directory / "policies")
        files = sorted(directory.rglob("*.yml"))
        for round_ in range(options.rounds):
            cache = directory / f"cache-{next(_NUMBERS)}"
            changed.append(ours(files, cache))
            unchanged.append(ours(files, cache))
            if round_ < options.custodian_rounds:
                theirs.append(custodian(files, directory / f"cache-{next(_NUMBERS)}"))
            say(f"round {round_ + 1} of {options.rounds}: all changed {changed[-1].used.wall:.1f} s, none changed "
                f"{unchanged[-1].used.wall:.1f} s, custodian {theirs[-1].used.wall:.1f} s")
        for each in (*changed, *unchanged):
            same(each, theirs[0], directory)
    section = Section(
        f"{written} policies and {len(SEEDS)} more, of which {len(theirs[0].wrong)} have a mistake that both find, in "
        f"{len(files)} files. `custodian validate` is run {len(theirs)} time(s), because it takes so long.")
    for what, runs, target in (("all changed", changed, "changed"), ("none changed", unchanged, "unchanged")):
        for measured in ("processor", "wall"):
            section.compare(
                f"validate.{target}" if measured == "processor" else "", f"{what}, {measured}",
                [getattr(each.used, measured) for each in runs], [getattr(each.used, measured) for each in theirs],
                against="`custodian validate`", unit="s")
    return section


BENCHMARK = Benchmark("validate", "How fast does `validate` check 500 policies, against c7n?", measure, (
    Option("policies", 500, 1, "at least so many"),
    Option("rounds", 3, 1, "how often ours is run, all changed and none changed"),
    Option("custodian-rounds", 1, 1, "how often c7n is run"),
))

if __name__ == "__main__":
    BENCHMARK.main()
