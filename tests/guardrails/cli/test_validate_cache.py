"""`validate` with stored verdicts says the same as without, and does not load c7n when nothing has changed."""
from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from guardrails.policies.verdict_store import VARIABLE

from ...team_elements import program, verb, write_team
from ..conftest import POLICIES, guardrails
from .test_validate import GOOD


def said(*arguments: object) -> tuple[int, str, str]:
    """The exit code, and what was said without the seconds."""
    done = guardrails("validate", *arguments)
    return done.exit_code, re.sub(r'\d+\.\d s$|"seconds": .*', "", done.stdout, flags=re.MULTILINE), done.stderr


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Policies with every kind of problem, in several files."""
    directory = tmp_path / "mine"
    shutil.copytree(POLICIES, directory / "shipped-alike")
    for name, text in {
        "good": GOOD, "same-name": GOOD, "wrong-value": GOOD.replace("tcp 22 from world", "tcp 22 from mars"),
        "no-yaml": "policies: [", "no-filter": GOOD.replace("ingress-drift", "ingres-drift"), "nothing": "",
        "plain": "policies:\n  - name: plain\n    resource: ec2\n", "unknown-control": GOOD.replace("5.3", "5.33"),
    }.items():
        (directory / f"{name}.yml").write_text(text)
    (tmp_path / "cases" / "periodic").mkdir(parents=True)
    (tmp_path / "cases" / "periodic" / "p.yml").write_text("plain:\n  - case: one\n")
    (tmp_path / "cases" / "periodic" / "q.yml").write_text("plain: [")
    return directory


def test_the_report_is_the_same_without_a_store_and_with_a_new_and_an_old_one(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for options in ((), ("--strict",), ("--json",), ("-v", "--cases", tmp_path / "cases")):
        monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
        without = said(files, "--no-cache", *options)
        assert not (tmp_path / "cache").exists()
        assert without[0] == 1 and "duplicate policy name open-ssh" in without[1]
        assert said(files, *options) == without
        assert (tmp_path / "cache").exists()
        assert said(files, *options) == without
        shutil.rmtree(tmp_path / "cache")
        monkeypatch.setenv(VARIABLE, "none")
        assert said(files, *options)[:2] == without[:2]


def test_what_several_files_decide_is_decided_anew(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    good, same = files / "good.yml", files / "same-name.yml"
    assert said(good)[0] == said(same)[0] == 0
    assert "duplicate policy name open-ssh" in said(good, same)[1]
    cases = tmp_path / "cases"
    (cases / "periodic" / "q.yml").unlink()
    assert "the policy has no test case" in said(good, "--cases", cases)[1]
    (cases / "periodic" / "q.yml").write_text("open-ssh:\n  - case: one\n")
    assert said(good, "--cases", cases)[0] == 0


def test_nothing_changed_loads_no_c7n_also_with_a_teams_elements(tmp_path: Path) -> None:
    team = write_team(tmp_path / "team")
    script = ("import sys; from guardrails.cli.main import main\n"
              "try:\n    main(['validate'])\nexcept SystemExit as end:\n"
              "    print(end.code, sorted({'c7n.policy', 'team_elements'} & sys.modules.keys()))")
    environment = {VARIABLE: str(tmp_path / "cache"), "GUARDRAILS_SETTINGS": ""}
    first, second = (program("python", "-c", script, cwd=team, **environment) for _ in range(2))
    assert first.stdout.endswith("0 ['c7n.policy', 'team_elements']\n"), first.stdout + first.stderr
    assert second.stdout.endswith("0 []\n"), second.stdout + second.stderr
    element = next((team / "team_elements").glob("*.py"))
    element.write_text(element.read_text() + "\n1/0\n")
    broken = verb("validate", cwd=team, **environment)
    assert broken.returncode == 1 and "ZeroDivisionError" in broken.stdout, broken.stdout + broken.stderr
