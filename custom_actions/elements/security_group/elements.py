"""What a policy uses: the filter `ingress-drift` and the action `revert-ingress` on `aws.security-group`."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import local_session

from ...aws import (
    AWS_ERRORS,
    config_history,
    detail_of,
    distrusted_tag,
    earlier_events,
    moment,
    reason_of,
    records_of,
)
from ...errors import Refusal
from ...fixing import CONFIRM, LIST_OF_ROLES, OTHERWISE, EventFix, FixResult, Inverse, again
from . import prefix_lists
from .apply import apply, is_modification, narrow_again, read_rules
from .baseline import Baseline, Required
from .event import EVENTS, SETTLED, undo_of
from .managed import managers
from .plan import Plan
from .prefix_lists import PrefixListReader
from .restore import NEVER, bounded, without_restores
from .rules import Rule, RuleError, from_config_item, from_permissions
from .settings import BASELINES, EVENT, LAST_COMPLIANT, Settings, schema_of


class IngressDrift(Filter):
    """Groups whose ingress differs from the policy, each with the plan that would fix it.

    The decision is the same as in `revert-ingress`, on the rules that c7n has read already, without further calls. The
    plan is logged and stored on the group as `c7n:IngressPlan`, so that `custodian run --dryrun` prints it and
    `resources.json` contains it.

    Why not c7n's own `ingress`: its filters in one policy are combined for each group and not for each rule, it takes
    only single ports, and it cannot check for an exact set of rules.

    Give one baseline; the first three are lists of rules, each written as in `set-permissions` or in short:

    * `required`: the exact ingress. Missing rules and extra rules are drift.
    * `allowed`: what may be open. Everything else is drift.
    * `forbidden`: what must not be open to the whole of a source (`world`: every IPv4, every IPv6 address).
    * `open-to-world`: the only TCP and UDP ports that may be open to the world, such as `443` or `1020-1025`. Rules for
      other sources and other protocols are not checked.

    A list, or an entry of it, may be a parameter: `"{admin_ports}"`.

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

    :example:

    .. code-block:: yaml

        policies:
          - name: security-group-authorised-ports
            resource: aws.security-group
            metadata:
              parameters:
                authorised_tcp_ports: [80, 443, 1020-1025]
            filters:
              - type: ingress-drift
                open-to-world:
                  tcp: "{authorised_tcp_ports}"
                narrow: true
    """

    schema = schema_of("ingress-drift")
    permissions = ("ec2:DescribeSecurityGroups", *prefix_lists.PERMISSIONS)
    annotation_key = "c7n:IngressPlan"

    def validate(self) -> IngressDrift:
        Settings(self.type, self.data)
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        settings = Settings(self.type, self.data)
        settings.check_filled()
        drifted = []
        lists = PrefixListReader(lambda: local_session(self.manager.session_factory).client("ec2"))
        for group in resources:
            rules = from_permissions(group.get("IpPermissions") or ())
            plan = settings.plan(rules, settings.baseline(group["GroupId"], lists))
            if plan:
                group[self.annotation_key] = plan.lines()
                drifted.append(group)
                for line in plan.lines():
                    self.log.info("%s %s: %s", self.type, group["GroupId"], line)
        return drifted


class RevertIngress(EventFix):
    """Bring a group's ingress back to a baseline, rule by rule, and verify the result.

    The baseline is the one of the policy's `ingress-drift` filter, or one of the action's own:

    * `required`: the exact ingress. Missing rules are authorised, extra rules are revoked. A group named `default` is
      refused, unless `include-default: true`.
    * `allowed`: what may be open. All other rules are revoked; nothing is added.
    * `forbidden`: what must not be open. The rules that open it are revoked; nothing is added.
    * `open-to-world`: the TCP and UDP ports that may be open to the world. Rules that open other ports to the world are
      revoked; nothing is added.
    * `baseline: event`: undo exactly what the CloudTrail event did, for policies in mode `cloudtrail` on
      AuthorizeSecurityGroupIngress, RevokeSecurityGroupIngress and ModifySecurityGroupRules. The previous content of a
      modified rule comes from CloudTrail's event history (90 days). If the history does not contain it, the group is
      refused, or with `when-unknown: revoke` the rule is revoked.
    * `baseline: last-compliant`: the last version of the group that AWS Config recorded as compliant, used as
      `required`: missing rules are restored with their descriptions, extra rules are revoked. The evaluations of all
      rules count, or with `config-rule` those of one rule. If AWS Config has no such version, the group is refused.

    A restore (`event`, `last-compliant`) is bounded:

    * It never opens what `never-restore` lists, rules as in `forbidden`; by default the admin ports, to the world.
    * It never restores a rule that was added less than `settled-minutes` (15) before it was revoked or modified.
    * It never undoes a change by one of our own roles or of `approved-roles`: ARNs of roles, with `*` and `?`.
    * With `tag-set-by` it opens only where the group's `tag` was last set by one of `roles` or by the root user, or
      before CloudTrail's event history (90 days) begins: who tags a group of their own gets nothing opened again.
      Where the history does not tell who set it, nothing is opened. Closing does not depend on it.
    * It opens only on an event that CloudTrail's event history confirms. `confirm: false` switches that off; see
      docs/security.md.

    Rules are revoked by their ids, so other sources on the same port stay. With `narrow: true` a wide rule (0-65535,
    all traffic) loses only the part that violates the baseline: the rest is authorised first, in the fewest rules, and
    the wide rule becomes one of them. A group that has no room for the rest is narrowed nevertheless: as much of the
    rest as fits stays open, and the receipt names what had to be closed too. `when-full: keep` changes this for rules
    that no address of the internet can use (private addresses, security groups): if the rest does not fit, they stay as
    they are and the group fails. `protect` names rules that must never be revoked, by source (`cidrs`), description
    (`descriptions`, regular expressions) or tag of the rule (`tags`). A group whose plan would revoke one is refused.

    Each group gets a receipt in `action-revert-ingress`, beside the policy's other output. It holds the outcome
    (reverted, already-ok, partial, failed or refused), the removed and added rules, the calls that undo the fix, who
    caused the change and when. A failed group does not stop the others; at the end, a failed or partial group makes the
    policy fail. Events that the function's own role caused are ignored.

    Why not c7n's own actions: `remove-permissions` revokes a port with every source on it and stops at the first rule
    that is gone already, and `set-permissions` does not converge on an exact set.

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
              role: guardrails
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

    :example:

    .. code-block:: yaml

        policies:
          - name: security-group-back-to-compliant
            resource: aws.security-group
            filters:
              - type: config-compliance
                rules: [restricted-ssh]
            actions:
              - type: revert-ingress
                baseline: last-compliant
                config-rule: restricted-ssh
    """

    schema = schema_of(
        "revert-ingress",
        baseline={"enum": [EVENT, LAST_COMPLIANT]},
        otherwise=OTHERWISE,
        confirm=CONFIRM,
        **{
            "when-unknown": {"enum": ["refuse", "revoke"]},
            "when-full": {"enum": ["close", "keep"]},
            "config-rule": {"type": "string", "minLength": 1},
            "settled-minutes": {"type": ["number", "string"]},
            "never-restore": schema_of("ingress-drift")["properties"]["forbidden"],
            "approved-roles": LIST_OF_ROLES,
            "tag-set-by": {
                "type": "object", "additionalProperties": False, "required": ["tag", "roles"],
                "properties": {"tag": {"type": "string", "minLength": 1}, "roles": LIST_OF_ROLES},
            },
            "include-default": {"type": "boolean"},
        },
    )
    inverses = (
        Inverse("ec2", "authorize_security_group_ingress", "GroupId", optional=("IpPermissions", "TagSpecifications"),
                already=("InvalidPermission.Duplicate",), split="IpPermissions",
                redo=again("revoke_security_group_ingress", "TagSpecifications")),
        Inverse("ec2", "revoke_security_group_ingress", "GroupId", optional=("IpPermissions",),
                already=("InvalidPermission.NotFound",), split="IpPermissions",
                redo=again("authorize_security_group_ingress")),
        Inverse("ec2", "modify_security_group_rules", "GroupId", values={"SecurityGroupRules": is_modification},
                redo=narrow_again),
    )
    permissions: tuple[str, ...] = (
        "ec2:DescribeSecurityGroupRules",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:RevokeSecurityGroupIngress",
        # A narrowed rule keeps its tags.
        "ec2:CreateTags",
        *prefix_lists.PERMISSIONS,
    )
    # Asked for where a rule may be narrowed. Without it, a group that is full loses more than with it.
    narrowing_permissions: tuple[str, ...] = ("ec2:ModifySecurityGroupRules",)

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions of the action; those for a history only if the baseline comes from it."""
        permissions = self.permissions
        if self._settings().narrow:
            permissions += self.narrowing_permissions
        if self._in_event_mode():
            permissions += ("sts:GetCallerIdentity",)
        if self.data.get("baseline") in (EVENT, LAST_COMPLIANT) and self._in_event_mode():
            permissions += (*self.confirm_permissions(), "cloudtrail:LookupEvents")
        if self.data.get("baseline") == LAST_COMPLIANT:
            permissions += config_history.PERMISSIONS
        return permissions + self.told_permissions()

    def validate(self) -> RevertIngress:
        super().validate()
        settings = self._settings()
        if settings.kind == EVENT and not self._in_event_mode():
            raise PolicyValidationError(f"{self.type}: baseline: event needs a policy in mode cloudtrail")
        for option, baseline in (("when-unknown", EVENT), ("tag-set-by", EVENT), ("config-rule", LAST_COMPLIANT)):
            if option in self.data and settings.kind != baseline:
                raise PolicyValidationError(f"{self.type}: {option} goes with baseline: {baseline}")
        if "when-full" in self.data and not settings.narrow:
            raise PolicyValidationError(f"{self.type}: when-full goes with narrow: true")
        return self

    def undoes_the_event(self) -> bool:
        """Whether the fix undoes the event. A baseline in the policy applies regardless of the event."""
        return self._settings().kind == EVENT

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Revert the group."""
        settings, group_id, client = self._settings(), resource["GroupId"], session.client("ec2")
        exact = settings.kind in ("required", LAST_COMPLIANT)
        if exact and resource.get("GroupName") == "default" and not self.data.get("include-default"):
            raise Refusal("an exact ingress on a default group needs include-default: true in the policy")
        settings.check_filled()
        owner, account = resource.get("OwnerId"), self.manager.config.account_id
        if owner and account and owner != account:
            raise Refusal(f"the group belongs to the account {owner}, which shares it: its rules are changed there")
        notes = tuple(managers(resource.get("Tags") or ()))
        lists = PrefixListReader(lambda: client)
        try:
            rules = read_rules(client, group_id)
            if settings.kind == EVENT:
                baseline: Baseline = self._undo(group_id, rules, event)
            elif settings.kind == LAST_COMPLIANT:
                baseline, at = self._last_compliant(group_id)
                notes = (f"the baseline is the version that AWS Config recorded at {at}", *notes)
            else:
                baseline = settings.baseline(group_id, lists)
        except config_history.NoCompliantVersion as error:
            raise Refusal(str(error)) from error
        except RuleError as error:
            raise Refusal(f"the group or its earlier state cannot be read: {error}") from error
        restores = settings.kind in (EVENT, LAST_COMPLIANT)
        forbidden = Settings(self.type, {"forbidden": self.data.get("never-restore", list(NEVER))})

        distrusted: list[str] = []

        def plan(now: Sequence[Rule]) -> Plan:
            full = settings.plan(now, baseline)
            if not restores:
                return full
            within = bounded(full, now, forbidden.baseline(group_id, lists))
            if within.authorise and not distrusted:
                distrusted.append(self._distrusted(session, group_id))
            return without_restores(within, distrusted[0]) if within.authorise else within

        first = plan(rules)
        if first.notes and not first:
            raise Refusal("; ".join(first.notes))
        yield apply(
            client, group_id, first, plan, notes, from_history=restores,
            keep_when_full=self.data.get("when-full") == "keep",
            confirm=self.confirm(session, event) if self._in_event_mode() else None)

    def _distrusted(self, session: Any, group_id: str) -> str:
        """Why the tag of the group must not be trusted when a rule is restored; empty if it can be trusted."""
        bound = self.data.get("tag-set-by")
        if not bound:
            return ""
        records = records_of(session.client("cloudtrail"), group_id, moment(datetime.now(UTC)))
        try:
            problem = distrusted_tag(records, group_id, bound["tag"], bound["roles"])
        except AWS_ERRORS as error:  # the rules that the event added are removed nevertheless
            problem = f"it is unknown who set the tag {bound['tag']}: {reason_of(error)}"
        if problem:
            self.log.warning("%s %s: %s", self.type, group_id, problem)
        return problem

    def _undo(self, group_id: str, rules: Sequence[Rule], event: Mapping[str, Any] | None) -> Baseline:
        detail = detail_of(event)
        if detail.get("eventName") not in EVENTS:
            raise RuleError(f"{detail.get('eventName') or 'no CloudTrail event'} is not one of {', '.join(EVENTS)}")
        trail = local_session(self.manager.session_factory).client("cloudtrail")
        return undo_of(
            detail, rules, lambda: earlier_events(trail, group_id, detail),
            revoke_unknown=self.data.get("when-unknown") == "revoke",
            settled=timedelta(minutes=float(self.data.get("settled-minutes", SETTLED.total_seconds() / 60))),
        )

    def _last_compliant(self, group_id: str) -> tuple[Baseline, str]:
        """The exact ingress of the last compliant version, and when it was recorded."""
        config = local_session(self.manager.session_factory).client("config")
        version = config_history.last_compliant(
            config, "AWS::EC2::SecurityGroup", group_id, rule=self.data.get("config-rule", ""))
        at = version.at.isoformat(timespec="seconds")
        return Required(tuple(from_config_item(version.configuration or {}))), at

    def _settings(self) -> Settings:
        own = {key for key in self.data if key in (*BASELINES, "baseline")}
        if own:
            return Settings(self.type, self.data, looked_up=(EVENT, LAST_COMPLIANT))
        for found in self.manager.iter_filters():
            if isinstance(found, IngressDrift):
                return Settings(self.type, {**found.data, **self.data})
        raise PolicyValidationError(
            f"{self.type}: give a baseline ({', '.join(BASELINES)} or baseline: {EVENT} or {LAST_COMPLIANT}), "
            "or an ingress-drift filter"
        )

    def _in_event_mode(self) -> bool:
        return bool((self.manager.data.get("mode") or {}).get("type") == "cloudtrail")

