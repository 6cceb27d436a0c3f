"""EC2: settings of a region that moto lacks. They are kept, but change nothing else.

Source: EC2's GetImageBlockPublicAccessState, EnableImageBlockPublicAccess and DisableImageBlockPublicAccess;
GetInstanceMetadataDefaults and ModifyInstanceMetadataDefaults; DescribeVpcBlockPublicAccessOptions and
ModifyVpcBlockPublicAccessOptions.
"""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

_STATE = "guardrails_settings_of_the_region"
_IMAGES, _METADATA, _VPC = "images", "metadata", "vpc"
_DEFAULTS = ("HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "InstanceMetadataTags", "HttpTokensEnforced")
_NO_PREFERENCE = ("no-preference", "-1")


def apply() -> None:
    """Add the APIs. Once in a process."""
    for operation in (
            get_image_block_public_access_state, enable_image_block_public_access, disable_image_block_public_access,
            get_instance_metadata_defaults, modify_instance_metadata_defaults,
            describe_vpc_block_public_access_options, modify_vpc_block_public_access_options):
        setattr(EC2Response, operation.__name__, operation)


def get_image_block_public_access_state(call: Any) -> ActionResult:
    """Whether images can be shared with everyone."""
    return ActionResult({
        "ImageBlockPublicAccessState": _of(call).get(_IMAGES, "unblocked"), "ManagedBy": "account"})


def enable_image_block_public_access(call: Any) -> ActionResult:
    """Block new public sharing."""
    _of(call)[_IMAGES] = call._get_param("ImageBlockPublicAccessState")
    return ActionResult({"ImageBlockPublicAccessState": _of(call)[_IMAGES]})


def disable_image_block_public_access(call: Any) -> ActionResult:
    """Block nothing."""
    _of(call)[_IMAGES] = "unblocked"
    return ActionResult({"ImageBlockPublicAccessState": "unblocked"})


def get_instance_metadata_defaults(call: Any) -> ActionResult:
    """The defaults that were set; the others are not named."""
    return ActionResult({"AccountLevel": {**_of(call).get(_METADATA, {}), "ManagedBy": "account"}})


def modify_instance_metadata_defaults(call: Any) -> ActionResult:
    """Set the defaults that the call names; `no-preference` and -1 unset one."""
    now = _of(call).setdefault(_METADATA, {})
    for name in _DEFAULTS:
        value = call._get_param(name)
        if value is not None:
            now[name] = value
            if str(value) in _NO_PREFERENCE:
                del now[name]
    return ActionResult({"Return": True})


def describe_vpc_block_public_access_options(call: Any) -> ActionResult:
    """The mode of the region, by default off."""
    mode = _of(call).get(_VPC)
    return ActionResult({"VpcBlockPublicAccessOptions": {
        "AwsAccountId": call.current_account, "AwsRegion": call.region, "InternetGatewayBlockMode": mode or "off",
        "State": "update-complete" if mode else "default-state", "ManagedBy": "account"}})


def modify_vpc_block_public_access_options(call: Any) -> ActionResult:
    """Set the mode. AWS needs some minutes for it."""
    _of(call)[_VPC] = call._get_param("InternetGatewayBlockMode")
    return describe_vpc_block_public_access_options(call)


def _of(call: Any) -> dict[str, Any]:
    found: dict[str, Any] = vars(call.ec2_backend).setdefault(_STATE, {})
    return found
