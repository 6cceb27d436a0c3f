"""guardrails.yml: where it is found, and what is an error in it."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

from guardrails.errors import GuardrailsError
from guardrails.settings import Settings, read_settings, team_settings


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A directory with a file of each kind that settings name."""
    for name in ("policies", "controls", "cases", "deep/down", "own"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("accounts.yml", "exceptions.yml"):
        (tmp_path / name).write_text("x: 1\n")
    return tmp_path


def settings(team: Path, text: str) -> Settings:
    file = team / "guardrails.yml"
    file.write_text(text)
    return read_settings(file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_used(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (team / "guardrails.yml").write_text("policies: [policies]\n")
    os.chown(team / "guardrails.yml", 4711, 4711)
    monkeypatch.chdir(team / "deep")
    with pytest.raises(GuardrailsError, match="belongs to another user") as refused:
        team_settings(None)
    assert f"--settings {team / 'guardrails.yml'}" in refused.value.fix
    # Its user has named it.
    assert team_settings(str(team / "guardrails.yml")).file == team / "guardrails.yml"


def test_paths_start_at_the_file(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    found = settings(team, """\
policies: [policies]
controls: [controls]
cases: [cases]
elements: [own]
accounts: accounts.yml
exceptions: ./exceptions.yml
output: runs
""")
    assert found.sources.directories == (str(team / "policies"),)
    assert found.controls == (team / "controls",)
    assert found.cases == (team / "cases",)
    assert found.elements == (team / "own",)
    assert (found.accounts, found.exceptions) == (team / "accounts.yml", team / "exceptions.yml")
    assert (found.output, found.history) == (team / "runs", team / "runs" / "history.db")
    assert settings(team, "history: none").history is None
    assert settings(team, "").sources.packs == Settings().sources.packs, "the shipped policies are the default"
    assert settings(team, "packs: []").sources.packs == ()


@pytest.mark.parametrize(("text", "line", "problem", "fix"), [
    ("\nexlude: []", 2, "unknown key exlude", "did you mean exclude?"),
    ("packs: aws-guardrails", 1, "packs: must be a list, got 'aws-guardrails'", "The shipped policies to use"),
    ("packs: [aws-gardrails]", 1, "packs.0: 'aws-gardrails' is not known", "did you mean aws-guardrails?"),
    ("packs:\n  - {name: aws-guardrails, framework: []}", 2, "packs.0: unknown key framework",
     "did you mean frameworks?"),
    ("packs:\n  - {name: aws-guardrails, severities: [hihg]}", 2, "packs.0.severities.0: 'hihg' is not known",
     "did you mean high?"),
    ("severities: {a: worst}", 1, "severities.a: 'worst' is not known", "use one of"),
    ("severities:\n  a: {default: high}", 2, "severities.a: 'accounts' is a required property", "docs/settings.md"),
    ("severities:\n  a: {accounts: {shop: hihg}}", 2, "severities.a.accounts.shop: 'hihg' is not known",
     "did you mean high?"),
    ("severities:\n  a: {account: {shop: high}}", 2, "severities.a: unknown key account", "did you mean accounts?"),
    ("severities:\n  a: {accounts: {111111111111: high}}", 2,
     "severities.a.accounts: must be a string, got 111111111111", "in quotes"),
    ("severities: {a: [high]}", 1, "severities.a: ['high'] is not known", "did you mean high?"),
    ("policies: [nowhere]", 1, "policies: there is no directory", "create it, or correct the path"),
    ("elements: own", 1, "elements: must be a list, got 'own'", "Directories of your own filters and actions"),
    ("\nelements: [none]", 2, "elements: there is no directory", "create it, or correct the path"),
    ("accounts: policies", 1, "accounts: there is no file", "create it, or correct the path"),
    ("- 1", 1, "must be a mapping", "see docs/settings.md"),
    ("policies: [", 1, "invalid YAML", "fix the YAML"),
])
def test_an_error_has_line_and_fix(team: Path, text: str, line: int, problem: str, fix: str) -> None:
    with pytest.raises(GuardrailsError) as found:
        settings(team, text)
    assert found.value.problem.startswith(f"{team / 'guardrails.yml'}:{line}: {problem}"), found.value.problem
    assert fix in (found.value.fix or "")


def test_a_named_file_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GuardrailsError, match="no such file of settings"):
        team_settings(str(tmp_path / "no.yml"))
    (tmp_path / "guardrails.yml").write_text("frameworks: [one]\n")
    monkeypatch.chdir(tmp_path)
    assert team_settings(None).frameworks == ("one",)
    assert team_settings("none") == Settings()
    monkeypatch.setenv("GUARDRAILS_SETTINGS", "none")
    assert team_settings(None) == Settings()


def test_the_history_may_be_in_s3(tmp_path: Path) -> None:
    file = tmp_path / "guardrails.yml"
    for text, history in (("s3://central/history.db", "s3://central/history.db"), ("none", None),
                          ("past.db", tmp_path / "past.db")):
        file.write_text(f"history: {text}\n")
        assert read_settings(file).history == history
