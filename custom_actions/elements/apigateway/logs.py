"""The action `enable-logs` on `aws.rest-stage`.

A stage's settings map `{resource}/{method}` to settings. `*/*` is the default and every other entry overrides it.

Source: API Gateway's GetStage, UpdateStage and GetAccount; the API Gateway developer guide, "Set up CloudWatch logging
for REST APIs".
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, fix_by_plan, is_api
from .cache import StageName

LOG_LEVEL = "/logging/loglevel"
"""How the path of a method's log level ends in a patch."""
_DEFAULT = "*/*"
_OFF = "OFF"


def silent_methods(stage: Mapping[str, Any]) -> list[str]:
    """The method settings without logs; the default too, if the stage has none."""
    settings = {_DEFAULT: {}, **(stage.get("methodSettings") or {})}
    return sorted(method for method, setting in settings.items() if setting.get("loggingLevel", _OFF) == _OFF)


def plan_logs(name: StageName, stage: Mapping[str, Any], level: str) -> FixPlan:
    """Plan to set the log level of every method that logs nothing. Other levels stay."""
    methods = silent_methods(stage)
    if not methods:
        return FixPlan()

    def patch(value: str) -> Call:
        return Call("apigateway", "update_stage", {**name.parameters(), "patchOperations": [
            {"op": "replace", "path": f"/{method}{LOG_LEVEL}", "value": value} for method in methods]})

    # One call: API Gateway applies a patch completely or not at all.
    return FixPlan([Step(
        f"log the requests to {', '.join(methods)}", patch(level), patch(_OFF),
        removed=dict.fromkeys(methods, _OFF), added=dict.fromkeys(methods, level), overwrites=True)])


def _silences(operations: Any, _: Any) -> bool:
    """A patch that only switches logs of methods off."""
    return isinstance(operations, list) and bool(operations) and all(
        isinstance(each, Mapping) and each.keys() == {"op", "path", "value"} and each["op"] == "replace"
        and str(each["path"]).endswith(LOG_LEVEL) and each["value"] == _OFF for each in operations)


class EnableStageLogs(Fix):
    """Turn on execution logs of a REST API's stage, in every method setting that logs nothing, and verify the result.

    `level` is ERROR (default) or INFO. Methods that log already stay as they are; so does whether bodies of requests
    are logged. If API Gateway has no role for CloudWatch Logs in this account and region, the stage is refused.

    Written because c7n's `update` patches fixed paths, but the overrides of a stage have paths of their own.

    :example:

    .. code-block:: yaml

        policies:
          - name: apigateway-stage-logs-enable
            resource: aws.rest-stage
            filters:
              - {type: value, key: 'methodSettings."*/*"', value: absent}
            actions:
              - enable-logs
    """

    schema = type_schema("enable-logs", otherwise=OTHERWISE, level={"enum": ["ERROR", "INFO"]})
    inverses = (
        Inverse("apigateway", "update_stage", "restApiId", is_api, {
            "stageName": lambda name, receipt: receipt["resource"].endswith(f"/stages/{name}"),
            "patchOperations": _silences}),
    )
    permissions = ("apigateway:GET", "apigateway:PATCH")

    def resource_name(self, resource: Mapping[str, Any]) -> str:
        """The ARN of the stage: c7n's id is that of its deployment."""
        return StageName(resource["restApiId"], resource["stageName"]).arn(str(self.manager.config.region))

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Turn on the logs of one stage."""
        client, name = session.client("apigateway"), StageName(resource["restApiId"], resource["stageName"])

        def plan() -> FixPlan:
            found = plan_logs(name, call(client.get_stage, **name.parameters()), self.data.get("level", "ERROR"))
            if found.steps and not call(client.get_account).get("cloudwatchRoleArn"):
                raise Refusal("API Gateway has no role for CloudWatch Logs in this account and region")
            return found

        yield fix_by_plan(lambda service: client, plan)
