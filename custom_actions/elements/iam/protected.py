"""Roles that a fix of ours never changes: AWS refuses it, or it could lock the organization out. Pure: no AWS.

Source: IAM's user guide, "Service-linked roles" (only the service changes them); IAM Identity Center's "Referencing
permission sets in resource policies" (its roles are changed in their permission sets); Organizations' "Accessing member
accounts" (OrganizationAccountAccessRole); AWS Control Tower's "How roles work" (AWSControlTowerExecution);
CloudFormation's "Prerequisites for stack set operations".
"""
from __future__ import annotations

from fnmatch import fnmatchcase

_PATHS = (
    ("/aws-service-role/", "it is a service-linked role: only its AWS service changes it"),
    ("/aws-reserved/sso.amazonaws.com/",
     "it is a role of IAM Identity Center: change its permission set instead"),
    ("/aws-reserved/", "AWS manages it"),
)
_NAMES = (
    ("OrganizationAccountAccessRole", "the organization's management account administers this account with it"),
    ("AWSControlTowerExecution", "AWS Control Tower administers this account with it"),
    ("aws-controltower-*", "AWS Control Tower uses it"),
    ("AWSCloudFormationStackSetExecutionRole", "CloudFormation StackSets deploys to this account with it"),
    ("AWSCloudFormationStackSetAdministrationRole", "CloudFormation StackSets deploys with it"),
    ("stacksets-exec-*", "CloudFormation StackSets deploys to this account with it"),
)


def why_protected(name: str, path: str) -> str:
    """Why a role with this name and path must not be changed; empty if it may be.

    Anyone who may create a role can choose such a name; the paths are AWS's own. So a fix that does not change such a
    role says so, and the policy that reports it does not look at its name.
    """
    for prefix, reason in _PATHS:
        if path.startswith(prefix):
            return reason
    for pattern, reason in _NAMES:
        if fnmatchcase(name, pattern):
            return reason
    return ""
