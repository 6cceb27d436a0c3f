"""CloudFormation: termination protection of a stack that exists can be changed.

Source: CloudFormation's UpdateTerminationProtection.
"""
from __future__ import annotations

from typing import Any

from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult


def apply() -> None:
    """Add the API. Once in a process."""
    setattr(CloudFormationResponse, update_termination_protection.__name__, update_termination_protection)


def update_termination_protection(request: Any) -> ActionResult:
    """Protect a stack, or end its protection."""
    stack = request.cloudformation_backend.get_stack(request._get_param("StackName"))
    stack.enable_termination_protection = request._get_bool_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})
