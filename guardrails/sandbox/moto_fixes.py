"""Corrects differences between moto and AWS that would mislead a policy or its fix. Each class describes one.

Put in place once, in the gateway's process, before the first request.
"""
from __future__ import annotations

import base64
import copy
import functools
import re
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from moto import backend_index
from moto.cloudtrail.models import CloudTrailBackend, Trail
from moto.cloudtrail.responses import CloudTrailResponse
from moto.core.base_backend import AccountSpecificBackend, BaseBackend
from moto.core.responses import ActionResult
from moto.ec2.exceptions import (
    InvalidParameterValue,
    InvalidPermissionDuplicateError,
    InvalidSecurityGroupNotFoundError,
    InvalidSecurityGroupRuleIdNotFoundError,
    RulesPerSecurityGroupLimitExceededError,
)
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupBackend, SecurityGroupRule
from moto.ec2.responses.elastic_block_store import ElasticBlockStore
from moto.ec2.responses.security_groups import SecurityGroups
from moto.iam.models import AccessKey
from moto.logs.models import LogsBackend

from . import gaps, moto_speed

_Function = TypeVar("_Function")
RULES_IN_A_GROUP = 60
"""AWS's default quota for rules of one direction and IP version in one security group."""


@functools.cache
def apply() -> None:
    """Apply the changes, once in a process: each builds on what it replaces. Calling it again has no effect."""
    _fix_security_group_rules()
    _fix_security_group_calls()
    _fix_modify_security_group_rules()
    _fix_repeated_ids()
    _fix_owners_of_snapshots()
    _fix_trails()
    _fix_services_held_elsewhere()
    _fix_access_key_dates()
    _fix_slow_reset()
    gaps.apply()
    moto_speed.apply()


def replaces(owner: Any, name: str) -> Callable[[_Function], _Function]:
    """Replace `owner.name` with the decorated function."""

    def put(function: _Function) -> _Function:
        setattr(owner, name, function)
        return function

    return put


def add_service(name: str, module: str, backend: type[BaseBackend]) -> None:
    """Make a service that moto lacks known to it, once in a process.

    Args:
        name: what moto would call its own module of the service.
        module: our module, which has what moto looks for: `{name}_backends`, `url_bases` and `url_paths`.
        backend: the class that holds an account in a region. Its module tells moto the service.
    """
    found = sys.modules[module]
    for place in (f"moto.{name}", f"moto.{name}.urls"):
        sys.modules[place] = found
    backend.__module__ = f"moto.{name}.models"
    backend_index.backend_url_patterns.append((name, re.compile(found.url_bases[0])))


# -- security group rules ---------------------------------------------------------------------------------------


def _fix_security_group_rules() -> None:
    """A rule's identity is its source, protocol and ports, not its description; every kind has a description.

    moto compares the description of a source group too, so a rule could be added twice under two descriptions;
    it shows none for groups and forgets a prefix list's; and it does not name the group's owner.
    """
    original_init = SecurityGroupRule.__init__

    @replaces(SecurityGroupRule, "__init__")
    def init(rule: Any, *args: Any, **kwargs: Any) -> None:
        original_init(rule, *args, **kwargs)
        prefix_list = kwargs.get("prefix_list_id", args[7] if len(args) > 7 else None)
        rule.prefix_list_description = (prefix_list or {}).get("Description")

    @replaces(SecurityGroupRule, "__eq__")
    def equal(rule: Any, other: object) -> bool:
        return isinstance(other, SecurityGroupRule) and _identity(rule) == _identity(other)

    def description(rule: Any) -> Any:
        return rule.ip_range.get("Description") or rule.source_group.get("Description") or rule.prefix_list_description

    replaces(SecurityGroupRule, "description")(property(description))
    replaces(SecurityGroupRule, "group_owner_id")(property(lambda rule: rule.owner_id))
    replaces(SecurityGroupRule, "referenced_group_id")(property(lambda rule: rule.source_group.get("GroupId")))

    original_views = SecurityGroup._flattened_rules

    @replaces(SecurityGroup, "_flattened_rules")
    def views(group: Any, rules: list[Any]) -> Any:
        found = original_views(group, rules)
        descriptions = {
            (rule.ip_protocol, rule.from_port, rule.to_port, rule.prefix_list_id): rule.prefix_list_description
            for rule in rules if rule.prefix_list_id and rule.prefix_list_description
        }
        for view in found:
            for entry in view.prefix_list_ids:
                key = (view.ip_protocol, view.from_port, view.to_port, entry["PrefixListId"])
                if key in descriptions:
                    entry["Description"] = descriptions[key]
        return found


def _identity(rule: Any) -> tuple[Any, ...]:
    ports = None if rule.ip_protocol == "-1" else (rule.from_port, rule.to_port)
    source = (rule.cidr_ipv4, rule.cidr_ipv6, rule.source_group.get("GroupId"), rule.prefix_list_id)
    return rule.ip_protocol, ports, source


def _fix_security_group_calls() -> None:
    """A call with several permissions succeeds or fails completely, and returns every rule that it changed. And a group
    has no more rules than AWS's quota allows: IPv4 and IPv6 count apart, and a prefix list as its largest size.

    moto answers with the last permission's rules only, keeps what came before a duplicate, does not page
    DescribeSecurityGroupRules, shows ports as absent where AWS says -1, does not list what was revoked, and has
    another error for a rule id that is gone.
    """
    replaces(SecurityGroupBackend, "_verify_group_will_respect_rule_count_limit")(lambda *_, **__: None)
    for direction in ("ingress", "egress"):
        setattr(SecurityGroups, f"authorize_security_group_{direction}", _authorize(direction))
        setattr(SecurityGroups, f"revoke_security_group_{direction}", _revoke(direction))

    @replaces(SecurityGroups, "describe_security_group_rules")
    def describe(call: Any) -> ActionResult:
        call.error_on_dryrun()
        rules = call.ec2_backend.describe_security_group_rules(
            call._get_param("SecurityGroupRuleIds", []), call._filters_from_querystring()
        )
        start = int(base64.b64decode(call._get_param("NextToken") or "MA=="))
        end = start + int(call._get_param("MaxResults") or 1000)
        result: dict[str, Any] = {"SecurityGroupRules": rules[start:end]}
        if len(rules) > end:
            result["NextToken"] = base64.b64encode(str(end).encode()).decode()
        return ActionResult(result)


def _authorize(direction: str) -> Callable[[Any], ActionResult]:
    def authorize(call: Any) -> ActionResult:
        call.error_on_dryrun()
        method = getattr(call.ec2_backend, f"authorize_security_group_{direction}")

        def authorize_one(args: dict[str, Any]) -> list[Any]:
            added, group = method(**args)
            if _too_many(call.ec2_backend, getattr(group, f"{direction}_rules")):
                raise RulesPerSecurityGroupLimitExceededError
            return list(added)

        added = _whole_or_not(call, direction, authorize_one)
        return ActionResult({"Return": True, "SecurityGroupRules": [_shown(rule) for rule in added]})

    return authorize


def _revoke(direction: str) -> Callable[[Any], ActionResult]:
    def revoke(call: Any) -> ActionResult:
        call.error_on_dryrun()
        method = getattr(call.ec2_backend, f"revoke_security_group_{direction}")

        def revoke_one(args: dict[str, Any]) -> list[Any]:
            del args["sgrule_tags"]
            group = call.ec2_backend.get_security_group_by_name_or_id(args["group_name_or_id"])
            before = list(getattr(group, f"{direction}_rules")) if group else []
            for rule_id in args["security_rule_ids"]:
                if rule_id not in {rule.id for rule in before}:
                    raise InvalidSecurityGroupRuleIdNotFoundError(rule_id)
            method(**args)
            kept = {rule.id for rule in getattr(group, f"{direction}_rules")}
            return [rule for rule in before if rule.id not in kept]

        revoked = _whole_or_not(call, direction, revoke_one)
        return ActionResult({"Return": True, "RevokedSecurityGroupRules": [_shown(rule) for rule in revoked]})

    return revoke


def _too_many(backend: Any, rules: list[Any]) -> bool:
    """Whether a group with these rules exceeds the quota. Source: "Amazon VPC quotas", security groups."""
    counted = {4: 0, 6: 0}
    for rule in rules:
        prefix_list = backend.managed_prefix_lists.get(rule.prefix_list_id) if rule.prefix_list_id else None
        if prefix_list:
            counted[6 if prefix_list.address_family == "IPv6" else 4] += int(prefix_list.max_entries or 1)
        else:
            for version in (4,) if rule.cidr_ipv4 else (6,) if rule.cidr_ipv6 else (4, 6):
                counted[version] += 1
    return max(counted.values()) > RULES_IN_A_GROUP


def _whole_or_not(call: Any, direction: str, change: Callable[[dict[str, Any]], list[Any]]) -> list[Any]:
    """The rules that `change` changed, for all permissions of the call. An error leaves the group unchanged."""
    touched: list[Any] = []
    before: dict[str, list[Any]] = {}
    try:
        for args in call._process_rules_from_querystring():
            group = call.ec2_backend.get_security_group_by_name_or_id(args["group_name_or_id"])
            if group:
                before.setdefault(group.id, list(getattr(group, f"{direction}_rules")))
            touched += change(args)
    except Exception:  # whatever the error, the group must not stay half-changed
        for group_id, rules in before.items():
            setattr(call.ec2_backend.get_security_group_from_id(group_id), f"{direction}_rules", rules)
        raise
    return touched


def _shown(rule: Any) -> Any:
    shown = copy.copy(rule)
    shown.from_port = -1 if rule.from_port is None else rule.from_port
    shown.to_port = -1 if rule.to_port is None else rule.to_port
    return shown


def _fix_modify_security_group_rules() -> None:
    """moto changes only IPv4 rules, silently ignores other sources, and lets a rule become a second copy."""
    original = SecurityGroupBackend.modify_security_group_rules

    @replaces(SecurityGroupBackend, "modify_security_group_rules")
    def modify(backend: Any, group_id: str, rules: dict[str, dict[str, Any]]) -> None:
        group = backend.get_security_group_by_name_or_id(group_id)
        found = {rule_id: group.get_rule(rule_id) for rule_id in rules} if group else {}
        before = {rule_id: dict(vars(rule)) for rule_id, rule in found.items() if rule}
        for rule_id, new in rules.items():
            if new.get("IpProtocol") == "-1":
                new.setdefault("FromPort", -1)
                new.setdefault("ToPort", -1)
            if found.get(rule_id) and (wrong := _wrong_kind(found[rule_id], new)):
                raise InvalidParameterValue(
                    f"Invalid rule type for security group rule '{rule_id}'. You may not specify {wrong}."
                )
        try:
            original(backend, group_id, rules)
            for rule_id, rule in found.items():
                _change_source(rule, rules[rule_id])
                siblings = group.egress_rules if rule.is_egress else group.ingress_rules
                if sum(rule == sibling for sibling in siblings) > 1:
                    raise InvalidPermissionDuplicateError
        except Exception:  # as above: whole or not at all
            for rule_id, values in before.items():
                found[rule_id].__dict__.update(values)
            raise


def _wrong_kind(rule: Any, new: dict[str, Any]) -> str:
    """The source in `new` of another kind than the rule's own, which cannot change; empty when it fits."""
    has = {
        "CidrIpv4": rule.cidr_ipv4, "CidrIpv6": rule.cidr_ipv6, "PrefixListId": rule.prefix_list_id,
        "ReferencedGroupId": rule.source_group.get("GroupId"),
    }
    return next((kind for kind, value in has.items() if new.get(kind) and not value), "")


def _change_source(rule: Any, new: dict[str, Any]) -> None:
    description = {"Description": new["Description"]} if new.get("Description") is not None else {}
    if new.get("CidrIpv4"):
        rule.ip_range = {**rule.ip_range, "CidrIp": new["CidrIpv4"]}
    elif new.get("CidrIpv6"):
        rule.ip_range = {**rule.ip_range, **description, "CidrIpv6": new["CidrIpv6"]}
    elif new.get("ReferencedGroupId"):
        rule.ip_range = {}
        rule.source_group = {**rule.source_group, **description, "GroupId": new["ReferencedGroupId"]}
    elif new.get("PrefixListId"):
        rule.ip_range = {}
        rule.prefix_list_id = new["PrefixListId"]
        rule.prefix_list_description = description.get("Description", rule.prefix_list_description)
    if rule.ip_protocol == "-1":
        rule.from_port = rule.to_port = None


# -- describing -------------------------------------------------------------------------------------------------


def _fix_repeated_ids() -> None:
    """AWS accepts an id twice in a request; moto fails. And errors name an unknown group by its id."""
    original_instances = InstanceBackend.get_reservations_by_instance_ids
    original_groups = SecurityGroupBackend.describe_security_groups

    @replaces(InstanceBackend, "get_reservations_by_instance_ids")
    def reservations(backend: Any, instance_ids: list[str], *args: Any, **kwargs: Any) -> Any:
        return original_instances(backend, list(dict.fromkeys(instance_ids)), *args, **kwargs)

    @replaces(SecurityGroupBackend, "describe_security_groups")
    def groups(backend: Any, group_ids: Any = None, groupnames: Any = None, filters: Any = None) -> Any:
        for group_id in group_ids or []:
            if backend.get_security_group_from_id(group_id) is None:
                raise InvalidSecurityGroupNotFoundError(group_id)
        ids, names = list(dict.fromkeys(group_ids or [])), list(dict.fromkeys(groupnames or []))
        return original_groups(backend, ids, names, filters)


def _fix_owners_of_snapshots() -> None:
    """DescribeSnapshots with OwnerIds returns the snapshots of these owners (moto: all, 1300 of public images too)."""
    original = ElasticBlockStore.describe_snapshots

    @replaces(ElasticBlockStore, "describe_snapshots")
    def describe(call: Any) -> ActionResult:
        answer: Any = original(call)
        owners = {call.current_account if owner == "self" else owner for owner in call._get_param("OwnerIds", [])}
        images = call.ec2_backend.amis
        return ActionResult({"Snapshots": [
            snapshot for snapshot in answer.result["Snapshots"]
            if not owners or {snapshot.owner_id, getattr(images.get(snapshot.from_ami), "owner_alias", None)} & owners
        ]})


def _fix_trails() -> None:
    """DescribeTrails returns the requested trails (moto: all); DeleteTrail accepts an ARN (moto: does nothing).

    The first made a fix of one trail act on every trail.
    """

    @replaces(CloudTrailResponse, "describe_trails")
    def describe(call: Any) -> ActionResult:
        trails = [
            trail.description(include_region=True)
            for trail in call.cloudtrail_backend.describe_trails(call._get_bool_param("includeShadowTrails", True))
        ]
        wanted = set(call._get_param("trailNameList") or [])
        return ActionResult({
            "trailList": [
                trail for trail in trails if not wanted or {trail["Name"], trail["TrailARN"]} & wanted
            ]
        })

    @replaces(CloudTrailBackend, "delete_trail")
    def delete(backend: Any, name: str) -> None:
        del backend.trails[backend.get_trail(name).trail_name]


# -- other ------------------------------------------------------------------------------------------------------


def _fix_services_held_elsewhere() -> None:
    """Topics and log groups are in ministack, so moto's checks that they exist always fail. They are skipped."""

    @replaces(Trail, "check_topic_exists")
    def check_topic_exists(trail: Any) -> None:
        """Nothing to check with."""

    @replaces(LogsBackend, "list_tags_log_group")
    def list_tags_log_group(backend: Any, log_group_name: str) -> dict[str, str]:
        return {}  # called only to check that the group exists


def _fix_access_key_dates() -> None:
    """AWS keeps whole seconds. With moto's microseconds a key found by its date is not found again by it."""
    original_init = AccessKey.__init__

    @replaces(AccessKey, "__init__")
    def init(key: Any, *args: Any, **kwargs: Any) -> None:
        original_init(key, *args, **kwargs)
        key.create_date = key.create_date.replace(microsecond=0)


def _fix_slow_reset() -> None:
    """A reset creates every account again, with its 1500 images and policies, and discards it: 10 s for 30 accounts.

    Backends that have something of their own to let go, such as S3's files, still do. moto's cache of the regions of a
    service holds the last 128 accounts, so they are left empty.
    """

    @replaces(AccountSpecificBackend, "reset")
    def reset(regions: Any) -> None:
        for backend in regions.values():
            if type(backend).reset is not BaseBackend.reset:
                backend.reset()
        regions.clear()
