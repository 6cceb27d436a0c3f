"""Deploying the responder: one function a region that does the fixes of all policies, where functions only tell.

c7n deploys policies, and this function is none: its archive holds many. So c7n's own Lambda manager and SNS
subscription are used with an archive made here, and what is there is compared as it is for the others.
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
from ..errors import GuardrailsError
from ..policies import Policy, is_part
from ..yamlfile import YamlFile
from .blueprints import Blueprint, code, loaded
from .forms import action_type
from .plans import CLIENT, Change, Deployed, Planned, Refused, asked, drawn_up, function_differences, permission

RegionsFor = Callable[[Policy, Account], Sequence[str]]


def answering(policy: Policy) -> Policy:
    """The policy as the responder carries it: marked, and without what has told before the fix."""
    actions = list(policy.data["actions"])
    # The function that has told the topic has done that already; what tells of the fix comes after it.
    while actions and action_type(actions[0]) in TELLING:
        del actions[0]
    data = {**policy.data, "actions": actions, "metadata": {**policy.metadata, MARK: MARKED}}
    return Policy(data, policy.source, policy.index)






@dataclass(frozen=True)
class Wanted:
    """The responder of one account and region."""

    planned: Planned
    function: Any = None
    """c7n's function, its archive with it."""

    @property
    def change(self) -> Change:
        return self.planned.change


class _Function(mu.LambdaFunction):
    architectures = ("x86_64",)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "Architectures": list(self.architectures)}


def plan(
    policies: Iterable[Policy], accounts: Iterable[Account], variables: Mapping[str, Any], regions_for: RegionsFor,
) -> list[Wanted]:
    """The responder of every account whose word is `respond`, compared with what is there; nothing is changed.

    Args:
        policies: every policy that is or will be deployed there; those without a fix are left out.
        variables: the `vars` of accounts.yml for all accounts.
        regions_for: the regions in which a policy's function is.
    """
    fixes = [policy for policy in policies if policy.deploys and policy.heals]
    return [
        _compared(chosen, account, region, variables)
        for account in accounts if has_responder(account)
        for region in dict.fromkeys(region for policy in fixes for region in regions_for(policy, account))
        if (chosen := [policy for policy in fixes if region in regions_for(policy, account)])
    ]


def refuse_partial(accounts: Iterable[Account], directory: Path) -> None:
    """Raise GuardrailsError when the responder would be made of a part of the project's policies."""
    if not is_part(directory):
        return
    for account in accounts:
        if has_responder(account):
            raise GuardrailsError(
                f"{directory} is a part of the project's policies: the responder of account {account} would lose the "
                "fixes of the others",
                "leave --policies out, and name the policies to be deployed")


def _compared(policies: Sequence[Policy], account: Account, region: str, variables: Mapping[str, Any]) -> Wanted:
    stand_in = _stand_in()
    try:
        function, session = _drawn(policies, account, region, variables), account.session(region)
        if function is None:
            found = asked(session.client("lambda", config=CLIENT).get_function, FunctionName=RESPONDER)
            return Wanted(Planned(stand_in, account, region, Change.REMOVE, _NOTHING_TO_DO) if found else
                          Planned(stand_in, account, region, Change.OFF))
        change, reason = _change(
            Blueprint(stand_in, True, function, function.get_archive().get_checksum()), session)
    except Unfit as error:
        return Wanted(Planned(stand_in, account, region, Change.UNKNOWN, str(error)))
    except AWS_ERRORS as error:
        return Wanted(Planned(stand_in, account, region, Change.UNKNOWN, reason_of(error)))
    return Wanted(Planned(stand_in, account, region, change, reason), function)


_NOTHING_TO_DO = f"no policy with a fix is in force there: ./run.sh undeploy {RESPONDER.removeprefix(FUNCTION_PREFIX)}"


class Unfit(Exception):
    """Why the responder cannot be deployed."""


def _drawn(policies: Sequence[Policy], account: Account, region: str, variables: Mapping[str, Any]) -> Any:
    """c7n's function with its archive; None when no policy with a fix is in force there. Raises Unfit."""
    in_order()
    carried, options = [], {}
    for policy in policies:
        try:
            made = drawn_up(answering(policy), account, region, variables, loaded)
        except Refused as error:
            raise Unfit(f"c7n refuses {policy.name}: {error}") from error
        if not made.is_runnable():
            continue
        options = mu.get_exec_options(made.options)
        carried.append(made.data)
    if not carried:
        return None
    archive = mu.PythonPackageArchive(cache_file=code(("custom_actions",)).path)
    archive.add_contents("config.json", json.dumps({"execution-options": options, "policies": carried}, indent=2))
    archive.close()
    partition = get_partition(region)
    return _Function({
        "name": RESPONDER,
        "description": "Does what the policies say, for functions that only tell (aws-guardrails)",
        "handler": "custom_actions.lambda_entry.respond",
        "runtime": "python3.12",
        "memory_size": 512,
        "timeout": 300,
        "role": f"arn:{partition}:iam::{account.id}:role/{RESPONDER_ROLE}",
        "tags": {PROJECT_TAG: PROJECT, "custodian-info": f"mode=responder:version={version}"},
        "dead_letter_config": {"TargetArn": f"arn:{partition}:sqs:{region}:{account.id}:{FAILED_QUEUE}"},
        "events": [],
    }, archive)


def _change(wanted: Blueprint, session: boto3.Session) -> tuple[Change, str]:
    sns, functions = session.client("sns", config=CLIENT), session.client("lambda", config=CLIENT)
    topic = topic_arn(wanted.function.role.split(":")[4], session.region_name)
    subscribed = subscriptions(sns, topic)
    if subscribed is None:
        raise Unfit(f"there is no topic {TOPIC}: create the stack of compliance.template.json (./run.sh templates)")
    found = asked(functions.get_function, FunctionName=RESPONDER)
    if not found:
        return Change.CREATE, ""
    arn = found["Configuration"]["FunctionArn"]
    differs = function_differences(wanted, found)
    if arn not in subscribed.values():
        differs.append("subscription")
    differs += permission(wanted.function, "sns.amazonaws.com", {"lambda": functions})
    return (Change.UPDATE, ", ".join(differs)) if differs else (Change.UNCHANGED, "")


def topic_arn(account: str, region: str) -> str:
    """The compliance topic's ARN."""
    return f"arn:{get_partition(region)}:sns:{region}:{account}:{TOPIC}"


def subscriptions(sns: Any, topic: str) -> dict[str, str] | None:
    """Who is subscribed to the topic: the subscription's ARN, and to whom it delivers; None when there is no topic."""
    try:
        pages = list(sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NotFound", "NotFoundException"):
            return None
        raise
    return {each["SubscriptionArn"]: each["Endpoint"] for page in pages for each in page["Subscriptions"]}


def deploy(responders: Sequence[Wanted], again: Callable[[], Sequence[Wanted]]) -> list[Deployed]:
    """Deploy what is to be created or updated, and compare it with what is there afterwards.

    `again` makes the plan anew. Returns how it ended for every responder, those that needed nothing too.
    """
    to_do = [each for each in responders if each.change in (Change.CREATE, Change.UPDATE)]
    problems: dict[Any, str] = {}
    for wanted in to_do:
        planned = wanted.planned
        try:
            _publish(wanted.function, planned.account, planned.region)
        except AWS_ERRORS as error:
            problems[planned.key] = reason_of(error)
    after = {wanted.planned.key: wanted.planned for wanted in again()} if to_do else {}
    ended = [
        Deployed(each.planned.policy, each.planned.account, each.planned.region,
                 "failed" if each.change is Change.UNKNOWN else each.change.value, each.planned.reason)
        for each in responders if each.change not in (Change.CREATE, Change.UPDATE)
    ]
    for wanted in to_do:
        before, now = wanted.planned, after.get(wanted.planned.key)
        outcome, reason = "failed", problems.get(before.key, "")
        if not reason and now is not None and now.change is Change.UNCHANGED:
            outcome, reason = ("created" if before.change is Change.CREATE else "updated"), before.reason
        elif not reason:
            reason = f"still not as it should be: {now.reason or now.change}" if now else "it was not looked at again"
        ended.append(Deployed(before.policy, before.account, before.region, outcome, reason))
    return ended


def _publish(function: Any, account: Account, region: str) -> None:
    def session_factory() -> boto3.Session:
        return account.session(region)

    # c7n keeps sessions by region alone: the next account would be given the last one's.
    reset_session_cache()
    try:
        function.func_data["events"] = [mu.SNSSubscription(session_factory, [topic_arn(account.id, region)])]
        mu.LambdaManager(session_factory).publish(function)
    finally:
        reset_session_cache()


def _stand_in() -> Policy:
    """The responder in lists of policies: it is none."""
    data = {"name": RESPONDER.removeprefix(FUNCTION_PREFIX), "resource": "aws.account", "mode": {"type": "sns"}}
    return Policy(data, YamlFile(Path(__file__), {}, None), 0)
