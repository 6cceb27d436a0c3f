"""What a function does not load, and what it keeps from one event to the next."""
from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from c7n.credentials import SessionFactory
from c7n.filters.offhours import Time

from custom_actions import cold_start
from custom_actions.aws import Ahead, caller_arn
from custom_actions.patches import generic_elements, shared_clients
from custom_actions.patches.time_zones import Aliases
from tests.moto_server import REGION, Moto

_START = """
import json, sys
from custom_actions import lambda_entry
from c7n.resources import load_resources
load_resources(["aws.security-group"])
from c7n.resources.vpc import SecurityGroup
print(json.dumps({
    "loaded": sorted(name for name in sys.modules if name.startswith("c7n.resources.")),
    "filters": sorted(SecurityGroup.filter_registry.keys()), "actions": sorted(SecurityGroup.action_registry.keys())}))
"""


def start(directory: Path, filters: list[Any], *, function: bool = True, **metadata: Any) -> dict[str, list[str]]:
    """What a process has loaded whose archive has a policy with these filters."""
    (directory / "config.json").write_text(json.dumps({"execution-options": {}, "policies": [{
        "name": "p", "resource": "aws.security-group", "mode": {"type": "cloudtrail"}, "metadata": metadata,
        "filters": filters}]}), encoding="utf-8")
    environment = {**os.environ, "AWS_DEFAULT_REGION": REGION} | (
        {"AWS_LAMBDA_FUNCTION_NAME": "custodian-p"} if function else {})
    done = subprocess.run(
        [sys.executable, "-c", _START], cwd=directory, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def test_a_function_loads_no_other_resource_type_and_has_all_elements_that_its_policy_uses(tmp_path: Path) -> None:
    lean, whole = start(tmp_path, ["ingress-drift"]), start(tmp_path, ["ingress-drift"], function=False)
    assert not {"c7n.resources.ec2", "c7n.resources.iam", "c7n.resources.ssm"} & set(lean["loaded"])
    assert "c7n.resources.ssm" in whole["loaded"]
    added = {name for names in generic_elements.MODULES.values() for name in names}
    for kind in ("filters", "actions"):
        assert set(whole[kind]) - set(lean[kind]) <= added


def test_an_element_that_c7n_adds_to_every_type_is_loaded_where_a_policy_uses_it(tmp_path: Path) -> None:
    assert "ops-item" in start(tmp_path, [{"type": "ops-item"}])["filters"]


def test_a_hub_whose_policies_are_encoded_has_all_elements(tmp_path: Path) -> None:
    assert "ops-item" in start(tmp_path, [], central="e30=")["filters"]


@pytest.mark.parametrize(("text", "modules"), [
    ('{"filters": ["ingress-drift"]}', []),
    ('{"actions": [{"type": "invoke-sfn"}]}', ["c7n.resources.sfn"]),
    ('{"actions": [{"type": "post-item"}], "filters": ["finding"]}',
     ["c7n.resources.securityhub", "c7n.resources.ssm"]),
])
def test_which_modules_policies_need(text: str, modules: list[str]) -> None:
    assert list(generic_elements.needed(text)) == modules


def test_time_zones_are_those_of_c7n(tmp_path: Path) -> None:
    aliases = Aliases({"utc": "Etc/UTC"})
    assert aliases.get("utc") == "Etc/UTC"
    assert len(aliases) == 1, "an alias of c7n needs no list of zones"
    assert aliases.get("no/where", "none") == "none"
    # c7n lists the zones whose names str.title() does not spell.
    assert aliases["america/port_of_spain"] == "America/Port_of_Spain"
    expected = {zone: name for zone, name in dict(Time.TZ_ALIASES).items() if "/" in zone}
    assert {zone: aliases.get(zone) for zone in expected} == expected
    with pytest.raises(KeyError):
        aliases["no/where"]


@pytest.fixture
def factory(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> type[SessionFactory]:
    """c7n's factory as a function has it."""
    shared_clients.forget()
    monkeypatch.setattr(SessionFactory, "__call__", shared_clients.sharing_sessions(SessionFactory.__call__))
    monkeypatch.setattr(SessionFactory, "update", shared_clients.remembering_counters(SessionFactory.update))
    monkeypatch.setattr(boto3.Session, "client", shared_clients.sharing_clients(boto3.Session.client))
    return SessionFactory


def test_the_next_event_has_the_same_session_and_client(factory: Any) -> None:
    session = factory(REGION)()
    assert factory(REGION)() is session
    assert session.client("ec2") is factory(REGION)().client("ec2")
    assert session.client("ec2", region_name="eu-west-1") is not session.client("ec2")
    assert session.client("ec2", config=None) is not session.client("ec2")


def test_another_role_or_region_is_another_session(factory: Any) -> None:
    role = "arn:aws:iam::{}:role/guardrails-member"
    made = [factory(REGION)(), factory("eu-west-1")(), factory(REGION, assume_role=role.format("222222222222"))(),
            factory(REGION, assume_role=role.format("333333333333"))()]
    assert len({id(each) for each in made}) == len(made)
    assert factory(REGION, assume_role=role.format("222222222222"))(assume=False) is made[0]


def test_other_credentials_in_the_environment_are_another_session(
    factory: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a worker of a sweep that runs in a function: c7n-org's runner sets them for one account after the other."""
    made = []
    for key, token in (("AKIAONE", "1"), ("AKIATWO", "2"), ("AKIATWO", "3")):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
        made.append(factory(REGION)())
        assert made[-1].client("ec2")._request_signer._credentials.get_frozen_credentials()[::2] == (key, token)
    assert len({id(each) for each in made}) == 3


def test_a_session_ends_and_there_are_few(factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    original = SessionFactory.__call__.__wrapped__
    monkeypatch.setattr(SessionFactory, "__call__", shared_clients.sharing_sessions(original, lambda: now[0]))
    first = factory(REGION)()
    now[0] = shared_clients.SECONDS + 1.0
    assert factory(REGION)() is not first
    for number in range(10):
        factory(f"us-east-{number}")()
    assert len(shared_clients._sessions) == shared_clients.MOST


def test_a_shared_client_counts_its_calls_for_the_policy_that_runs(factory: Any) -> None:
    class Counter:
        calls = 0

        def __call__(self, session: Any) -> None:
            session.events.register("after-call.*.*", self.record, unique_id="c7n-api-stats")

        def record(self, **_: Any) -> None:
            self.calls += 1

    counters = [Counter(), Counter()]
    for number, counter in enumerate(counters):
        made = factory(REGION)
        made.policy_name = f"policy-{number}"
        made.set_subscribers((counter,))
        client = made.update(made()).client("ec2")
        agents: list[str] = []
        client.meta.events.register("before-send", lambda request, seen=agents, **_: seen.append(
            request.headers["User-Agent"].decode()))
        client.describe_vpcs()
        assert f"c7n/policy#policy-{number}" in agents[0]
    assert [counter.calls for counter in counters] == [1, 1]


def test_a_function_asks_once_who_it_is_and_again_after_an_error(
    moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Any] = [ConnectionError("away"), {"Arn": "arn:aws:sts::123456789012:assumed-role/r/f"}]

    class Session:
        @staticmethod
        def client(_: str) -> Any:
            return type("Sts", (), {"get_caller_identity": staticmethod(Session.ask)})

        @staticmethod
        def ask() -> Any:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    session = Session()
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "custodian-p")
    with pytest.raises(ConnectionError):
        caller_arn(session)
    assert caller_arn(session) == caller_arn(session) == "arn:aws:sts::123456789012:assumed-role/r/f"
    assert not answers


def test_a_read_ahead_has_the_answer_or_the_error_and_its_age() -> None:
    good, bad = Ahead(lambda: "answer"), Ahead(lambda: [][0])
    assert good.answer() == "answer"
    time.sleep(0.01)
    assert good.age() >= 0.01
    bad.settle()
    with pytest.raises(IndexError):
        bad.answer()


def test_the_garbage_collector_runs_as_usual_after_the_first_event(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = gc.get_threshold()
    monkeypatch.setattr(cold_start, "_usual", [])
    cold_start.collect_rarely()
    assert gc.get_threshold() == usual, "no effect outside of a function"
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "custodian-p")
    try:
        cold_start.collect_rarely()
        assert gc.get_threshold() != usual
        with pytest.raises(ZeroDivisionError), cold_start.handling():
            _ = 1 / 0
        assert gc.get_threshold() == usual
    finally:
        gc.unfreeze()
        gc.set_threshold(*usual)
