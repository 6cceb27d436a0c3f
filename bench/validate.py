"""How many times faster `validate` is than `custodian validate` on the same policies, and whether both find the same.

    ./run.sh python bench/validate.py               # 500 policies: six minutes or so, nearly all of it c7n's
    ./run.sh python bench/validate.py --policies 50

Copies the project's policies under other names until there are enough, puts some files with one mistake each among
them, and gives all files to both, one after the other, each in a process of its own: `validate` with everything
changed (no verdict is stored), and then with nothing changed. Prints the median seconds of the processor and of the
clock, the ratios, and the files that each calls wrong. Exits with 1 when these differ, when stored verdicts change the
report, or, from 500 policies on, when a ratio is below its target.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
WANTED = {"all changed": 40.0, "none changed": 300.0}
"""How many times less processor time than `custodian validate`."""
TIMES = 5
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
    text: str = ""
    """Without the seconds."""


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


def ours(files: list[Path], cache: Path | None = None) -> Ran:
    """Run `validate` with the verdicts stored in a directory, or without any."""
    text, seconds, processor = _run(
        ["guardrails", "validate", *map(str, files)], {"GUARDRAILS_CACHE": str(cache or "none")})
    wrong = _named(files, re.findall(r"(?m)^(\S.*?):\d+: ", text))
    return Ran(wrong, seconds, processor, re.sub(r"\d+\.\d s$", "", text, flags=re.MULTILINE))


def middle(runs: list[Ran]) -> Ran:
    """Runs with the same result as one, with the medians of their times. Exits when their results differ."""
    if len({run.text for run in runs}) != 1:
        raise SystemExit("validate said different things of the same files")
    return Ran(runs[0].wrong, statistics.median(run.seconds for run in runs),
               statistics.median(run.processor for run in runs), runs[0].text)


def custodian(files: list[Path]) -> Ran:
    """Run `custodian validate`."""
    text, seconds, processor = _run(["custodian", "validate", *map(str, files)])
    judged = re.findall(r"Configuration (invalid|valid): (.*)", text)
    if len(judged) != len(files):
        raise SystemExit(f"custodian validate looked at {len(judged)} of {len(files)} files:\n{text[-2000:]}")
    return Ran(_named(files, [file for verdict, file in judged if verdict == "invalid"]), seconds, processor)


def _run(command: list[str], more: dict[str, str] | None = None) -> tuple[str, float, float]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [str(_PROGRAMS / command[0]), *command[1:]], capture_output=True, text=True, check=False, cwd="/",
        env={**environment, **(more or {})})
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
        ours(files, directory / "first")  # compiles the modules of a new checkout
        times = 1 if number < 100 else TIMES
        measured = {
            "all changed": middle([ours(files, directory / f"cache-{turn}") for turn in range(times)]),
            "none changed": middle([ours(files, directory / "cache-0") for _ in range(times)]),
        }
        theirs = custodian(files)
    print(f"{written} policies and {len(SEEDS)} more, in {len(files)} files; {times} runs of validate each")
    print(f"custodian validate      {theirs.processor:8.2f} s of the processor {theirs.seconds:8.2f} s of the clock")
    ratios = {}
    for what, mine in measured.items():
        ratios[what] = round(theirs.processor / mine.processor, 1)
        print(f"validate, {what:13} {mine.processor:8.2f} s of the processor {mine.seconds:8.2f} s of the clock")
        print(f"ratio                   {ratios[what]:8.1f} {theirs.seconds / mine.seconds:27.1f}")
    mine = measured["all changed"]
    same = mine.wrong == theirs.wrong and measured["none changed"].text == mine.text
    print(f"wrong, said both: {len(mine.wrong & theirs.wrong)} files")
    for who, only in (("validate", mine.wrong - theirs.wrong), ("custodian validate", theirs.wrong - mine.wrong)):
        for file in sorted(only):
            print(f"wrong, said only {who}: {file.removeprefix(name)}")
    print(json.dumps({"policies": written, "ratio": ratios["all changed"], "ratio_none_changed": ratios["none changed"],
                      "same": same}))
    if not same or (written >= 500 and any(ratios[what] < wanted for what, wanted in WANTED.items())):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
