"""The filter `not-in-backup-plan` on `aws.efs`: what the backup plans of a region select.

Source: AWS Backup's ListBackupPlans, ListBackupSelections, GetBackupSelection and DescribeRegionSettings; its developer
guide, "Assigning resources to a backup plan"; AWS re:Post, "How do I assign resources to a Backup plan": resources and
the list of tags are combined with OR, conditions with AND.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call
from ...resources import resource_tags
from ...wildcards import matches

_TAG = "aws:ResourceTag/"
_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringNotEquals": lambda value, wanted: value != wanted,
    "StringLike": lambda value, wanted: _like(value, wanted),
    "StringNotLike": lambda value, wanted: not _like(value, wanted),
}


def is_selected(
    selection: Mapping[str, Any], arn: str, tags: Mapping[str, str], opted_in: Callable[[], bool]
) -> bool:
    """Whether a selection of a backup plan contains a resource.

    A condition on a tag that the resource does not have is not met, whatever its operator.

    Args:
        selection: what GetBackupSelection returns as `BackupSelection`.
        arn: the resource's ARN, and its `tags`.
        opted_in: whether the region lets AWS Backup manage resources of this type. It is asked only if the selection
            does not name the service of the resource in an ARN.
    """
    resources, listed = selection.get("Resources") or [], selection.get("ListOfTags") or []
    if any(_like(arn, pattern) for pattern in selection.get("NotResources") or []):
        return False
    if not all(
        (key := _key(each)) in tags and holds(tags[key], each["ConditionValue"])
        for operator, holds in _OPERATORS.items() for each in (selection.get("Conditions") or {}).get(operator) or []
    ):
        return False
    service = arn.split(":")[2]
    if any(_like(arn, pattern) and f":{service}:" in pattern for pattern in resources):
        return True
    by_tag = any(tags.get(_key(each)) == each["ConditionValue"] for each in listed)
    everything = not resources and not listed
    return (everything or by_tag or any(_like(arn, pattern) for pattern in resources)) and opted_in()


def _key(condition: Mapping[str, Any]) -> str:
    return str(condition["ConditionKey"]).removeprefix(_TAG)


def _like(value: str, pattern: str) -> bool:
    # Only the asterisk is a wildcard.
    return matches(pattern.replace("?", "\0"), value.replace("?", "\0"))


class NotInBackupPlan(Filter):
    """File systems that no backup plan of the region selects.

    The filter reads every plan and its selections once. It looks at ARNs, tags and conditions, and at whether the
    region lets AWS Backup manage EFS. It does not look at whether the plan has made a backup.

    Written because c7n knows how many backups a file system has, but not the plans that it belongs to.

    :example:

    .. code-block:: yaml

        policies:
          - name: efs-in-backup-plan
            resource: aws.efs
            filters:
              - not-in-backup-plan
    """

    schema = type_schema("not-in-backup-plan")
    permissions = (
        "backup:ListBackupPlans", "backup:ListBackupSelections", "backup:GetBackupSelection",
        "backup:DescribeRegionSettings")

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        if not resources:
            return []
        client = local_session(self.manager.session_factory).client("backup")
        selections = [
            call(client.get_backup_selection, BackupPlanId=plan, SelectionId=each["SelectionId"])["BackupSelection"]
            for plan in _listed(client, "list_backup_plans", "BackupPlansList", "BackupPlanId")
            for each in _listed(client, "list_backup_selections", "BackupSelectionsList", BackupPlanId=plan)]
        settings: list[Mapping[str, bool]] = []

        def opted_in() -> bool:
            if not settings:
                settings.append(call(client.describe_region_settings)["ResourceTypeOptInPreference"])
            return settings[0].get("EFS") is True

        return [
            each for each in resources
            if not any(is_selected(selection, each["FileSystemArn"], resource_tags(each), opted_in)
                       for selection in selections)]


def _listed(client: Any, operation: str, path: str, key: str = "", **parameters: Any) -> list[Any]:
    found = call(lambda: [
        each for page in client.get_paginator(operation).paginate(**parameters) for each in page[path]])
    return [each[key] for each in found] if key else found
