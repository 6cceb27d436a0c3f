"""What c7n deploys for a policy of AWS Config's modes, with two things that c7n leaves out.

AWS Config sends an item that is too large for a message as another notification, to which c7n's rules do not
subscribe. And c7n lets AWS Config call the function only when it makes the rule: a permission that is lost later never
comes back.
"""
from __future__ import annotations

import functools
import logging
from typing import Any

log = logging.getLogger("custodian.guardrails.config")

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
