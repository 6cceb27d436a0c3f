"""The actions of AWS's services, and the resources to which each can be limited.

IAM accepts a misspelled action without an error, and then denies the call that it should allow. So every action is
looked up in AWS's service authorization data, which cfn-lint ships.
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
# With more resource types of one service than this, a statement covers all resources of the service.
_TYPES_AT_MOST = 4


@dataclass(frozen=True)
class ActionCatalogue:
    """The actions that AWS defines. Names are compared case-insensitively, as IAM does."""

    services: Mapping[str, Mapping[str, Any]]

    @classmethod
    @cache
    def shipped(cls) -> ActionCatalogue:
        """The data of the installed cfn-lint. Raises GuardrailsError when cfn-lint is not installed."""
        try:
            text = files("cfnlint").joinpath("data/AdditionalSpecs/Policies.json").read_text("utf-8")
        except (ModuleNotFoundError, FileNotFoundError):
            raise GuardrailsError(
                "the list of AWS actions is missing: it is part of cfn-lint", "pip install cfn-lint",
            ) from None
        return cls(json.loads(text))

    def knows(self, action: str) -> bool:
        """Whether AWS defines the action `service:Name`."""
        return self._entry(action) is not None

    def nearest(self, action: str) -> str:
        """A remedy that suggests similar actions; empty when there is none."""
        service, _, name = action.lower().partition(":")
        known = self.services.get(service, {}).get("Actions", {})
        if near := get_close_matches(name, known, n=3, cutoff=0.6):
            return f"did you mean {' or '.join(f'{service}:{one}' for one in near)}? (AWS ignores the case)"
        others = sorted(prefix for prefix, entry in self.services.items() if name in entry["Actions"])
        return f"an action of that name belongs to {', '.join(others[:5])}" if others else ""

    def resources(self, action: str) -> tuple[str, ...]:
        """The ARNs to which the action can be limited, with `*` for the parts that identify a resource.

        They contain the placeholders `${Partition}` and `${Account}`. `("*",)` for an action that cannot be limited to
        resources, and for every action that only reads: an organization's trail, a shared key or a topic can belong to
        another account, and must be readable.
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
