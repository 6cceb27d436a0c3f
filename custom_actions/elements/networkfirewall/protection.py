"""The action `change-settings` on `aws.firewall`: subnet change protection of a firewall."""
from __future__ import annotations

from ...fixing import ChangeSettings, SettingsCall, same_names, shown_by


class ChangeFirewall(ChangeSettings):
    """Change subnet change protection of a firewall, and verify the result.

    Written because c7n's `update-delete-protection` is for deletion protection only.

    Source: Network Firewall's UpdateSubnetChangeProtection and DescribeFirewall.

    :example:

    .. code-block:: yaml

        policies:
          - name: network-firewall-subnet-protection
            resource: aws.firewall
            filters:
              - {type: value, key: SubnetChangeProtection, op: ne, value: true}
            actions:
              - type: change-settings
                settings: {SubnetChangeProtection: true}
    """

    settings_call = SettingsCall(
        "network-firewall", "update_subnet_change_protection", ("FirewallName",),
        same_names("SubnetChangeProtection", default="false"),
        shown_by("describe_firewall", "Firewall", FirewallName="FirewallName"),
        reads=("network-firewall:DescribeFirewall",), writes=("network-firewall:UpdateSubnetChangeProtection",))
