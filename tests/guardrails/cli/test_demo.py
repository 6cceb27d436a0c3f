"""`demo`, whole: what it prints has happened, and nothing of it is left."""
from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from guardrails.cli.main import VERBS, main, verbs
from guardrails.paths import ROOT
from guardrails.sandbox.ministack import still_running

GUARDRAILS = Path(sys.executable).with_name("guardrails")
SAFELY_FIXED = {
    "security-group-admin-ports", "security-group-web-exact", "s3-bucket-encryption", "ebs-encryption-by-default",
    "ec2-unapproved-image",
}


@dataclass(frozen=True)
class Demo:
    """A demo that has ended, run with --json: the text is on standard error."""

    target: Path
    text: str
    result: dict[str, Any]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    target = tmp_path_factory.mktemp("demo") / "out"
    done = subprocess.run(
        [GUARDRAILS, "demo", "--json", "-o", str(target)], cwd=target.parent, capture_output=True, text=True,
        timeout=400, check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Demo(target, done.stderr, json.loads(done.stdout))


def findings(report: Path) -> set[tuple[str, str, str]]:
    data = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert data["complete"]
    return {
        (found["account"], found["policy"], found["resource"]) for found in data["findings"]
        if found["status"] == "open"}


def test_what_has_a_safe_fix_is_gone_and_nothing_else(demo: Demo) -> None:
    target = demo.target
    before, after = findings(target / "before"), findings(target / "after")
    assert after < before
    assert {policy for _, policy, _ in before - after} == SAFELY_FIXED
    assert not {policy for _, policy, _ in after} & SAFELY_FIXED
    # The second report says of each what became of it.
    data = json.loads((target / "after/report.json").read_text(encoding="utf-8"))
    fixed = {(f["account"], f["policy"], f["resource"]) for f in data["findings"] if f["status"] == "fixed"}
    assert fixed == before - after
    assert data["score"]["value"] > json.loads((target / "before/report.json").read_text())["score"]["value"]


def test_the_functions_answered_cold_and_warm_and_left_a_receipt(demo: Demo) -> None:
    text = demo.text
    for what in ("port 22 closed to the world again", "the trail logs again"):
        for start in ("cold", "warm"):
            assert any(what in line and start in line and line.rstrip().endswith(" s") for line in text.splitlines())
    assert "the function's receipt: reverted, removed" in text
    assert "user/admin with AuthorizeSecurityGroupIngress" in text


def test_the_result_is_what_the_reports_and_the_text_say(demo: Demo) -> None:
    result = demo.result
    for name in ("before", "after"):
        assert {(each["account"], each["policy"], each["resource"]) for each in result[name]} == findings(
            demo.target / name)
    assert [each["start"] for each in result["reverted"]] == ["cold", "cold", "warm", "warm"]
    assert all(f"{each['seconds']:.2f} s" in demo.text for each in result["reverted"])
    assert f"Done in {result['seconds']:.0f} s" in demo.text
    assert result["directory"] == str(demo.target)


def test_it_ends_with_the_rollback_of_its_own_run_and_the_next_steps(demo: Demo) -> None:
    lines = [line.strip() for line in demo.text.partition("Done in ")[2].splitlines()]
    assert demo.result["rollback"] in lines, "on a line of its own, to copy"
    assert "guardrails audit" in lines and "guardrails init team" in lines
    # The command selects receipts of this run, all of one account: `rollback` refuses two accounts.
    verb, source, *options = shlex.split(demo.result["rollback"])[1:]
    assert (verb, source) == ("rollback", str(demo.target / "heal"))
    listed = CliRunner().invoke(main, ["receipts", source, *options, "--json"])
    found = [each["receipt"] for each in json.loads(listed.stdout)]
    assert {each["account"] for each in found} == {"111111111111"}
    assert {each["policy"] for each in found} > {"s3-bucket-encryption", "security-group-admin-ports"}


def test_its_duration_is_the_same_everywhere() -> None:
    """About 75 seconds on an idle machine with two processors, 95 on a busy one."""
    said = {
        "the list of verbs": VERBS["demo"], "its help": str(verbs()["demo"].help),
        **{str(page): "\n".join(line for line in page.read_text().splitlines() if "demo" in line)
           for page in (ROOT / "README.md", ROOT / "docs" / "commands.md", ROOT / "docs" / "sandbox.md")}}
    found = {where: set(re.findall(r"\w+ minutes", text)) for where, text in said.items()}
    assert found["the list of verbs"] == found[str(ROOT / "README.md")] == {"two minutes"}
    assert set().union(*found.values()) == {"two minutes"}


def test_no_process_is_left(demo: Demo) -> None:
    target = demo.target
    assert "processes of the local AWS have ended" in demo.text
    marker = str(target / "sandbox")
    left = [
        int(entry.name) for entry in Path("/proc").glob("[0-9]*")
        if marker in _command_line(entry)
    ]
    assert not still_running(left)


def _command_line(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
