"""The base of our own fixes that set settings of a resource."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from c7n.utils import type_schema

from .engine import FixPlan, FixResult, Step, fix_by_plan
from .fix import Fix
from .settings_call import SETTINGS, SettingsCall
from .telling import OTHERWISE

NAME = "change-settings"
"""The name of these actions in policies."""


class ChangeSettings(Fix):
    """Gives a resource the settings in `settings`; a subclass has the call of its resource type.

    Attributes:
        settings_call: the call, with the settings that it may change.
    """

    settings_call: ClassVar[SettingsCall]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        known = cls.settings_call
        cls.schema = type_schema(NAME, required=["settings"], otherwise=OTHERWISE, settings={
            "type": "object", "minProperties": 1, "additionalProperties": False,
            "properties": {name: {} for name in known.settings}})
        # The settings are those of this resource type.
        cls.schema_alias = False
        cls.inverses = (known.inverse(),)
        cls.permissions = (*known.reads, *known.writes)

    def identity(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that name the resource; by default its id in c7n."""
        [name] = self.settings_call.identity
        return {name: resource[self.manager.get_model().id]}

    def further(self, client: Any, identity: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters that the call needs besides these settings: `ignored` ones of the call. By default none."""
        return {}

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Set the settings of one resource that it does not have yet."""
        known, identity = self.settings_call, self.identity(resource)
        client, wanted = session.client(known.service), dict(self.data["settings"])

        def plan() -> FixPlan:
            now = known.now(client, identity, list(wanted))
            new = known.differing(now, wanted)
            further = self.further(client, identity, new) if new else {}
            return FixPlan(_steps(known, identity, now, new, further))

        yield fix_by_plan(lambda service: client, plan)


def _steps(
    known: SettingsCall, identity: Mapping[str, Any], now: Mapping[str, Any], new: dict[str, Any],
    further: Mapping[str, Any],
) -> list[Step]:
    if not new:
        return []
    before = {name: now[name] for name in new}
    pairs = [({name: before[name]}, {name: new[name]}) for name in new] if known.form.one else [(before, new)]
    steps = []
    for old, wanted in pairs:
        [make], inverse = known.calls({**identity, **further}, wanted), known.calls(identity, old)
        steps.append(Step(
            f"set {', '.join(wanted)}", make, inverse, removed={SETTINGS: old}, added={SETTINGS: wanted},
            note=known.note, overwrites=True))
    return steps
