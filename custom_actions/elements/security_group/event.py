"""Reads from a CloudTrail record how the ingress rules of a group were changed, and how to undo it.

Three API calls change ingress: AuthorizeSecurityGroupIngress, RevokeSecurityGroupIngress and
ModifySecurityGroupRules. CloudTrail has its own format for them (`ipPermissions.items[].ipRanges.items[].cidrIp`). A
record of a modification, or of a revocation by rule ids, does not contain the previous rule. Earlier records do.

A rule that was added only moments before it was revoked or modified (`SETTLED`) is not restored. Otherwise an attacker
could open a group and have the fix open it again after every revocation by a defender.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from .baseline import Undo
from .rules import CIDR4, CIDR6, GROUP, PREFIX_LIST, Rule, RuleError

Record = Mapping[str, Any]
AUTHORISE, REVOKE, MODIFY = (
    "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress", "ModifySecurityGroupRules",
)
EVENTS = (AUTHORISE, REVOKE, MODIFY)
SETTLED = timedelta(minutes=15)
"""The minimum age of a rule for it to be restored."""


def undo_of(
    record: Record, current: Sequence[Rule], earlier: Callable[[], Iterable[Record]], *, revoke_unknown: bool = False,
    settled: timedelta = SETTLED,
) -> Undo:
    """How to undo the change that `record` describes, for a group whose ingress is `current`.

    Args:
        record: a CloudTrail record of one of `EVENTS`.
        current: the group's ingress rules now, with their ids.
        earlier: returns the earlier records of the group, newest first; called only when needed.
        revoke_unknown: revoke a modified rule whose earlier content is unknown. Without it the undo is refused.
        settled: the minimum age of a rule for it to be restored.

    Raises RuleError when the record is not one of `EVENTS`, or a rule in it cannot be read.
    """
    name = record.get("eventName")
    if name == AUTHORISE:
        return _undo_authorise(record, current)
    if name == REVOKE:
        return _undo_revoke(record, earlier, settled)
    if name == MODIFY:
        return _undo_modify(record, current, earlier, revoke_unknown, settled)
    raise RuleError(f"the event {name} is not one that changes ingress: {', '.join(EVENTS)}")


def _undo_authorise(record: Record, current: Sequence[Rule]) -> Undo:
    opened = _answered(record, "securityGroupRuleSet")
    if opened:
        ids = {rule.rule_id for rule in opened}
        # By id: the rule is removed even if it was modified since, and an equal rule of a later change stays.
        return Undo(added=tuple(rule for rule in current if rule.rule_id in ids), removed=())
    return Undo(added=tuple(_requested(record)), removed=())


def _undo_revoke(record: Record, earlier: Callable[[], Iterable[Record]], settled: timedelta) -> Undo:
    closed, ids = _revoked(record)
    if not closed and not ids:
        return Undo(added=(), removed=())
    history = _read_once(earlier)
    before = _contents(ids, history)
    new = _new_rules(record, history(), settled)
    return Undo(
        added=(),
        removed=tuple(rule for rule in (*closed, *before.values()) if rule not in new),
        unknown=tuple(
            f"no earlier event shows the content of rule {rule_id}" for rule_id in ids if rule_id not in before),
        notes=tuple(f"{rule} is not restored: it was added only moments before"
                    for rule in (*closed, *before.values()) if rule in new),
    )


def _read_once(earlier: Callable[[], Iterable[Record]]) -> Callable[[], Iterator[Record]]:
    """A function that returns the records; it fetches each only once, and only when a caller needs it."""
    kept: list[Record] = []
    rest: list[Iterator[Record]] = []

    def read() -> Iterator[Record]:
        yield from kept
        if not rest:
            rest.append(iter(earlier()))
        for record in rest[0]:
            kept.append(record)
            yield record

    return read


def _revoked(record: Record) -> tuple[Sequence[Rule], Sequence[str]]:
    """The rules that a revocation removed, if the record contains them, and the ids of rules that it names only by id.

    AWS returns success even if no rule matches. `unknownIpPermissionSet` contains the rules that it did not find.
    """
    answer = record.get("responseElements") or {}
    if closed := _answered(record, "revokedSecurityGroupRuleSet"):
        return closed, ()
    unknown = set(_from_ip_permissions(_items(answer.get("unknownIpPermissionSet"))))
    ids = [item["securityGroupRuleId"] for item in _items(_parameters(record).get("securityGroupRuleIds"))]
    if "revokedSecurityGroupRuleSet" in answer and unknown:
        return (), ()
    requested = [rule for rule in _requested(record) if rule not in unknown]
    return requested, () if requested else ids


def _new_rules(record: Record, earlier: Iterable[Record], settled: timedelta) -> set[Rule]:
    """The rules that were added less than `settled` before `record`, according to the earlier records."""
    limit = datetime.fromisoformat(record["eventTime"]) - settled
    found: set[Rule] = set()
    for change in earlier:
        if datetime.fromisoformat(change["eventTime"]) <= limit:
            break
        if change.get("eventName") == AUTHORISE:
            found.update(_answered(change, "securityGroupRuleSet") or _requested(change))
        elif change.get("eventName") == MODIFY:
            found.update(rule for _, rule in _modified(change))
    return found


def _undo_modify(
    record: Record, current: Sequence[Rule], earlier: Callable[[], Iterable[Record]], revoke_unknown: bool,
    settled: timedelta,
) -> Undo:
    ids = {rule_id for rule_id, _ in _modified(record)}
    # An id that is not among the ingress rules belongs to an egress rule or a deleted rule: nothing to undo.
    now = {rule.rule_id: rule for rule in current if rule.rule_id in ids}
    history = _read_once(earlier)
    before, new = _contents(list(now), history), _new_rules(record, history(), settled) if now else set()
    added, removed, unknown, notes = [], [], [], []
    for rule_id, rule in now.items():
        was = before.get(rule_id)
        if was and was != rule:
            added.append(rule)
            if was in new:
                notes.append(f"{was} is not restored: it was added only moments before")
            else:
                removed.append(was)
        elif not was and revoke_unknown:
            added.append(rule)
        elif not was:
            unknown.append(f"no earlier event shows the previous content of rule {rule_id} ({rule})")
    return Undo(tuple(added), tuple(removed), tuple(unknown), tuple(notes))


def _contents(ids: Iterable[str], earlier: Callable[[], Iterable[Record]]) -> dict[str, Rule]:
    """The last known content of each rule, by rule id, from the earlier records."""
    wanted = set(ids)
    found: dict[str, Rule] = {}
    if not wanted:
        return found
    for record in earlier():
        name = record.get("eventName")
        rules = _answered(record, "securityGroupRuleSet") if name == AUTHORISE else []
        if name == MODIFY:
            rules = [rule for _, rule in _modified(record)]
        for rule in rules:
            if rule.rule_id in wanted:
                found.setdefault(rule.rule_id, rule)
        if wanted <= set(found):
            break
    return found


def _parameters(record: Record) -> Mapping[str, Any]:
    return record.get("requestParameters") or {}


def _items(container: Any) -> list[Mapping[str, Any]]:
    """The items of a list in CloudTrail's format for EC2: `{"items": [...]}`, `{}` or nothing; also of a plain list."""
    if isinstance(container, Mapping):
        container = container.get("items", [])
    return list(container or [])


def _answered(record: Record, key: str) -> list[Rule]:
    """The ingress rules in the response, with their ids; empty if the record has no such response."""
    return [
        _rule_of(item, item["securityGroupRuleId"])
        for item in _items((record.get("responseElements") or {}).get(key))
        if not item.get("isEgress") and item.get("securityGroupRuleId")
    ]


def _requested(record: Record) -> list[Rule]:
    """The rules in a request: in `ipPermissions`, or as top-level parameters, as older clients send them."""
    parameters = _parameters(record)
    rules = list(_from_ip_permissions(_items(parameters.get("ipPermissions"))))
    if not rules and parameters.get("cidrIp"):
        rules.append(Rule.of(
            parameters.get("ipProtocol", "-1"), parameters.get("fromPort"), parameters.get("toPort"),
            CIDR4, parameters["cidrIp"],
        ))
    return rules


_LISTS = (
    ("ipRanges", "cidrIp", CIDR4), ("ipv6Ranges", "cidrIpv6", CIDR6),
    ("prefixListIds", "prefixListId", PREFIX_LIST), ("groups", "groupId", GROUP),
)


def _from_ip_permissions(permissions: Iterable[Mapping[str, Any]]) -> Iterator[Rule]:
    for permission in permissions:
        for listed, key, kind in _LISTS:
            for source in _items(permission.get(listed)):
                if not source.get(key):
                    named = source.get("groupName") or source.get("prefixListName") or "and no name"
                    raise RuleError(f"a source in the record has no {key} ({named}), so the rule is unknown")
                yield Rule.of(
                    permission["ipProtocol"], permission.get("fromPort"), permission.get("toPort"),
                    kind, source[key],
                    description=source.get("description") or "", account=source.get("userId") or "",
                )


def _modified(record: Record) -> list[tuple[str, Rule]]:
    """The rule ids and rules in a ModifySecurityGroupRules request: an object for one rule, a list for several."""
    request = _parameters(record).get("ModifySecurityGroupRulesRequest") or {}
    entries = request.get("SecurityGroupRule") or []
    if isinstance(entries, Mapping):
        entries = [entries]
    changed = []
    for entry in entries:
        rule_id, content = entry["SecurityGroupRuleId"], entry.get("SecurityGroupRule") or {}
        # The keys of the request start with an upper-case letter. Otherwise they are the same as in a response.
        lowered = {key[:1].lower() + key[1:]: value for key, value in content.items()}
        changed.append((rule_id, _rule_of(lowered, rule_id)))
    return changed


def _rule_of(item: Mapping[str, Any], rule_id: str) -> Rule:
    referenced = item.get("referencedGroupInfo") or {}
    for kind, peer in (
        (CIDR4, item.get("cidrIpv4")), (CIDR6, item.get("cidrIpv6")), (PREFIX_LIST, item.get("prefixListId")),
        (GROUP, item.get("referencedGroupId") or referenced.get("groupId")),
    ):
        if peer:
            return Rule.of(
                item["ipProtocol"], item.get("fromPort"), item.get("toPort"), kind, peer, rule_id=rule_id,
                description=item.get("description") or "", account=referenced.get("userId") or "",
            )
    raise RuleError(f"the record has no source for rule {rule_id}")
