"""How many times faster `validate` is than `custodian validate` on the same policies, and whether both find the same.

    ./run.sh python bench/validate.py               # 500 policies: six minutes or so, nearly all of it c7n's
    ./run.sh python bench/validate.py --policies 50

Copies the project's policies under other names until there are enough, puts some files with one mistake each among
them, and gives all files to both, one after the other, each in a process of its own. Prints seconds of the processor
and of the clock, the ratio, and the files that each calls wrong. Exits with 1 when these differ or, from 500 policies
on, when the ratio is below 20.
"""
from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
WANTED = 20.0
_PROGRAMS = Path(sys.executable).parent

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
    seconds: float
    processor: float


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


def ours(files: list[Path]) -> Ran:
    """Run `validate`."""
    text, seconds, processor = _run(["guardrails", "validate", *map(str, files)])
    return Ran(_named(files, re.findall(r"(?m)^(\S.*?):\d+: ", text)), seconds, processor)


def custodian(files: list[Path]) -> Ran:
    """Run `custodian validate`."""
    text, seconds, processor = _run(["custodian", "validate", *map(str, files)])
    judged = re.findall(r"Configuration (invalid|valid): (.*)", text)
    if len(judged) != len(files):
        raise SystemExit(f"custodian validate looked at {len(judged)} of {len(files)} files:\n{text[-2000:]}")
    return Ran(_named(files, [file for verdict, file in judged if verdict == "invalid"]), seconds, processor)


def _run(command: list[str]) -> tuple[str, float, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [str(_PROGRAMS / command[0]), *command[1:]], capture_output=True, text=True, check=False, cwd="/")
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout + done.stderr, seconds, (
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _named(files: list[Path], said: list[str]) -> frozenset[str]:
    """The files that are meant, whatever way their paths are written."""
    wanted = {Path("/", name).resolve() for name in said}
    return frozenset(str(file) for file in files if file.resolve() in wanted)


def main() -> None:
    """Generate, run both, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policies", type=int, default=500)
    number = parser.parse_args().policies
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        written = generate(directory, number)
        seed(directory)
        files = sorted(directory.rglob("*.yml"))
        mine, theirs = ours(files), custodian(files)
    ratio, clock = theirs.processor / mine.processor, theirs.seconds / mine.seconds
    print(f"{written} policies and {len(SEEDS)} more, in {len(files)} files")
    print(f"validate            {mine.processor:8.1f} s of the processor {mine.seconds:8.1f} s of the clock")
    print(f"custodian validate  {theirs.processor:8.1f} s of the processor {theirs.seconds:8.1f} s of the clock")
    print(f"ratio               {ratio:8.1f}{clock:29.1f}")
    same = mine.wrong == theirs.wrong
    print(f"wrong, said both: {len(mine.wrong & theirs.wrong)} files")
    for who, only in (("validate", mine.wrong - theirs.wrong), ("custodian validate", theirs.wrong - mine.wrong)):
        for file in sorted(only):
            print(f"wrong, said only {who}: {file.removeprefix(name)}")
    print(json.dumps({"policies": written, "ratio": round(ratio, 1), "clock": round(clock, 1), "same": same}))
    if not same or (written >= 500 and ratio < WANTED):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
