"""CloudFormation templates of the roles, for a stack set over the member accounts.

The operator's roles (sweep, heal, deploy, doctor) trust the hub account, but only with the external id. Without it,
someone who may assume roles from the hub for another purpose could be tricked into using these (the confused deputy
problem). Functions' roles trust Lambda.
"""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import GuardrailsError
from ..parts import LAMBDA_MAY_ASSUME, TAGS, Template, template
from .documents import INLINE_CHARACTERS, PolicyDocument, size
from .needs import ACCOUNT, PARTITION

TEMPLATE_BYTES, TEMPLATE_RESOURCES = 1_000_000, 500
"""Slightly below CloudFormation's quotas. A template above 51,200 bytes must be uploaded to S3 first."""

_HUB = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${HubAccountId}:root"}},
        "Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "ExternalId"}}},
    }],
}


@dataclass(frozen=True)
class IamRole:
    """One role of the template for member accounts."""

    key: str
    """The prefix of its resources' names in the template: `Sweep`."""
    name: str
    """Its default name in the account; a parameter of the stack can change it."""
    description: str
    documents: Sequence[PolicyDocument]
    hub: bool
    """Whether the hub account assumes it; if not, Lambda does."""


def members(roles: Sequence[IamRole]) -> Template:
    """The template of the roles of every member account."""
    parameters: dict[str, Any] = {
        "HubAccountId": {
            "Type": "String", "AllowedPattern": "\\d{12}", "Description": "The account from which sweeps run.",
        },
        "ExternalId": {
            "Type": "String", "MinLength": 2, "MaxLength": 1224, "AllowedPattern": "[\\w+=,.@:/-]+",
            "Description": "external_id in accounts.yml; it is required to assume the roles.",
        },
    }
    if not any(role.hub for role in roles):
        parameters = {}
    resources: dict[str, Any] = {}
    for role in roles:
        parameters[f"{role.key}RoleName"] = {
            "Type": "String", "Default": role.name, "AllowedPattern": "[\\w+=,.@-]{1,64}",
            "Description": role.description,
        }
        managed = [f"{role.key}Policy{number}" for number in range(1, len(role.documents) + 1)]
        for name, document in zip(managed, role.documents, strict=True):
            resources[name] = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {
                "Description": role.description, "PolicyDocument": substituted(document),
            }}
        resources[f"{role.key}Role"] = {"Type": "AWS::IAM::Role", "Properties": {
            "RoleName": {"Ref": f"{role.key}RoleName"},
            "Description": role.description,
            "AssumeRolePolicyDocument": _HUB if role.hub else LAMBDA_MAY_ASSUME,
            "ManagedPolicyArns": [{"Ref": name} for name in managed],
            "Tags": TAGS,
        }}
    outputs = {f"{role.key}RoleArn": {"Value": {"Fn::GetAtt": [f"{role.key}Role", "Arn"]}} for role in roles}
    return template("The roles of aws-guardrails in a member account.", parameters, resources, outputs)


def functions(roles: Mapping[str, PolicyDocument]) -> list[Template]:
    """The templates of functions' own roles, each named like its function; several if one would be too large.

    Raises GuardrailsError when a function's document exceeds the quota of a role's inline policies.
    """
    found: list[Template] = []
    current: dict[str, Any] = {}
    written = _SHARED
    for name, document in roles.items():
        if size(document) > INLINE_CHARACTERS:
            raise GuardrailsError(
                f"the role of {name} needs {size(document)} characters, but AWS allows {INLINE_CHARACTERS}",
                "split the policy in two")
        role = {f"Role{''.join(part.capitalize() for part in name.replace('_', '-').split('-'))}": {
            "Type": "AWS::IAM::Role", "Properties": {
                "RoleName": name,
                "AssumeRolePolicyDocument": LAMBDA_MAY_ASSUME,
                "Policies": [{"PolicyName": "calls", "PolicyDocument": substituted(document)}],
                "Tags": TAGS,
            },
        }}
        more = len(json.dumps(role, indent=1)) - _SHARED
        if current and (len(current) == TEMPLATE_RESOURCES or written + more > TEMPLATE_BYTES):
            found.append(template(_OWN_ROLES, {}, current, {}))
            current, written = {}, _SHARED
        current |= role
        written += more
    return [*found, template(_OWN_ROLES, {}, current, {})] if current else found


# Written together, every role but one is two characters shorter than written alone.
_SHARED = 2
_OWN_ROLES = "One role for each function of aws-guardrails."


def substituted(value: Any) -> Any:
    """The document with CloudFormation's pseudo parameters in place of its placeholders."""
    if isinstance(value, Mapping):
        return {key: substituted(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [substituted(entry) for entry in value]
    if isinstance(value, str) and (PARTITION in value or ACCOUNT in value):
        return {"Fn::Sub": value.replace(PARTITION, "${AWS::Partition}").replace(ACCOUNT, "${AWS::AccountId}")}
    return value


def file_names(stem: str, number: int, suffix: str = ".json") -> Iterator[str]:
    """The names of `number` files of one kind: `stem.json` for one; `stem-1.json`, `stem-2.json` … for several."""
    return (f"{stem}{'' if number == 1 else f'-{index}'}{suffix}" for index in range(1, number + 1))
