"""The calls that store and read evaluations."""
from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from .errors import ConfigError, no_such_rule
from .evaluations import COMPLIANT, INSUFFICIENT_DATA, NON_COMPLIANT, NOT_APPLICABLE, Evaluation, overall
from .paging import answer, page
from .place import Place
from .rules import rules_of

Json = dict[str, Any]
_MOST_EVALUATIONS, _LONGEST_ANNOTATION, _MOST_CONTRIBUTORS = 100, 256, 25


def put_evaluations(place: Place, request: Json) -> Json:
    """Store the evaluations of a rule's function: all or none of them."""
    posted, token = request.get("Evaluations") or [], request.get("ResultToken") or ""
    if not posted:
        raise ConfigError("InvalidParameterValueException", (
            "The Evaluations object in your request cannot be null. Add the required parameters and try again."
        ))
    if len(posted) > _MOST_EVALUATIONS:
        raise _too_long("evaluations", _MOST_EVALUATIONS)
    for number, evaluation in enumerate(posted, 1):
        if len(evaluation.get("Annotation") or "") > _LONGEST_ANNOTATION:
            raise _too_long(f"evaluations.{number}.member.annotation", _LONGEST_ANNOTATION)
        if evaluation["ComplianceType"] not in {COMPLIANT, NON_COMPLIANT, NOT_APPLICABLE}:
            raise ConfigError("InvalidParameterValueException", (
                f"The compliance type {evaluation['ComplianceType']} is not one that a rule can give"
            ))
    judge = place.judge_of(token)
    if request.get("TestMode") and token:
        return {"FailedEvaluations": []}
    if judge is None:
        raise ConfigError("InvalidResultTokenException", "The Result Token provided is invalid")
    rule, invoked = judge
    place.judged([
        Evaluation(
            rule=rule, type=evaluation["ComplianceResourceType"], id=evaluation["ComplianceResourceId"],
            compliance=evaluation["ComplianceType"], annotation=evaluation.get("Annotation") or "",
            ordering=float(evaluation["OrderingTimestamp"]), recorded=place.clock.now(), invoked=invoked,
        )
        for evaluation in posted
    ])
    return {"FailedEvaluations": []}


def get_compliance_details_by_config_rule(place: Place, request: Json) -> Json:
    """A rule's evaluations."""
    [rule] = _rules(place, [request["ConfigRuleName"]])
    found = place.evaluations.find(rule=rule, compliance=request.get("ComplianceTypes") or ())
    rows, token = page(found, request.get("Limit"), request.get("NextToken"), default=10)
    return answer("EvaluationResults", [_shown(made) for made in rows], "NextToken", token)


def get_compliance_details_by_resource(place: Place, request: Json) -> Json:
    """The evaluations of a resource."""
    found = place.evaluations.find(
        kind=request["ResourceType"], resource_id=request["ResourceId"],
        compliance=request.get("ComplianceTypes") or (),
    )
    rows, token = page(found, None, request.get("NextToken"), default=10)
    return answer("EvaluationResults", [_shown(made) for made in rows], "NextToken", token)


def describe_compliance_by_config_rule(place: Place, request: Json) -> Json:
    """The compliance of each rule."""
    rules = _rules(place, request.get("ConfigRuleNames"))
    found = [
        {"ConfigRuleName": rule, "Compliance": _compliance(place.evaluations.find(rule=rule))} for rule in rules
    ]
    rows, token = page(_of_types(found, request), None, request.get("NextToken"), default=25)
    return answer("ComplianceByConfigRules", rows, "NextToken", token)


def describe_compliance_by_resource(place: Place, request: Json) -> Json:
    """The compliance of each resource."""
    verdicts = place.evaluations.find(kind=request.get("ResourceType"), resource_id=request.get("ResourceId"))
    found = [
        {
            "ResourceType": kind, "ResourceId": resource_id,
            "Compliance": _compliance([made for made in verdicts if (made.type, made.id) == (kind, resource_id)]),
        }
        for kind, resource_id in dict.fromkeys((made.type, made.id) for made in verdicts)
    ]
    rows, token = page(_of_types(found, request), request.get("Limit"), request.get("NextToken"), default=10)
    return answer("ComplianceByResources", rows, "NextToken", token)


def delete_evaluation_results(place: Place, request: Json) -> Json:
    """Delete a rule's evaluations."""
    [rule] = _rules(place, [request["ConfigRuleName"]])
    place.forget_verdicts(rule)
    return {}


def describe_config_rule_evaluation_status(place: Place, request: Json) -> Json:
    """The status of the invocations of each rule's function."""
    wanted = _rules(place, request.get("ConfigRuleNames"))
    found = []
    for rule in rules_of(place.account, place.region):
        status = place.statuses.get(rule.name)
        if rule.name not in wanted:
            continue
        times = {
            "LastSuccessfulInvocationTime": status.invoked, "LastFailedInvocationTime": status.failed,
            "LastSuccessfulEvaluationTime": status.evaluated, "FirstActivatedTime": status.activated,
        } if status else {}
        errors = {
            "LastErrorCode": status.error_code, "LastErrorMessage": status.error_message,
        } if status and status.error_code else {}
        found.append({
            "ConfigRuleName": rule.name, "ConfigRuleArn": rule.arn, "ConfigRuleId": rule.id,
            **{key: _seconds(time) for key, time in times.items() if time}, **errors,
            "FirstEvaluationStarted": bool(status and (status.invoked or status.failed)),
        })
    rows, token = page(found, request.get("Limit"), request.get("NextToken"), default=50, most=50)
    return answer("ConfigRulesEvaluationStatus", rows, "NextToken", token)


def _rules(place: Place, names: list[str] | None) -> list[str]:
    """`names`, or every rule's name. Raises ConfigError for an unknown one."""
    known = [rule.name for rule in rules_of(place.account, place.region)]
    for name in names or ():
        if name not in known:
            raise no_such_rule(name)
    return names or known


def _of_types(found: list[Json], request: Json) -> list[Json]:
    wanted = request.get("ComplianceTypes")
    return [row for row in found if not wanted or row["Compliance"]["ComplianceType"] in wanted]


def _compliance(verdicts: Iterable[Evaluation]) -> Json:
    """The combined compliance, and how many evaluations decide it."""
    verdicts = list(verdicts)
    outcome = overall(verdicts)
    count = sum(made.compliance == outcome for made in verdicts)
    counted = {"ComplianceContributorCount": {
        "CappedCount": min(count, _MOST_CONTRIBUTORS), "CapExceeded": count > _MOST_CONTRIBUTORS,
    }}
    return {"ComplianceType": outcome, **(counted if outcome != INSUFFICIENT_DATA else {})}


def _shown(made: Evaluation) -> Json:
    return {
        "EvaluationResultIdentifier": {
            "EvaluationResultQualifier": {
                "ConfigRuleName": made.rule, "ResourceType": made.type, "ResourceId": made.id,
                "EvaluationMode": "DETECTIVE",
            },
            "OrderingTimestamp": made.ordering,
        },
        "ComplianceType": made.compliance,
        "ResultRecordedTime": _seconds(made.recorded),
        "ConfigRuleInvokedTime": _seconds(made.invoked),
        **({"Annotation": made.annotation} if made.annotation else {}),
    }


def _seconds(time: datetime) -> float:
    return time.timestamp()


def _too_long(where: str, most: int) -> ConfigError:
    return ConfigError("ValidationException", (
        f"1 validation error detected: Value at '{where}' failed to satisfy constraint: Member must have length less "
        f"than or equal to {most}"
    ))
