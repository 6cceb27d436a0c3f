"""What a verb asks before it runs policies: what c7n has accepted is not asked again, and nothing else is stored."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from guardrails.policies import engine, verdict_store
from guardrails.policies.engine import PolicyProblem
from guardrails.policies.invalid import invalid_policies

GOOD: dict[str, Any] = {"name": "good", "resource": "aws.ec2", "filters": [{"type": "value"}]}
BAD: dict[str, Any] = {**GOOD, "name": "bad"}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The policies that c7n is asked about; it refuses those that are named bad."""
    names: list[str] = []

    def problems(policy: dict[str, Any], resource: str) -> list[PolicyProblem]:
        names.append(policy["name"])
        return [PolicyProblem((), "refused", "mend it")] if policy["name"] == "bad" else []

    monkeypatch.setattr(engine, "policy_problems", problems)
    monkeypatch.setenv(verdict_store.VARIABLE, str(tmp_path / "cache"))
    return names


def ask(*policies: dict[str, Any], resource: str = "aws.ec2") -> list[tuple[int, str, str]]:
    return list(invalid_policies((resource, policy) for policy in policies))


def test_only_what_was_accepted_is_not_asked_again(asked: list[str]) -> None:
    assert ask(GOOD, BAD) == [(1, "refused", "mend it")]
    assert ask(BAD, GOOD) == [(0, "refused", "mend it")]
    assert asked == ["good", "bad", "bad"]


@pytest.mark.parametrize("changed", [
    {**GOOD, "filters": [{"type": "value", "key": "x"}]}, {**GOOD, "mode": {"type": "periodic"}},
    {**GOOD, "filters": [{"type": "value", 1: "x"}]}, {**GOOD, "filters": [{"type": "value", "1": "x"}]},
])
def test_another_policy_is_asked(asked: list[str], changed: dict[str, Any]) -> None:
    ask(GOOD)
    ask(changed)
    ask(changed)
    assert len(asked) == 2
    ask({**changed, "filters": [{"type": "value", "1": 1}]})
    assert len(asked) == 3
    ask(GOOD, resource="aws.s3")
    assert len(asked) == 4


def test_without_a_store_every_policy_is_asked(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(verdict_store.VARIABLE, "none")
    ask(GOOD)
    ask(GOOD)
    assert asked == ["good", "good"]


def test_a_stored_value_of_another_form_is_not_believed(asked: list[str], tmp_path: Path) -> None:
    ask(GOOD)
    [file] = (tmp_path / "cache").iterdir()
    store = verdict_store.VerdictStore.open(file.stem)
    [key] = store._known
    store.remember(key, 1)
    store.save()
    ask(GOOD)
    assert asked == ["good", "good"]
