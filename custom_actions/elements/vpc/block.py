"""The filter `vpc-block-public-access` on `aws.account`. Source: EC2's DescribeVpcBlockPublicAccessOptions."""
from __future__ import annotations

from typing import Any

from c7n.filters import ValueFilter
from c7n.utils import local_session, type_schema

from ...aws import call


class VpcBlockPublicAccess(ValueFilter):
    """The settings of VPC Block Public Access of a region, compared as c7n's filter `value` does.

    They are kept on the account as `c7n:VpcBlockPublicAccess`. Exclusions of VPCs and subnets are not looked at.

    Written because c7n has no filter for this setting of an account.

    :example:

    .. code-block:: yaml

        policies:
          - name: vpc-internet-blocked
            resource: aws.account
            filters:
              - type: vpc-block-public-access
                key: InternetGatewayBlockMode
                op: not-in
                value: [block-bidirectional, block-ingress]
    """

    schema = type_schema("vpc-block-public-access", rinherit=ValueFilter.schema)
    schema_alias = False
    permissions = ("ec2:DescribeVpcBlockPublicAccessOptions",)
    annotation_key = "c7n:VpcBlockPublicAccess"
    annotate = False

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("ec2")
        options = call(client.describe_vpc_block_public_access_options)["VpcBlockPublicAccessOptions"]
        for account in resources:
            account[self.annotation_key] = options
        return list(super().process(resources, event))

    def __call__(self, account: dict[str, Any]) -> Any:
        return self.match(account[self.annotation_key])
