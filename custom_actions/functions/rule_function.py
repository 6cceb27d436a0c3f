"""What c7n deploys for a policy of AWS Config's modes, and for a realtime policy.

Two things that c7n leaves out for AWS Config: it sends an item that is too large for a message as another notification,
to which c7n's rules do not subscribe. And c7n lets AWS Config call the function only when it makes the rule: a
permission that is lost later never comes back.

And c7n puts every event rule on the default bus. A hub's functions answer the events on a bus of its own, which accepts
only what members' rules forward (guardrails/stacks/hub_stack.py). An event that EventBridge cannot deliver to a
function is lost, unless the rule's target has a dead-letter queue, too.
"""
from __future__ import annotations

import functools
import logging
from typing import Any

log = logging.getLogger("custodian.guardrails.config")

DEFAULT_BUS = "default"

ITEM, OVERSIZED = "ConfigurationItemChangeNotification", "OversizedConfigurationItemChangeNotification"


@functools.cache
def policy_lambda() -> Any:
    """c7n's class for a policy's function, with a rule that hears of all items and may always call it.

    Made when it is asked for: c7n.mu is needed to deploy, and costs a running function its memory and its start.
    """
    from c7n import mu

    class ConfigRule(mu.ConfigRule):
        def get_rule_params(self, func: Any) -> dict[str, Any]:
            params: dict[str, Any] = super().get_rule_params(func)
            details = params["Source"]["SourceDetails"]
            if any(detail.get("MessageType") == ITEM for detail in details):
                details.append({"EventSource": "aws.config", "MessageType": OVERSIZED})
            return params

        def add(self, func: Any, existing: Any) -> Any:
            client = self.session.client("lambda")
            try:
                client.add_permission(
                    FunctionName=func.name, StatementId=func.name, SourceAccount=func.arn.split(":")[4],
                    Action="lambda:InvokeFunction", Principal="config.amazonaws.com")
            except client.exceptions.ResourceConflictException:
                log.debug("AWS Config may call %s already", func.name)
            return super().add(func, existing)

    class PolicyLambda(mu.PolicyLambda):
        def get_events(self, session_factory: Any) -> list[Any]:
            return [ConfigRule(self.policy.data["mode"], session_factory)]

    return PolicyLambda


class OnBus:
    """boto3's client of EventBridge for the rules of one bus."""

    def __init__(self, client: Any, bus: str) -> None:
        self._client, self._bus = client, bus

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        # Each of these calls acts on the default bus unless it names another one.
        return functools.partial(found, EventBusName=self._bus) if name in _OF_A_RULE else found


_OF_A_RULE = frozenset({
    "describe_rule", "put_rule", "enable_rule", "disable_rule", "delete_rule", "list_targets_by_rule", "put_targets",
    "remove_targets",
})


@functools.cache
def realtime_policy_lambda(bus: str = DEFAULT_BUS) -> Any:
    """c7n's class for a realtime policy's function, whose event rule is on `bus`.

    Events that EventBridge cannot deliver to the function go to its dead-letter queue, if it has one.
    """
    from c7n import mu

    class EventSource(mu.CloudWatchEventSource):
        event_bus = bus

        @property
        def client(self) -> Any:
            client = super().client
            return client if self.event_bus == DEFAULT_BUS else OnBus(client, self.event_bus)

        @property
        def dead_letters(self) -> str:
            """The ARN of the queue for events that cannot be delivered; empty for none."""
            target = str((self.data.get("dead_letter_config") or {}).get("TargetArn") or "")
            # EventBridge supports only queues.
            return target if ":sqs:" in target else ""

        def add(self, func: Any, existing: Any) -> Any:
            added = super().add(func, existing)
            if not self.dead_letters:
                return added
            arn, wanted = mu.normalize_arn(func.arn), {"Arn": self.dead_letters}
            targets = self.client.list_targets_by_rule(Rule=func.event_name)["Targets"]
            differing = [each for each in targets
                         if each["Arn"] == arn and each.get("DeadLetterConfig") != wanted]
            if not differing:
                return added
            self.client.put_targets(
                Rule=func.event_name, Targets=[{**each, "DeadLetterConfig": wanted} for each in differing])
            return True

    class PolicyLambda(mu.PolicyLambda):
        def get_events(self, session_factory: Any) -> list[Any]:
            return [EventSource(self.policy.data["mode"], session_factory)]

    return PolicyLambda
