"""Config's state for one account and region."""
from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from .evaluations import NOT_APPLICABLE, Evaluation, Evaluations, overall
from .history import Clock, History
from .recorder import running_recorder
from .rules import Rule, rule_named
from .snapshot import Resource
from .table import COMPLIANCE

Tell = Callable[["Place", Evaluation, Evaluation | None], None]


@dataclass(frozen=True)
class Status:
    """The status of a rule's invocations, as in DescribeConfigRuleEvaluationStatus."""

    activated: datetime
    invoked: datetime | None = None
    failed: datetime | None = None
    evaluated: datetime | None = None
    error_code: str = ""
    error_message: str = ""


class Place:
    """One account and region: its items, evaluations, and the result tokens of its rules' functions.

    `tell(place, new, old)` is called when a rule's evaluation of a resource changes.
    """

    def __init__(self, account: str, region: str, tell: Tell) -> None:
        self.account, self.region = account, region
        self._tell = tell
        self.clock = Clock()
        self.history = History(account, region, self.clock)
        self.evaluations = Evaluations()
        self.statuses: dict[str, Status] = {}
        self._tokens: dict[str, tuple[str, str, datetime]] = {}
        self._judging = threading.Lock()

    def new_token(self, rule: Rule) -> str:
        """A result token for one invocation of the rule's function."""
        token = secrets.token_urlsafe(96)
        self._tokens[token] = (rule.name, rule.id, self.clock.now())
        return token

    def judge_of(self, token: str) -> tuple[str, datetime] | None:
        """The rule that a result token is for and when it was invoked; None if no rule has it."""
        name, rule_id, invoked = self._tokens.get(token, ("", "", self.clock.now()))
        rule = rule_named(self.account, self.region, name)
        return (name, invoked) if rule and rule.id == rule_id else None

    def judged(self, evaluations: list[Evaluation]) -> None:
        """Store evaluations, record each resource's compliance, and report changes."""
        changed = []
        with self._judging:
            for evaluation in evaluations:
                kept, before = self.evaluations.put(evaluation)
                # A resource without evaluations counts as one that no rule applies to.
                if kept and evaluation.compliance != (before.compliance if before else NOT_APPLICABLE):
                    changed.append((evaluation, before))
                self._record_compliance(evaluation.type, evaluation.id)
                status = self.statuses.get(evaluation.rule)
                if status:
                    self.statuses[evaluation.rule] = replace(status, evaluated=evaluation.recorded)
        for evaluation, before in changed:
            self._tell(self, evaluation, before)

    def forget_verdicts(self, rule: str) -> None:
        """Delete a rule's evaluations."""
        with self._judging:
            for kind, resource_id in self.evaluations.forget(rule):
                self._record_compliance(kind, resource_id)

    def forget_rule(self, rule: str) -> None:
        """Delete all data of a rule."""
        self.forget_verdicts(rule)
        self.statuses.pop(rule, None)

    def _record_compliance(self, kind: str, resource_id: str) -> None:
        """The compliance item of a resource, if such items are recorded and it has changed."""
        recorder = running_recorder(self.account, self.region)
        if recorder is None or not recorder.records(COMPLIANCE):
            return
        verdicts = self.evaluations.find(kind=kind, resource_id=resource_id)
        if not verdicts:
            self.history.record_deleted(COMPLIANCE, f"{kind}/{resource_id}")
            return
        names = {made.rule for made in verdicts}
        rules = {name: rule for name in names if (rule := rule_named(self.account, self.region, name))}
        self.history.record(Resource(
            type=COMPLIANCE, id=f"{kind}/{resource_id}",
            related=((kind, resource_id, "Is associated with "),),
            configuration={
                "complianceType": overall(verdicts),
                "targetResourceId": resource_id,
                "targetResourceType": kind,
                "configRuleList": [
                    {
                        "configRuleArn": rules[made.rule].arn, "configRuleId": rules[made.rule].id,
                        "configRuleName": made.rule, "complianceType": made.compliance,
                    }
                    for made in sorted(verdicts, key=lambda made: made.rule) if made.rule in rules
                ],
            },
        ))
