"""The action `change-settings` on `aws.rest-stage`."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...fixing import Call, ChangeSettings, Form, Inverse, SettingsCall, is_api, shown_by
from .cache import StageName

_OPERATIONS = "patchOperations"


@dataclass(frozen=True)
class StagePatch(SettingsCall):
    """UpdateStage, whose settings are operations of a patch, each with a path and a string."""

    def settings_of(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        given = {each["path"].removeprefix("/"): each["value"] for each in parameters[_OPERATIONS]}
        return {name: given[name] for name in self.settings if name in given}

    def calls(self, identity: Mapping[str, Any], settings: dict[str, Any]) -> list[Call]:
        return [Call(self.service, self.operation, {**identity, _OPERATIONS: [
            {"op": "replace", "path": f"/{name}", "value": value} for name, value in settings.items()]})]

    def inverse(self) -> Inverse:
        found = super().inverse()
        return replace(found, values={**found.values, _OPERATIONS: self._known})

    def _known(self, operations: Any, _: Mapping[str, Any]) -> bool:
        return isinstance(operations, list) and bool(operations) and all(
            isinstance(each, Mapping) and each.keys() == {"op", "path", "value"} and each["op"] == "replace"
            and str(each["path"]).removeprefix("/") in self.settings for each in operations)


class ChangeStage(ChangeSettings):
    """Turn X-Ray tracing of a REST API's stage on or off, and verify the result.

    Written because c7n's `update` does not verify the result, and writes no receipt.

    Source: API Gateway's UpdateStage and GetStage.

    :example:

    .. code-block:: yaml

        policies:
          - name: apigateway-stage-tracing-enable
            resource: aws.rest-stage
            filters:
              - {type: value, key: tracingEnabled, op: ne, value: true}
            actions:
              - type: change-settings
                settings: {tracingEnabled: "true"}
    """

    settings_call = StagePatch(
        "apigateway", "update_stage", ("restApiId", "stageName"),
        {"tracingEnabled": lambda stage: str(bool(stage.get("tracingEnabled"))).lower()},
        shown_by("get_stage", restApiId="restApiId", stageName="stageName"),
        reads=("apigateway:GET",), writes=("apigateway:PATCH",), form=Form(within=_OPERATIONS), matches=is_api,
        also={"stageName": lambda name, receipt: receipt["resource"].endswith(f"/stages/{name}")})

    def identity(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        return {name: resource[name] for name in self.settings_call.identity}

    def resource_name(self, resource: Mapping[str, Any]) -> str:
        """The ARN of the stage: c7n's id is that of its deployment."""
        return StageName(resource["restApiId"], resource["stageName"]).arn(str(self.manager.config.region))
