"""Which rules of a load balancer serve plain HTTP, and the plan that makes them redirect to HTTPS.

A listener's default action is also a rule, the last one. A rule redirects when each of its actions is a redirect to
HTTPS; a redirect to `#{protocol}` keeps the protocol of the request, so it does not count. A load balancer without a
listener serves nothing, and is compliant.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

HTTPS = "HTTPS"
_NOT_PLAIN = (HTTPS, "TLS", "")
"""Protocols with encryption, and the empty one of a gateway load balancer."""

Action = Mapping[str, Any]
"""An action in the format of the Elastic Load Balancing API."""


@dataclass(frozen=True)
class Rule:
    """A rule of a listener; the default one applies when no other rule matches."""

    arn: str
    priority: str
    """A number, or `default`."""
    actions: tuple[Action, ...]

    @property
    def default(self) -> bool:
        return self.priority == "default"

    @property
    def redirects(self) -> bool:
        """Whether it only redirects to HTTPS."""
        return bool(self.actions) and all(
            action["Type"] == "redirect" and (action.get("RedirectConfig") or {}).get("Protocol") == HTTPS
            for action in self.actions
        )

    def __str__(self) -> str:
        kinds = ", ".join(
            f"redirect to {action['RedirectConfig'].get('Protocol', '#{protocol}')}"
            if action["Type"] == "redirect" and action.get("RedirectConfig") else str(action["Type"])
            for action in self.actions
        )
        return f"{'default rule' if self.default else f'rule {self.priority}'}: {kinds or 'no action'}"


@dataclass(frozen=True)
class Listener:
    """A listener; its rules are read only when it does not encrypt."""

    arn: str
    protocol: str
    port: int
    rules: tuple[Rule, ...] = ()

    @property
    def plain(self) -> bool:
        return self.protocol not in _NOT_PLAIN


@dataclass(frozen=True)
class RedirectStep:
    """One rule, and the actions that it should have."""

    listener: Listener
    rule: Rule
    actions: tuple[Action, ...]

    def __str__(self) -> str:
        return f"port {self.listener.port}, {self.rule}"


@dataclass(frozen=True)
class RedirectPlan:
    """What to do with one load balancer; `refused` says why nothing can be done."""

    steps: tuple[RedirectStep, ...] = field(default=())
    refused: str = ""

    def __bool__(self) -> bool:
        """Whether there is drift."""
        return bool(self.steps or self.refused)


def offending(listeners: Iterable[Listener]) -> list[tuple[Listener, Rule]]:
    """The rules that respond to plain HTTP with anything other than a redirect to HTTPS."""
    return [
        (listener, rule) for listener in listeners if listener.plain for rule in listener.rules if not rule.redirects
    ]


def plan_redirects(listeners: Sequence[Listener], port: int) -> RedirectPlan:
    """The plan that makes every offending rule redirect to HTTPS on `port` of the same load balancer.

    It is refused when the load balancer has no HTTPS listener on that port: the redirect would cause an outage.
    """
    found = offending(listeners)
    if not found:
        return RedirectPlan()
    if not any(listener.protocol == HTTPS and listener.port == port for listener in listeners):
        return RedirectPlan(
            refused=f"the load balancer has no HTTPS listener on port {port}: a redirect would be an outage")
    return RedirectPlan(tuple(RedirectStep(listener, rule, (_redirect(rule, port),)) for listener, rule in found))


def _redirect(rule: Rule, port: int) -> Action:
    """The redirect that replaces a rule's actions; a redirect to HTTP keeps its target."""
    kept: Mapping[str, Any] = {}
    if len(rule.actions) == 1 and rule.actions[0]["Type"] == "redirect":
        kept = rule.actions[0].get("RedirectConfig") or {}
    return {
        "Type": "redirect",
        "RedirectConfig": {
            "Protocol": HTTPS,
            "Port": str(port),
            "Host": kept.get("Host", "#{host}"),
            "Path": kept.get("Path", "/#{path}"),
            "Query": kept.get("Query", "#{query}"),
            "StatusCode": kept.get("StatusCode", "HTTP_301"),
        },
    }
