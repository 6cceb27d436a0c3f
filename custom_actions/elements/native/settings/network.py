"""Network Firewall.

Source: Network Firewall's UpdateFirewallDeleteProtection and DescribeFirewall.
"""
from __future__ import annotations

from ....fixing import SettingsCall, same_names, shown_by

FIREWALL = SettingsCall(
    "network-firewall", "update_firewall_delete_protection", ("FirewallName",),
    same_names("DeleteProtection", default="false"),
    shown_by("describe_firewall", "Firewall", FirewallName="FirewallName"),
    reads=("network-firewall:DescribeFirewall",), writes=("network-firewall:UpdateFirewallDeleteProtection",),
    # c7n names the firewall twice.
    ignored=("FirewallArn",))
