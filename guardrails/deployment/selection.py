"""Which policies a deployment selects."""
from __future__ import annotations

from collections.abc import Sequence

from ..errors import GuardrailsError
from ..policies import Policy, Selection


def deployable(policies: Sequence[Policy], names: Sequence[str], kinds: Sequence[str]) -> list[Policy]:
    """The policies that the names, globs and modes select and that are deployed as functions.

    Raises GuardrailsError when there is none, and when a policy that is named in full has no mode.
    """
    chosen = [
        policy for policy in Selection(names).choose(policies) if not kinds or policy.kind.value in kinds
    ]
    for policy in chosen:
        if policy.name in names and not policy.deploys:
            raise GuardrailsError(
                f"{policy.where}: {policy.name} has no `mode`, so it cannot be deployed", "add a `mode` to it")
    found = [policy for policy in chosen if policy.deploys]
    if chosen and not found:
        raise GuardrailsError(
            f"none of the {len(chosen)} selected policies has a `mode`, so there is nothing to deploy",
            "add when it is to run, such as mode: {type: periodic, schedule: rate(1 day), role: "
            "guardrails}; docs/policies.md shows each mode")
    if not found:
        raise GuardrailsError("no policy that can be deployed matches the selection", "see --help")
    return found
