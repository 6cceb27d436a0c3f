"""What AWS knows: the actions of its services, and the resources that each can be limited to.

IAM accepts a misspelt action without a word, and the call that it should have allowed is denied. So every action is
looked up in AWS's service authorization data, which cfn-lint carries.
"""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

from custom_actions.vocabulary import is_read

from ...errors import GuardrailsError

_PLACEHOLDER = re.compile(r"\$\{(?!Partition\}|Account\})\w+\}")
# A statement with more resource types of one service than this names the service's resources as a whole.
_TYPES_AT_MOST = 4


@dataclass(frozen=True)
class ActionCatalogue:
    """The actions that AWS knows; names are compared without regard to case, as IAM does."""

    services: Mapping[str, Mapping[str, Any]]

    @classmethod
    @cache
    def shipped(cls) -> ActionCatalogue:
        """The data of the installed cfn-lint. Raises GuardrailsError when there is none."""
        try:
            text = files("cfnlint").joinpath("data/AdditionalSpecs/Policies.json").read_text("utf-8")
        except (ModuleNotFoundError, FileNotFoundError):
            raise GuardrailsError(
                "the list of actions that AWS knows is not here: it comes with cfn-lint", "pip install cfn-lint",
            ) from None
        return cls(json.loads(text))

    def knows(self, action: str) -> bool:
        """Whether AWS has the action `service:Name`."""
        return self._entry(action) is not None

    def nearest(self, action: str) -> str:
        """A remedy that names what was probably meant; empty when nothing is like it."""
        service, _, name = action.lower().partition(":")
        known = self.services.get(service, {}).get("Actions", {})
        if near := get_close_matches(name, known, n=3, cutoff=0.6):
            return f"did you mean {' or '.join(f'{service}:{one}' for one in near)}? (AWS ignores the case)"
        others = sorted(prefix for prefix, entry in self.services.items() if name in entry["Actions"])
        return f"an action of that name belongs to {', '.join(others[:5])}" if others else ""

    def resources(self, action: str) -> tuple[str, ...]:
        """The ARNs that the action can be limited to, `*` for the parts that tell one resource from another.

        `${Partition}` and `${Account}` stand in them. `("*",)` for an action that AWS limits to no resource, and for
        every action that reads: a trail of the organization, a shared key or a topic may be another account's, and
        what only reads gains nothing from being blind to it.
        """
        entry = self._entry(action)
        service, _, name = action.partition(":")
        if entry is None or is_read(name):
            return ("*",)
        kinds = self.services[service.lower()]["Resources"]
        arns = {
            _PLACEHOLDER.sub("*", arn).replace(".*", "*")
            for kind in entry.get("Resources") or () for arn in (kinds.get(kind.lower()) or {}).get("ARNFormats", ())
        }
        by_owner: dict[str, list[str]] = {}
        for arn in sorted(arns):
            by_owner.setdefault(":".join(arn.split(":")[:5]), []).append(arn)
        found = [
            arn for owner, own in by_owner.items()
            for arn in (own if len(own) <= _TYPES_AT_MOST else [f"{owner}:*"])
        ]
        return tuple(sorted(found)) or ("*",)

    def _entry(self, action: str) -> Mapping[str, Any] | None:
        service, _, name = action.lower().partition(":")
        found: Mapping[str, Any] | None = self.services.get(service, {}).get("Actions", {}).get(name)
        return found
