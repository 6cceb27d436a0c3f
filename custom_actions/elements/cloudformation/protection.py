"""The filter `not-protected` and the action `change-settings` on `aws.cfn`: termination protection of stacks.

Source: CloudFormation's DescribeStacks, whose list leaves out EnableTerminationProtection, and
UpdateTerminationProtection; CloudFormation user guide, "Protect CloudFormation stacks from being deleted"; Security
Hub's control CloudFormation.3.
"""
from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call
from ...fixing import ChangeSettings, SettingsCall, same_names, shown_by

_BEING_DELETED = ("DELETE_IN_PROGRESS", "DELETE_COMPLETE")
"""Statuses in which CloudFormation does not change the protection."""


class NotProtected(Filter):
    """Stacks that can be deleted without turning off termination protection first.

    A nested stack does not match: it has the protection of its root stack, which is checked itself. One call for each
    other stack. A stack that was deleted meanwhile, or is being deleted, does not match.

    Written because c7n reads the list of stacks, in which AWS does not say whether they are protected.

    :example:

    .. code-block:: yaml

        policies:
          - name: stack-protected
            resource: aws.cfn
            filters:
              - not-protected
    """

    schema = type_schema("not-protected")
    permissions = ("cloudformation:DescribeStacks",)

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("cloudformation")
        return unprotected(client, resources)


class ChangeStack(ChangeSettings):
    """Change termination protection of a stack, and verify the result.

    Its nested stacks get the same protection.

    Written because c7n's `set-protection` logs an error and goes on, and names another permission than that of its
    call.

    :example:

    .. code-block:: yaml

        policies:
          - name: stack-protected
            resource: aws.cfn
            filters:
              - not-protected
            actions:
              - type: change-settings
                settings: {EnableTerminationProtection: true}
    """

    settings_call = SettingsCall(
        "cloudformation", "update_termination_protection", ("StackName",),
        same_names("EnableTerminationProtection", default="false"),
        shown_by("describe_stacks", "Stacks[0]", StackName="StackName"),
        reads=("cloudformation:DescribeStacks",), writes=("cloudformation:UpdateTerminationProtection",))


def unprotected(client: Any, stacks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the stacks, from DescribeStacks, that are no nested ones and not protected."""
    return [each for each in stacks if not each.get("ParentId") and not protected(client, each["StackId"])]


def protected(client: Any, stack: str) -> bool:
    """Whether the stack with this ARN is protected; also true when there is none any more, or soon."""
    try:
        [found] = call(client.describe_stacks, StackName=stack)["Stacks"]
    except ClientError as error:
        # CloudFormation has no error code of its own for it.
        if "does not exist" in str(error):
            return True
        raise
    return bool(found.get("EnableTerminationProtection")) or found["StackStatus"] in _BEING_DELETED
