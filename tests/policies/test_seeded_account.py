"""A few accounts with the resources of all policies' cases: `audit` finds exactly the bad ones.

Cases make their resources under names of their own, so that an account holds the resources of hundreds of cases. Then
the audit that users run sweeps the account, and of the resources that a case names, its policy must report the bad ones
and no other. `seeding` says which cases are in which account.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from c7n import utils

from tests.guardrails.conftest import guardrails
from tests.moto_server import ACCOUNT, REGION, Moto

from .harness import Case, cases, selected
from .recorded import model
from .seeding import SharedWorld, accounts, joins

ACCOUNTS = accounts()
PLACES = [(place, case) for place, account in enumerate(ACCOUNTS) for case in account.cases]


@dataclass
class Audited:
    """The audits of the accounts.

    Attributes:
        named: by the place of a case in its file, the ids of its bad and of its good resources.
        directories: of the audits, in the order of the accounts.
    """

    named: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)
    directories: list[Path] = field(default_factory=list)


@pytest.fixture(scope="module")
def audited(
    request: pytest.FixtureRequest, moto_server: Moto, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Audited]:
    """The accounts made, and audited, one after the other; with `-k`, what the selected cases need."""
    directory, moto = tmp_path_factory.mktemp("seeded"), moto_server
    result, wanted = Audited(), selected(request, __file__, "case", "audited")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in moto.environment().items():
            patch.setenv(name, value)
        patch.chdir(directory)
        for place, account in enumerate(ACCOUNTS):
            moto.reset()
            utils.reset_session_cache()
            chosen = [case for case in account.cases if wanted is None or case in wanted]
            values = make(chosen, moto, result.named)
            configuration = directory / f"accounts-{place}.yml"
            configuration.write_text(yaml.safe_dump({"accounts": [
                {"account_id": ACCOUNT, "name": "seeded", "regions": [REGION], "vars": values}]}))
            # The first account is audited with all policies.
            only = {case.policy["name"] for case in chosen} if place or wanted is not None else ()
            result.directories.append(directory / f"audit-{place}")
            if not chosen:
                continue
            run = guardrails("audit", "-c", configuration, "-o", result.directories[-1],
                             *(word for name in sorted(only) for word in ("-p", name)))
            assert run.exit_code in (0, 2), run.output
        yield result
        utils.reset_session_cache()
    moto.reset()


def make(chosen: Iterable[Case], moto: Moto, named: dict[str, tuple[set[str], set[str]]]) -> dict[str, Any]:
    """Make the resources of the cases, and note their ids; returns the account's variables."""
    values: dict[str, Any] = {}
    for case in chosen:
        world = SharedWorld(moto.client, give_answer=moto.give_answer)
        world.do(case.make)
        named[case.where] = set(world.ids(case.match)), set(world.ids(case.passes))
        for key, value in world.fill(case.vars).items():
            values[key] = [*values.get(key, ()), *value] if joins(key) else value
    return values


@pytest.mark.parametrize(("place", "case"), PLACES, ids=str)
def test_audit_finds_exactly_the_bad_ones(place: int, case: Case, audited: Audited) -> None:
    bad, good = audited.named[case.where]
    assert matched(audited.directories[place], case.policy) & (bad | good) == bad


def matched(out: Path, policy: Any) -> set[str]:
    """The ids of the resources that a policy matched in the audit."""
    [file] = out.glob(f"c7n-org/output/*/*/{policy['name']}/resources.json")
    return {str(resource[model(policy).id]) for resource in json.loads(file.read_text(encoding="utf-8"))}


def test_each_policy_has_a_bad_and_a_good_resource() -> None:
    for kind in ("match", "passes"):
        shown = {case.policy["name"] for _, case in PLACES if getattr(case, kind)}
        assert shown == {case.policy["name"] for case in cases("config-rule", "periodic") if getattr(case, kind)}


def test_every_check_was_complete(audited: Audited) -> None:
    # The local AWS knows what they call by the answers of cases only, which another account may have.
    answered = {case.policy["name"] for _, case in PLACES for step in case.make if "answer" in step}
    for account, directory in zip(ACCOUNTS, audited.directories, strict=True):
        report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
        states = {run["policy"]: run["state"] for run in report["runs"]}
        own = {case.policy["name"] for case in account.cases}
        assert {states[name] for name in own} == {"ran"}
        assert {name for name in states.keys() - own if states[name] not in ("ran", "skipped")} <= answered
