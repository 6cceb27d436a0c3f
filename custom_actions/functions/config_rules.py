"""c7n's modes `config-rule` and `config-poll-rule` with verdicts that are true.

c7n's own classes know two verdicts, give a fixed sentence as annotation, call a resource NON_COMPLIANT that their own
action has just put right, read resources twice, and raise KeyError on two of AWS Config's three notifications; and
rules that they deploy hear nothing of an item that is too large for a message. The plug-in puts these classes in their
place. The schema stays c7n's, and so does the deployment but for that one notification and a lost permission.

| the resource | verdict |
|---|---|
| is deleted, left the rule's scope, or does not pass the policy's `scope` filter | NOT_APPLICABLE |
| matches, and an exception in force covers it | NOT_APPLICABLE, with the exception's end and reason; no fix |
| does not match | COMPLIANT |
| matches | NON_COMPLIANT, with the values that made it match |
| matched, was fixed, and reading it again showed that | COMPLIANT, with what was wrong |
| matches, and its fix failed | NON_COMPLIANT with the reason; then the invocation fails |
| cannot be read | none: the invocation fails, for unknown is not compliant |

Source: AWS Config's developer guide, "Example Events for AWS Config Rules"; PutEvaluations.
"""
from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError
from c7n.actions import EventAction
from c7n.policy import ConfigPollRuleMode, ConfigRuleMode
from c7n.utils import chunks, dumps, local_session

from ..aws import call, reason_of
from ..elements.every_type import Scope
from ..exceptions import Excepted, excuse
from ..fixing import FixIncomplete
from ..resources import resource_id, sentence
from ..vocabulary import PASSIVE
from .rule_function import policy_lambda

log = logging.getLogger("custodian.guardrails.config")

SCHEDULED = "ScheduledNotification"
GONE = ("ResourceDeleted", "ResourceNotRecorded", "ResourceDeletedNotRecorded")
_ANNOTATION_LENGTH = 256
_BATCH = 100
"""What PutEvaluations takes in one call."""

Resource = dict[str, Any]


class ConfigItemUnavailable(Exception):
    """AWS Config holds no item for a resource that it announced: no verdict is possible, and none is posted."""


class Verdict(StrEnum):
    """AWS Config's compliance types."""

    COMPLIANT = "COMPLIANT"
    NON_COMPLIANT = "NON_COMPLIANT"
    NOT_APPLICABLE = "NOT_APPLICABLE"


@dataclass(frozen=True)
class Evaluation:
    """A verdict on one resource, as AWS Config takes it."""

    resource_type: str
    resource_id: str
    verdict: Verdict
    annotation: str
    at: str
    """When the judged state was captured: AWS Config orders evaluations by it."""

    def to_dict(self) -> dict[str, str]:
        """The evaluation as PutEvaluations takes it."""
        return {
            "ComplianceResourceType": self.resource_type,
            "ComplianceResourceId": self.resource_id,
            "ComplianceType": self.verdict.value,
            "Annotation": _cut(self.annotation),
            "OrderingTimestamp": self.at,
        }


class Judge:
    """One policy's judgement of resources, and its fix. Mixed into c7n's modes."""

    policy: Any

    def in_scope(self, resources: Sequence[Resource], event: Any) -> list[Resource]:
        """The resources that the policy's `scope` filter lets through; all of them when it has none."""
        filters = self.policy.resource_manager.filters
        if filters and isinstance(filters[0], Scope):
            return list(filters[0].process(list(resources), event))
        return list(resources)

    def matching(self, resources: Sequence[Resource], event: Any) -> list[Resource]:
        """The resources in scope that the policy's filters match, or with `match-compliant` the others.

        Exceptions are left out of it: what is excepted drifts all the same.
        """
        with self._no_exceptions() as manager:
            matched = list(manager.filter_resources(list(resources), event))
        if not self.policy.data["mode"].get("match-compliant"):
            return matched
        found = {self.id_of(resource) for resource in matched}
        return [resource for resource in resources if self.id_of(resource) not in found]

    def let_off(self, resource: Resource, event: Any) -> str:
        """What an exception in force says of a resource that matches; empty when none covers it."""
        for exceptions in self.policy.resource_manager.filters:
            if isinstance(exceptions, Excepted) and (rule := exceptions.rule_for(resource, event)) is not None:
                return excuse(rule)
        return ""

    @contextmanager
    def _no_exceptions(self) -> Iterator[Any]:
        """The policy's resource manager, for as long as it filters without exceptions."""
        manager = self.policy.resource_manager
        whole = manager.filters
        manager.filters = [each for each in whole if not isinstance(each, Excepted)]
        try:
            yield manager
        finally:
            manager.filters = whole

    def put_right(self, resources: Sequence[Resource], event: Any) -> set[str]:
        """Run the policy's actions; returns the ids of the resources that are there and no longer match.

        What cannot be read again, or is gone, is not among them: it has been seen to be right by nobody. Nothing is
        read where nothing can have changed: the policy has no actions, or its response is alert or none.
        """
        self.run_resource_set(event, list(resources))  # type: ignore[attr-defined]
        if (self.policy.data.get("metadata") or {}).get("response") in PASSIVE:
            return set()
        if not self.policy.resource_manager.actions:
            return set()
        right, _ = self.judge_again(resources, event)
        return right

    def judge_again(self, resources: Sequence[Resource], event: Any) -> tuple[set[str], set[str]]:
        """The ids of the resources that are there and no longer match, and of those that still do, as they are now."""
        now = self.read_again(resources)
        wrong = {self.id_of(resource) for resource in self.matching(now, event)}
        return {self.id_of(resource) for resource in now} - wrong, wrong

    def read_again(self, resources: Sequence[Resource]) -> list[Resource]:
        """The resources as AWS describes them now; a deleted one is not among them."""
        manager = self.policy.resource_manager
        if self.policy.resource_type in ("account", "aws.account"):
            # c7n keeps what its filters read on the account itself, and makes it anew here.
            return list(manager.get_resource_manager("account", {}).resources())
        own = manager.resource_type.id
        wanted = {self.id_of(resource) for resource in resources}
        found = list(manager.get_resources(sorted({str(resource[own]) for resource in resources})))
        # Some types can only be listed: an API's stages, for one.
        if wanted - {self.id_of(one) for one in found} - {str(one[own]) for one in found}:
            found += self.every()
        # By c7n's own id two resources may be one, as the stages of one deployment of an API; where no more than that
        # is known of a resource, it has to do.
        return list({
            key: one for one in found if (key := self.id_of(one)) in wanted or str(one[own]) in wanted}.values())

    def every(self) -> list[Resource]:
        """Every resource of the policy's type, filters left out."""
        unfiltered = {key: value for key, value in self.policy.data.items() if key != "filters"}
        return list(self.policy.resource_manager.get_resource_manager(
            self.policy.resource_type, unfiltered).resources())

    def id_of(self, resource: Resource) -> str:
        """The id by which AWS knows the resource, and no other shares it."""
        return resource_id(resource, type(self.policy.resource_manager))

    def reported(self, resource: Resource) -> str:
        """The id by which AWS Config knows the resource."""
        kind = self.policy.resource_manager.resource_type
        return str(resource[kind.config_id or kind.id])

    def said(self, resource: Resource) -> str:
        """What is wrong with the resource: what should hold, and the values that say otherwise."""
        expected = (self.policy.data.get("metadata") or {}).get("title") or self.policy.name
        values = sentence(resource, _ANNOTATION_LENGTH)
        return f"Not so: {expected}." + (f" {values}" if values else "")

    def post(self, token: str, evaluations: Sequence[Evaluation]) -> None:
        """Give the evaluations to AWS Config. Raises ClientError."""
        client = local_session(self.policy.session_factory).client("config")
        for some in chunks([evaluation.to_dict() for evaluation in evaluations], _BATCH):
            call(client.put_evaluations, ResultToken=token, Evaluations=some)


class ConfigRule(Judge, ConfigRuleMode):
    """A rule that AWS Config calls when it has recorded a change of a resource."""

    @property
    def policy_lambda(self) -> Any:
        """What c7n deploys for the policy."""
        return policy_lambda()

    def run(self, event: dict[str, Any], lambda_context: Any) -> Any:
        """Evaluate the resource, or every resource on a schedule's tick; returns the resources that matched.

        Raises ConfigItemUnavailable when there is nothing to evaluate, and FixIncomplete after the resource was
        reported as not compliant.
        """
        notification = json.loads(event["invokingEvent"])
        if notification.get("messageType") == SCHEDULED:
            log.info("a schedule's tick: every %s is evaluated", self.policy.resource_type)
            return ConfigPollRule(self.policy).run(event, lambda_context)
        item = notification.get("configurationItem") or self._item(notification)
        self.cfg_event = {**notification, "configurationItem": item}
        self.setup_exec_environment(event)

        def verdict(kind: Verdict, why: str) -> Evaluation:
            return Evaluation(
                item["resourceType"], item["resourceId"], kind, why, item["configurationItemCaptureTime"])

        token = event["resultToken"]
        if event.get("eventLeftScope") or item["configurationItemStatus"] in GONE:
            self.post(token, [verdict(Verdict.NOT_APPLICABLE, "The resource is gone, or has left the rule's scope.")])
            return []
        if not self.policy.is_runnable(event):
            self.post(token, [verdict(Verdict.NOT_APPLICABLE, f"{self.policy.name} is not in force in this account.")])
            return []
        applicable = self.in_scope(self.resolve_resources(event), event)
        if not applicable:
            self.post(token, [verdict(Verdict.NOT_APPLICABLE, f"{self.policy.name} does not speak of this resource.")])
            return []
        matched = self.matching(applicable, event)
        if not matched:
            self.post(token, [verdict(Verdict.COMPLIANT, f"As {self.policy.name} says.")])
            return []
        if let_off := self.let_off(matched[0], event):
            self.post(token, [verdict(Verdict.NOT_APPLICABLE, let_off)])
            return []
        said = self.said(matched[0])
        try:
            right = self.put_right(matched, event)
        except FixIncomplete as error:
            self.post(token, [verdict(Verdict.NON_COMPLIANT, str(error))])
            raise
        except Exception as error:
            why = f"The fix failed, or could not be checked: {error}. {said}"
            self.post(token, [verdict(Verdict.NON_COMPLIANT, why)])
            raise
        if right:
            self.post(token, [verdict(Verdict.COMPLIANT, f"Put right, and read again. It was: {said}")])
        else:
            self.post(token, [verdict(Verdict.NON_COMPLIANT, said)])
        return matched

    def _item(self, notification: Mapping[str, Any]) -> dict[str, Any]:
        summary = notification.get("configurationItemSummary")
        if not summary:
            raise ConfigItemUnavailable(
                f"the notification {notification.get('messageType')} carries neither an item nor its summary"
            )
        if summary["configurationItemStatus"] in GONE:
            return dict(summary)
        name = f"{summary['resourceType']} {summary['resourceId']}"
        log.info("the item of %s is too large for a message: fetched from AWS Config", name)
        client = local_session(self.policy.session_factory).client("config")
        try:
            items = call(
                client.get_resource_config_history,
                resourceType=summary["resourceType"], resourceId=summary["resourceId"], limit=1,
                laterTime=datetime.fromisoformat(summary["configurationItemCaptureTime"]),
            )["configurationItems"]
        except ClientError as error:
            raise ConfigItemUnavailable(f"{name} was not evaluated: {reason_of(error)}") from error
        if not items:
            raise ConfigItemUnavailable(f"{name} was not evaluated: AWS Config has no item of it")
        # The summary's own time: an evaluation is ordered by it.
        return {**items[0], "configurationItemCaptureTime": summary["configurationItemCaptureTime"]}


class ConfigPollRule(Judge, ConfigPollRuleMode):
    """A rule that AWS Config calls on a schedule, and that looks at every resource."""

    @property
    def policy_lambda(self) -> Any:
        """What c7n deploys for the policy."""
        return policy_lambda()

    def run(self, event: dict[str, Any], lambda_context: Any) -> Any:
        """Evaluate every resource; returns those that matched. Raises what a fix raises, the verdicts posted."""
        self.setup_exec_environment(event)
        runnable = self.policy.is_runnable(event)
        # One output for all of it, also when nothing matches: whoever reads it must know that the rule has run.
        with self.policy.ctx if runnable else nullcontext():
            return self._evaluate(event, runnable=runnable)

    def _evaluate(self, event: dict[str, Any], *, runnable: bool) -> list[Resource]:
        notification = json.loads(event["invokingEvent"])
        at, token = notification["notificationCreationTime"], event["resultToken"]
        client = local_session(self.policy.session_factory).client("config")
        resources = self.every()
        failure: Exception | None = None
        judged: dict[str, tuple[Verdict, str]] = {}
        matched: list[Resource] = []
        excepted: list[Resource] = []
        if runnable:
            applicable = self.in_scope(resources, event)
            judged = {self.reported(resource): (Verdict.COMPLIANT, f"As {self.policy.name} says.")
                      for resource in applicable}
            for resource in self.matching(applicable, event):
                if let_off := self.let_off(resource, event):
                    judged[self.reported(resource)] = (Verdict.NOT_APPLICABLE, let_off)
                    excepted.append(resource)
                else:
                    matched.append(resource)
            self._write(matched, excepted)
            wrong = {self.reported(resource): self.said(resource) for resource in matched}
            right: set[str] = set()
            try:
                if matched:
                    right = self.put_right(matched, event)
            except Exception as error:  # noqa: BLE001 - kept, and raised when the verdicts are posted
                failure = error
            for resource in matched:
                key = self.reported(resource)
                if self.id_of(resource) in right:
                    judged[key] = (Verdict.COMPLIANT, f"Put right, and read again. It was: {wrong[key]}")
                else:
                    said = wrong[key]
                    if failure:
                        said = f"The fix failed, or could not be checked: {failure}. {said}"
                    judged[key] = (Verdict.NON_COMPLIANT, said)
        for resource in resources:
            judged.setdefault(
                self.reported(resource),
                (Verdict.NOT_APPLICABLE, f"{self.policy.name} does not speak of this resource."))
        evaluations = [
            Evaluation(self.policy.resource_manager.resource_type.cfn_type, key, verdict, said, at)
            for key, (verdict, said) in judged.items()
        ]
        evaluations += self._vanished(client, event["configRuleName"], at, set(judged))
        if not judged:
            evaluations.append(Evaluation(
                "AWS::::Account", self.policy.options.account_id, Verdict.NOT_APPLICABLE,
                f"There is no {self.policy.resource_type} here.", at,
            ))
        self.post(token, evaluations)
        if failure:
            raise failure
        return matched

    def _write(self, matched: list[Resource], excepted: list[Resource]) -> None:
        """Leave what was found in the policy's output, as c7n does in its own modes that look at everything."""
        ctx = self.policy.ctx
        ctx.metrics.put_metric("ResourceCount", len(matched), "Count", Scope="Policy")
        self.policy.log.info("policy:%s resource:%s region:%s count:%d", self.policy.name, self.policy.resource_type,
                             self.policy.options.region, len(matched))
        ctx.output.write_file("resources.json", dumps(matched, indent=2))
        if excepted:
            ctx.output.write_file("excepted.json", dumps(excepted, indent=2))

    def run_resource_set(self, event: Any, resources: list[Resource]) -> list[Resource]:
        """Run the actions, as c7n does, but in the output that is open: c7n would begin another."""
        for action in self.policy.resource_manager.actions:
            results = action.process(resources, event) if isinstance(action, EventAction) else action.process(resources)
            if results:
                self.policy.ctx.output.write_file(f"action-{action.name}", dumps(results))
        return resources

    def _vanished(self, client: Any, rule: str, at: str, present: set[str]) -> list[Evaluation]:
        """Earlier verdicts on what is no longer there are taken back."""
        return [
            Evaluation(
                old["ComplianceResourceType"], old["ComplianceResourceId"], Verdict.NOT_APPLICABLE,
                "The resource is gone.", at)
            for old in self.get_obsolete_evaluations(
                client, rule, at, [{"ComplianceResourceId": key} for key in present])
        ]


def _cut(text: str) -> str:
    """`text` within what an annotation may hold; PutEvaluations refuses an empty one."""
    return text if len(text) <= _ANNOTATION_LENGTH else text[: _ANNOTATION_LENGTH - 1] + "…"
