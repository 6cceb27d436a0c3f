"""Compares what fixes change in KMS, Elastic Load Balancing, API Gateway, EventBridge, Lambda, Systems Manager,
EKS and Secrets Manager.

Source: KMS's DescribeKey and GetKeyRotationStatus; Elastic Load Balancing's DescribeListeners, DescribeRules,
DescribeLoadBalancerAttributes, DescribeLoadBalancers and DescribeLoadBalancerPolicies; API Gateway's GetStage;
EventBridge's DescribeRule and ListTargetsByRule; Lambda's GetFunctionConcurrency and GetPolicy; Systems Manager's
DescribeDocumentPermission and GetServiceSetting; EKS's DescribeCluster; Secrets Manager's DescribeSecret.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from custom_actions.aws import absent, call
from custom_actions.elements.eks import enabled_logs
from custom_actions.elements.ssm import setting_of, shared_with
from custom_actions.fixing import contains

from .base import (
    AS_FIXED,
    BACK,
    Observation,
    Parameters,
    Reads,
    Receipt,
    added_to,
    changed,
    differs,
    merged,
    setting,
    several,
    two_states,
)

# -- KMS --------------------------------------------------------------------------------------------------------

_DELETION = "PendingDeletion"


def _key_state(client: Any, parameters: Parameters) -> str:
    return str(call(client.describe_key, KeyId=parameters["KeyId"])["KeyMetadata"]["KeyState"])


def _disabled(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    state = _key_state(client, parameters)
    if state == "Disabled":
        return BACK
    if state == _DELETION and any(
            each.get("state") == _DELETION for each in receipt.get("removed") or ()):
        # The deletion of a key disables it: the state before the fix.
        return BACK
    return AS_FIXED if state == "Enabled" else changed(f"the key's state is {state}")


def _deletion(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    state = _key_state(client, parameters)
    if state == _DELETION:
        return BACK
    # A fix cancels the deletion, which leaves the key disabled, and then may enable it.
    return AS_FIXED if any(added_to(receipt, state=state)) else changed(f"the key's state is {state}")


def _rotation(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    # While a key is pending deletion, KMS shows its rotation as off, and keeps the setting.
    if (state := _key_state(client, parameters)) == _DELETION:
        return changed(f"the key's state is {state}")
    return two_states(back=not call(client.get_key_rotation_status, KeyId=parameters["KeyId"])["KeyRotationEnabled"])


# -- Elastic Load Balancing -------------------------------------------------------------------------------------


def _balancer_attributes(client: Any, parameters: Parameters) -> Any:
    names = {each["Key"] for each in parameters["Attributes"]}
    found = call(client.describe_load_balancer_attributes, LoadBalancerArn=parameters["LoadBalancerArn"])["Attributes"]
    return {each["Key"]: each["Value"] for each in found if each["Key"] in names}


def _classic_listener(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    port = parameters["LoadBalancerPort"]
    answer = call(client.describe_load_balancers, LoadBalancerNames=[parameters["LoadBalancerName"]])
    now = [set(each["PolicyNames"]) for each in answer["LoadBalancerDescriptions"][0]["ListenerDescriptions"]
           if each["Listener"]["LoadBalancerPort"] == port]
    if now == [set(parameters["PolicyNames"])]:
        return BACK
    fixed = [[set(each["PolicyNames"])] for each in added_to(receipt, Port=port)]
    return AS_FIXED if now in fixed else differs(", ".join(sorted(name for names in now for name in names)))


def _classic_policy(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    found = call(client.describe_load_balancer_policies, LoadBalancerName=parameters["LoadBalancerName"])
    names = {each["PolicyName"] for each in found["PolicyDescriptions"]}
    # A policy cannot be changed.
    return two_states(back=parameters["PolicyName"] not in names)


def _listener(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    arn = parameters["ListenerArn"]
    if "DefaultActions" in parameters:
        pages = call(lambda: list(client.get_paginator("describe_rules").paginate(ListenerArn=arn)))
        [default] = [rule for page in pages for rule in page["Rules"] if rule.get("IsDefault")]
        return _actions(default, parameters["DefaultActions"], receipt)
    before = {name: value for name, value in parameters.items() if name != "ListenerArn"}
    [found] = call(client.describe_listeners, ListenerArns=[arn])["Listeners"]
    if contains(found, before):
        return BACK
    added = [change[arn] for change in receipt.get("added") or () if arn in change]
    return AS_FIXED if any(contains(found, each) for each in added) else differs(
        {name: found.get(name) for name in before})


def _rule_actions(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    [rule] = call(client.describe_rules, RuleArns=[parameters["RuleArn"]])["Rules"]
    return _actions(rule, parameters["Actions"], receipt)


def _actions(rule: Mapping[str, Any], before: Any, receipt: Receipt) -> Observation:
    if contains(rule["Actions"], before):
        return BACK
    added = added_to(receipt, rule=rule["RuleArn"])
    return AS_FIXED if any(contains(rule["Actions"], each["actions"]) for each in added) else changed(
        f"the rule {rule['RuleArn']} has the actions {json.dumps(rule['Actions'])}")


# -- API Gateway ------------------------------------------------------------------------------------------------

_LOG_LEVEL = "/logging/loglevel"


def _stage(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    stage = call(client.get_stage, restApiId=parameters["restApiId"], stageName=parameters["stageName"])
    methods = stage.get("methodSettings") or {}
    logs = all(each["path"].endswith(_LOG_LEVEL) for each in parameters["patchOperations"])
    return _logs(methods, parameters, receipt) if logs else _caches(methods, parameters)


def _logs(methods: Mapping[str, Any], parameters: Parameters, receipt: Receipt) -> Observation:
    added = merged(receipt)
    names = [each["path"].removeprefix("/").removesuffix(_LOG_LEVEL) for each in parameters["patchOperations"]]
    levels = {name: methods.get(name, {}).get("loggingLevel", "OFF") for name in names}
    if other := {name: level for name, level in levels.items() if level not in ("OFF", added[name])}:
        return differs(other)
    return several([f"logs of {name}" for name, level in levels.items() if level != "OFF"],
                   [f"logs of {name}" for name, level in levels.items() if level == "OFF"], back=False)


def _caches(methods: Mapping[str, Any], parameters: Parameters) -> Observation:
    names = [each["path"].removeprefix("/").removesuffix("/caching/dataEncrypted")
             for each in parameters["patchOperations"]]
    if missing := [name for name in names if name not in methods]:
        return changed(f"the stage has no settings for {', '.join(missing)}")
    plain = [name for name in names if not methods[name].get("cacheDataEncrypted")]
    return several([f"the cache of {name}, not encrypted" for name in plain],
                   [f"the cache of {name}, not encrypted" for name in names if name not in plain], back=True)


# -- EventBridge and Lambda -------------------------------------------------------------------------------------


def _bus(parameters: Parameters) -> dict[str, Any]:
    return {"EventBusName": parameters["EventBusName"]} if "EventBusName" in parameters else {}


def _event_rule(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    state = call(client.describe_rule, Name=parameters["Name"], **_bus(parameters))["State"]
    if state == "DISABLED":
        return BACK
    return AS_FIXED if state == "ENABLED" else changed(f"the rule's state is {state}")


def _targets(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    pages = call(lambda: list(
        client.get_paginator("list_targets_by_rule").paginate(Rule=parameters["Rule"], **_bus(parameters))))
    now = {target["Id"]: target for page in pages for target in page["Targets"]}
    added = {each["target"]: {"Id": each["target"], "Arn": each["arn"]} for each in receipt.get("added") or ()}
    if other := [name for name in parameters["Ids"] if name in now and now[name] != added.get(name)]:
        return changed("; ".join(f"the target {name} is now {json.dumps(now[name])}" for name in other))
    return several([name for name in parameters["Ids"] if name in now],
                   [name for name in parameters["Ids"] if name not in now], back=False)


def _concurrency(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    reserved = call(client.get_function_concurrency, FunctionName=parameters["FunctionName"]).get(
        "ReservedConcurrentExecutions")
    if reserved == parameters["ReservedConcurrentExecutions"]:
        return BACK
    return AS_FIXED if reserved is None else changed(f"the reserved concurrency is {reserved}")


def _permission(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    function, name = parameters["FunctionName"], parameters["StatementId"]
    answer = absent(client.get_policy, "ResourceNotFoundException", FunctionName=function)
    if answer is None:
        # The function has no policy, as before the fix, or it does not exist.
        call(client.get_function_concurrency, FunctionName=function)
        return BACK
    found = [each for each in json.loads(answer["Policy"])["Statement"] if each.get("Sid") == name]
    if not found:
        return BACK
    now = _as_added(found[0])
    fixed = {key: value for each in added_to(receipt, statement=name) for key, value in each.items()
             if key != "statement"}
    return AS_FIXED if now == fixed else changed(f"the permission {name} is now {json.dumps(found[0])}")


def _as_added(statement: Mapping[str, Any]) -> dict[str, Any]:
    """A statement of a function's policy as parameters of AddPermission; a part that has none keeps its own name."""
    principal = statement.get("Principal")
    result = {"Action": statement.get("Action"), "Principal": principal}
    if isinstance(principal, Mapping) and len(principal) == 1:
        [result["Principal"]] = principal.values()
    for conditions in (statement.get("Condition") or {}).values():
        for key, value in conditions.items():
            result[{"aws:sourcearn": "SourceArn", "aws:sourceaccount": "SourceAccount"}.get(key.lower(), key)] = value
    return result | ({"Effect": statement["Effect"]} if statement.get("Effect") != "Allow" else {})


def _document_shares(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    """Each account that the call adds or removes is now as before the fix, or as the fix left it."""
    now = shared_with(client, parameters["Name"])
    add, remove = parameters["AccountIdsToAdd"], parameters["AccountIdsToRemove"]
    back = [account for account in add if account in now] + [account for account in remove if account not in now]
    return several(back, [account for account in (*add, *remove) if account not in back], back=True)


def _service_setting(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    setting_id = parameters["SettingId"]
    now = setting_of(client, setting_id).get("SettingValue", "")
    if now == merged(receipt, "removed").get(setting_id):
        return BACK
    return AS_FIXED if now == merged(receipt).get(setting_id) else differs(now)


# -- EKS --------------------------------------------------------------------------------------------------------


def _cluster_logs(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    on = enabled_logs(call(client.describe_cluster, name=parameters["name"])["cluster"])
    types = [kind for each in parameters["logging"]["clusterLogging"] for kind in each["types"]]
    return several([f"the log {kind}" for kind in types if kind in on],
                   [f"the log {kind}" for kind in types if kind not in on], back=False)


# -- Secrets Manager --------------------------------------------------------------------------------------------


def _deleted_secret(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    return two_states(back=not call(client.describe_secret, SecretId=parameters["SecretId"]).get("DeletedDate"))


SERVICES: Reads = {
    ("kms", "disable_key"): _disabled,
    ("kms", "schedule_key_deletion"): _deletion,
    ("kms", "disable_key_rotation"): _rotation,
    ("eks", "update_cluster_config"): _cluster_logs,
    ("elbv2", "modify_load_balancer_attributes"): setting(
        _balancer_attributes, lambda given: {each["Key"]: each["Value"] for each in given["Attributes"]}, "Attributes"),
    ("elb", "set_load_balancer_policies_of_listener"): _classic_listener,
    ("elb", "delete_load_balancer_policy"): _classic_policy,
    ("elbv2", "modify_listener"): _listener,
    ("elbv2", "modify_rule"): _rule_actions,
    ("apigateway", "update_stage"): _stage,
    ("events", "disable_rule"): _event_rule,
    ("events", "remove_targets"): _targets,
    ("lambda", "put_function_concurrency"): _concurrency,
    ("lambda", "remove_permission"): _permission,
    ("secretsmanager", "restore_secret"): _deleted_secret,
    ("ssm", "modify_document_permission"): _document_shares,
    ("ssm", "reset_service_setting"): _service_setting,
    ("ssm", "update_service_setting"): _service_setting,
}
