"""Our policies and their cases, for the tests that run them; `guardrails.cases` runs a case.

A case file `tests/policies/<mode>/<service>.yml` mirrors `policies/<mode>/<service>.yml`. Its keys are policy names,
each with a list of cases; `docs/policies.md` tells how to write one.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from custom_actions.names import TOPIC
from custom_actions.vocabulary import PASSIVE as REPORTING
from guardrails import yamlfile
from guardrails.cases import Case, PolicyResult, read_cases
from guardrails.cases import deployed as deployment
from guardrails.cases import world as worlds
from guardrails.cases.engine import Engine
from guardrails.cases.world import heard, read_notify
from guardrails.policies import Policy, load
from guardrails.sandbox import Sandbox
from guardrails.sandbox.backdate import backdate
from guardrails.sandbox.given_state import set_state
from guardrails.sandbox.ownership import set_owner
from tests.moto_server import ACCOUNT

__all__ = ["REPORTING", "TOPIC", "Case", "Engine", "read_notify"]

ROOT = Path(__file__).parents[2]
POLICIES = ROOT / "policies"
CASES = Path(__file__).parent


def policy_files() -> list[Path]:
    return sorted(POLICIES.glob("*/*.yml"))


@cache
def policies() -> Mapping[str, tuple[str, Mapping[str, Any]]]:
    """Every policy by name, with the folder of its mode. Read once: it takes half a second."""
    return {
        policy["name"]: (path.parent.name, policy)
        for path in policy_files()
        for policy in yamlfile.read(path).data["policies"]
    }


@cache
def loaded() -> Mapping[str, Policy]:
    """Every policy by name."""
    return {policy.name: policy for policy in load(POLICIES)}


def representatives(mode: str, *, of_types: bool = True) -> list[str]:
    """Policies of a folder: the first with each action in each mode, and with `of_types` of each resource type."""
    seen: set[tuple[str, str]] = set()
    chosen = []
    for name, (folder, policy) in policies().items():
        if folder != mode:
            continue
        kind = policy["mode"]["type"]
        actions = {each if isinstance(each, str) else each["type"] for each in policy.get("actions", ())}
        features = {(kind, action) for action in actions}
        if of_types:
            features.add((kind, policy["resource"]))
        if not features <= seen:
            chosen.append(name)
        seen |= features
    return chosen


@cache
def cases(*modes: str) -> list[Case]:
    """The cases of the policies in these folders."""
    files = [path for path in sorted(CASES.glob("*/*.yml")) if path.parent.name in modes]
    found = read_cases(files, {name: policy for name, (_, policy) in policies().items()})
    return [case for listed in found.values() for case in listed]


def selected(request: pytest.FixtureRequest, file: str, parameter: str, fixture: str) -> list[Any] | None:
    """What the selected tests of a file are about: the values of their parameter; None if all of it is.

    With `-k`, a test of a few policies then prepares no more than it needs.

    Args:
        request: of the fixture that prepares it.
        file: the file of the tests.
        parameter: the name of their parameter; tests without it are about everything.
        fixture: only tests that use this fixture count.
    """
    found = []
    for item in request.session.items:
        if str(item.path) == file and isinstance(item, pytest.Function) and fixture in item.fixturenames:
            if not hasattr(item, "callspec"):
                return None
            found.append(item.callspec.params[parameter])
    return found


def failures(result: PolicyResult) -> str:
    """What is wrong, for an assertion; empty when nothing is."""
    return "\n\n".join(map(str, result.failures))


class World(worlds.World):
    """The resources that a case made, by default in the moto of this process."""

    def __init__(
        self, client: Callable[[str], Any], settle: Callable[[], None] = lambda: None, *, account: str = ACCOUNT,
        backdate: Callable[..., None] = backdate, set_owner: Callable[..., None] = set_owner,
        set_state: Callable[..., None] | None = set_state, give_answer: Callable[..., None] | None = None,
    ) -> None:
        super().__init__(client, settle, account=account, backdate=backdate, set_owner=set_owner,
                         set_state=set_state, give_answer=give_answer)


def deploy(sandbox: Sandbox, directory: Path, files: Iterable[Path]) -> None:
    """Deploy policy files into the account with plain custodian, as a user would; its output goes to `directory`."""
    deployment.deploy(sandbox, directory, list(files))


def compliance_topic(client: Any) -> AbstractContextManager[list[dict[str, Any]]]:
    """The compliance topic with a queue behind it; the messages that arrived are in the list afterwards."""
    return heard(client)
