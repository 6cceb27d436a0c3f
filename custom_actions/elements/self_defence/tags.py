"""The action `revert-tags`: restores tags of EC2 resources to their values before a change.

Source: EC2's CreateTags, DeleteTags and DescribeTags. Other services have their own tagging calls; changes of their
tags are only reported.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from c7n.utils import type_schema

from ...aws import UnknownTag, call, detail_of, records_of, removed_tags, tags_before, tags_set
from ...errors import Refusal
from ...fixing import (
    CONFIRM,
    OTHERWISE,
    Call,
    EventFix,
    FixPlan,
    FixResult,
    Inverse,
    Step,
    Subject,
    again,
    fix_by_plan,
    is_changed_tag,
    list_of_resource,
)


def plan_tags(
    resource: str, keys: Mapping[str, str | None], before: Mapping[str, str | None], now: Mapping[str, str]
) -> FixPlan:
    """Plan to restore the previous tags of a resource.

    Args:
        keys: the tags that the event changed, each with the value that it set, or None if it removed the tag.
        before: their previous values as far as they are known; None if there was no such tag.
        now: the current tags of the resource. A tag that was changed again after the event is not restored here,
            because the later event is handled on its own.
    """
    steps = []
    changed = [key for key, value in keys.items() if now.get(key) == value]
    for key in changed:
        if key not in before or before[key] == now.get(key):
            continue
        steps.append(Step(
            f"restore the tag {key} of {resource}", _call(resource, key, before[key], now.get(key)),
            _call(resource, key, now.get(key), before[key]),
            removed=_tag(key, now.get(key)), added=_tag(key, before[key]), confirm=True, overwrites=True))
    unknown = [key for key in changed if key not in before]
    cannot = f"no event shows the previous value of the tag {', '.join(unknown)}" if unknown else ""
    return FixPlan(steps, cannot=cannot)


def _call(resource: str, key: str, wanted: str | None, now: str | None) -> Call:
    if wanted is not None:
        return Call("ec2", "create_tags", {"Resources": [resource], "Tags": [{"Key": key, "Value": wanted}]})
    # With its value, so that the tag is not deleted if someone else has changed it in the meantime.
    return Call("ec2", "delete_tags", {"Resources": [resource], "Tags": [{"Key": key, "Value": now or ""}]})


def _tag(key: str, value: str | None) -> dict[str, str]:
    return {} if value is None else {key: value}


def changed_tags(
    record: Mapping[str, Any], resource: str, pattern: str, before: Mapping[str, str | None]
) -> dict[str, str | None]:
    """The tags of a resource that a record changed and whose keys match the pattern, in the form for `plan_tags`.

    DeleteTags without a list deletes all tags. Then these are the tags in `before`.
    """
    changed: dict[str, str | None] = dict(tags_set(record, resource) or {})
    listed = _keys(record)
    changed.update(dict.fromkeys(removed_tags(record, resource, listed or before) or ()))
    return {key: value for key, value in changed.items() if fnmatchcase(key, pattern)}


def _keys(record: Mapping[str, Any]) -> list[str]:
    tags = (record.get("requestParameters") or {}).get("tagSet") or {}
    return [str(tag["key"]) for tag in tags.get("items") or ()]


class RevertTags(EventFix):
    """Restore the tags that EC2 resources had before CreateTags or DeleteTags.

    For policies in mode `cloudtrail`, on `account`. Only tags whose key matches `tags` (with the wildcards `*` and `?`)
    are restored. The previous value comes from CloudTrail's event history (90 days): from the last event that set or
    removed the tag, or created the security group or instance. If no event shows the previous value, the fix is
    refused. A tag that was changed again after the event is not restored, because the later event is handled on its
    own. Tags are changed only if the event history confirms the event.

    An `event-actor` filter in the policy decides who is allowed to change the tags. The receipt says who made the
    change, and contains the calls that undo the fix.

    Written because c7n's `tag` and `remove-tag` set the values in the policy, not the previous values of the resource.

    :example:

    .. code-block:: yaml

        policies:
          - name: switch-tag-revert
            resource: aws.account
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: ec2.amazonaws.com
                  event: CreateTags
                  ids: recipientAccountId
            filters:
              - type: event-actor
                allowed: ["arn:{partition}:iam::{account_id}:role/guardrails-deploy"]
            actions:
              - type: revert-tags
                tags: guardrails-*
    """

    schema = type_schema(
        "revert-tags", required=["tags"], otherwise=OTHERWISE, confirm=CONFIRM, tags={"type": "string", "minLength": 1})
    permissions: tuple[str, ...] = (
        "ec2:DescribeTags", "ec2:CreateTags", "ec2:DeleteTags", "cloudtrail:LookupEvents",
    )
    # Each call undoes the other. Which one is in a receipt depends on the tag.
    inverses = tuple(
        Inverse("ec2", operation, "Resources", list_of_resource, {"Tags": is_changed_tag}, type="aws.ec2-resource",
                redo=again(redo))
        for operation, redo in (("create_tags", "delete_tags"), ("delete_tags", "create_tags")))
    events = ("CreateTags", "DeleteTags")

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Revert the tags of each resource that the event names."""
        record = detail_of(event)
        request = record.get("requestParameters") or {}
        for each in (request.get("resourcesSet") or {}).get("items") or ():
            named = str(each["resourceId"])
            if (listed := _keys(record)) and not any(fnmatchcase(key, self.data["tags"]) for key in listed):
                continue
            yield Subject(named, "aws.ec2-resource").fix(partial(self._revert, session, named, record, event))

    def _revert(
        self, session: Any, named: str, record: Mapping[str, Any], event: Mapping[str, Any]
    ) -> FixResult:
        client = session.client("ec2")
        known: list[tuple[dict[str, str | None], dict[str, str | None]]] = []

        def plan() -> FixPlan:
            if not known:
                try:
                    records = list(records_of(session.client("cloudtrail"), named, record))
                except UnknownTag as unknown:
                    raise Refusal(str(unknown)) from unknown
                keys = _keys(record) or [key for each in records for key in tags_set(each, named) or {}]
                before = tags_before(records, named, keys)
                known.append((changed_tags(record, named, self.data["tags"], before), before))
            pages = client.get_paginator("describe_tags").paginate(
                Filters=[{"Name": "resource-id", "Values": [named]}])
            now = call(lambda: {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]})
            return plan_tags(named, *known[0], now)

        return fix_by_plan(session.client, plan, confirm=self.confirm(session, event))
