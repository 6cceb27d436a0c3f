"""Every realtime policy: deployed by plain custodian, run from its archive, and answering real changes."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from guardrails.cases.deployed import DeployedAccount
from guardrails.cases.outcome import attempt
from guardrails.sandbox import Sandbox

from .harness import Case, cases, loaded, policies

NAMES = [name for name, (mode, _) in policies().items() if mode == "realtime"]


@pytest.fixture(scope="module")
def account(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedAccount]:
    directory = tmp_path_factory.mktemp("realtime")
    with Sandbox.start(directory=directory / "sandbox") as sandbox:
        account = DeployedAccount(sandbox, [loaded()[name] for name in _selected(request.session.items)])
        account.deploy(directory)
        yield account


def _selected(items: Iterable[pytest.Item]) -> list[str]:
    """The policies that the selected tests of this file are about: a few with `-k`, and else all of them."""
    own = [item for item in items if item.path == Path(__file__) and isinstance(item, pytest.Function)]
    chosen = {item.callspec.params["case"].policy["name"] for item in own if hasattr(item, "callspec")}
    every = any(not hasattr(item, "callspec") for item in own)
    return [name for name in NAMES if every or name in chosen]


# What other parameters than the defaults decide is for test_realtime_decisions: the functions are deployed once.
@pytest.mark.parametrize("case", [case for case in cases("realtime") if not case.vars], ids=str)
def test_case(case: Case, account: DeployedAccount) -> None:
    _, result = attempt(case, lambda: account.run(case))
    assert not result.failure, str(result.failure)


def test_every_realtime_policy_is_deployed(account: DeployedAccount) -> None:
    functions = {
        function["FunctionName"]
        for page in account.client("lambda").get_paginator("list_functions").paginate()
        for function in page["Functions"]
    }
    assert functions >= {f"custodian-{name}" for name in NAMES}
