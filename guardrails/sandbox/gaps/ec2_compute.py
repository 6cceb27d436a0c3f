"""Corrects differences between moto's instances and AWS's.

Source: EC2's RunInstances.
"""
from __future__ import annotations

from typing import Any

from moto.ec2.responses.instances import InstanceResponse

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the changes, once in a process."""
    _profile_of_every_instance()


def _profile_of_every_instance() -> None:
    """An instance profile goes to every instance of a call; moto gives it to the first."""
    original = InstanceResponse.run_instances

    @replaces(InstanceResponse, "run_instances")
    def run_instances(request: Any) -> Any:
        answer: Any = original(request)
        chosen = {
            parameter: value
            for parameter, value in (
                ("iam_instance_profile_name", request._get_param("IamInstanceProfile.Name")),
                ("iam_instance_profile_arn", request._get_param("IamInstanceProfile.Arn")),
            ) if value
        }
        if chosen:
            for instance in answer.result.instances[1:]:
                request.ec2_backend.associate_iam_instance_profile(instance_id=instance.id, **chosen)
        return answer
