"""The severity of each policy in each account of a run: the policy's general one, unless the account has its own."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from custom_actions.vocabulary import SHOWN_SEVERITIES

_RANKS = {severity: place for place, severity in enumerate(SHOWN_SEVERITIES)}


def rank(severity: str) -> int:
    """The place of a severity, 0 for the most severe; an unknown one comes last."""
    return _RANKS.get(severity, len(_RANKS))


@dataclass
class Severities:
    """The severities of one run."""

    general: Mapping[str, str] = field(default_factory=dict)
    """Policy to severity."""
    differing: dict[str, dict[str, str]] = field(default_factory=dict)
    """Account id to policy to the severity there, only where it differs from the general one."""

    def set(self, differing: Mapping[str, Mapping[str, str]]) -> None:
        """Replace the severities in accounts. Raises ValueError or AttributeError for what is not such a mapping."""
        found = {account: dict(policies.items()) for account, policies in differing.items() if policies}
        for policies in found.values():
            for policy, severity in policies.items():
                if severity not in SHOWN_SEVERITIES:
                    raise ValueError(f"{policy} has the unknown severity {severity!r}")
        self.differing = found

    def of(self, account: str, policy: str) -> str:
        """The severity of the policy in the account; empty for a policy that the run does not have."""
        return self.differing.get(account, {}).get(policy) or self.general.get(policy, "")

    def rank_in(self, account: str, policy: str) -> int:
        """The place of the policy's severity in the account, 0 for the most severe; an unknown one comes last."""
        return rank(self.of(account, policy))
