"""Starting, following and fetching: what AWS refuses is said plainly, and nothing is lost."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from custom_actions.names import SWEEPS
from guardrails.distributed.execution import StateMachine
from guardrails.errors import GuardrailsError
from guardrails.results import RunStore
from tests.step_functions import BUCKET

from ..conftest import HOME, RED, Cloud, guardrails
from .conftest import POLICIES, Played, audit

ARN = f"arn:aws:states:us-east-1:{HOME}:stateMachine:{SWEEPS}"
ON = ("--on", "step-functions", "-p", "open-ssh", "-a", "red", "--region", "us-east-1")


def started(config: Path, output: Path, *options: str) -> Any:
    return guardrails("audit", "-c", config, "--policies", POLICIES, "--history", "none", "-o", output, *ON, *options)


def test_the_state_machine_is_found_by_name_or_arn_and_names_its_bucket(played: Played) -> None:
    assert StateMachine.find().bucket.name == BUCKET
    assert StateMachine.find(ARN) == StateMachine.find(SWEEPS)


@pytest.mark.parametrize(("name", "problem"), [
    ("another", "there is no state machine another in us-east-1"), (f"{ARN}-2", "StateMachineDoesNotExist"),
    ("foreign", "not a state machine of guardrails"), ("arn:aws:lambda:x", "neither the name nor the ARN"),
    ("../x", "neither the name nor the ARN"),
])
def test_another_state_machine_is_an_error(cloud: Cloud, played: Played, name: str, problem: str) -> None:
    cloud.client("stepfunctions").create_state_machine(
        name="foreign", roleArn=f"arn:aws:iam::{HOME}:role/x",
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}))
    with pytest.raises(GuardrailsError, match=problem):
        StateMachine.find(name)


def test_an_account_without_a_role_or_without_a_list_is_an_error(
    played: Played, tmp_path: Path, accounts_yml: Path
) -> None:
    accounts_yml.write_text("accounts: [{account_id: '111111111111', profile: red, regions: [us-east-1]}]")
    ended = guardrails("audit", "-c", accounts_yml, "--policies", POLICIES, "-p", "open-ssh", "--on", "step-functions")
    assert ended.exit_code == 1 and "which no worker has" in ended.stderr
    ended = guardrails("audit", "--policies", POLICIES, "--on", "step-functions")
    assert ended.exit_code == 1 and "needs accounts.yml" in ended.stderr
    assert not played.swept


def test_a_start_that_is_repeated_is_the_same_execution(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = StateMachine(ARN, None)
    calls: list[dict[str, Any]] = []

    class Client:
        def start_execution(self, **given: Any) -> dict[str, str]:
            calls.append(given)
            if len(calls) > 1:
                raise ClientError({"Error": {"Code": "ExecutionAlreadyExists", "Message": "it does"}}, "StartExecution")
            return {"executionArn": f"arn:aws:states:us-east-1:{HOME}:execution:{SWEEPS}:{given['name']}"}

    monkeypatch.setattr("guardrails.distributed.execution._states", lambda region: Client())
    assert machine.start("0123456789", 2) == machine.start("0123456789", 2)
    assert calls[0] == calls[1] and calls[0]["name"] == "0123456789-2"


def test_a_refused_start_names_the_permissions(
    played: Played, accounts_yml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "StartExecution")

    class Client:
        def start_execution(self, **_: Any) -> None:
            raise error

    monkeypatch.undo()
    monkeypatch.setattr("guardrails.distributed.execution._states", lambda region: Client())
    with pytest.raises(GuardrailsError, match="AccessDeniedException on StartExecution: no") as refused:
        StateMachine(ARN, None).start("0123456789", 1)
    assert "states:DescribeStateMachine" in str(refused.value.fix)


def test_an_aborted_execution_is_told_and_resumed(
    played: Played, accounts_yml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played.reduces = False
    monkeypatch.setattr(StateMachine, "describe", lambda self, execution: {
        "status": "ABORTED", "error": "Operator", "cause": "by hand"})
    ended = started(accounts_yml, tmp_path / "out")
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "was aborted: Operator: by hand" in ended.stderr and "audit --resume" in ended.stderr
    assert list((tmp_path / "out").glob("*report*")) == []

    # The next attempt has another name, and takes over what the shard has written.
    played.reduces, played.swept = True, []
    monkeypatch.setattr(StateMachine, "describe", lambda self, execution: {"status": (
        "SUCCEEDED" if execution.endswith("-2") else "ABORTED")})
    ended = guardrails("audit", "--resume", tmp_path / "out", "--format", "json")
    assert ended.exit_code == 0, ended.stderr
    assert played.swept == [f"{RED}-0"]
    with RunStore.open(tmp_path / "out") as store:
        assert store["distributed"]["fetched"] == 2 and [*store.states().values()] == ["ran"]


def test_a_resume_waits_for_the_execution_that_runs(
    played: Played, accounts_yml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: StateMachine, execution: str) -> dict[str, str]:
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(StateMachine, "describe", interrupt)
        ended = started(accounts_yml, tmp_path / "out")
    assert ended.exit_code == 130 and "goes on" in ended.stderr and "audit --resume" in ended.stderr
    states = iter(["RUNNING", "RUNNING", "SUCCEEDED"])
    monkeypatch.setattr(StateMachine, "describe", lambda self, execution: {"status": next(states)})
    monkeypatch.setattr("guardrails.distributed.execution._FIRST_POLL_SECONDS", 0)
    begun: list[int] = []
    monkeypatch.setattr(StateMachine, "start", lambda self, run, attempt: begun.append(attempt) or "arn")
    ended = guardrails("audit", "--resume", tmp_path / "out", "--format", "json")
    assert (ended.exit_code, begun) == (0, [1])
    assert ended.stdout.startswith("COMPLETE")


def test_a_resume_with_another_engine_is_refused(played: Played, accounts_yml: Path, tmp_path: Path) -> None:
    audit(accounts_yml, tmp_path / "out", *ON, code=0)
    ended = guardrails("audit", "--resume", tmp_path / "out", "--on", "local")
    assert ended.exit_code == 2 and "cannot change" in ended.stderr
