"""Auto Scaling: a launch configuration has a list of ClassicLink groups, empty since EC2 has no ClassicLink any more.

Source: Amazon EC2 Auto Scaling's API reference, LaunchConfiguration and the example of DescribeLaunchConfigurations.
"""
from __future__ import annotations

from typing import Any

from moto.autoscaling.models import FakeLaunchConfiguration

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the change, once in a process."""
    original: Any = FakeLaunchConfiguration.__init__

    @replaces(FakeLaunchConfiguration, "__init__")
    def init(configuration: Any, *args: Any, **named: Any) -> None:
        original(configuration, *args, **named)
        configuration.classic_link_vpc_security_groups = configuration.classic_link_vpc_security_groups or []
