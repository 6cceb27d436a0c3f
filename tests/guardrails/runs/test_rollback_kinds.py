"""Every kind of call that undoes a fix: the rollback sees what has changed, refuses it, restores, and sees that too."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
from c7n.actions import EventAction

from custom_actions.fixing.inverses import as_read, declarations
from custom_actions.fixing.receipt import FixIncomplete
from guardrails.errors import GuardrailsError
from guardrails.runs.read_back import READS, Comparison
from guardrails.runs.receipt_sources import SourcedReceipt
from guardrails.runs.rollback import Restored, Rollback, RollbackCheck, check_resources, observations
from guardrails.runs.rollback_journal import RollbackJournal, UndoState
from guardrails.runs.rollback_plan import AwsClients, RollbackPlan, UndoCall, calls_of
from guardrails.runs.rollback_record import RollbackRecord
from tests import engine
from tests.custom_actions.fixing.cloud import Cloud
from tests.custom_actions.fixing.drifts import DRIFTS
from tests.custom_actions.fixing.faults import Drift
from tests.moto_server import Moto

from .further_drifts import FURTHER
from .tampering import NOT_RESTORED, SEEN_AT, TAMPERING, TWO_STATES

KINDS = {**DRIFTS, **FURTHER}
ON_OR_OFF = ("SqsManagedSseEnabled", "tracingEnabled")
"""Settings with two states, of calls that also undo other fixes."""
EXPORTS = ("modify_db_cluster", "modify_db_instance")
IRREVERSIBLE = {("iam-user", "delete"), ("security-group", "delete")}


def test_every_declared_call_is_compared() -> None:
    # A call that AWS offers no read for would need an entry in `read_back` that says why; there is none.
    # The calls that restore settings say themselves how to read them: see test_settings_read_back.py.
    declared = {(each.inverse.service, each.inverse.operation) for each in declarations()
                if each.inverse.settings_call is None}
    assert declared - READS.keys() == set()
    assert READS.keys() - declared == set()
    untested = {operation for _, operation in declared} - TAMPERING.keys() - TWO_STATES
    assert untested == set()


class Kind:
    """One drift that was fixed, and its rollback."""

    def __init__(self, which: tuple[str, str, str], cloud: Cloud, tmp_path: Path) -> None:
        self.cloud = cloud
        self.drift: Drift = KINDS[which](cloud)
        self.before = self.drift.state()
        policy = engine.load(self.drift.policy, tmp_path / "fix")
        resources = [each for each in policy.resource_manager.resources() if self.drift.picks(each)]
        [action] = policy.resource_manager.actions
        with policy.ctx:
            try:
                made = action.process(resources, self.drift.event) if isinstance(action, EventAction) \
                    else action.process(resources)
            except FixIncomplete:
                # A person must confirm something. c7n writes only what an action returns.
                made = json.loads((tmp_path / "fix" / policy.name / f"action-{action.name}").read_text())
        self.receipts = [as_read(each) for each in made]
        assert {each["resource"] for each in self.receipts} == set(self.drift.names)
        self.plan = RollbackPlan.of(SourcedReceipt(each, "r.json", n) for n, each in enumerate(self.receipts, 1))
        self.clients = AwsClients()
        self.plan.check_parameters(self.clients)
        self._directory = tmp_path

    def comparisons(self) -> set[Comparison]:
        return {each.comparison for source in self.plan.receipts
                for each in observations(source, self.clients).values()}

    def check(self) -> RollbackCheck:
        with RollbackJournal(self._directory / "check.jsonl") as journal:
            return check_resources(self.plan, journal, self.clients)

    def roll_back(
        self, progress: str = "rollbacks.jsonl", *, force: bool = False
    ) -> tuple[list[UndoState], set[Restored], list[str]]:
        """The states of the calls, what was read after them, and the operations called that change something."""
        self.cloud.calls.clear()
        (self._directory / "record").mkdir(exist_ok=True)
        with RollbackJournal(self._directory / progress) as journal:
            check = check_resources(self.plan, journal, self.clients)
            check.refuse_differences(force=force)
            with RollbackRecord(self._directory / "record") as record:
                work = Rollback(self.plan, journal, record, self.clients)
                states = [step.state for step in work.undo(check)]
                return states, {each.state for each in work.restored()}, self.cloud.changes()


@pytest.fixture
def cloud(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    moto.share_clients(monkeypatch)
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return Cloud(moto, monkeypatch)


@pytest.mark.parametrize("which", KINDS, ids=lambda key: "-".join(filter(None, key)))
def test_a_rollback_sees_changes_and_restores_the_start(
    which: tuple[str, str, str], cloud: Cloud, tmp_path: Path
) -> None:
    kind = Kind(which, cloud, tmp_path)
    if which[:2] in IRREVERSIBLE:
        assert not kind.plan.calls
        assert all(each["removed"] and each["notes"][0].startswith("irreversible: ") for each in kind.receipts)
        return
    assert kind.comparisons() == {Comparison.AS_FIXED}
    assert kind.check() == RollbackCheck(frozenset(), (), ())
    tampered = to_tamper_with(kind.plan)
    for call in tampered:
        TAMPERING[call.operation](kind.clients.get(call.service, call.region), call.parameters)
    if tampered:
        [difference] = kind.check().differences
        assert tampered[0].resource in difference
        operations = {call.operation for call in calls_of(kind.plan.receipts[0])}
        seen_at = [other if (other := SEEN_AT.get(call.operation)) in operations else call.operation
                   for call in tampered]
        assert [each for each in seen_at if f"{each}: " not in difference] == []
        there = kind.drift.state()
        with pytest.raises(GuardrailsError, match="resources that have changed since the fix: 1"):
            kind.roll_back()
        assert cloud.changes() == []
        assert kind.drift.state() == there
    states, restored, _ = kind.roll_back(force=bool(tampered))
    if any(call.operation in NOT_RESTORED for call in tampered):
        assert restored & {Restored.DIFFERS, Restored.NOT_DONE}
        assert kind.drift.state() != kind.before
        return
    assert set(states) <= {UndoState.DONE, UndoState.ALREADY_DONE}
    assert UndoState.DONE in states
    assert restored == {Restored.BACK}
    assert kind.comparisons() == {Comparison.BACK}
    assert kind.drift.state() == kind.before
    # Again, with the progress of the first rollback and without it: a resource that is back needs no call.
    for progress in ("rollbacks.jsonl", "other.jsonl"):
        states, restored, made = kind.roll_back(progress)
        assert (set(states), restored, made) == ({UndoState.ALREADY_DONE}, {Restored.BACK}, [])


def to_tamper_with(plan: RollbackPlan) -> list[UndoCall]:
    """The calls of one receipt, without those for which no third state exists."""
    calls = calls_of(plan.receipts[0])
    if len(calls) == 1 and len(calls[0].parameters.get("IpPermissions") or "ab") == 1:
        return []  # One rule exists or not.
    operations = {call.operation for call in calls}
    return [call for call in calls if call.operation in TAMPERING
            # Of settings, another state is the one before.
            and (call.operation not in EXPORTS or "CloudwatchLogsExportConfiguration" in call.parameters)
            and not any(name in json.dumps(call.parameters) for name in ON_OR_OFF)
            # A key whose deletion is scheduled is as it was before.
            and not (call.operation == "disable_key" and "schedule_key_deletion" in operations)
            # A recorder that existed before records or not.
            and operations != {"stop_configuration_recorder"}]
