"""The action `refuse`, on every resource type: what the actions after it must not touch, and why."""
from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from c7n.actions import EventAction
from c7n.exceptions import PolicyValidationError
from c7n.filters.core import And, Filter
from c7n.utils import type_schema

from ...aws import actor_of
from ...fixing import OTHERWISE, FixResult, MessageNotSent, Outcome, TellingFix, fix_each

Resource = dict[str, Any]


class Refuse(TellingFix, EventAction):
    """Keep resources that match `filters` from the actions after this one, and write a receipt with the reason.

    For preconditions of a fix: the resource violates the policy and is reported, but fixing it would do harm. The
    first entry of `when` that matches gives the reason. The receipt has the outcome `refused`. `otherwise` takes a
    `notify` for these resources; by default it is that of the next fix. If a filter fails, nothing is fixed: it is
    unknown whether a fix would do harm.

    Tags count only if no attacker gains anything by setting them. AWS reserves keys that begin with `aws:`.

    Written because c7n has no precondition for an action: a filter in the policy would report the resource as
    compliant.

    :example:

    .. code-block:: yaml

        policies:
          - name: ec2-unapproved-image
            resource: aws.ec2
            filters:
              - type: image
                key: OwnerId
                op: not-in
                value: ["123456789012"]
            actions:
              - type: refuse
                when:
                  - reason: its Auto Scaling group would terminate and replace the stopped instance
                    filters:
                      - "tag:aws:autoscaling:groupName": present
              - stop
    """

    schema: ClassVar[dict[str, Any]] = type_schema(
        "refuse", required=["when"], otherwise=OTHERWISE,
        when={"type": "array", "minItems": 1, "items": {
            "type": "object", "additionalProperties": False, "required": ["reason", "filters"],
            "properties": {
                "reason": {"type": "string", "minLength": 1},
                "filters": {"type": "array", "minItems": 1, "items": {"type": ["object", "string"]}},
            }}})
    permissions = ()

    @property
    def name(self) -> str:
        """The name of the file with the receipts, for c7n."""
        return str(self.type)

    @functools.cached_property
    def _blocks(self) -> list[tuple[str, And]]:
        return [
            (str(entry["reason"]), And({"and": list(entry["filters"])}, self.manager.filter_registry, self.manager))
            for entry in self.data["when"]]

    def validate(self) -> Refuse:
        if self.manager.actions and self.manager.actions[-1] is self:
            raise PolicyValidationError(f"{self.type}: must come before the actions that it limits")
        for _, block in self._blocks:
            block.validate()
        self.validate_otherwise()
        return self

    @property
    def otherwise(self) -> Mapping[str, Any] | None:
        """Its own `notify`, or that of the next fix, which would have told of these resources."""
        actions = list(self.manager.actions or ())
        place = next((number for number, each in enumerate(actions) if each is self), len(actions))
        found = (each.data.get("otherwise") for each in [self, *actions[place + 1:]])
        return next((each for each in found if each is not None), None)

    def get_permissions(self) -> tuple[str, ...]:
        """The permissions of the filters and of `otherwise`."""
        found = [name for _, block in self._blocks for each in block.filters for name in each.get_permissions()]
        return tuple(dict.fromkeys([*found, *self.told_permissions()]))

    def process(self, resources: list[Resource], event: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Remove the matching resources from `resources`, for the actions after it; returns their receipts."""
        reasons = self._reasons(resources, event)
        refused = [resource for resource in resources if id(resource) in reasons]
        fixed = fix_each(
            self, refused, lambda resource: [FixResult(Outcome.REFUSED, reasons[id(resource)])], actor_of(event or {}))
        # c7n passes the same list to the next action.
        resources[:] = [resource for resource in resources if id(resource) not in reasons]
        try:
            return self.finish(fixed, event)
        except MessageNotSent as error:
            # The other resources must still be fixed.
            self.log.error("%s: %s", self.type, error)
            return [receipt.to_dict() for _, receipt in fixed]

    def _reasons(self, resources: Sequence[Resource], event: Any) -> dict[int, str]:
        found: dict[int, str] = {}
        for reason, block in self._blocks:
            left = [resource for resource in resources if id(resource) not in found]
            for resource in block.process(left, event):
                found[id(resource)] = ": ".join(filter(None, [reason, _details(block.filters, resource)]))
        return found


def _details(filters: Sequence[Filter], resource: Resource) -> str:
    """What our own filters found on the resource."""
    notes = [resource.get(getattr(each, "annotation_key", None) or "") for each in filters]
    return "; ".join(str(line) for note in notes if isinstance(note, list) for line in note)
