"""c7n's modes `config-rule` and `config-poll-rule`, with correct evaluations.

c7n's own classes have four faults. They report two compliance types only, with a fixed annotation. They report
NON_COMPLIANT for a resource that their own action has just fixed. They read resources twice. They raise KeyError on two
of AWS Config's three notifications. The plug-in replaces them with these classes. The schema is c7n's; what is
deployed differs in two points (rule_function.py).

| the resource | evaluation |
|---|---|
| is deleted, has left the rule's scope, or does not pass the policy's `scope` filter | NOT_APPLICABLE |
| matches, and an exception covers it | NOT_APPLICABLE, with the exception's end date and reason; no fix |
| does not match | COMPLIANT |
| matches | NON_COMPLIANT, with the values that matched |
| matched, was fixed, and the fix was verified | COMPLIANT, with the values before |
| matches, and its fix failed | NON_COMPLIANT, with the reason; the invocation fails |
| cannot be read | none: the invocation fails, because unknown is not compliant; all others are evaluated and fixed |

An item may lack a field that a filter looks for. Unless the resource violates the policy in any case, it is then read
from AWS, and evaluated as it is now (item_fields.py).

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

from ..aws import AWS_ERRORS, call, reason_of
from ..elements.every_type import Scope
from ..exceptions import Excepted, excuse
from ..fixing import FixIncomplete, MessageNotSent
from ..resources import (
    ResourceCounts,
    UnknownResources,
    collecting,
    collector_of,
    filtered,
    readable,
    resource_id,
    sentence,
)
from ..vocabulary import PASSIVE
from .item_fields import watched
from .rule_function import policy_lambda

log = logging.getLogger("custodian.guardrails.config")

SCHEDULED = "ScheduledNotification"
TEST_TOKEN = "TESTMODE"  # noqa: S105 - no secret
"""The result token of a test of the rule. AWS Config checks the evaluations of a test, and does not record them."""
GONE = ("ResourceDeleted", "ResourceNotRecorded", "ResourceDeletedNotRecorded")
_ANNOTATION_LENGTH = 256
_BATCH = 100
"""What PutEvaluations takes in one call."""
_FIELDS_SHOWN = 300
"""Characters of a list of fields in a message."""

Resource = dict[str, Any]


class ConfigItemUnavailable(Exception):
    """AWS Config has no configuration item for a resource that it sent a notification for: there is no evaluation."""


class EvaluationsNotAccepted(Exception):
    """AWS Config did not accept evaluations: it keeps an older verdict for the resources that are named."""


class Verdict(StrEnum):
    """AWS Config's compliance types."""

    COMPLIANT = "COMPLIANT"
    NON_COMPLIANT = "NON_COMPLIANT"
    NOT_APPLICABLE = "NOT_APPLICABLE"


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of one resource."""

    resource_type: str
    resource_id: str
    verdict: Verdict
    annotation: str
    at: str
    """When the evaluated state was captured. AWS Config orders evaluations by this time."""

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
    """Evaluates resources against one policy, and fixes them. Mixed into c7n's modes."""

    policy: Any
    not_sent: MessageNotSent | None = None
    """Why the message about a fix was not sent. This does not change the evaluation, and is raised after it is sent."""

    def in_scope(self, resources: Sequence[Resource], event: Any) -> list[Resource]:
        """The resources that pass the policy's `scope` filter; all of them when the policy has none."""
        manager = self.policy.resource_manager
        known = readable(manager, resources)
        if manager.filters and isinstance(manager.filters[0], Scope):
            return filtered(manager, manager.filters[0], known, event)
        return known

    def matching(self, resources: Sequence[Resource], event: Any) -> list[Resource]:
        """The resources in scope that the policy's filters match; with `match-compliant`, those that they do not.

        Exceptions are ignored here: an excepted resource still violates the policy.
        """
        with self._no_exceptions() as manager:
            matched = list(manager.filter_resources(list(resources), event))
        if not self.policy.data["mode"].get("match-compliant"):
            return matched
        found = {self.id_of(resource) for resource in matched} | self.unknown_ids()
        return [resource for resource in resources if self.id_of(resource) not in found]

    def exception_for(self, resource: Resource, event: Any) -> str:
        """The text of the exception that covers a resource; empty when none does."""
        for found in self.policy.resource_manager.filters:
            if isinstance(found, Excepted) and (rule := found.rule_for(resource, event)) is not None:
                return excuse(rule)
        return ""

    @contextmanager
    def _no_exceptions(self) -> Iterator[Any]:
        """The policy's resource manager, with its exceptions switched off."""
        manager = self.policy.resource_manager
        every = manager.filters
        manager.filters = [each for each in every if not isinstance(each, Excepted)]
        try:
            yield manager
        finally:
            manager.filters = every

    def fix(self, resources: Sequence[Resource], event: Any) -> set[str]:
        """Run the policy's actions; returns the ids of the resources that exist and no longer match.

        A resource that cannot be read again, or that is deleted, is not among them. Resources are read again only if
        something can have changed: the policy has actions, and its response is not alert or none. A test of the rule
        fixes nothing.
        """
        if event.get("resultToken") == TEST_TOKEN:
            log.info("a test of the rule: nothing is fixed")
            return set()
        try:
            self.run_resource_set(event, list(resources))  # type: ignore[attr-defined]
        except MessageNotSent as error:
            self.not_sent = error
        if (self.policy.data.get("metadata") or {}).get("response") in PASSIVE:
            return set()
        if not self.policy.resource_manager.actions:
            return set()
        compliant, _ = self.evaluate_again(resources, event)
        return compliant

    def evaluate_again(self, resources: Sequence[Resource], event: Any) -> tuple[set[str], set[str]]:
        """The ids of the resources that exist and no longer match, and of those that still match."""
        now = self.read_again(resources)
        matching = {self.id_of(resource) for resource in self.matching(now, event)}
        return {self.id_of(resource) for resource in now} - matching - self.unknown_ids(), matching

    def unknown_ids(self) -> set[str]:
        """The ids of the resources that could not be read, as far as they are collected."""
        unknown = collector_of(self.policy.resource_manager)
        return set(unknown.reasons) if unknown else set()

    def read_again(self, resources: Sequence[Resource]) -> list[Resource]:
        """The resources as AWS describes them now, without those that are deleted."""
        manager = self.policy.resource_manager
        if self.policy.resource_type in ("account", "aws.account"):
            # c7n caches what its filters read on the account resource; this makes a new one.
            return list(manager.get_resource_manager("account", {}).resources())
        own = manager.resource_type.id
        wanted = {self.id_of(resource) for resource in resources}
        found = list(manager.get_resources(sorted({str(resource[own]) for resource in resources})))
        # Some types can only be listed, for example the stages of an API.
        if wanted - {self.id_of(one) for one in found} - {str(one[own]) for one in found}:
            found += self.every()
        # Two resources can have the same id in c7n, for example two stages of one deployment of an API. If nothing
        # else is known of a resource, that id is used.
        return list({
            key: one for one in found if (key := self.id_of(one)) in wanted or str(one[own]) in wanted}.values())

    def every(self) -> list[Resource]:
        """Every resource of the policy's type, unfiltered."""
        unfiltered = {key: value for key, value in self.policy.data.items() if key != "filters"}
        manager = self.policy.resource_manager.get_resource_manager(self.policy.resource_type, unfiltered)
        unknown = collector_of(self.policy.resource_manager)
        with collecting(manager, into=unknown) if unknown is not None else nullcontext():
            return list(manager.resources())

    def id_of(self, resource: Resource) -> str:
        """The unique id of the resource in AWS."""
        return resource_id(resource, type(self.policy.resource_manager))

    def config_id_of(self, resource: Resource) -> str:
        """The id of the resource in AWS Config."""
        kind = self.policy.resource_manager.resource_type
        return str(resource[kind.config_id or kind.id])

    def violation(self, resource: Resource) -> str:
        """The annotation of a violation: the policy's title, and the values that matched."""
        expected = (self.policy.data.get("metadata") or {}).get("title") or self.policy.name
        values = sentence(resource, _ANNOTATION_LENGTH)
        return f"Violated: {expected}." + (f" {values}" if values else "")

    def post(self, token: str, evaluations: Sequence[Evaluation]) -> None:
        """Send the evaluations to AWS Config.

        PutEvaluations succeeds also when it does not accept some of the evaluations; these are sent again, one by one.
        A batch that fails does not stop the later ones.

        Raises ClientError, EvaluationsNotAccepted after all others were sent, and MessageNotSent after all were sent.
        """
        client = local_session(self.policy.session_factory).client("config")

        def not_accepted(some: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
            answer = call(
                client.put_evaluations, ResultToken=token, Evaluations=some, TestMode=token == TEST_TOKEN)
            return list(answer.get("FailedEvaluations") or ())

        failed: list[Mapping[str, Any]] = []
        errors: list[Exception] = []
        for some in chunks([evaluation.to_dict() for evaluation in evaluations], _BATCH):
            try:
                failed += not_accepted(some)
            except AWS_ERRORS as error:
                errors.append(error)
        if left := [each for each in failed if not_accepted([each])]:
            named = ", ".join(f"{each['ComplianceResourceType']} {each['ComplianceResourceId']}" for each in left)
            raise EvaluationsNotAccepted(
                f"{self.policy.name}: AWS Config did not accept {len(left)} of {len(evaluations)} evaluations, and "
                f"keeps older verdicts for: {named}") from (errors[0] if errors else None)
        if errors:
            raise errors[0]
        if self.not_sent is not None:
            raise self.not_sent


class ConfigRule(Judge, ConfigRuleMode):
    """A rule that AWS Config invokes when it has recorded a change of a resource."""

    @property
    def policy_lambda(self) -> Any:
        """What c7n deploys for the policy."""
        return policy_lambda()

    def run(self, event: dict[str, Any], lambda_context: Any) -> Any:
        """Evaluate the resource, or every resource on a scheduled run; returns the resources that matched.

        Raises ConfigItemUnavailable when there is nothing to evaluate, and FixIncomplete after the resource was
        reported as not compliant.
        """
        notification = json.loads(event["invokingEvent"])
        if notification.get("messageType") == SCHEDULED:
            log.info("scheduled run: every %s is evaluated", self.policy.resource_type)
            return ConfigPollRule(self.policy).run(event, lambda_context)
        item = notification.get("configurationItem") or self._item(notification)
        expected = self.policy.resource_manager.resource_type.config_type
        if item["resourceType"] != expected:
            raise ConfigItemUnavailable(
                f"{self.policy.name} evaluates {expected}, but the notification is about {item['resourceType']}")
        self.cfg_event = {**notification, "configurationItem": item}
        self.setup_exec_environment(event)

        def verdict(kind: Verdict, why: str) -> Evaluation:
            return Evaluation(
                item["resourceType"], item["resourceId"], kind, why, item["configurationItemCaptureTime"])

        token = event["resultToken"]
        if event.get("eventLeftScope") or item["configurationItemStatus"] in GONE:
            self.post(token, [verdict(
                Verdict.NOT_APPLICABLE, "The resource was deleted, or has left the rule's scope.")])
            return []
        if not self.policy.is_runnable(event):
            self.post(token, [verdict(Verdict.NOT_APPLICABLE, f"{self.policy.name} is not enabled in this account.")])
            return []
        applicable, matched = self._judged(event)
        if not applicable:
            self.post(token, [verdict(Verdict.NOT_APPLICABLE, f"Out of scope of {self.policy.name}.")])
            return []
        if not matched:
            self.post(token, [verdict(Verdict.COMPLIANT, f"Complies with {self.policy.name}.")])
            return []
        if exception := self.exception_for(matched[0], event):
            self.post(token, [verdict(Verdict.NOT_APPLICABLE, exception)])
            return []
        violation = self.violation(matched[0])
        try:
            compliant = self.fix(matched, event)
        except FixIncomplete as error:
            self.post(token, [verdict(Verdict.NON_COMPLIANT, str(error))])
            raise
        except Exception as error:
            why = f"The fix failed or could not be verified: {error}. {violation}"
            self.post(token, [verdict(Verdict.NON_COMPLIANT, why)])
            raise
        if compliant:
            self.post(token, [verdict(Verdict.COMPLIANT, f"Fixed and verified. Before: {violation}")])
        else:
            self.post(token, [verdict(Verdict.NON_COMPLIANT, violation)])
        return matched

    def _judged(self, event: dict[str, Any]) -> tuple[list[Resource], list[Resource]]:
        """The resource if it is in the policy's scope, and if it matches.

        Raises ConfigItemUnavailable if the item lacks what the filters need, and the resource is not found in AWS.
        """
        [resource] = self.resolve_resources(event)
        item, manager = self.cfg_event["configurationItem"], self.policy.resource_manager
        seen, missing = watched(resource, manager.resource_type, item)
        applicable, matched = self._filtered([seen], event)
        if matched or not missing:
            return applicable, matched
        name, fields = f"{item['resourceType']} {item['resourceId']}", ", ".join(sorted(missing))[:_FIELDS_SHOWN]
        log.info("%s is read from AWS, because its configuration item lacks %s", name, fields)
        now = self.read_again([resource])
        if not now:
            raise ConfigItemUnavailable(
                f"{name} was not evaluated: its configuration item lacks {fields}, and AWS has no such resource")
        return self._filtered(now, event)

    def _filtered(self, resources: list[Resource], event: dict[str, Any]) -> tuple[list[Resource], list[Resource]]:
        applicable = self.in_scope(resources, event)
        return applicable, self.matching(applicable, event) if applicable else []

    def resolve_resources(self, event: dict[str, Any]) -> list[Resource]:
        """The resource in the configuration item. Raises ConfigItemUnavailable if the item has no id of it."""
        item, own = self.cfg_event["configurationItem"], self.policy.resource_manager.resource_type.id
        found: list[Resource] = super().resolve_resources(event)
        if not all(isinstance(one, dict) and one.get(own) for one in found):
            raise ConfigItemUnavailable(
                f"{item['resourceType']} {item['resourceId']} was not evaluated: its configuration has no {own}")
        return found

    def _item(self, notification: Mapping[str, Any]) -> dict[str, Any]:
        summary = notification.get("configurationItemSummary")
        if not summary:
            raise ConfigItemUnavailable(
                f"the notification {notification.get('messageType')} has neither a configuration item nor its summary"
            )
        if summary["configurationItemStatus"] in GONE:
            return dict(summary)
        name = f"{summary['resourceType']} {summary['resourceId']}"
        log.info("the configuration item of %s is too large for a message: it is read from AWS Config", name)
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
            raise ConfigItemUnavailable(f"{name} was not evaluated: AWS Config has no configuration item for it")
        # The summary's own time: an evaluation is ordered by it.
        return {**items[0], "configurationItemCaptureTime": summary["configurationItemCaptureTime"]}


class ConfigPollRule(Judge, ConfigPollRuleMode):
    """A rule that AWS Config invokes on a schedule, and that evaluates every resource."""

    @property
    def policy_lambda(self) -> Any:
        """What c7n deploys for the policy."""
        return policy_lambda()

    def run(self, event: dict[str, Any], lambda_context: Any) -> Any:
        """Evaluate every resource; returns those that matched.

        Sends the evaluations before it raises a fix's error, or ResourcesUnknown for resources that cannot be read.
        """
        self.setup_exec_environment(event)
        runnable = self.policy.is_runnable(event)
        # One output, also when nothing matches: it shows that the rule has run.
        with collecting(self.policy.resource_manager) as unknown, self.policy.ctx if runnable else nullcontext():
            matched = self._evaluate(event, unknown, runnable=runnable)
        unknown.raise_if_any()
        return matched

    def _evaluate(self, event: dict[str, Any], unknown: UnknownResources, *, runnable: bool) -> list[Resource]:
        notification = json.loads(event["invokingEvent"])
        at, token = notification["notificationCreationTime"], event["resultToken"]
        client = local_session(self.policy.session_factory).client("config")
        resources = self.every()
        listed = len(resources) + len(unknown.reasons)
        failure: Exception | None = None
        evaluated: dict[str, tuple[Verdict, str]] = {}
        matched: list[Resource] = []
        excepted: list[Resource] = []
        if runnable:
            applicable = self.in_scope(resources, event)
            in_scope, gone = len(applicable) + len(unknown.reasons), len(unknown.deleted)
            evaluated = {self.config_id_of(resource): (Verdict.COMPLIANT, f"Complies with {self.policy.name}.")
                      for resource in applicable}
            for resource in self.matching(applicable, event):
                if exception := self.exception_for(resource, event):
                    evaluated[self.config_id_of(resource)] = (Verdict.NOT_APPLICABLE, exception)
                    excepted.append(resource)
                else:
                    matched.append(resource)
            for name in unknown.reasons:
                evaluated.pop(self._config_id_of_unknown(unknown, name), None)
            self._write(matched, excepted, unknown)
            ResourceCounts(
                listed - len(unknown.deleted), in_scope - (len(unknown.deleted) - gone),
                len(matched) + len(excepted), len(unknown.reasons)).write(self.policy.ctx.output)
            violations = {self.config_id_of(resource): self.violation(resource) for resource in matched}
            compliant: set[str] = set()
            try:
                if matched:
                    compliant = self.fix(matched, event)
            except Exception as error:  # noqa: BLE001 - raised after the evaluations are sent
                failure = error
            unknown.write(self.policy.ctx.output)  # the fix may have added some
            for resource in matched:
                key = self.config_id_of(resource)
                if self.id_of(resource) in compliant:
                    evaluated[key] = (Verdict.COMPLIANT, f"Fixed and verified. Before: {violations[key]}")
                else:
                    violation = violations[key]
                    if failure:
                        violation = f"The fix failed or could not be verified: {failure}. {violation}"
                    evaluated[key] = (Verdict.NON_COMPLIANT, violation)
        for resource in resources:
            if self.id_of(resource) not in unknown:
                evaluated.setdefault(
                    self.config_id_of(resource),
                    (Verdict.NOT_APPLICABLE, f"Out of scope of {self.policy.name}."))
        evaluations = [
            Evaluation(self.policy.resource_manager.resource_type.cfn_type, key, verdict, text, at)
            for key, (verdict, text) in evaluated.items()
        ]
        unread = {self._config_id_of_unknown(unknown, name) for name in unknown.reasons}
        if "" not in unread:  # else one of them would be taken for deleted
            evaluations += self._vanished(client, event["configRuleName"], at, unread | set(evaluated))
        if not evaluated and not unknown:
            evaluations.append(Evaluation(
                "AWS::::Account", self.policy.options.account_id, Verdict.NOT_APPLICABLE,
                f"There is no {self.policy.resource_type} in this region.", at,
            ))
        self.post(token, evaluations)
        if failure:
            raise failure
        return matched

    def _config_id_of_unknown(self, unknown: UnknownResources, name: str) -> str:
        """The id of an unknown resource in AWS Config; empty if what is known of it does not contain it."""
        kind = self.policy.resource_manager.resource_type
        return str(unknown.resources.get(name, {}).get(kind.config_id or kind.id, ""))

    def _write(self, matched: list[Resource], excepted: list[Resource], unknown: UnknownResources) -> None:
        """Write what was found to the policy's output, as c7n's own scheduled modes do."""
        ctx = self.policy.ctx
        ctx.metrics.put_metric("ResourceCount", len(matched), "Count", Scope="Policy")
        self.policy.log.info("policy:%s resource:%s region:%s count:%d", self.policy.name, self.policy.resource_type,
                             self.policy.options.region, len(matched))
        ctx.output.write_file("resources.json", dumps(matched, indent=2))
        if excepted:
            ctx.output.write_file("excepted.json", dumps(excepted, indent=2))
        unknown.write(ctx.output)

    def run_resource_set(self, event: Any, resources: list[Resource]) -> list[Resource]:
        """Run the actions as c7n does, but in the output that is already open."""
        for action in self.policy.resource_manager.actions:
            results = action.process(resources, event) if isinstance(action, EventAction) else action.process(resources)
            if results:
                self.policy.ctx.output.write_file(f"action-{action.name}", dumps(results))
        return resources

    def _vanished(self, client: Any, rule: str, at: str, present: set[str]) -> list[Evaluation]:
        """Evaluations that withdraw earlier ones of resources that no longer exist."""
        return [
            Evaluation(
                old["ComplianceResourceType"], old["ComplianceResourceId"], Verdict.NOT_APPLICABLE,
                "The resource was deleted.", at)
            for old in self.get_obsolete_evaluations(
                client, rule, at, [{"ComplianceResourceId": key} for key in present])
        ]


def _cut(text: str) -> str:
    """`text`, cut to the length of an annotation."""
    return text if len(text) <= _ANNOTATION_LENGTH else text[: _ANNOTATION_LENGTH - 1] + "…"
