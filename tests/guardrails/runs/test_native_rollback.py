"""The fixes with actions of c7n: `rollback` accepts their receipts, sees that nothing has changed, and restores all."""
from __future__ import annotations

from pathlib import Path

import pytest

from custom_actions.fixing.inverses import as_read
from custom_actions.plugin import native_actions
from guardrails.runs.read_back import Comparison, observe
from guardrails.runs.receipt_sources import SourcedReceipt
from guardrails.runs.rollback_plan import AwsClients, RollbackPlan, calls_of
from tests import engine
from tests.custom_actions.fixing.cloud import Cloud
from tests.custom_actions.fixing.drifts import DRIFTS
from tests.custom_actions.fixing.faults import without_detours
from tests.moto_server import Moto

NATIVE = sorted({(native.resource, native.type) for native in native_actions()})
IRREVERSIBLE = {("iam-user", "delete"), ("security-group", "delete")}
NOT_COMPARED = {("app-elb", "modify-listener"), ("cloudtrail", "update-trail")}


@pytest.mark.parametrize("which", NATIVE, ids="-".join)
def test_a_rollback_restores_the_start(
    which: tuple[str, str], moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_detours(moto, monkeypatch)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    drift = DRIFTS[(*which, "")](Cloud(moto, monkeypatch))
    before = drift.state()
    policy = engine.load(drift.policy, tmp_path)
    resources = [each for each in policy.resource_manager.resources() if drift.picks(each)]
    [action] = policy.resource_manager.actions
    with policy.ctx:
        receipts = [as_read(each) for each in action.process(resources)]
    assert {each["resource"] for each in receipts} == set(drift.names)
    assert not any(drift.wrong(state) for state in drift.state().values())
    plan = RollbackPlan.of(SourcedReceipt(each, Path("r.json"), n) for n, each in enumerate(receipts, 1))
    if which in IRREVERSIBLE:
        assert not plan.calls
        assert all(each["removed"] and each["notes"][0].startswith("irreversible: ") for each in receipts)
        return
    plan.check_parameters(AwsClients())

    def compared() -> set[Comparison]:
        return {
            observe(moto.client(call.service), call.service, call.operation, call.parameters, each.receipt).comparison
            for each in plan.receipts for call in calls_of(each)}

    assert compared() == {Comparison.UNKNOWN if which in NOT_COMPARED else Comparison.AS_FIXED}
    for call in plan.calls:
        getattr(moto.client(call.service), call.operation)(**call.parameters)
    assert drift.state() == before
    if which not in NOT_COMPARED:
        assert compared() == {Comparison.BACK}
