"""Whether a function is started: its event rule, its schedule or its Config rule, and its permission."""
from __future__ import annotations

from collections.abc import Iterator

from ..deployment import config_rule_settings
from ..policies import comparable, parsed
from .expectations import ExpectedFunction
from .facts import FunctionFacts, RegionFacts, Unread
from .invocation import invocable
from .verdict import HealthVerdict, broken, deploy, ok, unknown

_ENABLED = ("ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
_MISSING = "it does not exist: nothing starts the function"


def start(wanted: ExpectedFunction, facts: FunctionFacts, region: RegionFacts) -> Iterator[HealthVerdict]:
    """The verdicts on everything that starts the function."""
    if wanted.config_rule is not None:
        yield config_rule(wanted, region)
        yield from evaluations(wanted, region)
        yield permission(wanted, facts, "config.amazonaws.com")
    elif wanted.mode == "schedule":
        yield schedule(wanted, facts)
    else:
        yield event_rule(wanted, region)
        if isinstance(region.rules, Unread) or wanted.rule in region.rules:
            yield target(wanted, facts)
        yield permission(wanted, facts, "events.amazonaws.com", wanted.rule_arn)


def permission(wanted: ExpectedFunction, facts: FunctionFacts, service: str, source: str = "") -> HealthVerdict:
    """Whether the function lets `service` invoke it; for an event rule, this very rule (`source`)."""
    return invocable(facts.statements, service, account=wanted.account.id, source=source, remedy=deploy(wanted))


def event_rule(wanted: ExpectedFunction, region: RegionFacts) -> HealthVerdict:
    """Whether its event rule exists, is enabled, and has the policy's pattern and schedule."""
    if isinstance(region.rules, Unread):
        return unknown("event-rule", region.rules.reason)
    rule = region.rules.get(wanted.rule)
    if rule is None:
        return broken("event-rule", _MISSING, deploy(wanted))
    if rule.get("State") not in _ENABLED:
        bus = wanted.rule.rpartition("/")[0]
        return broken("event-rule", f"it is {str(rule.get('State')).lower()}: nothing starts the function",
                      f"aws events enable-rule --name {wanted.function}" + (f" --event-bus-name {bus}" if bus else ""))
    if comparable(parsed(rule.get("EventPattern"))) != comparable(wanted.pattern):
        return broken("event-rule", "its event pattern differs from the policy's", deploy(wanted))
    if str(rule.get("ScheduleExpression") or "") != wanted.schedule:
        return broken("event-rule", f"its schedule is {rule.get('ScheduleExpression')}, the policy's is "
                      f"{wanted.schedule or 'none'}", deploy(wanted))
    return ok("event-rule")


def target(wanted: ExpectedFunction, facts: FunctionFacts) -> HealthVerdict:
    """Whether the rule's targets include this function."""
    if isinstance(facts.targets, Unread):
        return unknown("target", facts.targets.reason)
    if wanted.function_arn not in facts.targets:
        what = "the function of its group is not a target of its event rule, or not with the policy's name" if (
            wanted.group) else "the function is not a target of its event rule"
        return broken("target", what, deploy(wanted))
    return ok("target")


def schedule(wanted: ExpectedFunction, facts: FunctionFacts) -> HealthVerdict:
    """Whether its schedule in EventBridge Scheduler exists, is enabled, and starts this function."""
    found = facts.schedule
    if isinstance(found, Unread):
        return unknown("schedule", found.reason)
    if found is None:
        return broken("schedule", _MISSING, deploy(wanted))
    if found.get("State") != "ENABLED":
        return broken("schedule", "it is disabled: nothing starts the function", deploy(wanted))
    if (found.get("Target") or {}).get("Arn") != wanted.function_arn:
        return broken("schedule", "its target is not this function", deploy(wanted))
    if found.get("ScheduleExpression") != wanted.schedule:
        return broken("schedule", f"it is {found.get('ScheduleExpression')}, the policy's is {wanted.schedule}",
                      deploy(wanted))
    return ok("schedule")


def config_rule(wanted: ExpectedFunction, region: RegionFacts) -> HealthVerdict:
    """Whether its Config rule exists and has the policy's function, messages, scope and frequency."""
    assert wanted.config_rule is not None
    if isinstance(region.config_rules, Unread):
        return unknown("config-rule", region.config_rules.reason)
    rule = region.config_rules.get(wanted.function)
    if rule is None:
        return broken("config-rule", _MISSING, deploy(wanted))
    if rule.get("ConfigRuleState", "ACTIVE") not in ("ACTIVE", "EVALUATING"):
        return broken("config-rule", f"it is {rule['ConfigRuleState']}", deploy(wanted))
    # A rule with another description still works.
    if differing := [name for name in config_rule_settings(rule, wanted.config_rule) if name != "description"]:
        return broken("config-rule", f"its {' and '.join(differing)} {'differs' if len(differing) == 1 else 'differ'} "
                      "from the policy's", deploy(wanted))
    return ok("config-rule")


def evaluations(wanted: ExpectedFunction, region: RegionFacts) -> Iterator[HealthVerdict]:
    """Whether AWS Config's last invocation and evaluation succeeded; nothing without a rule."""
    rules = region.config_rules
    if isinstance(rules, Unread) or wanted.function not in rules:
        return
    status = rules[wanted.function].get("status", {})
    if isinstance(status, Unread):
        yield unknown("evaluations", status.reason)
        return
    failed, succeeded = (
        max(filter(None, (status.get(f"Last{how}{what}Time") for what in ("Invocation", "Evaluation"))), default=None)
        for how in ("Failed", "Successful"))
    if failed and (not succeeded or failed > succeeded):
        why = f"{status.get('LastErrorCode', '')} {status.get('LastErrorMessage', '')}".strip()
        yield broken("evaluations", f"the last evaluation failed: {why or 'AWS Config gives no reason'}",
                     "read the function's log, or deploy the policy again")
    else:
        yield ok("evaluations", "" if succeeded else "it has not been evaluated yet")
