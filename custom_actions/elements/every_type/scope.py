"""The filter `scope`, on every resource type: the resources to which a policy applies.

AWS Config has three evaluation results; c7n's filters have two: matched, and not matched. The filters in `scope` select
the resources to which a policy applies. In AWS Config the others are NOT_APPLICABLE; in other modes they do not match,
and are counted as out of scope. A resource that is exempt is not out of scope: exempt it with an ordinary filter, so
that it is COMPLIANT.
"""
from __future__ import annotations

from typing import Any, ClassVar

from c7n.exceptions import PolicyValidationError
from c7n.filters.core import ANNOTATION_KEY, And


class Scope(And):
    """Resources to which the policy applies: those that pass all filters in `filters`.

    It must be the first filter. In AWS Config, a resource out of scope is NOT_APPLICABLE; in other modes it does not
    match, as with an `and` block. Written because c7n's own rules report everything that does not match as COMPLIANT.

    :example:

    .. code-block:: yaml

        policies:
          - name: security-group-web-exact
            resource: aws.security-group
            filters:
              - type: scope
                filters:
                  - "tag:guardrails-ingress": web
              - type: value
                key: length(IpPermissions)
                op: gt
                value: 2
    """

    schema: ClassVar[dict[str, Any]] = {"type": "object"}
    is_scope = True
    """For `custom_actions.resources.Counting`: what this filter drops is out of scope, and has not passed."""

    def __init__(self, data: dict[str, Any], manager: Any = None) -> None:
        super().__init__({"and": list(data.get("filters") or ())}, manager.filter_registry, manager)
        self.data = data
        # c7n finds the filters inside a block by the block's type.
        self.type = "and"

    def validate(self) -> Scope:
        super().validate()
        if self.manager.filters and self.manager.filters[0] is not self:
            raise PolicyValidationError(
                f"policy:{self.manager.data.get('name')} scope must be the first filter, and the only one of its type"
            )
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        """The resources in scope, without annotations: why a resource is in scope is not evidence of drift."""
        noted = [resource.get(ANNOTATION_KEY) for resource in resources]
        inside = super().process(resources, event)
        for resource, before in zip(resources, noted, strict=True):
            resource.pop(ANNOTATION_KEY, None)
            if before is not None:
                resource[ANNOTATION_KEY] = before
        return list(inside)

    def get_permissions(self) -> set[str]:
        """The permissions of the filters inside."""
        return {permission for inside in self.filters for permission in inside.get_permissions()}


def for_resource(resource_class: Any) -> type[Scope]:
    """The filter for one resource type; its schema accepts the filters of that type."""
    filters = f"#/definitions/resources/aws.{resource_class.type}/policy/allOf/1/properties/filters"
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["type", "filters"],
        "properties": {"type": {"enum": ["scope"]}, "filters": {"$ref": filters}},
    }
    return type("Scope", (Scope,), {"schema": schema, "__doc__": Scope.__doc__, "__module__": __name__})
