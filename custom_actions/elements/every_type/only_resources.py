"""The filter `only-resources`, on every resource type: `heal` fixes what it has shown, and nothing else."""
from __future__ import annotations

from typing import Any, ClassVar

from c7n.filters import Filter
from c7n.utils import type_schema

from ...resources import resource_id, whole_account
from ...vocabulary import GLOBAL


class OnlyResources(Filter):
    """The resources of a list, by account, region and id.

    `heal` adds it to a policy, with the findings that a person has confirmed: what starts to drift between the
    question and the fix is not fixed unseen. The region of what belongs to the whole account is `global`.

    Written because c7n's `value` filter compares one key, and some ids are made of several.

    :example:

    .. code-block:: yaml

        policies:
          - name: security-group-two-of-them
            resource: aws.security-group
            filters:
              - type: only-resources
                resources:
                  - ["111111111111", eu-west-1, sg-0123456789abcdef0]
                  - ["111111111111", eu-west-1, sg-0fedcba9876543210]
    """

    schema: ClassVar[dict[str, Any]] = type_schema(
        "only-resources", required=["resources"],
        resources={"type": "array", "items": {
            "type": "array", "minItems": 3, "maxItems": 3, "items": {"type": "string"}}})
    permissions = ()

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        """The resources that the list names."""
        config, kind = self.manager.config, type(self.manager)
        region = GLOBAL if whole_account(self.manager.data) else str(config.region)
        listed = {tuple(each) for each in self.data["resources"]}
        return [
            resource for resource in resources
            if (str(config.account_id), region, resource_id(resource, kind)) in listed]
