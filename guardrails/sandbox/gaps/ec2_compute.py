"""Corrects differences between moto's instances and launch templates and AWS's.

Source: EC2's RunInstances, ModifyInstanceMetadataOptions, DescribeLaunchTemplates and DescribeLaunchTemplateVersions.
"""
from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from moto.ec2.models.instances import InstanceBackend
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.responses.launch_templates import LaunchTemplates

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the changes, once in a process."""
    _profile_of_every_instance()
    _other_metadata_options_stay()
    _every_launch_template()


def _every_launch_template() -> None:
    """The lists of launch templates and of their versions show all; moto shows the first 15, and no token."""
    for name in ("describe_launch_templates", "describe_launch_template_versions"):
        setattr(LaunchTemplates, name, _without_a_limit(getattr(LaunchTemplates, name)))


def _without_a_limit(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def describe(request: Any) -> Any:
        number_of = request._get_int_param
        request._get_int_param = lambda name, otherwise=None: number_of(
            name, sys.maxsize if name == "MaxResults" else otherwise)
        return original(request)

    return describe


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


def _other_metadata_options_stay() -> None:
    """ModifyInstanceMetadataOptions changes the options of the call; moto forgets the others."""
    original = InstanceBackend.modify_instance_metadata_options

    @replaces(InstanceBackend, "modify_instance_metadata_options")
    def modify_instance_metadata_options(backend: Any, instance_id: str, **given: Any) -> Any:
        now = backend.get_instance(instance_id).metadata_options
        before = {
            "http_tokens": now.http_tokens, "hop_limit": now.http_put_response_hop_limit,
            "http_endpoint": now.http_endpoint, "http_protocol": now.http_protocol_ipv6,
            "metadata_tags": now.instance_metadata_tags,
        }
        named = {name: value for name, value in given.items() if value is not None}
        return original(backend, instance_id, **{**before, **named})
