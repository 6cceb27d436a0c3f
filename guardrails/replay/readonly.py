"""AWS sessions for c7n that read and cannot change: a call that would change something never leaves this process.

A dry run of c7n leaves actions out, but a filter may call anything, and what a fix would call is known only by running
its decision. So each call passes here first. One that is no read is kept, with its parameters, and answered as EC2
answers a dry run: with an error, which a fix takes for "not done". A read that AWS refused is kept too, because filters
swallow some of them and go on with less than there is.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from custom_actions.vocabulary import is_read

# A role is assumed to read. A credential report is made anew for every asker, and changes nothing.
_ALLOWED = ("AssumeRole", "GenerateCredentialReport")
DRY_RUN = "DryRunOperation"


class Offline(Exception):
    """AWS was asked where it must not be."""


@dataclass(frozen=True)
class RefusedCall:
    """A call that was not sent, because it would have changed something."""

    service: str
    operation: str
    parameters: Mapping[str, Any]


@dataclass
class CallWatch:
    """What passed, or did not, while a policy was looked at."""

    offline: bool = False
    refused: list[RefusedCall] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    """Reads that AWS refused, or that were not sent offline."""

    def session_factory(self, region: str) -> Any:
        """What c7n makes its sessions with. Its cache of sessions must be emptied before the first use."""
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
            self.unanswered.append(f"{service}:{operation} was not asked, for this is offline")
            raise Offline(self.unanswered[-1])
        if not (is_read(operation) or operation in _ALLOWED):
            self.refused.append(RefusedCall(service, operation, context.get("guardrails_parameters") or {}))
            message = "This would change something, and was not sent."
            raise ClientError({"Error": {"Code": DRY_RUN, "Message": message}}, operation)

    def _after(self, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
        from ..results import State, state_of

        error = parsed.get("Error") or {}
        said = f"{error.get('Code', '')}: {error.get('Message', '')}"
        if error and state_of(said) is not State.ERROR:
            self.unanswered.append(f"{model.service_model.service_name}:{model.name}: {said}")
