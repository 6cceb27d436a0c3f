"""AWS Config for the gateway: it is notified of every change, and answers the calls that moto does not."""
from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from . import resource_api, rules, verdict_api
from .changes import Change
from .clients import Application, Clients
from .compliance_event import COMPLIANCE_CHANGE, compliance_change
from .errors import ConfigError, no_such_rule
from .evaluations import Evaluation
from .history import Item
from .place import Place, Status
from .recorder import Recorder, running_recorder
from .snapshot import Unreadable, take
from .table import Kind, is_global, kinds, kinds_of
from .worker import Worker

_log = logging.getLogger(__name__)

Json = dict[str, Any]

_OPERATIONS: dict[str, Callable[[Place, Json], Json]] = {
    "GetResourceConfigHistory": resource_api.get_resource_config_history,
    "ListDiscoveredResources": resource_api.list_discovered_resources,
    "BatchGetResourceConfig": resource_api.batch_get_resource_config,
    "SelectResourceConfig": resource_api.select_resource_config,
    "PutEvaluations": verdict_api.put_evaluations,
    "GetComplianceDetailsByConfigRule": verdict_api.get_compliance_details_by_config_rule,
    "GetComplianceDetailsByResource": verdict_api.get_compliance_details_by_resource,
    "DescribeComplianceByConfigRule": verdict_api.describe_compliance_by_config_rule,
    "DescribeComplianceByResource": verdict_api.describe_compliance_by_resource,
    "DeleteEvaluationResults": verdict_api.delete_evaluation_results,
    "DescribeConfigRuleEvaluationStatus": verdict_api.describe_config_rule_evaluation_status,
}
_START = "StartConfigRulesEvaluation"
_RECORDER = {
    "PutConfigurationRecorder", "StartConfigurationRecorder", "StopConfigurationRecorder", "DeleteConfigurationRecorder"
}


@dataclass(frozen=True)
class Failure:
    """Why a function's invocation failed."""

    code: str
    message: str


Invoke = Callable[[str, bytes], Failure | None]
Emit = Callable[[str, str, str, Json], None]


class Config:
    """AWS Config of every account and region.

    `application` is the gateway, at `endpoint`: resources are read through it. `invoke(function_arn, event)` runs a
    function and returns when it has ended. `emit(account, region, detail_type, detail)` puts an event on the bus.
    """

    def __init__(self, application: Application, endpoint: str, invoke: Invoke, emit: Emit) -> None:
        self._clients = Clients(application, endpoint)
        self._invoke = invoke
        self._emit = emit
        self._worker = Worker()
        self._lock = threading.Lock()
        self._places: dict[tuple[str, str], Place] = {}
        self._recording: dict[tuple[str, str], Recorder] = {}

    # -- what the gateway tells -------------------------------------------------------------------------------------

    def changed(self, account: str, region: str, changes: Iterable[Change]) -> None:
        """Check soon what a call may have changed. Does nothing without a running recorder."""
        if not self._recording:
            return
        for change in changes:
            for owner, where in list(self._recording):
                if owner == account and (where == region or is_global(change.service)):
                    self._submit(account, where, change)

    def called(self, account: str, region: str, operation: str, request: Json) -> None:
        """Process a call to Config that moto has answered."""
        place = self._place(account, region)
        if operation in _RECORDER:
            recorder = running_recorder(account, region)
            if recorder is None:
                self._recording.pop((account, region), None)
                return
            self._recording[account, region] = recorder
            for service in dict.fromkeys(kind.service for kind in kinds()):
                self._submit(account, region, Change(service))
        elif operation == "PutConfigRule":
            name = request["ConfigRule"].get("ConfigRuleName", "")
            place.statuses.setdefault(name, Status(place.clock.now()))
            if (account, region) in self._recording:
                self._submit_evaluation(place, name)
        elif operation == "DeleteConfigRule":
            place.forget_rule(request["ConfigRuleName"])

    def answers(self, operation: str) -> bool:
        """Whether the operation is answered here and not by moto."""
        return operation in _OPERATIONS or operation == _START

    def answer(self, account: str, region: str, operation: str, request: Json) -> Json:
        """The answer to a call. Raises ConfigError."""
        place = self._place(account, region)
        if operation != _START:
            return _OPERATIONS[operation](place, request)
        known = [rule.name for rule in rules.rules_of(account, region)]
        wanted = request.get("ConfigRuleNames") or known
        for name in wanted:
            if name not in known:
                raise no_such_rule(name)
        if len(wanted) > 25:
            raise ConfigError("LimitExceededException", "at most 25 rules can be evaluated in one call")
        for name in wanted:
            self._submit_evaluation(place, name)
        return {}

    def settle(self, seconds: float) -> list[str]:
        """Wait until all work for the calls so far is done, at most `seconds`; returns what is left then."""
        return self._worker.settle(seconds)

    def stop(self) -> None:
        """Begin a reset: nothing more is recorded or invoked."""
        self._worker.refuse()

    def clear(self, seconds: float) -> None:
        """End a reset: wait for what still runs, at most `seconds`, and forget everything."""
        for left in self._worker.settle(seconds):
            _log.error("still runs after a reset: %s", left)
        with self._lock:
            self._places.clear()
        self._recording.clear()
        self._worker.accept()

    # -- what follows -----------------------------------------------------------------------------------------------

    def _place(self, account: str, region: str) -> Place:
        with self._lock:
            return self._places.setdefault((account, region), Place(account, region, self._tell))

    def _tell(self, place: Place, new: Evaluation, old: Evaluation | None) -> None:
        """Put an event on the bus: a rule's evaluation of a resource has changed."""
        rule = rules.rule_named(place.account, place.region, new.rule)
        if rule is not None:
            self._emit(place.account, place.region, COMPLIANCE_CHANGE, compliance_change(rule, place, new, old))

    def _submit(self, account: str, region: str, change: Change) -> None:
        key = f"a look at {change.service} {change.name}".strip() + f" in {region}"
        place = self._place(account, region)
        self._worker.submit(account, key, lambda: self._look(place, change))

    def _look(self, place: Place, change: Change) -> None:
        recorder = self._recording.get((place.account, place.region))
        for kind in kinds_of(change.service):
            if recorder and recorder.records(kind.type, kind.is_global):
                self._record(place, kind, change.name)

    def _record(self, place: Place, kind: Kind, only: str) -> None:
        """Compare the resources with their last items, and pass new items to the rules."""
        client_of = self._clients.of(place.account, place.region)
        try:
            seen = take(kind, client_of, place.account, place.region, only)
        except Unreadable as error:
            _log.warning("not recorded: %s", error)
            return
        items = [place.history.record(resource) for resource in seen.resources]
        there = {resource.id for resource in seen.resources} | seen.unreadable
        for last in place.history.newest(kind.type):
            if last.resource.id not in there and only in ("", last.resource.id):
                items.append(place.history.record_deleted(kind.type, last.resource.id))
        for item in filter(None, items):
            key = f"{item.resource.type} {item.resource.id} of {item.captured.isoformat()}"
            self._worker.submit(place.account, key, lambda item=item: self._announce(place, item))  # type: ignore[misc]

    def _announce(self, place: Place, item: Item) -> None:
        for rule in rules.rules_of(place.account, place.region):
            self._judge(place, rule, item)

    def _judge(self, place: Place, rule: rules.Rule, item: Item) -> None:
        event = rules.change(rule, item, place.history.before(item), place.clock.now())
        if event:
            self._run(place, rule, event)

    def _submit_evaluation(self, place: Place, name: str) -> None:
        key = f"an evaluation of {name} in {place.region}"
        self._worker.submit(place.account, key, lambda: self._evaluate(place, name))

    def _evaluate(self, place: Place, name: str) -> None:
        """Have a rule evaluate every recorded resource in its scope, or send it a scheduled notification."""
        rule = rules.rule_named(place.account, place.region, name)
        if rule is None:
            return
        if rules.SCHEDULED in rule.messages:
            self._run(place, rule, rules.schedule(rule, place.account, place.clock.now()))
        recorded = {kind.type for kind in kinds()}
        for item in place.history.newest():
            if item.resource.type in recorded and not item.deleted and rule.covers(item):
                self._judge(place, rule, item)

    def _run(self, place: Place, rule: rules.Rule, event: Json) -> None:
        recorder = running_recorder(place.account, place.region)
        event |= {
            "resultToken": place.new_token(rule),
            "executionRoleArn": recorder.role_arn if recorder else "",
        }
        failure = self._invoke(rule.function, json.dumps(event).encode())
        now = place.clock.now()
        status = place.statuses.setdefault(rule.name, Status(now))
        if failure is None:
            status = replace(status, invoked=now, error_code="", error_message="")
        else:
            _log.error("rule %s of %s in %s: %s: %s", rule.name, place.account, place.region, failure.code,
                       failure.message)
            status = replace(status, failed=now, error_code=failure.code, error_message=failure.message)
        place.statuses[rule.name] = status
