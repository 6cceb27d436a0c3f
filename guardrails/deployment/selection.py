"""Which policies a deployment is about."""
from __future__ import annotations

from collections.abc import Sequence

from ..errors import GuardrailsError
from ..policies import Policy, Selection


def deployable(policies: Sequence[Policy], names: Sequence[str], kinds: Sequence[str]) -> list[Policy]:
    """The policies that the arguments name and that become functions.

    Raises GuardrailsError when there is none, and when one that is named in full becomes none.
    """
    chosen = [
        policy for policy in Selection(names).choose(policies) if not kinds or policy.kind.value in kinds
    ]
    for policy in chosen:
        if policy.name in names and not policy.deploys:
            raise GuardrailsError(f"{policy.where}: {policy.name} has no mode: nothing to deploy", "give it a mode")
    found = [policy for policy in chosen if policy.deploys]
    if not found:
        raise GuardrailsError("no policy to deploy meets the criteria", "see --help")
    return found
