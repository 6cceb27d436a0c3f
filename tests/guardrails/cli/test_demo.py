"""`demo`, whole: what it prints has happened, and nothing of it is left."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guardrails.sandbox.ministack import still_running

GUARDRAILS = Path(sys.executable).with_name("guardrails")
SAFELY_FIXED = {
    "security-group-admin-ports", "security-group-web-exact", "s3-bucket-encryption", "ebs-encryption-by-default",
    "ec2-unapproved-image",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    target = tmp_path_factory.mktemp("demo") / "out"
    done = subprocess.run(
        [GUARDRAILS, "demo", "-o", str(target)], cwd=target.parent, capture_output=True, text=True, timeout=400,
        check=False, env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target, done.stdout


def findings(report: Path) -> set[tuple[str, str, str]]:
    data = json.loads((report / "report.json").read_text(encoding="utf-8"))
    assert data["complete"]
    return {
        (found["account"], found["policy"], found["resource"]) for found in data["findings"]
        if found["status"] == "open"}


def test_what_has_a_safe_fix_is_gone_and_nothing_else(demo: tuple[Path, str]) -> None:
    target, _ = demo
    before, after = findings(target / "before"), findings(target / "after")
    assert after < before
    assert {policy for _, policy, _ in before - after} == SAFELY_FIXED
    assert not {policy for _, policy, _ in after} & SAFELY_FIXED
    # The second report says of each what became of it.
    data = json.loads((target / "after/report.json").read_text(encoding="utf-8"))
    fixed = {(f["account"], f["policy"], f["resource"]) for f in data["findings"] if f["status"] == "fixed"}
    assert fixed == before - after
    assert data["score"]["value"] > json.loads((target / "before/report.json").read_text())["score"]["value"]


def test_the_functions_answered_cold_and_warm_and_left_a_receipt(demo: tuple[Path, str]) -> None:
    _, text = demo
    for what in ("port 22 closed to the world again", "the trail logs again"):
        for start in ("cold", "warm"):
            assert any(what in line and start in line and line.rstrip().endswith(" s") for line in text.splitlines())
    assert "the function's receipt: reverted, removed" in text
    assert "user/admin with AuthorizeSecurityGroupIngress" in text


def test_no_process_is_left(demo: tuple[Path, str]) -> None:
    target, text = demo
    assert "processes of the local AWS have ended" in text
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
