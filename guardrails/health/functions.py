"""The verdicts on one function. Each check is a pure function; what could not be read is never ok."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n import mu

from custom_actions.functions import addressed_tick
from custom_actions.names import EVENTS_QUEUE

from ..command import command
from ..policies import DAY, interval_of, is_scheduled
from .expectations import ExpectedFunction, base_files, packages_of
from .facts import FunctionActivity, FunctionFacts, FunctionLog, RegionFacts, RoleFacts, Unread
from .roles import permissions, role_there
from .starting import start
from .verdict import HealthVerdict, broken, deploy, ok, some, unknown


def function_verdicts(
    wanted: ExpectedFunction, facts: FunctionFacts, region: RegionFacts, role: RoleFacts, *, named: bool
) -> list[HealthVerdict]:
    """All verdicts on one policy's function; none when it was never deployed there.

    `named`: whether the policy was selected by its full name; a missing function is then broken.
    """
    if isinstance(facts.function, Unread):
        return [unknown("function", facts.function.reason)]
    if facts.function is None:
        return absent(wanted, region, named=named)
    if wanted.problem:
        return [unknown("policy", wanted.problem, f"run {command('validate')} for details")]
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
        *(() if wanted.group else dead_letters(configuration, facts.dead_letters)),
        errors_in_group(facts.log) if wanted.group else errors(facts.activity, facts.log),
        *runs(wanted, facts),
    ]


def absent(wanted: ExpectedFunction, region: RegionFacts, *, named: bool) -> list[HealthVerdict]:
    """The verdict on a function that does not exist: broken when its event rule or Config rule does, or when named."""
    triggers: list[str] = []
    for what, name, rules in (("event rule", wanted.rule, region.rules),
                              ("Config rule", wanted.function, region.config_rules)):
        if not isinstance(rules, Unread) and name in rules:
            triggers.append(what)
    if triggers:
        return [broken("function", f"its {' and '.join(triggers)} {'exists' if len(triggers) == 1 else 'exist'}, but "
                       "the function does not", deploy(wanted))]
    if named and wanted.in_force:
        return [broken("function", wanted.problem or "it is not deployed", deploy(wanted))]
    return []


def function(found: Mapping[str, Any]) -> HealthVerdict:
    """Whether Lambda can run it."""
    configuration = found.get("Configuration") or {}
    state = str(configuration.get("State") or "")
    if state not in ("Active", "Inactive"):
        reason = f"{state or 'no state'}: {configuration.get('StateReason') or 'no reason given'}"
        # Lambda activates an inactive function when it is invoked.
        return unknown("function", reason, "run doctor again in a minute") if state in ("Pending", "") else broken(
            "function", reason, "deploy the policy again; inspect the function in Lambda")
    if configuration.get("LastUpdateStatus") == "Failed":
        return broken("function", f"its last update failed: {configuration.get('LastUpdateStatusReason')}",
                      "deploy the policy again")
    if (found.get("Concurrency") or {}).get("ReservedConcurrentExecutions") == 0:
        return broken("function", "its reserved concurrency is 0, so it never runs", "remove the reserved concurrency")
    return ok("function")


def policy(wanted: ExpectedFunction, facts: FunctionFacts) -> HealthVerdict:
    """Whether it runs the current policy with the current code. The place of its reports is not compared."""
    if not wanted.in_force:
        return broken("policy", "it is deployed, but its conditions (such as its profile) do not hold in this account",
                      f"{command('undeploy', wanted.policy.name)}, or choose its profile")
    assert isinstance(facts.function, Mapping)
    if (facts.function.get("Configuration") or {}).get("CodeSha256") == wanted.sha256:
        return ok("policy")
    if facts.archive is None or isinstance(facts.archive, Unread):
        why = facts.archive.reason if isinstance(facts.archive, Unread) else "it was not read"
        return unknown("policy", f"its archive differs from what would be deployed today, and could not be read: {why}")
    policies = facts.archive["config"].get("policies") or [{}]
    if wanted.group:
        policies = [each for each in policies if each.get("name") == wanted.policy.name]
        if not policies:
            return broken("policy", f"{wanted.group} does not hold it, so its events are lost", deploy(wanted))
    running = _without_output(policies[0])
    today = _without_output(wanted.data)
    if differing := sorted(key for key in running.keys() | today.keys() if running.get(key) != today.get(key)):
        return broken("policy", f"it is not up to date with the policy's {', '.join(differing)}", deploy(wanted))
    code = base_files(packages_of(wanted.policy))
    own = ("config.json", "custodian_policy.py")
    files = {name: crc for name, crc in facts.archive["files"].items() if name not in own}
    if changed := sorted(name for name in files.keys() | code.keys() if files.get(name) != code.get(name)):
        return broken("policy", f"its code differs from this checkout: {some(changed)}", deploy(wanted))
    return ok("policy")


def settings(wanted: ExpectedFunction, configuration: Mapping[str, Any]) -> HealthVerdict:
    """Whether Lambda's settings are as the policy says."""
    expected = dict(wanted.settings)
    small = []
    if wanted.group:
        # The function has the largest timeout and memory of its policies.
        small = [name for name in ("Timeout", "MemorySize") if configuration.get(name, 0) < expected[name]]
        for name in ("FunctionName", "Description", "Timeout", "MemorySize"):
            expected.pop(name)
    if differing := [*small, *mu.LambdaManager.delta_function(configuration, expected)]:
        return broken("settings", f"they differ from the policy: {', '.join(sorted(set(differing)))}", deploy(wanted))
    return ok("settings")


def topics(wanted: ExpectedFunction, region: RegionFacts) -> Iterator[HealthVerdict]:
    """Whether the topics that it publishes to exist."""
    for arn in wanted.topics:
        there = region.topics.get(arn, Unread("it was not read"))
        if isinstance(there, Unread):
            yield unknown("topic", f"{arn}: {there.reason}")
        elif there:
            yield ok("topic")
        else:
            yield broken("topic", f"{arn} does not exist: nobody is notified",
                         "create the topic, or change the policy")


def dead_letters(configuration: Mapping[str, Any], waiting: int | Unread | None) -> Iterator[HealthVerdict]:
    """Whether failed events wait in its own dead-letter queue; nothing without one, or with the one that all share."""
    arn = str((configuration.get("DeadLetterConfig") or {}).get("TargetArn") or "")
    name = arn.rpartition(":")[2]
    if ":sqs:" not in arn or name == EVENTS_QUEUE:
        return
    if isinstance(waiting, Unread):
        yield unknown("dead-letters", f"{name}: {waiting.reason}")
    elif waiting is None:
        yield broken("dead-letters", f"its dead-letter queue {name} does not exist: failed events are lost",
                     "create the queue")
    elif waiting:
        yield broken("dead-letters", f"{waiting} failed events wait in {name}",
                     "read them, fix the cause, then purge the queue")
    else:
        yield ok("dead-letters")


def errors(activity: FunctionActivity | Unread, log: FunctionLog | Unread | None) -> HealthVerdict:
    """Whether it failed in the last day, from CloudWatch's metrics and from its log."""
    lines = () if log is None or isinstance(log, Unread) else log.errors
    last = f"; last in its log: {lines[-1]}" if lines else ""
    remedy = "read the function's log"
    if not isinstance(activity, Unread):
        counted = {"failed": activity.errors, "were throttled": activity.throttles,
                   "are lost, because its dead-letter queue did not accept them": activity.not_delivered}
        if bad := [f"{number:.0f} runs {what}" for what, number in counted.items() if number]:
            return broken("errors", f"in the last day {', '.join(bad)}{last}", remedy)
    if lines:
        return broken("errors", f"{len(lines)} errors in its log of the last day{last}", remedy)
    for what, read in (("its metrics in CloudWatch", activity), ("its log", log)):
        if isinstance(read, Unread):
            return unknown("errors", f"{what} cannot be read: {read.reason}")
    assert not isinstance(activity, Unread)
    assert not isinstance(log, Unread)
    if log is not None and log.any and not activity.invocations:
        return unknown("errors", "its log has lines of the last day, but CloudWatch counted no run",
                       "metrics arrive minutes late; run doctor again")
    if log is None and activity.invocations:
        return unknown("errors", f"it ran {activity.invocations:.0f} times in the last day but has no log",
                       "allow its role to write to its log")
    return ok("errors", "" if activity.invocations else "it did not run in the last day")


def errors_in_group(log: FunctionLog | Unread | None) -> HealthVerdict:
    """Whether the policy failed in the last day, from the lines of its group's log that name it."""
    if isinstance(log, Unread):
        return unknown("errors", f"the log of its group's function cannot be read: {log.reason}")
    if log is not None and log.errors:
        return broken("errors", f"it failed {len(log.errors)} times in the last day; last in the log of its group: "
                      f"{log.errors[-1]}", "read the function's log")
    return ok("errors")


def group_verdicts(facts: FunctionFacts) -> list[HealthVerdict]:
    """The verdicts on a function of many policies itself: whether it can run, and whether it failed in the last day."""
    if isinstance(facts.function, Unread):
        return [unknown("function", facts.function.reason)]
    if facts.function is None:
        return [broken("function", "it was removed while doctor ran", "run doctor again")]
    configuration = facts.function.get("Configuration") or {}
    return [function(facts.function), *dead_letters(configuration, facts.dead_letters),
            errors(facts.activity, facts.log)]


def runs(wanted: ExpectedFunction, facts: FunctionFacts) -> Iterator[HealthVerdict]:
    """Whether a function that must run at least once a day has run; nothing for longer intervals."""
    every = interval_of(wanted.policy) if is_scheduled(wanted.policy) else None
    if every is None or every > DAY:
        return
    # The invocations of a group's function are those of all its policies.
    ran = not wanted.group and not isinstance(facts.activity, Unread) and facts.activity.invocations > 0
    if ran or (isinstance(facts.log, FunctionLog) and facts.log.any):
        yield ok("runs")
    elif facts.age is not None and facts.age < every:
        yield ok("runs", "it was deployed after its last scheduled time")
    elif isinstance(facts.activity, Unread) and not wanted.group:
        yield unknown("runs", f"its metrics in CloudWatch cannot be read: {facts.activity.reason}")
    elif isinstance(facts.log, Unread):
        yield unknown("runs", f"its log cannot be read: {facts.log.reason}")
    else:
        hours = every.total_seconds() / 3600
        yield broken("runs", f"it must run every {hours:g} hours, but has not run in more than a day",
                     "see its other checks; to start it by hand: aws lambda invoke --function-name "
                     f"{wanted.runs_in} {_payload(wanted)}/dev/stdout")


def _payload(wanted: ExpectedFunction) -> str:
    """The options of `aws lambda invoke` that say which policy is to run."""
    payload = addressed_tick(wanted.policy.name)
    return f"--cli-binary-format raw-in-base64-out --payload '{payload}' " if wanted.group else ""


def _without_output(policy_data: Mapping[str, Any]) -> dict[str, Any]:
    mode = dict(policy_data.get("mode") or {})
    options = {key: value for key, value in (mode.pop("execution-options", None) or {}).items() if key != "output_dir"}
    return {**policy_data, "mode": {**mode, **({"execution-options": options} if options else {})}}
