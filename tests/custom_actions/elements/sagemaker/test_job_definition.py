"""`job-definition`: which call reads the definition that a schedule names, and what is unknown."""
from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from custom_actions.elements.sagemaker.job_definition import _definition


class Client:
    """Answers with the name of the call, or with an error."""

    def __init__(self, error: str = "") -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        def answer(**parameters: Any) -> dict[str, Any]:
            if self._error:
                raise ClientError({"Error": {"Code": self._error, "Message": ""}}, name)
            return {"call": name, **parameters}
        return answer


@pytest.mark.parametrize(("kind", "operation"), [
    ("DataQuality", "describe_data_quality_job_definition"),
    ("ModelQuality", "describe_model_quality_job_definition"),
    ("ModelBias", "describe_model_bias_job_definition"),
    ("ModelExplainability", "describe_model_explainability_job_definition"),
])
def test_a_definition_that_is_named(kind: str, operation: str) -> None:
    named = {"MonitoringJobDefinitionName": "job", "MonitoringType": kind}
    assert _definition(Client(), named) == {"call": operation, "JobDefinitionName": "job"}
    assert _definition(Client("ResourceNotFound"), named) == {}
    with pytest.raises(ClientError, match="AccessDenied"):
        _definition(Client("AccessDenied"), named)


def test_a_definition_in_the_schedule_needs_no_call() -> None:
    assert _definition(Client("AccessDenied"), {"MonitoringJobDefinition": {"RoleArn": "r"}}) == {"RoleArn": "r"}
    assert _definition(Client("AccessDenied"), {}) == {}


def test_a_type_that_is_not_known_is_an_error() -> None:
    with pytest.raises(KeyError):
        _definition(Client(), {"MonitoringJobDefinitionName": "job", "MonitoringType": "Other"})
