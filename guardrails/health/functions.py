"""What follows from what was read of one function; each check is a pure function. What was not read is never ok."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n import mu

from ..policies import DAY, interval_of, is_scheduled
from .expectations import ExpectedFunction, base_files, packages_of
from .facts import FunctionActivity, FunctionFacts, FunctionLog, RegionFacts, RoleFacts, Unread
from .roles import permissions, role_there
from .starting import start
from .verdict import HealthVerdict, broken, deploy, ok, some, unknown


def function_verdicts(
    wanted: ExpectedFunction, facts: FunctionFacts, region: RegionFacts, role: RoleFacts, *, named: bool
) -> list[HealthVerdict]:
    """Everything about one policy's function; nothing when it was never deployed there.

    `named`: whether somebody asked for this very policy, so that a function that is not there is no matter of choice.
    """
    if isinstance(facts.function, Unread):
        return [unknown("function", facts.function.reason)]
    if facts.function is None:
        return absent(wanted, region, named=named)
    if wanted.problem:
        return [unknown("policy", wanted.problem, "./run.sh validate tells more")]
    if not wanted.in_force:
        return [function(facts.function), policy(wanted, facts)]
    configuration = facts.function.get("Configuration") or {}
    return [
        function(facts.function),
        policy(wanted, facts),
        settings(wanted, configuration),
        *start(wanted, facts, region),
        role_there(role),
        permissions(wanted, role),
        *topics(wanted, region),
        *dead_letters(configuration, facts.dead_letters),
        errors(facts.activity, facts.log),
        *runs(wanted, facts),
    ]


def absent(wanted: ExpectedFunction, region: RegionFacts, *, named: bool) -> list[HealthVerdict]:
    """A function that is not there: broken when something still calls for it."""
    left: list[str] = []
    for what, listed in (("event rule", region.rules), ("Config rule", region.config_rules)):
        if not isinstance(listed, Unread) and wanted.function in listed:
            left.append(what)
    if left:
        return [broken("function", f"its {' and '.join(left)} {'is' if len(left) == 1 else 'are'} there, the function "
                       "is not", deploy(wanted))]
    if named and wanted.in_force:
        return [broken("function", wanted.problem or "it is not deployed", deploy(wanted))]
    return []


def function(found: Mapping[str, Any]) -> HealthVerdict:
    """Whether Lambda would run it."""
    configuration = found.get("Configuration") or {}
    state = str(configuration.get("State") or "")
    if state not in ("Active", "Inactive"):
        reason = f"{state or 'no state'}: {configuration.get('StateReason') or 'no reason given'}"
        # An inactive function wakes up when it is called.
        return unknown("function", reason, "ask again in a minute") if state in ("Pending", "") else broken(
            "function", reason, "deploy it again; look at the function in Lambda")
    if configuration.get("LastUpdateStatus") == "Failed":
        return broken("function", f"its last update failed: {configuration.get('LastUpdateStatusReason')}",
                      "deploy it again")
    if (found.get("Concurrency") or {}).get("ReservedConcurrentExecutions") == 0:
        return broken("function", "its reserved concurrency is 0: it is never run", "remove the reserved concurrency")
    return ok("function")


def policy(wanted: ExpectedFunction, facts: FunctionFacts) -> HealthVerdict:
    """Whether it runs today's policy with today's code. Where its reports go is not looked at."""
    if not wanted.in_force:
        return broken("policy", "its conditions (such as its profile) do not hold in this account, and it is deployed",
                      f"./run.sh undeploy {wanted.policy.name}, or choose its profile")
    assert isinstance(facts.function, Mapping)
    if (facts.function.get("Configuration") or {}).get("CodeSha256") == wanted.sha256:
        return ok("policy")
    if facts.archive is None or isinstance(facts.archive, Unread):
        why = facts.archive.reason if isinstance(facts.archive, Unread) else "it was not read"
        return unknown("policy", f"its archive is another than would be deployed today, and could not be read: {why}")
    running = _without_output((facts.archive["config"].get("policies") or [{}])[0])
    today = _without_output(wanted.data)
    if differing := sorted(key for key in running.keys() | today.keys() if running.get(key) != today.get(key)):
        return broken("policy", f"it is behind the policy in {', '.join(differing)}", deploy(wanted))
    code = base_files(packages_of(wanted.policy))
    own = ("config.json", "custodian_policy.py")
    files = {name: crc for name, crc in facts.archive["files"].items() if name not in own}
    if changed := sorted(name for name in files.keys() | code.keys() if files.get(name) != code.get(name)):
        return broken("policy", f"its code is not this checkout's: {some(changed)}", deploy(wanted))
    return ok("policy")


def settings(wanted: ExpectedFunction, configuration: Mapping[str, Any]) -> HealthVerdict:
    """Whether Lambda's settings are the policy's."""
    if differing := mu.LambdaManager.delta_function(configuration, wanted.settings):
        return broken("settings", f"other than the policy's: {', '.join(sorted(set(differing)))}", deploy(wanted))
    return ok("settings")


def topics(wanted: ExpectedFunction, region: RegionFacts) -> Iterator[HealthVerdict]:
    """Whether the topics that it writes to are there."""
    for arn in wanted.topics:
        there = region.topics.get(arn, Unread("it was not asked for"))
        if isinstance(there, Unread):
            yield unknown("topic", f"{arn}: {there.reason}")
        elif there:
            yield ok("topic")
        else:
            yield broken("topic", f"{arn} is not there: nobody is told", "make the topic, or name another")


def dead_letters(configuration: Mapping[str, Any], waiting: int | Unread | None) -> Iterator[HealthVerdict]:
    """Whether events that it failed on wait in its queue; nothing when it has none."""
    arn = str((configuration.get("DeadLetterConfig") or {}).get("TargetArn") or "")
    if ":sqs:" not in arn:
        return
    name = arn.rpartition(":")[2]
    if isinstance(waiting, Unread):
        yield unknown("dead-letters", f"{name}: {waiting.reason}")
    elif waiting is None:
        yield broken("dead-letters", f"its queue {name} is not there: events that it fails on are lost", "make it")
    elif waiting:
        yield broken("dead-letters", f"{waiting} events that it failed on wait in {name}",
                     "read them, mend the cause, then purge the queue")
    else:
        yield ok("dead-letters")


def errors(activity: FunctionActivity | Unread, log: FunctionLog | Unread | None) -> HealthVerdict:
    """Whether it failed in the last day, by CloudWatch's numbers and by its log."""
    lines = () if log is None or isinstance(log, Unread) else log.errors
    said = f"; last in its log: {lines[-1]}" if lines else ""
    mend = "read the function's log"
    if not isinstance(activity, Unread):
        counted = {"failed": activity.errors, "were throttled": activity.throttles,
                   "are lost, not even in its dead-letter queue": activity.not_delivered}
        if bad := [f"{number:.0f} runs {what}" for what, number in counted.items() if number]:
            return broken("errors", f"in the last day {', '.join(bad)}{said}", mend)
    if lines:
        return broken("errors", f"{len(lines)} errors in its log of the last day{said}", mend)
    for what, read in (("its numbers in CloudWatch", activity), ("its log", log)):
        if isinstance(read, Unread):
            return unknown("errors", f"{what}: {read.reason}")
    assert not isinstance(activity, Unread)
    assert not isinstance(log, Unread)
    if log is not None and log.any and not activity.invocations:
        return unknown("errors", "its log has lines of the last day, and CloudWatch has counted no run",
                       "numbers come minutes late; ask again")
    if log is None and activity.invocations:
        return unknown("errors", f"it ran {activity.invocations:.0f} times in the last day and has no log",
                       "let its role write to its log")
    return ok("errors", "" if activity.invocations else "it did not run in the last day")


def runs(wanted: ExpectedFunction, facts: FunctionFacts) -> Iterator[HealthVerdict]:
    """Whether what is to run once a day or more often has run; nothing where one can wait longer for it."""
    every = interval_of(wanted.policy) if is_scheduled(wanted.policy) else None
    if every is None or every > DAY:
        return
    ran = not isinstance(facts.activity, Unread) and facts.activity.invocations > 0
    if ran or (isinstance(facts.log, FunctionLog) and facts.log.any):
        yield ok("runs")
    elif facts.age is not None and facts.age < every:
        yield ok("runs", "it was deployed since it was last due")
    elif isinstance(facts.activity, Unread):
        yield unknown("runs", f"its numbers in CloudWatch: {facts.activity.reason}")
    elif isinstance(facts.log, Unread):
        yield unknown("runs", f"its log: {facts.log.reason}")
    else:
        hours = every.total_seconds() / 3600
        yield broken("runs", f"it is to run every {hours:g} hours, and has not in more than a day",
                     "see its other checks; start it by hand: aws lambda invoke --function-name "
                     f"{wanted.function} /dev/stdout")


def _without_output(policy_data: Mapping[str, Any]) -> dict[str, Any]:
    mode = dict(policy_data.get("mode") or {})
    options = {key: value for key, value in (mode.pop("execution-options", None) or {}).items() if key != "output_dir"}
    return {**policy_data, "mode": {**mode, **({"execution-options": options} if options else {})}}
