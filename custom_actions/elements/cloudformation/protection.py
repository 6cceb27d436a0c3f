"""The filter `not-protected` on `aws.cfn`: stacks without termination protection.

Source: CloudFormation's DescribeStacks, whose list leaves out EnableTerminationProtection; Security Hub's control
CloudFormation.3.
"""
from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call


class NotProtected(Filter):
    """Stacks that can be deleted without turning off termination protection first.

    A nested stack has the protection of its root. One call for each stack. A stack that was deleted meanwhile does not
    match.

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
        return [each for each in resources if not protected(client, each["StackId"])]


def protected(client: Any, stack: str) -> bool:
    """Whether the stack with this ARN is protected; also true when there is none any more."""
    try:
        [found] = call(client.describe_stacks, StackName=stack)["Stacks"]
    except ClientError as error:
        # CloudFormation has no error code of its own for it.
        if "does not exist" in str(error):
            return True
        raise
    return bool(found.get("EnableTerminationProtection")) or found["StackStatus"] == "DELETE_COMPLETE"
