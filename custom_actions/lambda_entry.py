"""The entry point of every function that we deploy: `mode.handler: custom_actions.lambda_entry.run`.

c7n's default handler does not import our package, so a policy with one of our elements would fail on its first event
with `Invalid action type`. This handler registers the elements, checks the message, and calls c7n's handler. For a
message that would make c7n fail with a traceback, it writes one clear log line instead.

In a hub, functions/central.py first prepares the policy for the account of the event. In a function of many policies,
functions/group.py picks those that a message is for. The entry point of the responder, which runs the fixes of all
policies, is `custom_actions.lambda_entry.respond`.
"""
# What is imported after `prepare_function` is imported in the way that it has prepared.
# ruff: noqa: E402
from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .cold_start import collect_rarely, handling
from .patches import prepare_function

collect_rarely()
prepare_function()

from c7n import handler
from c7n.handler import dispatch_event

from .aws import detail_of
from .escaping import escaped as printable
from .fixing import function
from .functions import (
    GROUP_KEY,
    EventNotUnderstood,
    Group,
    GroupIncomplete,
    Members,
    NotOfAMember,
    answer_probe,
    config,
    distrust,
    is_central,
    load_once,
    notification_problem,
    probe_in,
    record_problem,
    too_deep,
    unwrapped,
    with_account,
)
from .plugin import register

log = logging.getLogger("custodian.guardrails")

_OF_PYTHON = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)

if not logging.root.handlers:
    # Lambda's runtime configures logging. Outside Lambda, only warnings would be printed otherwise, and no receipts.
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")


def team_packages() -> list[str]:
    """The packages in the archive besides c7n and ours: those that the policies in `config.json` name."""
    try:
        policies = config()["policies"]
    except FileNotFoundError:  # imported outside of a function
        return []
    named = (name for policy in policies for name in (policy.get("mode") or {}).get("packages") or ())
    return [name for name in dict.fromkeys(named) if name != __package__]


# At import, because this happens only once, and Lambda gives a function more CPU while it starts.
register(team_packages())


def run(event: dict[str, Any], context: Any) -> bool:
    """Run the function's policy for each message in `event`. Lambda calls it with these arguments.

    Returns whether every message was valid. Exceptions of c7n are not caught, so that Lambda counts an error and
    delivers the event again; in a function of many policies, they are raised after all other policies have run. Raises
    EventNotUnderstood, after all other messages, for an event that is not in AWS's form: what it is about was not
    evaluated.
    """
    function.arn = _arn_of(context)
    with handling():
        return _run(event, context)


def _run(event: dict[str, Any], context: Any) -> bool:
    usable = True
    not_understood = []
    group = _group()
    failed: list[tuple[str, Exception]] = []
    # What a topic delivers is not unwrapped: the event inside could claim to come from AWS.
    for message in messages(event if group is None else unwrapped(event)):
        if marker := probe_in(message):
            answer_probe(marker, None if group is None else group.data_of(group.pick(message, policy_mode())))
            continue
        if problem := unusable(message, policy_mode()):
            log.error("event ignored: %s", problem)
            usable = False
            continue
        members = _members()
        if policy_mode() == "cloudtrail" and (problem := distrust(message, "" if members else own_account(context))):
            refuse(context, problem)
            usable = False
            continue
        if problem := malformed(message, policy_mode()):
            log.error("event not understood: %s", printable(problem))
            not_understood.append(problem)
            continue
        if group is not None:
            try:
                names = group.pick(message, policy_mode())
            except EventNotUnderstood as error:
                log.error("event not understood: %s", error)
                not_understood.append(str(error))
                continue
            failed += group.run(message, names, lambda own: understood(own, context)).items()
            continue
        if members:
            try:
                where = members.prepare(message)
            except NotOfAMember as error:
                log.error("event ignored: %s", error)
                usable = False
                continue
            log.info("event of account %s, %s", where.account, where.region)
        understood(message, context)
    if not_understood:
        raise EventNotUnderstood(printable("; ".join([*not_understood, *(_named(*each) for each in failed)])))
    if failed:
        raise _failure(failed)
    return usable


def _failure(failed: Sequence[tuple[str, Exception]]) -> Exception:
    """What the invocation raises: the error itself if there is only one."""
    if len(failed) == 1:
        return failed[0][1]
    return GroupIncomplete(f"{len(failed)} policies failed: {'; '.join(_named(*each) for each in failed)}")


def _named(policy: str, error: Exception) -> str:
    return printable(f"{policy}: {type(error).__name__}: {error}")


def understood(message: dict[str, Any], context: Any) -> None:
    """Run the policy with c7n's handler. Raises what it raises.

    An error of Python in a filter means that the event or its resource has a form that nobody expected. It becomes
    EventNotUnderstood, with the original error as its cause.
    """
    try:
        if handler.policy_config is None and (account := own_account(context)):
            load_once(with_account(config(), account))
        dispatch_event(message, context)
    except _OF_PYTHON as error:
        raise EventNotUnderstood(printable(
            f"the event could not be evaluated, and the result is unknown: {type(error).__name__}: {error}")) from error


def respond(event: dict[str, Any], context: Any) -> bool:
    """The responder's entry point. Lambda calls it with the messages of the compliance topic."""
    from .functions import responder

    function.arn = _arn_of(context)
    with handling():
        return responder.respond(event)


def own_account(context: Any) -> str:
    """The account of the function, from its ARN; empty outside Lambda."""
    return account_in(_arn_of(context))


def account_in(arn: str) -> str:
    """The account in an ARN; empty for other text."""
    return arn.split(":")[4] if arn.count(":") >= 4 else ""


def _arn_of(context: Any) -> str:
    return str(getattr(context, "invoked_function_arn", "") or "")


def refuse(context: Any, problem: str) -> None:
    """Log that an event was refused, and count it in a CloudWatch metric.

    The line is in CloudWatch's embedded metric format: metric RefusedEvents in the namespace `guardrails`, by function.
    """
    name = str(getattr(context, "function_name", "") or "")
    print(json.dumps({  # not with a logger: CloudWatch reads the metric only if the whole line is JSON
        "level": "ERROR", "message": f"event refused: {problem}", "function": name, "RefusedEvents": 1,
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [{
                "Namespace": "guardrails", "Dimensions": [["function"]],
                "Metrics": [{"Name": "RefusedEvents", "Unit": "Count"}],
            }],
        },
    }), flush=True)


def messages(event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The event itself, or the messages of an SNS event: one for each record.

    A record that is not a JSON object becomes `{"unreadable": text}`. Anyone who can publish to the topic can send a
    message that looks like an event from AWS, so `sns:` is put before the source of each message.
    """
    if not isinstance(event, Mapping):
        yield {"unreadable": event}
        return
    records = event.get("Records")
    if not isinstance(records, list) or not any(map(_of_sns, records)):
        yield {"unreadable": "it is nested too deeply"} if too_deep(event) else dict(event)
        return
    for record in filter(_of_sns, records):
        text = record["Sns"].get("Message")
        try:
            message = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            message = None
        if too_deep(message):
            message = None
        if isinstance(message, dict):
            yield {**message, "source": f"sns:{message.get('source')}"} if "source" in message else message
        else:
            yield {"unreadable": text}


def _of_sns(record: Any) -> bool:
    return isinstance(record, Mapping) and isinstance(record.get("Sns"), Mapping)


def unusable(message: Mapping[str, Any], mode: str) -> str:
    """Why a policy of this mode cannot use `message`; empty if it can."""
    if "unreadable" in message:
        return f"the message is not a JSON object: {str(message['unreadable'])[:200]!r}"
    if mode == "cloudtrail":
        detail = detail_of(message)
        missing = [name for name in ("eventName", "eventSource") if not detail.get(name)]
        if missing:
            return f"a CloudTrail event must have detail.{' and detail.'.join(missing)}, but has only {sorted(message)}"
    if mode in ("config-rule", "config-poll-rule"):
        missing = [name for name in ("invokingEvent", "resultToken") if not message.get(name)]
        if missing:
            return (
                f"an AWS Config event must have {' and '.join(missing)}, or no evaluation can be sent, "
                f"but has only {sorted(message)}"
            )
    return ""


def malformed(message: Mapping[str, Any], mode: str) -> str:
    """How a message of this mode differs from the form in which AWS sends it; empty if it does not."""
    if mode == "cloudtrail":
        return record_problem(detail_of(message))
    if mode in ("config-rule", "config-poll-rule"):
        return notification_problem(message)
    return ""


@functools.cache
def policy_mode() -> str:
    """The mode of the function's policy, from the `config.json` that c7n adds to the deployment package."""
    return str(config()["policies"][0]["mode"]["type"])


@functools.cache
def _group() -> Group | None:
    """The policies of a function that runs many; None for one that runs one policy, and outside of a function."""
    try:
        data = config()
    except FileNotFoundError:
        return None
    return Group(with_account(data, account_in(function.arn))) if GROUP_KEY in data else None


@functools.cache
def _members() -> Members | None:
    """The member accounts of a hub's function; None for a function that processes only its own account."""
    if _group() is not None:
        return None  # `deploy` does not group the functions of a hub
    data = config()
    return Members(data) if is_central(data["policies"][0]) else None
