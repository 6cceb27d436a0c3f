"""Whether cases show what a policy claims: a bad resource that it finds, for each part of each control.

A case counts only if its parameters are values with which the claim is true. The parts of a control are in its
catalogue (`controls/README.md`).
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..policies import Catalogue, Policy, claims_of
from .files import Case
from .outcome import CaseFailure

Parts = Mapping[tuple[str, str], Collection[str]]
"""Framework and control to the names of the control's parts, for the controls that have parts."""


def parts_of(catalogues: Mapping[str, Catalogue]) -> Parts:
    """The parts of the controls in catalogues."""
    return {
        (name, requirement.id): list(requirement.parts)
        for name, catalogue in catalogues.items() for requirement in catalogue.requirements if requirement.parts}


def unshown(metadata: Mapping[str, Any], own: Sequence[Case], parts: Parts) -> list[str]:
    """What a policy claims and no case of it shows, a sentence for each.

    Args:
        metadata: the policy's.
        own: the cases of the policy.
        parts: the parts of the controls.
    """
    found = []
    for claim in claims_of(metadata):
        control = f"{claim.framework} {claim.id}"
        bad = [
            case for case in own
            if case.match and claim.holds({**(metadata.get("parameters") or {}), **case.vars})]
        if not bad:
            found.append(f"{control}: no case has a bad resource and parameters with which the claim is true")
            continue
        shown = {part for case in bad for part in case.shows}
        every = parts.get((claim.framework, claim.id), ())
        if claim.partial and not claim.parts:
            if every and not shown & set(every):
                found.append(f"{control}: no case shows any of its parts")
        else:
            found += [f"{control}: no case shows {part}" for part in claim.parts or every if part not in shown]
    return found


def unclaimed(metadata: Mapping[str, Any], own: Iterable[Case], parts: Parts) -> Iterator[str]:
    """What the cases show and the policy does not claim, a sentence for each."""
    claimed = {
        part for claim in claims_of(metadata) for part in claim.parts or parts.get((claim.framework, claim.id), ())}
    for case in own:
        for part in case.shows:
            if part not in claimed:
                yield f"{case}: the policy claims no control with the part {part}"
        if case.shows and not case.match:
            yield f"{case}: without a bad resource it shows nothing"


def claim_failures(policy: Policy, own: Sequence[Case], catalogues: Mapping[str, Catalogue]) -> list[CaseFailure]:
    """The differences between what a policy claims and what its cases show.

    Args:
        policy: the policy.
        own: its cases.
        catalogues: every framework, by name.
    """
    parts = parts_of(catalogues)
    return [
        CaseFailure("", "the cases show each part of each control that metadata.controls claims, and no others",
                    problem, policy.where)
        for problem in (*unshown(policy.metadata, own, parts), *unclaimed(policy.metadata, own, parts))]
