"""The action `change-settings` on `aws.elb`: attributes of classic load balancers."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...fixing import ChangeSettings, Form, SettingsCall, same_names, shown_by

_DESYNC = "elb.http.desyncmitigationmode"


def _desync_mode(attributes: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """The one additional attribute that the fix sets; the others are not compared and not changed."""
    return [each for each in attributes.get("AdditionalAttributes") or () if each["Key"] == _DESYNC]


class ChangeClassicLoadBalancer(ChangeSettings):
    """Change attributes of a classic load balancer, and verify the result.

    `settings` has the attributes as the API has them. Attributes that it does not have stay as they are.

    Written because c7n has an action for the access logs only, which does not verify them.

    Source: Elastic Load Balancing's ModifyLoadBalancerAttributes and DescribeLoadBalancerAttributes (2012-06-01).

    :example:

    .. code-block:: yaml

        policies:
          - name: classic-elb-connection-draining
            resource: aws.elb
            filters:
              - {type: attributes, key: ConnectionDraining.Enabled, op: ne, value: true}
            actions:
              - type: change-settings
                settings: {ConnectionDraining: {Enabled: true, Timeout: 300}}
    """

    settings_call = SettingsCall(
        "elb", "modify_load_balancer_attributes", ("LoadBalancerName",),
        {**same_names("AccessLog", "ConnectionDraining", "CrossZoneLoadBalancing"),
         "AdditionalAttributes": _desync_mode},
        shown_by("describe_load_balancer_attributes", "LoadBalancerAttributes", LoadBalancerName="LoadBalancerName"),
        reads=("elasticloadbalancing:DescribeLoadBalancerAttributes",),
        writes=("elasticloadbalancing:ModifyLoadBalancerAttributes",), form=Form(within="LoadBalancerAttributes"))
