"""AWS sessions for c7n that can only read: a call that would change something never leaves this process.

A dry run of c7n skips actions, but a filter can call anything, and the calls of a fix are known only by running its
decision. So each call is checked first. A call that is not a read is recorded with its parameters and fails with the
error of an EC2 dry run, which a fix treats as "not done". A read that AWS refused is recorded, too, because some
filters ignore the error and continue with incomplete data.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from custom_actions.vocabulary import is_read

# Assuming a role and generating a credential report change nothing in the account.
_ALLOWED = ("AssumeRole", "GenerateCredentialReport")
DRY_RUN = "DryRunOperation"


class Offline(Exception):
    """AWS was called in an offline replay."""


@dataclass(frozen=True)
class RefusedCall:
    """A call that was not sent, because it would have changed something."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


@dataclass
class CallWatch:
    """The calls that failed or were not sent during the replay of one policy."""

    offline: bool = False
    refused: list[RefusedCall] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    """Reads that AWS refused, or that were not sent because the replay is offline."""

    def session_factory(self, region: str) -> Any:
        """c7n's session factory. c7n's cache of sessions must be reset before its first use."""
        from c7n.credentials import SessionFactory

        factory = SessionFactory(region)
        factory.set_subscribers([self._watch])
        return factory

    def _watch(self, session: Any) -> None:
        session.events.register_first("before-parameter-build.*.*", self._parameters)
        session.events.register_first("before-call.*.*", self._before)
        session.events.register_last("after-call.*.*", self._after)

    def _parameters(self, params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["guardrails_parameters"] = dict(params)

    def _before(self, model: Any, context: Mapping[str, Any], **_: Any) -> None:
        service, operation = model.service_model.service_name, model.name
        if self.offline:
            self.unanswered.append(f"{service}:{operation} was not called, because this replay is offline")
            raise Offline(self.unanswered[-1])
        if not (is_read(operation) or operation in _ALLOWED):
            self.refused.append(RefusedCall(service, operation, context.get("guardrails_parameters") or {}))
            message = "This call would change something and was not sent."
            raise ClientError({"Error": {"Code": DRY_RUN, "Message": message}}, operation)

    def _after(self, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
        from ..results import State, state_of

        error = parsed.get("Error") or {}
        message = f"{error.get('Code', '')}: {error.get('Message', '')}"
        if error and state_of(message) is not State.ERROR:
            self.unanswered.append(f"{model.service_model.service_name}:{model.name}: {message}")
