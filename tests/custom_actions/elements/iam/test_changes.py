"""Carrying out changes: what is really done is in the result, and only that can be taken back."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from custom_actions.elements.iam.changes import Change, carry_out
from custom_actions.elements.iam.documents import DocumentError
from custom_actions.fixing.receipt import Call, Outcome


class Client:
    """Sets and unsets names; `refused` ones fail."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.there: list[str] = []

    def set(self, name: str) -> None:
        if name in self.refused:
            raise ClientError({"Error": {"Code": "NoSuchEntity", "Message": "gone"}}, "Set")
        self.there.append(name)


def setting(name: str) -> Change:
    return Change(Call("x", "set", {"name": name}), Call("x", "unset", {"name": name}), added={"name": name})


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0, 0.0))


def test_nothing_to_do() -> None:
    assert carry_out(Client(), [], lambda: ["never asked"]).outcome is Outcome.ALREADY_OK


@pytest.mark.parametrize(("refused", "left", "outcome", "done"), [
    ([], [], Outcome.REVERTED, ["a", "b"]),
    # Somebody else was quicker: the call fails, and all is as it should be.
    (["a"], [], Outcome.REVERTED, ["b"]),
    (["a", "b"], [], Outcome.ALREADY_OK, []),
    (["a"], ["a"], Outcome.PARTIAL, ["b"]),
    (["a", "b"], ["a", "b"], Outcome.FAILED, []),
    ([], ["a"], Outcome.PARTIAL, ["a", "b"]),
])
def test_the_outcome_is_what_reading_back_shows(
    refused: list[str], left: list[str], outcome: Outcome, done: list[str]
) -> None:
    client = Client(*refused)
    result = carry_out(client, [setting("a"), setting("b")], lambda: left)
    assert (result.outcome, client.there) == (outcome, done)
    assert [change.added for change in result.changes] == [{"name": name} for name in done]
    assert bool(result.reason) is outcome.needs_a_person


def test_an_old_first_answer_is_read_again() -> None:
    answers = [["a"], ["a"], []]
    result = carry_out(Client(), [setting("a")], lambda: answers.pop(0))
    assert (result.outcome, answers) == (Outcome.REVERTED, [])


@pytest.mark.parametrize("error", [
    ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Get"), DocumentError("no JSON"),
])
def test_what_cannot_be_read_back_is_not_proved(error: Exception) -> None:
    def left() -> Sequence[str]:
        raise error

    look: Callable[[], Any] = left
    result = carry_out(Client(), [setting("a")], look)
    assert result.outcome is Outcome.PARTIAL
    assert result.reason.startswith("could not read it back: ")
    assert len(result.changes) == 1
