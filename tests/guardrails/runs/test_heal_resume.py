"""The files of a heal that was interrupted: reading them, and refusing what cannot be resumed."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from guardrails.errors import GuardrailsError
from guardrails.policies import PolicySources
from guardrails.results.exceptions import Exceptions
from guardrails.results.store import FILE, AccountInfo, CheckRow, RunStore
from guardrails.runs.account_lock import locked_accounts
from guardrails.runs.audit import AuditRequest
from guardrails.runs.fix_rounds import fix_rounds, new_round
from guardrails.runs.heal_limits import HealLimits
from guardrails.runs.heal_result import assess_heal_again
from guardrails.runs.heal_start import resume_heal

from ..conftest import HOME, POLICIES, RED, Cloud, guardrails

RECEIPT = {"account": RED, "region": "us-east-1", "policy": "p", "resource": "r", "outcome": "reverted"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    """The file of a heal of one account."""
    with RunStore.create(tmp_path / FILE) as made:
        for key, value in {"verb": "heal", "run": "1", "version": "1", "started": "2026-01-01T00:00:00+00:00"}.items():
            made[key] = value
        made.set_accounts([AccountInfo(RED, "red", ("us-east-1",))])
        yield made


def journal(directory: Path, policy: str, *entries: dict[str, Any]) -> None:
    file = directory / "output/red/us-east-1" / policy / "fixes.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))


def test_each_round_has_its_own_journals(store: RunStore, tmp_path: Path) -> None:
    assert new_round(tmp_path) == tmp_path / "fix"
    store.add([(CheckRow(RED, "red", "global", "p", "ran", "", 1), []),
               (CheckRow(RED, "red", "us-east-1", "q", "ran", "", 1), [])])
    journal(tmp_path / "fix", "p", {**RECEIPT, "begins": "x", "call": {}, "inverse": []}, {"receipt": {"outcome": "?"}})
    (tmp_path / "fix/output/red/us-east-1/q").mkdir()
    (tmp_path / "fix/output/other/us-east-1/q").mkdir(parents=True)
    assert new_round(tmp_path) == tmp_path / "fix-2"
    journal(tmp_path / "fix-2", "p", {"receipt": RECEIPT})
    assert new_round(tmp_path) == tmp_path / "fix-3"
    first, second = fix_rounds(tmp_path, store)
    # What belongs to the whole account ran in one region, and is reported as global.
    name = (RED, "p", "r", "global")
    assert [receipt["outcome"] for receipt in first.receipts[name]] == ["interrupted"]
    assert first.without_journal == {(RED, "us-east-1", "q")}
    assert second.receipts == {name: [RECEIPT]}


@pytest.mark.parametrize(("phase", "headline", "advice"), [
    (None, "INCOMPLETE: an earlier version of guardrails made this heal", ""),
    ("sweeping", "INTERRUPTED while sweeping: nothing was changed", "--resume"),
    ("fixing", "INTERRUPTED while fixing: 0 of 0 findings fixed so far", "--resume"),
    ("planned", "PLANNED: 0 findings could be fixed, nothing was changed", ""),
    ("cancelled", "CANCELLED: 0 findings could be fixed, nothing was changed", ""),
])
def test_a_report_says_how_far_a_heal_has_come(
    store: RunStore, tmp_path: Path, phase: str | None, headline: str, advice: str
) -> None:
    if phase:
        store["phase"] = phase
    assessment, how = assess_heal_again(store, tmp_path, controls=[], exceptions=Exceptions())
    assert assessment.first_line().startswith(headline)
    assert advice in how
    assert bool(advice) == bool(how)
    assert assessment.complete is (phase in ("planned", "cancelled"))


def test_a_heal_that_still_runs_is_not_interrupted(store: RunStore, tmp_path: Path) -> None:
    store["phase"] = "fixing"
    with locked_accounts([RED], tmp_path.resolve()):
        assessment, advice = assess_heal_again(store, tmp_path, controls=[], exceptions=Exceptions())
    assert assessment.first_line().startswith("RUNNING (fixing, process ")
    assert (assessment.complete, advice) == (False, "")


@pytest.mark.parametrize("damage", [
    lambda store: store.__setitem__("phase", "dancing"),
    lambda store: store.__setitem__("phase", ["fixing"]),
    lambda store: store.__setitem__("others", [{"a": 1}]),
    lambda store: store.__setitem__("confirmed", 7),
])
def test_a_damaged_file_is_an_error(store: RunStore, tmp_path: Path, damage: Callable[[RunStore], None]) -> None:
    store["phase"] = "fixing"
    damage(store)
    with pytest.raises(GuardrailsError, match="the file is damaged"):
        assess_heal_again(store, tmp_path, controls=[], exceptions=Exceptions())


@pytest.mark.parametrize(("change", "message"), [
    (lambda store: store.__setitem__("verb", "audit"), "not a heal that can be resumed"),
    (lambda store: store.__setitem__("phase", "planned"), "nothing is left to do"),
    (lambda store: store.__setitem__("phase", "dancing"), "the file is damaged"),
    (lambda store: store.__setitem__("question", {"a": 1}), "the file is damaged"),
    (lambda store: store.__setitem__("question", None), "not a heal that can be resumed"),
    (lambda store: store.__setitem__("fingerprint", "other"), "the policies have changed since this heal began"),
    (lambda store: store.path.chmod(0o620), "another user can change it"),
    (lambda store: store.path.parent.chmod(0o777), "another user can change it"),
])
def test_what_cannot_be_resumed_is_refused(
    store: RunStore, tmp_path: Path, change: Callable[[RunStore], None], message: str
) -> None:
    tmp_path.chmod(0o700)
    request = AuditRequest("", (), (), (), (), (), PolicySources.of(POLICIES), (), "", "")
    store["question"], store["phase"], store["applied"] = asdict(request), "fixing", None
    store["fingerprint"], store["limits"] = "one", HealLimits().to_dict()
    change(store)
    with pytest.raises(GuardrailsError, match=message):
        resume_heal(tmp_path)


def test_an_interrupted_heal_says_how_to_go_on(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("guardrails.runs.heal.sweep", interrupted)
    result = guardrails("heal", "--policies", POLICIES, "-o", tmp_path / "out", "--yes")
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-2:] == [
        "interrupted while sweeping", f"  resume with: guardrails heal --resume {tmp_path / 'out'}"]
    # With other accounts than it began with, it is not resumed.
    with RunStore.open(tmp_path / "out") as store:
        assert [account.id for account in store.accounts()] == [HOME]
        store.set_accounts([AccountInfo(RED, "red", ())])
    refused = guardrails("heal", "--resume", tmp_path / "out", "--yes")
    assert (refused.exit_code, "the accounts have changed since this heal began" in refused.stderr) == (1, True)
