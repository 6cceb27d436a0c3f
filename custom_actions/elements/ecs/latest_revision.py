"""The filter `latest-revision` on `aws.ecs-task-definition`.

Source: ECS's ListTaskDefinitions, which lists every active revision of a family; Security Hub's user guide, controls of
Amazon ECS: "This control evaluates only the latest active revision of an Amazon ECS task definition."
"""
from __future__ import annotations

from typing import Any

from c7n.filters import Filter
from c7n.utils import type_schema


class LatestRevision(Filter):
    """The latest active revision of each family of task definitions.

    A task definition cannot be changed: each change makes a new revision, and the old ones stay active until somebody
    deregisters them. Without this filter, a mistake that was corrected long ago is found forever.

    Written because c7n compares a resource with values only, not with the other resources.

    :example:

    .. code-block:: yaml

        policies:
          - name: ecs-no-host-pid
            resource: aws.ecs-task-definition
            filters:
              - type: scope
                filters:
                  - latest-revision
              - pidMode: host
    """

    schema = type_schema("latest-revision")
    permissions: tuple[str, ...] = ()

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        latest: dict[str, int] = {}
        for definition in resources:
            family, revision = definition["family"], int(definition["revision"])
            latest[family] = max(revision, latest.get(family, revision))
        return [each for each in resources if int(each["revision"]) == latest[each["family"]]]
