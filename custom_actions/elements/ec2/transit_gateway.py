"""The action `change-settings` on `aws.transit-gateway`."""
from __future__ import annotations

from ...fixing import ChangeSettings, Form, SettingsCall, same_names, shown_by


class ChangeTransitGateway(ChangeSettings):
    """Change options of a transit gateway, and verify the result.

    `settings` has the options and their values. Attachments that exist stay.

    Written because c7n has no action for the options of a transit gateway.

    Source: EC2's ModifyTransitGateway and DescribeTransitGateways.

    :example:

    .. code-block:: yaml

        policies:
          - name: transit-gateway-auto-accept-off
            resource: aws.transit-gateway
            filters:
              - Options.AutoAcceptSharedAttachments: enable
            actions:
              - type: change-settings
                settings: {AutoAcceptSharedAttachments: disable}
    """

    settings_call = SettingsCall(
        "ec2", "modify_transit_gateway", ("TransitGatewayId",),
        same_names("AutoAcceptSharedAttachments"),
        shown_by("describe_transit_gateways", "TransitGateways[0].Options", TransitGatewayIds=["TransitGatewayId"]),
        reads=("ec2:DescribeTransitGateways",), writes=("ec2:ModifyTransitGateway",), form=Form(within="Options"))
