"""The values that policies, reports and functions share, each list defined once."""
from __future__ import annotations

import re

SEVERITIES = ("critical", "high", "medium", "low", "info")
UNRATED = "unrated"
"""The severity of a policy that does not say one, such as a plain policy of Cloud Custodian."""
SHOWN_SEVERITIES = (*SEVERITIES, UNRATED)
RESPONSES = ("revert", "encrypt", "stop", "terminate", "disable", "alert", "none")
OTHER = "other"
"""The response of a policy that does not name it, and whose actions may change the resource."""
PASSIVE = ("alert", "none")
"""The responses that change nothing in the account."""
EXPOSURES = ("internet", "cross-account", "internal")
"""Who can reach the resources that a policy checks."""
GLOBAL = "global"
"""The region of resources that belong to the whole account."""

TELLING = frozenset({"notify", "webhook", "put-metric", "post-finding", "post-item"})
"""c7n's actions that only notify and change nothing."""
CALLING = frozenset({"invoke-lambda", "invoke-sfn"})
"""c7n's actions that call a team's own code. They may or may not change something."""

_READ = re.compile(
    r"(?:Describe|Get|List|Head|Lookup|BatchGet|BatchDescribe|Search|Select|Query|Scan|Simulate|Check|Filter|Validate)"
    r"(?=[A-Z]|$)"
)


def is_read(operation: str) -> bool:
    """Whether an API operation changes nothing, by its name as the API spells it: `DescribeInstances`."""
    return _READ.match(operation) is not None
