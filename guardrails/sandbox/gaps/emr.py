"""EMR: security configurations can be listed.

Source: EMR's ListSecurityConfigurations.
"""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.emr.responses import ElasticMapReduceResponse


def apply() -> None:
    """Add the API. Once in a process."""
    setattr(ElasticMapReduceResponse, list_security_configurations.__name__, list_security_configurations)


def list_security_configurations(request: Any) -> ActionResult:
    """ListSecurityConfigurations."""
    return ActionResult({"SecurityConfigurations": [
        {"Name": each.name, "CreationDateTime": each.creation_date_time}
        for each in request.backend.security_configurations.values()]})
