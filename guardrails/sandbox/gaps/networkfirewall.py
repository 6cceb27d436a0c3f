"""Network Firewall: the protections of a firewall that exists can be changed, and there are policies and rule groups.

Source: Network Firewall's UpdateFirewallDeleteProtection and UpdateSubnetChangeProtection; Create-, Describe- and
List- of FirewallPolicy and RuleGroup. AWS's own rule groups (scope MANAGED) are not there. A policy may name any rule
group.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.es.exceptions import ResourceNotFound
from moto.moto_api._internal import mock_random
from moto.networkfirewall.responses import NetworkFirewallResponse
from moto.utilities.utils import get_partition

_PROTECTIONS = {
    "update_firewall_delete_protection": ("DeleteProtection", "delete_protection"),
    "update_subnet_change_protection": ("SubnetChangeProtection", "subnet_change_protection"),
}
_POLICIES, _GROUPS = "firewall_policies", "rule_groups"
"""Where a backend keeps what is added, by ARN."""
_STANDARD_ACTIONS = {"aws:pass", "aws:drop", "aws:forward_to_sfe"}
_PAGE = 100


def apply() -> None:
    """Add the APIs. Once in a process."""
    for operation, (parameter, attribute) in _PROTECTIONS.items():
        setattr(NetworkFirewallResponse, operation, _change(parameter, attribute))
    for added in (create_firewall_policy, describe_firewall_policy, list_firewall_policies,
                  create_rule_group, describe_rule_group, list_rule_groups):
        setattr(NetworkFirewallResponse, added.__name__, added)


def _change(parameter: str, attribute: str) -> Callable[[Any], ActionResult]:
    def change(request: Any) -> ActionResult:
        firewall = request.networkfirewall_backend.describe_firewall(
            firewall_arn=request._get_param("FirewallArn"), firewall_name=request._get_param("FirewallName"))
        setattr(firewall, attribute, request._get_bool_param(parameter))
        return ActionResult({
            "FirewallArn": firewall.arn, "FirewallName": firewall.firewall_name,
            parameter: getattr(firewall, attribute), "UpdateToken": firewall.update_token})

    return change


# -- firewall policies ------------------------------------------------------------------------------------------


def create_firewall_policy(request: Any) -> ActionResult:
    """A policy that is active at once. Both lists of default actions have one standard action each."""
    policy = request._get_param("FirewallPolicy")
    for key in ("StatelessDefaultActions", "StatelessFragmentDefaultActions"):
        if len(_STANDARD_ACTIONS.intersection(policy[key])) != 1:
            raise _refused(f"{key} must have exactly one of {', '.join(sorted(_STANDARD_ACTIONS))}")
    made = _made(request, _POLICIES, "FirewallPolicy", "firewall-policy", policy)
    return ActionResult({"UpdateToken": made.token, "FirewallPolicyResponse": _policy_answer(request, made)})


def describe_firewall_policy(request: Any) -> ActionResult:
    """What is known of a policy, and what it says."""
    found = _found(request, _POLICIES, "FirewallPolicy", None)
    return ActionResult({
        "UpdateToken": found.token, "FirewallPolicyResponse": _policy_answer(request, found),
        "FirewallPolicy": found.content})


def list_firewall_policies(request: Any) -> ActionResult:
    """A page of the names and ARNs of the policies."""
    return _page(request, "FirewallPolicies", _kept(request, _POLICIES).values())


def _policy_answer(request: Any, policy: SimpleNamespace) -> dict[str, Any]:
    firewalls = request.networkfirewall_backend.firewalls.values()
    used = sum(firewall.firewall_policy_arn == policy.arn for firewall in firewalls)
    return {**policy.known, "FirewallPolicyStatus": "ACTIVE", "NumberOfAssociations": used}


# -- rule groups ------------------------------------------------------------------------------------------------


def create_rule_group(request: Any) -> ActionResult:
    """A rule group of either type. Rules as a text become those of the group."""
    group, rules, kind = (request._get_param(name) for name in ("RuleGroup", "Rules", "Type"))
    if (group is None) == (rules is None):
        raise _refused("either RuleGroup or Rules must be given")
    made = _made(request, _GROUPS, "RuleGroup", _arn_type(kind), group or {"RulesSource": {"RulesString": rules}})
    made.known.update(Type=kind, Capacity=request._get_param("Capacity"))
    return ActionResult({"UpdateToken": made.token, "RuleGroupResponse": _group_answer(request, made)})


def describe_rule_group(request: Any) -> ActionResult:
    """What is known of a rule group, and its rules. Without the ARN, the type belongs to the name."""
    kind = request._get_param("Type")
    if not (request._get_param("RuleGroupArn") or kind):
        raise _refused("Type must be given without RuleGroupArn")
    found = _found(request, _GROUPS, "RuleGroup", kind)
    return ActionResult({
        "UpdateToken": found.token, "RuleGroupResponse": _group_answer(request, found), "RuleGroup": found.content})


def list_rule_groups(request: Any) -> ActionResult:
    """A page of the names and ARNs of the account's rule groups, or of those of one type."""
    kind = request._get_param("Type")
    own = [] if request._get_param("Scope") == "MANAGED" else _kept(request, _GROUPS).values()
    return _page(request, "RuleGroups", [group for group in own if kind in (None, group.known["Type"])])


def _group_answer(request: Any, group: SimpleNamespace) -> dict[str, Any]:
    used = sum(
        reference["ResourceArn"] == group.arn
        for policy in _kept(request, _POLICIES).values()
        for key in ("StatelessRuleGroupReferences", "StatefulRuleGroupReferences")
        for reference in policy.content.get(key) or [])
    return {**group.known, "RuleGroupStatus": "ACTIVE", "NumberOfAssociations": used}


def _arn_type(kind: str) -> str:
    return "stateless-rulegroup" if kind == "STATELESS" else "stateful-rulegroup"


# -- both -------------------------------------------------------------------------------------------------------


def _made(request: Any, place: str, prefix: str, arn_type: str, content: dict[str, Any]) -> SimpleNamespace:
    """What the request creates: an object, so that a case can set its fields (docs/policies.md)."""
    name, region = request._get_param(f"{prefix}Name"), request.region
    arn = f"arn:{get_partition(region)}:network-firewall:{region}:{request.current_account}:{arn_type}/{name}"
    if arn in _kept(request, place):
        raise _refused("A resource with the specified name already exists")
    known = {
        f"{prefix}Name": name, f"{prefix}Arn": arn, f"{prefix}Id": str(mock_random.uuid4()),
        "LastModifiedTime": utcnow(),
        **{key: value for key in ("Description", "Tags", "EncryptionConfiguration")
           if (value := request._get_param(key)) is not None}}
    made = SimpleNamespace(arn=arn, name=name, known=known, content=content, token=str(mock_random.uuid4()))
    if not request._get_bool_param("DryRun"):
        _kept(request, place)[arn] = made
    return made


def _found(request: Any, place: str, prefix: str, kind: str | None) -> SimpleNamespace:
    arn, name = request._get_param(f"{prefix}Arn"), request._get_param(f"{prefix}Name")
    for each in _kept(request, place).values():
        if arn in (None, each.arn) and name in (None, each.name) and kind in (None, each.known.get("Type")):
            return each
    raise ResourceNotFound(prefix, str(arn or name))


def _page(request: Any, key: str, kept: Iterable[SimpleNamespace]) -> ActionResult:
    listed = [{"Name": each.name, "Arn": each.arn} for each in kept]
    start = int(request._get_param("NextToken") or 0)
    end = start + int(request._get_param("MaxResults") or _PAGE)
    return ActionResult({key: listed[start:end], **({"NextToken": str(end)} if len(listed) > end else {})})


def _kept(request: Any, place: str) -> dict[str, SimpleNamespace]:
    kept: dict[str, SimpleNamespace] = request.networkfirewall_backend.__dict__.setdefault(place, {})
    return kept


def _refused(reason: str) -> JsonRESTError:
    return JsonRESTError("InvalidRequestException", reason)
