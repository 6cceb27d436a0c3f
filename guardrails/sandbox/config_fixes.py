"""As much of AWS Config as a deployed rule needs: its rule, and its evaluations kept to be read back.

moto refuses a rule for a function that it does not hold (functions are ministack's), answers a rule that nobody made
with an empty list where AWS says NoSuchConfigRuleException, and takes no evaluations. What is recorded, and when a
rule's function is called, is not here: whoever tests a rule hands its function the item, with the rule's name as the
result token, which stands for the one that AWS would make up.
"""
from __future__ import annotations

import json
from typing import Any

from moto.config.exceptions import InvalidResultTokenException, NoSuchConfigRuleException
from moto.config.models import (
    ConfigBackend,
    ConfigEmptyDictable,
    Source,
    SourceDetail,
    convert_to_class_args,
)
from moto.config.responses import ConfigResponse
from moto.core.utils import utcnow

from guardrails.sandbox.moto_fixes import replaces

_KEPT = "guardrails_evaluations"
"""Where a backend keeps evaluations: by rule, resource type and resource, the newest of each."""


def apply() -> None:
    """Put everything in place, in the gateway's process. Once in a process."""
    _fix_functions_held_elsewhere()
    _fix_unknown_rules()
    _keep_evaluations()


def _fix_functions_held_elsewhere() -> None:
    original_init = Source.__init__

    @replaces(Source, "__init__")
    def init(
        source: Any, account_id: str, region: str, owner: str, source_identifier: str, source_details: Any = None
    ) -> None:
        if owner != "CUSTOM_LAMBDA" or not source_details:
            original_init(source, account_id, region, owner, source_identifier, source_details)
            return
        ConfigEmptyDictable.__init__(source, capitalize_start=True, capitalize_arn=False)
        source.owner, source.source_identifier = owner, source_identifier
        source.source_details = [SourceDetail(**convert_to_class_args(detail)) for detail in source_details]


def _fix_unknown_rules() -> None:
    original = ConfigBackend.describe_config_rules

    @replaces(ConfigBackend, "describe_config_rules")
    def describe_config_rules(backend: Any, config_rule_names: list[str] | None, next_token: str | None) -> Any:
        for name in config_rule_names or ():
            if name not in backend.config_rules:
                raise NoSuchConfigRuleException(name)
        return original(backend, config_rule_names, next_token)


def _keep_evaluations() -> None:
    original = ConfigBackend.put_evaluations

    @replaces(ConfigBackend, "put_evaluations")
    def put_evaluations(
        backend: Any, evaluations: list[dict[str, Any]] | None = None, result_token: str | None = None,
        test_mode: bool | None = False,
    ) -> dict[str, list[Any]]:
        answer = original(backend, evaluations, result_token, True)  # its checks of the request
        if test_mode:
            return answer
        if result_token not in backend.config_rules:
            raise InvalidResultTokenException
        kept = backend.__dict__.setdefault(_KEPT, {})
        for evaluation in evaluations or ():
            key = result_token, evaluation["ComplianceResourceType"], evaluation["ComplianceResourceId"]
            # An evaluation of an older state never takes the place of a newer one's.
            if key not in kept or kept[key]["OrderingTimestamp"] <= evaluation["OrderingTimestamp"]:
                kept[key] = {**evaluation, "recorded": utcnow().timestamp()}
        return answer

    @replaces(ConfigResponse, "get_compliance_details_by_config_rule")
    def get_compliance_details_by_config_rule(response: Any) -> str:
        rule, types = response._get_param("ConfigRuleName"), response._get_param("ComplianceTypes")
        backend = response.config_backend
        if rule not in backend.config_rules:
            raise NoSuchConfigRuleException(rule)
        found = [
            {
                "EvaluationResultIdentifier": {
                    "EvaluationResultQualifier": {
                        "ConfigRuleName": rule, "ResourceType": resource_type, "ResourceId": resource_id,
                    },
                    "OrderingTimestamp": evaluation["OrderingTimestamp"],
                },
                "ComplianceType": evaluation["ComplianceType"],
                "Annotation": evaluation.get("Annotation", ""),
                "ResultRecordedTime": evaluation["recorded"],
            }
            for (of, resource_type, resource_id), evaluation in backend.__dict__.get(_KEPT, {}).items()
            if of == rule and evaluation["ComplianceType"] in (types or ("COMPLIANT", "NON_COMPLIANT"))
        ]
        return json.dumps({"EvaluationResults": found})
