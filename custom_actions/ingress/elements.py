"""What a policy sees: the filter `ingress-drift` and the action `revert-ingress` on `aws.security-group`."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import local_session

from ..aws import reason_of
from ..event_fix import OTHERWISE, EventFix, Fixed
from ..events import detail_of
from ..history import earlier_events
from ..receipt import Outcome
from .apply import Result, apply, read_rules
from .baseline import Allowed, Baseline, Forbidden, Required
from .event import EVENTS, undo_of
from .plan import Plan, Protection, plan_ingress
from .rules import PEER_KINDS, Rule, RuleError, from_permissions, from_policy

_BASELINES: dict[str, Callable[[tuple[Rule, ...]], Baseline]] = {
    "required": Required, "allowed": Allowed, "forbidden": Forbidden,
}
_RULES = {
    "type": "array",
    "minItems": 1,
    "items": {
        "oneOf": [
            {"type": "string"},
            {
                "type": "object",
                "required": ["IpProtocol"],
                "additionalProperties": False,
                "properties": {
                    "IpProtocol": {"type": ["string", "integer"]},
                    "FromPort": {"type": "integer"},
                    "ToPort": {"type": "integer"},
                    "UserId": {"type": "string"},
                    "Description": {"type": "string"},
                    **{kind: {"type": "string"} for kind in PEER_KINDS},
                },
            },
        ]
    },
}
_STRINGS = {"type": "array", "items": {"type": "string"}}
_PROPERTIES = {
    **dict.fromkeys(_BASELINES, _RULES),
    "narrow": {"type": "boolean"},
    "protect": {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            "cidrs": _STRINGS,
            "descriptions": _STRINGS,
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
}


def _schema(element: str, **properties: Any) -> dict[str, Any]:
    """The schema of an element: c7n's `type_schema` cannot make it, for it takes `required` to be JSON schema's."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["type"],
        "properties": {"type": {"enum": [element]}, **_PROPERTIES, **properties},
    }


class _Settings:
    """The baseline and its options as a policy wrote them; raises PolicyValidationError for what cannot be read."""

    def __init__(self, element: str, data: Mapping[str, Any], *, event: bool = False) -> None:
        given = [name for name in _BASELINES if name in data] + (["baseline"] if "baseline" in data else [])
        choices = [*_BASELINES, *(["baseline: event"] if event else [])]
        if len(given) != 1:
            raise PolicyValidationError(f"{element}: give exactly one of {', '.join(choices)}, not {given or 'none'}")
        self.kind = given[0]
        self.narrow = bool(data.get("narrow"))
        if self.narrow and self.kind not in ("allowed", "forbidden"):
            raise PolicyValidationError(f"{element}: narrow goes with allowed or forbidden, not with {self.kind}")
        try:
            self.rules = tuple(rule for entry in data.get(self.kind, ()) if self.kind in _BASELINES
                               for rule in from_policy(entry))
            self.protection = _protection(data.get("protect") or {})
        except RuleError as error:
            raise PolicyValidationError(f"{element}: {self.kind}: {error}") from None

    def baseline(self, group_id: str) -> Baseline:
        """The baseline for one group."""
        return _BASELINES[self.kind](tuple(rule.in_group(group_id) for rule in self.rules))

    def plan(self, rules: Iterable[Rule], baseline: Baseline) -> Plan:
        """The plan for a group with these rules."""
        return plan_ingress(rules, baseline, narrow=self.narrow, protection=self.protection)


def _protection(data: Mapping[str, Any]) -> Protection:
    for cidr in data.get("cidrs", ()):
        from_policy(f"all from {cidr}")
    for pattern in data.get("descriptions", ()):
        try:
            re.compile(pattern)
        except re.error as error:
            raise RuleError(f"protect: {pattern!r} is not a regular expression: {error}") from None
    return Protection(
        tuple(data.get("cidrs", ())), tuple(data.get("descriptions", ())), dict(data.get("tags", {}))
    )


class IngressDrift(Filter):
    """Groups whose ingress is not what the policy says, each with the plan that would put it right.

    The decision is that of `revert-ingress`, made on the rules that c7n has read already: no further call. The
    plan is logged, and kept on the group as `c7n:IngressPlan`, so that `custodian run --dryrun` prints it and
    `resources.json` holds it. c7n's own `ingress` cannot say it: its filters on one policy are pooled for each
    group and not for each rule, it takes single ports only, and it knows no exact set.

    Give one baseline, a list of rules each written as in `set-permissions` or in short:

    * `required`: the exact ingress; what is missing and what is extra is drift.
    * `allowed`: what may be open; anything beyond it is drift.
    * `forbidden`: what must not be open to the whole of a source (`world`: every IPv4, every IPv6 address).

    `narrow` and `protect` are as in `revert-ingress`, which takes them, and the baseline, from this filter.

    :example:

    .. code-block:: yaml

        policies:
          - name: security-group-ssh-open-to-the-world
            resource: aws.security-group
            filters:
              - type: ingress-drift
                forbidden:
                  - tcp 22,3389 from world
                  - IpProtocol: udp
                    FromPort: 3389
                    ToPort: 3389
                    CidrIp: 0.0.0.0/0
    """

    schema = _schema("ingress-drift")
    permissions = ("ec2:DescribeSecurityGroups",)
    annotation_key = "c7n:IngressPlan"

    def validate(self) -> IngressDrift:
        _Settings(self.type, self.data)
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        settings = _Settings(self.type, self.data)
        drifted = []
        for group in resources:
            rules = from_permissions(group.get("IpPermissions") or ())
            plan = settings.plan(rules, settings.baseline(group["GroupId"]))
            if plan:
                group[self.annotation_key] = plan.lines()
                drifted.append(group)
                for line in plan.lines():
                    self.log.info("%s %s: %s", self.type, group["GroupId"], line)
        return drifted


class RevertIngress(EventFix):
    """Bring a group's ingress back to a baseline, rule by rule, and prove it.

    The baseline is that of the policy's `ingress-drift` filter, or one of its own:

    * `required`: the exact ingress. What is missing is authorised, what is extra is revoked. A group named
      `default` is refused, unless `include-default: true`.
    * `allowed`: what may be open. The rest is revoked; nothing is added.
    * `forbidden`: what must not be open. The rules that open it are revoked; nothing is added.
    * `baseline: event`: undo exactly what the CloudTrail event did, for policies in mode `cloudtrail` on
      AuthorizeSecurityGroupIngress, RevokeSecurityGroupIngress and ModifySecurityGroupRules. What a modified rule
      was before comes from CloudTrail's event history (90 days); where it tells nothing, the group is refused, or
      the rule is revoked with `when-unknown: revoke`.

    Rules are revoked by their ids, so an innocent source on the same port stays. With `narrow: true` a wide rule
    (0-65535, all traffic) loses only what offends: the rest is authorised first, in the fewest rules.
    `protect` names rules that must never go, by source (`cidrs`), description (`descriptions`, regular
    expressions) or tag of the rule (`tags`); a group whose plan would revoke one is refused.

    Each group ends as reverted, already-ok, partial, failed or refused, in a receipt with the rules removed and
    added, the calls that take it back, who caused it and when: in `action-revert-ingress` beside the policy's
    other output. One failing group does not stop the others; when all are done, a failed or partial one makes the
    policy fail. An event that the role of the function caused itself is left alone.

    Written because `remove-permissions` revokes a port with every source on it, stops at the first rule that is
    gone already, and `set-permissions` does not converge on an exact set.

    :example:

    .. code-block:: yaml

        policies:
          - name: security-group-web-exact
            resource: aws.security-group
            filters:
              - "tag:guardrails-ingress": web
              - type: ingress-drift
                required:
                  - tcp 80,443 from 0.0.0.0/0
            actions:
              - revert-ingress

    :example:

    .. code-block:: yaml

        policies:
          - name: security-group-locked
            resource: aws.security-group
            mode:
              type: cloudtrail
              role: arn:aws:iam::{account_id}:role/guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: ec2.amazonaws.com
                  event: AuthorizeSecurityGroupIngress
                  ids: requestParameters.groupId
            filters:
              - "tag:guardrails-ingress": locked
            actions:
              - type: revert-ingress
                baseline: event
                protect:
                  cidrs: [10.0.0.0/8]
                  descriptions: ["^break-glass"]
    """

    schema = _schema(
        "revert-ingress",
        baseline={"enum": ["event"]},
        otherwise=OTHERWISE,
        **{"when-unknown": {"enum": ["refuse", "revoke"]}, "include-default": {"type": "boolean"}},
    )
    permissions: tuple[str, ...] = (
        "ec2:DescribeSecurityGroupRules",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:RevokeSecurityGroupIngress",
    )

    def get_permissions(self) -> tuple[str, ...]:
        """What the action calls; reading the event history only where it undoes events."""
        permissions = self.permissions
        if self._in_event_mode():
            permissions += ("sts:GetCallerIdentity",)
        if self.data.get("baseline") == "event":
            permissions += ("cloudtrail:LookupEvents",)
        return permissions + self.told_permissions()

    def validate(self) -> RevertIngress:
        settings = self._settings()
        if settings.kind == "baseline" and not self._in_event_mode():
            raise PolicyValidationError(f"{self.type}: baseline: event needs a policy in mode cloudtrail")
        if "when-unknown" in self.data and settings.kind != "baseline":
            raise PolicyValidationError(f"{self.type}: when-unknown goes with baseline: event")
        return self

    def undoes_the_event(self) -> bool:
        """A baseline of the policy's own holds whatever became of the event."""
        return self._settings().kind == "baseline"

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[Fixed]:
        """Revert the group."""
        result = self._revert(session.client("ec2"), self._settings(), resource, event)
        yield Fixed(
            result.outcome,
            result.reason,
            removed=[rule.to_dict() for rule in result.removed],
            added=[rule.to_dict() for rule in result.added],
            inverse=result.inverse(resource["GroupId"]),
            notes=result.notes,
        )

    def _revert(
        self, client: Any, settings: _Settings, group: Mapping[str, Any], event: Mapping[str, Any] | None
    ) -> Result:
        group_id = group["GroupId"]
        if settings.kind == "required" and group.get("GroupName") == "default" and not self.data.get("include-default"):
            return Result(
                Outcome.REFUSED, "an exact ingress on a default group needs include-default: true in the policy"
            )
        try:
            rules = read_rules(client, group_id)
            if settings.kind == "baseline":
                baseline: Baseline = self._undo(group_id, rules, event)
            else:
                baseline = settings.baseline(group_id)
        except ClientError as error:
            return Result(Outcome.FAILED, reason_of(error))
        except RuleError as error:
            return Result(Outcome.REFUSED, f"the group or the event cannot be read: {error}")
        return apply(client, group_id, settings.plan(rules, baseline), lambda read: settings.plan(read, baseline))

    def _undo(self, group_id: str, rules: Sequence[Rule], event: Mapping[str, Any] | None) -> Baseline:
        detail = detail_of(event)
        if detail.get("eventName") not in EVENTS:
            raise RuleError(f"{detail.get('eventName') or 'no CloudTrail event'} is not one of {', '.join(EVENTS)}")
        trail = local_session(self.manager.session_factory).client("cloudtrail")
        return undo_of(
            detail, rules, lambda: earlier_events(trail, group_id, detail),
            revoke_unknown=self.data.get("when-unknown") == "revoke",
        )

    def _settings(self) -> _Settings:
        own = {key for key in self.data if key in (*_BASELINES, "baseline")}
        if own:
            return _Settings(self.type, self.data, event=True)
        for found in self.manager.iter_filters():
            if isinstance(found, IngressDrift):
                return _Settings(self.type, {**found.data, **self.data})
        raise PolicyValidationError(
            f"{self.type}: give a baseline ({', '.join(_BASELINES)} or baseline: event), or an ingress-drift filter"
        )

    def _in_event_mode(self) -> bool:
        return bool((self.manager.data.get("mode") or {}).get("type") == "cloudtrail")

