"""Deploying the responder: one function in each region that runs the fixes of all policies, where functions only alert.

c7n deploys one function for each policy, and the responder holds many. So it uses c7n's Lambda manager and SNS
subscription with an archive that is made here, and is compared with what is deployed as every other function is.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from c7n import mu
from c7n.utils import get_partition, reset_session_cache
from c7n.version import version

from custom_actions.functions import MARK, MARKED
from custom_actions.names import FAILED_QUEUE, FUNCTION_PREFIX, PROJECT, PROJECT_TAG, RESPONDER, RESPONDER_ROLE, TOPIC
from custom_actions.patches import in_order
from custom_actions.vocabulary import TELLING

from ..accounts import AWS_ERRORS, Account, has_responder, reason_of
from ..command import command
from ..errors import GuardrailsError
from ..policies import Policy, PolicySources, action_type
from ..yamlfile import YamlFile
from .blueprints import Blueprint, code, loaded
from .plans import (
    DeploymentChange,
    DeploymentKey,
    DeploymentResult,
    PlannedDeployment,
    PolicyRefused,
    function_differences,
    prepared,
    settled,
)
from .reads import CLIENT, read_or_none
from .triggers import permission_differences

RegionsFor = Callable[[Policy, Account], Sequence[str]]
_NOTHING_TO_DO = (
    f"no policy with a fix is in force there: {command('undeploy', RESPONDER.removeprefix(FUNCTION_PREFIX))}")


def answering(policy: Policy) -> Policy:
    """The policy as the responder carries it: marked, and without the notifications that precede its first fix."""
    actions = list(policy.data["actions"])
    # The policy's own function has sent those already; notifications about the fix come after it.
    while actions and action_type(actions[0]) in TELLING:
        del actions[0]
    data = {**policy.data, "actions": actions, "metadata": {**policy.metadata, MARK: MARKED}}
    return Policy(data, policy.source, policy.index)


@dataclass(frozen=True)
class PlannedResponder:
    """The responder of one account and region."""

    planned: PlannedDeployment
    function: Any = None
    """c7n's function with its archive; None when there is none to deploy."""

    @property
    def change(self) -> DeploymentChange:
        return self.planned.change


class _Function(mu.LambdaFunction):
    architectures = ("x86_64",)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "Architectures": list(self.architectures)}


def plan(
    policies: Iterable[Policy], accounts: Iterable[Account], variables: Mapping[str, Any], regions_for: RegionsFor,
) -> list[PlannedResponder]:
    """The responder of every account with `guardrails: respond`, compared with what is deployed. Changes nothing.

    Args:
        policies: every policy that is or will be deployed there; those without a fix are left out.
        variables: the `vars` of accounts.yml for all accounts.
        regions_for: the regions in which a policy's function is deployed.
    """
    fixes = [policy for policy in policies if policy.deploys and policy.heals]
    return [
        _compared(chosen, account, region, variables)
        for account in accounts if has_responder(account)
        for region in dict.fromkeys(region for policy in fixes for region in regions_for(policy, account))
        if (chosen := [policy for policy in fixes if region in regions_for(policy, account)])
    ]


def refuse_partial(accounts: Iterable[Account], sources: PolicySources) -> None:
    """Raise GuardrailsError when the responder would be built from only a part of the policies."""
    if not sources.is_part:
        return
    for account in accounts:
        if has_responder(account):
            raise GuardrailsError(
                f"{sources} contains only a part of the policies: the responder of account {account} would "
                "lose the fixes of the others",
                "remove --policies and --pack, and name the policies to deploy")


def _compared(
    policies: Sequence[Policy], account: Account, region: str, variables: Mapping[str, Any]
) -> PlannedResponder:
    function: Any = None
    try:
        function, session = _function(policies, account, region, variables), account.session(region)
        change, reason = _change(function, session)
    except _Undeployable as error:
        function, change, reason = None, DeploymentChange.UNKNOWN, str(error)
    except AWS_ERRORS as error:
        function, change, reason = None, DeploymentChange.UNKNOWN, reason_of(error)
    return PlannedResponder(PlannedDeployment(_stand_in(), account, region, change, reason), function)


class _Undeployable(Exception):
    """Why the responder cannot be deployed."""


def _function(policies: Sequence[Policy], account: Account, region: str, variables: Mapping[str, Any]) -> Any:
    """c7n's function with its archive; None when no policy with a fix is in force there. Raises _Undeployable."""
    in_order()
    carried, options = [], {}
    for policy in policies:
        try:
            engine = prepared(answering(policy), account, region, variables, loaded)
        except PolicyRefused as error:
            raise _Undeployable(f"c7n rejects {policy.name}: {error}") from error
        if not engine.is_runnable():
            continue
        options = mu.get_exec_options(engine.options)
        carried.append(engine.data)
    if not carried:
        return None
    packages = {name for data in carried for name in data["mode"].get("packages") or ()}
    archive = mu.PythonPackageArchive(cache_file=code(("custom_actions", *sorted(packages - {"custom_actions"}))).path)
    archive.add_contents("config.json", json.dumps({"execution-options": options, "policies": carried}, indent=2))
    archive.close()
    partition = get_partition(region)
    return _Function({
        "name": RESPONDER,
        "description": "Runs the fixes of all policies, for functions that only alert (aws-guardrails)",
        "handler": "custom_actions.lambda_entry.respond",
        "runtime": "python3.12",
        "memory_size": 512,
        "timeout": 300,
        "role": f"arn:{partition}:iam::{account.id}:role/{RESPONDER_ROLE}",
        "tags": {PROJECT_TAG: PROJECT, "custodian-info": f"mode=responder:version={version}"},
        "dead_letter_config": {"TargetArn": f"arn:{partition}:sqs:{region}:{account.id}:{FAILED_QUEUE}"},
        "events": [],
    }, archive)


def _change(function: Any, session: boto3.Session) -> tuple[DeploymentChange, str]:
    functions = session.client("lambda", config=CLIENT)
    if function is None:
        if read_or_none(functions.get_function, FunctionName=RESPONDER):
            return DeploymentChange.REMOVE, _NOTHING_TO_DO
        return DeploymentChange.OFF, ""
    topic = topic_arn(function.role.split(":")[4], session.region_name)
    subscribed = subscriptions(session.client("sns", config=CLIENT), topic)
    if subscribed is None:
        raise _Undeployable(
            f"the topic {TOPIC} does not exist: create the stack of compliance.template.json ({command('templates')})")
    found = read_or_none(functions.get_function, FunctionName=RESPONDER)
    if not found:
        return DeploymentChange.CREATE, ""
    blueprint = Blueprint(_stand_in(), True, function, function.get_archive().get_checksum())
    differences = function_differences(blueprint, found)
    if found["Configuration"]["FunctionArn"] not in subscribed.values():
        differences.append("subscription")
    differences += permission_differences(function, "sns.amazonaws.com", {"lambda": functions})
    return (DeploymentChange.UPDATE, ", ".join(differences)) if differences else (DeploymentChange.UNCHANGED, "")


def topic_arn(account: str, region: str) -> str:
    """The compliance topic's ARN."""
    return f"arn:{get_partition(region)}:sns:{region}:{account}:{TOPIC}"


def subscriptions(sns: Any, topic: str) -> dict[str, str] | None:
    """The topic's subscriptions, each ARN with its endpoint; None when the topic does not exist."""
    try:
        pages = list(sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NotFound", "NotFoundException"):
            return None
        raise
    return {each["SubscriptionArn"]: each["Endpoint"] for page in pages for each in page["Subscriptions"]}


def deploy(
    responders: Sequence[PlannedResponder], replan: Callable[[], Sequence[PlannedResponder]]
) -> list[DeploymentResult]:
    """Deploy the responders that must be created or updated, and verify each against a new plan.

    `replan` reads the accounts again and returns that plan. Returns one result for every responder, also for those
    that needed no change.
    """
    to_do = [each for each in responders if each.change.deploys]
    problems: dict[DeploymentKey, str] = {}
    for each in to_do:
        try:
            _publish(each.function, each.planned.account, each.planned.region)
        except AWS_ERRORS as error:
            problems[each.planned.key] = reason_of(error)
    after = {each.planned.key: each.planned for each in replan()} if to_do else {}
    return [
        *(_settled(each.planned) for each in responders if not each.change.deploys),
        *(_verified(each.planned, after.get(each.planned.key), problems.get(each.planned.key, "")) for each in to_do),
    ]


def _settled(planned: PlannedDeployment) -> DeploymentResult:
    if planned.change is not DeploymentChange.UNKNOWN:
        return settled(planned)
    return DeploymentResult(planned.policy, planned.account, planned.region, "failed", planned.reason)


def _verified(before: PlannedDeployment, now: PlannedDeployment | None, problem: str) -> DeploymentResult:
    if problem:
        outcome, reason = "failed", problem
    elif now is None:
        outcome, reason = "failed", "it could not be verified"
    elif now.change is DeploymentChange.UNCHANGED:
        outcome = "created" if before.change is DeploymentChange.CREATE else "updated"
        reason = before.reason
    else:
        outcome, reason = "failed", f"still differs: {now.reason or now.change}"
    return DeploymentResult(before.policy, before.account, before.region, outcome, reason)


def _publish(function: Any, account: Account, region: str) -> None:
    def session_factory() -> boto3.Session:
        return account.session(region)

    # c7n caches sessions by region alone: the next account would get the session of the previous one.
    reset_session_cache()
    try:
        function.func_data["events"] = [mu.SNSSubscription(session_factory, [topic_arn(account.id, region)])]
        mu.LambdaManager(session_factory).publish(function)
    finally:
        reset_session_cache()


def _stand_in() -> Policy:
    """A policy that represents the responder in lists of deployments; the responder itself is not a policy."""
    data = {"name": RESPONDER.removeprefix(FUNCTION_PREFIX), "resource": "aws.account", "mode": {"type": "sns"}}
    return Policy(data, YamlFile(Path(__file__), {}, None), 0)
