"""The operator's side: errors with file and line, which findings are excepted, and what becomes of each entry."""
from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from custom_actions.exceptions import in_force
from guardrails.errors import GuardrailsError
from guardrails.results import exceptions as module
from guardrails.results.exceptions import Exceptions, load
from guardrails.results.finding import Finding, Status
from tests.custom_actions.exceptions.rules import GROUP, RED, entry

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OTHER = "222222222222"
FINDING = Finding(
    account=RED, account_name="red", region="eu-west-1", policy="open-ssh", resource_type="aws.security-group",
    resource="sg-1", arn=GROUP, severity="high", title="t", response="revert")


def file(tmp_path: Path, *entries: dict[str, Any], **more: Any) -> Path:
    path = tmp_path / "exceptions.yml"
    path.write_text(yaml.safe_dump({**more, "exceptions": list(entries)}, sort_keys=False), encoding="utf-8")
    return path


def loaded(tmp_path: Path, *entries: dict[str, Any], **more: Any) -> Exceptions:
    return load(file(tmp_path, *entries, **more), now=NOW)


def test_an_error_names_file_and_line(tmp_path: Path) -> None:
    path = file(tmp_path, entry(), entry(account="12"))
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "'12'" in text)
    with pytest.raises(GuardrailsError) as raised:
        load(path, now=NOW)
    assert raised.value.problem.startswith(f"{path}:{line}: account must be 12 digits or")
    assert raised.value.fix


@pytest.mark.parametrize(("text", "said"), [
    ("exceptions: [", ":1: invalid YAML"), ("warn_days: 1\nwarn_days: 2\n", ":2: duplicate key 'warn_days'")])
def test_an_error_of_yaml_names_the_line_too(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "e.yml").write_text(text, encoding="utf-8")
    with pytest.raises(GuardrailsError, match=said):
        load(tmp_path / "e.yml", now=NOW)


def test_a_file_that_was_named_must_be_there_and_the_default_need_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(GuardrailsError, match=r"absent\.yml:1: cannot be read"):
        load(tmp_path / "absent.yml")
    monkeypatch.setattr(in_force, "_BESIDE", tmp_path)
    assert load(None).rules == () and load(None).path is None
    path = file(tmp_path, entry(expires="2020-01-01"))
    assert load(None).path == path and len(load(None).rules) == 1


def test_a_finding_is_excepted_with_the_rule(tmp_path: Path) -> None:
    made = loaded(tmp_path, entry())
    covered = made.apply(FINDING)
    assert (covered.status, covered.exception) == (Status.EXCEPTED, entry())
    assert json.dumps(covered.exception)
    assert covered.id == FINDING.id
    other = replace(FINDING, account=OTHER)
    assert made.apply(other) == other
    assert loaded(tmp_path, entry(expires="2026-11-23")).apply(covered) == FINDING, "it has ended: open again"
    fixed = replace(FINDING, status=Status.FIXED)
    assert made.apply(fixed) == fixed


def names(entries: Iterable[module.ExceptionEntry]) -> list[str]:
    return [entry.rule.reason for entry in entries]


def test_what_becomes_of_each_entry(tmp_path: Path) -> None:
    made = loaded(
        tmp_path,
        entry(reason="used"),
        entry(reason="used too", resource="sg-*"),
        entry(reason="ended", expires="2026-11-23"),
        entry(reason="ends soon", expires="2026-12-01"),
        entry(reason="idle", resource="sg-9"),
        entry(reason="not asked for", account=OTHER, resource="sg-9"),
        entry(reason="denied in one region", policy="open-rdp", region=None, resource="sg-9"),
        entry(reason="no such policy", policy="open-shh"),
        warn_days=7,
    )
    checks = [
        (RED, "eu-west-1", "open-ssh", "ran"), (RED, "us-east-1", "open-ssh", "denied"),
        (RED, "eu-west-1", "open-rdp", "ran"), (RED, "us-east-1", "open-rdp", "denied"),
        (OTHER, "eu-west-1", "open-rdp", "ran"),
    ]
    state = made.state([made.apply(FINDING)], checks, ["open-ssh", "open-rdp"])
    assert [e.findings for e in state.in_force] == [1, 1, 1, 0, 0, 0, 0]
    assert names(state.expired) == ["ended"]
    assert names(state.expiring) == ["ends soon"]
    assert names(state.unused) == ["idle"]
    assert names(state.unknown) == ["not asked for", "denied in one region", "no such policy"]
    assert names(state.misnamed) == ["no such policy"]
    assert len(state.notes()) == 4 and "within 7 days" in " ".join(state.notes())
    [ended] = state.to_dict()["expired"]
    assert ended["where"] == f"{made.path}:{made.lines[2]}" and ended["days_left"] == -1


def test_a_policy_that_is_off_there_is_not_asked_for(tmp_path: Path) -> None:
    state = loaded(tmp_path, entry()).state([], [(RED, "eu-west-1", "open-ssh", "skipped")])
    assert names(state.unused) == [] and len(state.unknown) == 1


def test_an_arn_of_another_region_is_not_asked_for(tmp_path: Path) -> None:
    """Where the rule has no region of its own, the ARN's tells what it speaks of."""
    made = loaded(tmp_path, entry(region=None))
    assert len(made.state([], [(RED, "us-east-1", "open-ssh", "ran")]).unknown) == 1
    assert len(made.state([], [
        (RED, "us-east-1", "open-ssh", "error"), (RED, "eu-west-1", "open-ssh", "ran")]).unused) == 1
