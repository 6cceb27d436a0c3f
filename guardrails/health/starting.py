"""Whether anything starts a function: its event rule, its schedule or its Config rule, and its own permission."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ..policies import comparable, parsed
from .expectations import ExpectedFunction
from .facts import FunctionFacts, RegionFacts, Unread
from .verdict import HealthVerdict, as_list, broken, deploy, ok, unknown

_ENABLED = ("ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
_INVOKE = "lambda:InvokeFunction"


def start(wanted: ExpectedFunction, facts: FunctionFacts, region: RegionFacts) -> Iterator[HealthVerdict]:
    """Whether anything starts it."""
    if wanted.config_rule is not None:
        yield config_rule(wanted, region)
        yield from evaluations(wanted, region)
        yield invocable(wanted, facts, "config.amazonaws.com", "")
    elif wanted.mode == "schedule":
        yield schedule(wanted, facts)
    else:
        yield event_rule(wanted, region)
        if isinstance(region.rules, Unread) or wanted.function in region.rules:
            yield target(wanted, facts)
        yield invocable(wanted, facts, "events.amazonaws.com", wanted.rule_arn)


def event_rule(wanted: ExpectedFunction, region: RegionFacts) -> HealthVerdict:
    """Whether its event rule is there, enabled, and says what the policy says."""
    if isinstance(region.rules, Unread):
        return unknown("event-rule", region.rules.reason)
    rule = region.rules.get(wanted.function)
    if rule is None:
        return broken("event-rule", "there is none: nothing starts the function", deploy(wanted))
    if rule.get("State") not in _ENABLED:
        return broken("event-rule", f"it is {str(rule.get('State')).lower()}: nothing starts the function",
                      f"aws events enable-rule --name {wanted.function}")
    if comparable(parsed(rule.get("EventPattern"))) != comparable(wanted.pattern):
        return broken("event-rule", "its event pattern is not the policy's", deploy(wanted))
    if str(rule.get("ScheduleExpression") or "") != wanted.schedule:
        return broken("event-rule", f"its schedule is {rule.get('ScheduleExpression')}, not {wanted.schedule}",
                      deploy(wanted))
    return ok("event-rule")


def target(wanted: ExpectedFunction, facts: FunctionFacts) -> HealthVerdict:
    """Whether the rule starts this function."""
    if isinstance(facts.targets, Unread):
        return unknown("target", facts.targets.reason)
    if wanted.function_arn not in facts.targets:
        return broken("target", "its event rule does not start it", deploy(wanted))
    return ok("target")


def schedule(wanted: ExpectedFunction, facts: FunctionFacts) -> HealthVerdict:
    """Whether its schedule of EventBridge Scheduler is there, enabled, and starts it."""
    if isinstance(facts.schedule, Unread):
        return unknown("schedule", facts.schedule.reason)
    if facts.schedule is None:
        return broken("schedule", "there is none: nothing starts the function", deploy(wanted))
    if facts.schedule.get("State") != "ENABLED":
        return broken("schedule", "it is disabled: nothing starts the function", deploy(wanted))
    if (facts.schedule.get("Target") or {}).get("Arn") != wanted.function_arn:
        return broken("schedule", "it starts something else", deploy(wanted))
    if facts.schedule.get("ScheduleExpression") != wanted.schedule:
        return broken("schedule", f"it is {facts.schedule.get('ScheduleExpression')}, not {wanted.schedule}",
                      deploy(wanted))
    return ok("schedule")


def invocable(wanted: ExpectedFunction, facts: FunctionFacts, service: str, source: str) -> HealthVerdict:
    """Whether the function lets `service` call it; for an event rule, this very rule (`source`)."""
    if isinstance(facts.statements, Unread):
        return unknown("permission", facts.statements.reason)
    if any(_lets(statement, service, source, wanted.account.id) for statement in facts.statements):
        return ok("permission")
    return broken("permission", f"the function does not let {service} call it", deploy(wanted))


def config_rule(wanted: ExpectedFunction, region: RegionFacts) -> HealthVerdict:
    """Whether its Config rule is there and says what the policy says."""
    assert wanted.config_rule is not None
    if isinstance(region.config_rules, Unread):
        return unknown("config-rule", region.config_rules.reason)
    rule = region.config_rules.get(wanted.function)
    if rule is None:
        return broken("config-rule", "there is none: nothing starts the function", deploy(wanted))
    if rule.get("ConfigRuleState", "ACTIVE") not in ("ACTIVE", "EVALUATING"):
        return broken("config-rule", f"it is {rule['ConfigRuleState']}", deploy(wanted))
    is_, should_be = _rule(rule), _rule(wanted.config_rule)
    if differing := [what for what in is_ if is_[what] != should_be[what]]:
        return broken("config-rule", f"its {' and '.join(differing)} {'is' if len(differing) == 1 else 'are'} not the "
                      "policy's", deploy(wanted))
    return ok("config-rule")


def evaluations(wanted: ExpectedFunction, region: RegionFacts) -> Iterator[HealthVerdict]:
    """Whether AWS Config could call the function and take its verdicts, the last time; nothing without a rule."""
    rules = region.config_rules
    if isinstance(rules, Unread) or wanted.function not in rules:
        return
    status = rules[wanted.function].get("status", {})
    if isinstance(status, Unread):
        yield unknown("evaluations", status.reason)
        return
    failed, done = (
        max(filter(None, (status.get(f"Last{how}{what}Time") for what in ("Invocation", "Evaluation"))), default=None)
        for how in ("Failed", "Successful"))
    if failed and (not done or failed > done):
        why = f"{status.get('LastErrorCode', '')} {status.get('LastErrorMessage', '')}".strip()
        yield broken("evaluations", f"the last one failed: {why or 'AWS Config does not say why'}",
                     "read the function's log, or deploy it again")
    else:
        yield ok("evaluations", "" if done else "it has not been evaluated yet")


def _rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """What of a Config rule decides when which function is called; AWS shows more than c7n has put."""
    source = rule.get("Source") or {}
    details = source.get("SourceDetails") or ()
    within = (each.get("MaximumExecutionFrequency") for each in details)
    return {
        "function": source.get("SourceIdentifier"),
        "trigger": sorted(str(each.get("MessageType")) for each in details),
        "scope": sorted((rule.get("Scope") or {}).get("ComplianceResourceTypes") or ()),
        "frequency": rule.get("MaximumExecutionFrequency") or next(filter(None, within), None),
    }


def _lets(statement: Mapping[str, Any], service: str, source: str, account: str) -> bool:
    principal = statement.get("Principal")
    services = as_list(principal.get("Service")) if isinstance(principal, Mapping) else as_list(principal)
    actions = as_list(statement.get("Action"))
    if statement.get("Effect") != "Allow" or not ({service, "*"} & set(services)):
        return False
    if not any(fnmatchcase(_INVOKE.lower(), str(action).lower()) for action in actions):
        return False
    conditions = {
        str(key).lower(): as_list(values)
        for block in (statement.get("Condition") or {}).values() for key, values in block.items()
    }
    accounts, sources = conditions.get("aws:sourceaccount"), conditions.get("aws:sourcearn")
    if accounts is not None and account not in accounts:
        return False
    return not source or sources is None or any(fnmatchcase(source, str(pattern)) for pattern in sources)
