"""Whether the resources of a policy belong to the whole account or to one region.

IAM is the same in every region. A user does not belong to the region in which c7n happens to run, and exceptions and
reports must not show it there.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n.provider import get_resource_class
from c7n.resources import load_resources

# The filters and actions of `aws.account` on the whole account; the others are about the settings of one region.
_OF_THE_ACCOUNT = frozenset({
    "credential", "organization", "iam-summary", "password-policy", "set-password-policy", "has-virtual-mfa",
    "s3-public-block", "set-s3-public-block", "shield-enabled", "set-shield-advanced", "service-limit",
    "request-limit-increase", "set-security-token-service-preferences", "check-cloudtrail", "enable-cloudtrail",
    "post-finding",
    # Ours, on IAM.
    "missing-policies", "strengthen-password-policy",
})
# Filters and actions that do not depend on a region.
_NEUTRAL = frozenset({"value", "event", "reduce", "list-item", "scope", "notify", "webhook", "put-metric", "excepted"})


def whole_account(policy: Mapping[str, Any]) -> bool:
    """Whether the resources of a policy, as it is in its file, belong to the whole account.

    `metadata.scope` decides; without it, the resource type; for `aws.account`, the filters and actions.
    """
    if scope := (policy.get("metadata") or {}).get("scope"):
        return bool(scope == "account")
    resource = _full(str(policy["resource"]))
    return _account_wide(policy) if resource == "aws.account" else _lives_once(resource)


def _account_wide(policy: Mapping[str, Any]) -> bool:
    for kind in ("filters", "actions"):
        for entry in _walk(policy.get(kind)):
            name = _type_of(entry)
            if name == "missing":
                # It depends on the missing type: images are looked for in each region, users once.
                if not _lives_once(_full(str((entry.get("policy") or {}).get("resource", "")))):
                    return False
                continue
            current = name == "check-cloudtrail" and isinstance(entry, Mapping) and entry.get("current-region")
            if current or name not in _OF_THE_ACCOUNT | _NEUTRAL:
                return False
    return True


def _lives_once(resource: str) -> bool:
    # Every region lists the buckets of all regions.
    if resource == "aws.s3":
        return True
    load_resources([resource])
    return bool(get_resource_class(resource).resource_type.global_resource)


def _full(resource: str) -> str:
    return resource if "." in resource else f"aws.{resource}"


def _walk(entries: Any) -> Iterator[Any]:
    """Every filter or action, including those in and/or/not blocks and in `scope`."""
    for entry in entries or ():
        block = next(iter(entry)) if isinstance(entry, Mapping) and len(entry) == 1 else ""
        if block in ("and", "or", "not") and isinstance(entry[block], list):
            yield from _walk(entry[block])
            continue
        yield entry
        if _type_of(entry) == "scope" and isinstance(entry, Mapping):
            yield from _walk(entry.get("filters"))


def _type_of(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    return str(entry.get("type") or "value") if isinstance(entry, Mapping) else ""
