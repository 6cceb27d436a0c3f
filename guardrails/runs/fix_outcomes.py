"""How the fix of each finding ended: what the receipts say, unless the sweep after the fixes contradicts them."""
from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from custom_actions.fixing import Outcome

from ..results import Finding
from .fix_rounds import FixRound, Name, Place, names_of, place_of
from .sweeps import Sweep


class FixOutcome(StrEnum):
    """How the fix of one finding ended.

    The receipt of the fix decides, unless the second sweep contradicts it.
    """

    REVERTED = Outcome.REVERTED.value
    """According to the receipt, the fix changed the resource, read it again, and found no drift."""
    ALREADY_OK = Outcome.ALREADY_OK.value
    """There was no drift any more when the fix read the resource, or when the sweep of `--apply` did."""
    FIXED = "fixed"
    """There is no receipt, but the second sweep did not find the drift again."""
    REFUSED = Outcome.REFUSED.value
    """According to the receipt, the fix intentionally did not change the resource, for the reason given."""
    PARTIAL = Outcome.PARTIAL.value
    """According to the receipt, the fix removed only a part of the drift."""
    INTERRUPTED = Outcome.INTERRUPTED.value
    """According to the journal, the run ended in the middle of the fix."""
    FAILED = Outcome.FAILED.value
    """According to the receipt, the fix removed nothing."""
    STILL_THERE = "still-there"
    """The second sweep found the drift again, and there is no receipt or the receipt says that it was fixed."""
    PLAN_OUTDATED = "plan-outdated"
    """The resource is not as the applied plan describes it, so it was not changed."""
    NOT_TRIED = "not-tried"
    """The heal was interrupted or stopped before it began this fix."""
    UNKNOWN = "unknown"
    """There is no receipt, and the second sweep has no result; or the receipt's outcome is not in this list."""

    @property
    def done(self) -> bool:
        """Whether it is certain that there is no drift any more."""
        return self in (FixOutcome.REVERTED, FixOutcome.ALREADY_OK, FixOutcome.FIXED)

    @property
    def failed(self) -> bool:
        """Whether drift that was confirmed may still be there; a refused fix did not fail."""
        return not self.done and self is not FixOutcome.REFUSED


# When a resource has several receipts, the worst counts.
_WORST_FIRST = (
    FixOutcome.UNKNOWN, FixOutcome.INTERRUPTED, FixOutcome.FAILED, FixOutcome.PARTIAL, FixOutcome.REFUSED,
    FixOutcome.REVERTED, FixOutcome.ALREADY_OK)


@dataclass(frozen=True)
class Fix:
    """One finding, and how its fix ended."""

    account: str
    """The account's name."""
    region: str
    policy: str
    resource: str
    outcome: FixOutcome
    reason: str = ""

    @classmethod
    def of(cls, finding: Finding, outcome: FixOutcome, reason: str = "") -> Fix:
        """The fix of this finding."""
        return cls(finding.account_name, finding.region, finding.policy, finding.resource, outcome, reason)


def settled(finding: Finding, rounds: Sequence[FixRound]) -> bool:
    """Whether the receipts say that nothing is left to do: the drift is gone, or the fix refused to act."""
    found = _last_receipts(finding, rounds)
    return found is not None and not _of_receipts(found[1])[0].failed


def fixes(
    findings: Iterable[Finding], rounds: Sequence[FixRound], fixing: Sweep | None, after: Sweep, *,
    tried: Collection[str] = (), stopped: str = "",
) -> list[Fix]:
    """How the fix of each finding ended.

    The receipt of the fix decides, unless the second sweep finds the drift again. Receipts of resources without a
    finding are at the end. Their drift appeared after the first sweep.

    Args:
        findings: the findings that were confirmed.
        rounds: what each round of fixes recorded, the last one last. A heal that was resumed has several.
        fixing: the sweep that ran the last round; None if nothing was left to fix.
        after: the sweep of the same checks after the fixes.
        tried: the ids of the findings of the last round.
        stopped: why the last round was stopped early; empty if it was not.
    """
    left = after.findings()
    left_keys = {finding.key for finding in left}
    left_names = {name for finding in left for name in names_of(finding)}
    second = {(c.account.id, after.region(c), c.policy.name): c for c in after.checks}
    checks = {} if fixing is None else {(c.account.id, fixing.region(c), c.policy.name): c for c in fixing.checks}
    known: set[Name] = set()
    result = []
    for finding in findings:
        place = place_of(finding)
        known.update(names_of(finding))
        found = _last_receipts(finding, rounds)
        check = checks.get(place)
        reason = ""
        judged = check is not None and check.judged(finding.resource)
        if found and finding.id in tried and found[0] is not rounds[-1] and judged:
            # The last round read the resource again and left it alone, so what an earlier one says is out of date.
            reason = f"an earlier attempt says: {_of_receipts(found[1])[0]}"
            found = None
        again = second.get(place)
        outcome, why = _outcome(
            found[1] if found else None, found_again=finding.key in left_keys,
            evaluated=again is not None and again.judged(finding.resource),
            problem=check.reason if check is not None and check.state.missing else "")
        started = check is not None and check.started
        if stopped and not found and finding.id in tried and not started and not outcome.done:
            outcome, why = FixOutcome.NOT_TRIED, stopped
        result.append(Fix.of(finding, outcome, "; ".join(filter(None, (why, reason)))))
    for each in rounds:
        for name, receipts in each.receipts.items():
            if name in known:
                continue
            account, policy, resource, region = name
            outcome, why = _outcome(receipts, found_again=name in left_names, evaluated=True, problem="")
            result.append(Fix(account, region, policy, resource, outcome, why))
    return result


def fixes_so_far(findings: Iterable[Finding], rounds: Sequence[FixRound]) -> list[Fix]:
    """How far the fixes of an interrupted heal have come, according to its journals only."""
    unrecorded: set[Place] = set().union(*(each.without_journal for each in rounds))
    result = []
    for finding in findings:
        if found := _last_receipts(finding, rounds):
            outcome, reason = _of_receipts(found[1])
        elif place_of(finding) in unrecorded:
            outcome, reason = FixOutcome.UNKNOWN, "its policy was started, but has no journal"
        else:
            outcome, reason = FixOutcome.NOT_TRIED, ""
        result.append(Fix.of(finding, outcome, reason))
    return result


def _last_receipts(
    finding: Finding, rounds: Sequence[FixRound]
) -> tuple[FixRound, Sequence[Mapping[str, Any]]] | None:
    """The last round with receipts for the finding, and these receipts."""
    for each in reversed(rounds):
        # A receipt names its resource by id, or by ARN where the id alone is ambiguous.
        if receipts := next((each.receipts[name] for name in names_of(finding) if name in each.receipts), None):
            return each, receipts
    return None


def _outcome(
    receipts: Sequence[Mapping[str, Any]] | None, *, found_again: bool, evaluated: bool, problem: str
) -> tuple[FixOutcome, str]:
    if receipts:
        outcome, reason = _of_receipts(receipts)
        if outcome.done and found_again:
            return (FixOutcome.STILL_THERE,
                    f"the receipt says {outcome}, but the sweep after the fix found the drift again")
        return outcome, reason
    if found_again:
        return FixOutcome.STILL_THERE, problem or "the sweep after the fix found the drift again"
    if evaluated:
        return FixOutcome.FIXED, ""
    return FixOutcome.UNKNOWN, problem or "the sweep after the fix has no result for this resource"


def _of_receipts(receipts: Sequence[Mapping[str, Any]]) -> tuple[FixOutcome, str]:
    """The worst outcome in the receipts of one resource, and its reason."""
    return min((_of_receipt(receipt) for receipt in receipts), key=lambda found: _WORST_FIRST.index(found[0]))


def _of_receipt(receipt: Mapping[str, Any]) -> tuple[FixOutcome, str]:
    """The outcome and the reason in a receipt."""
    try:
        outcome = FixOutcome(str(receipt.get("outcome")))
    except ValueError:
        return FixOutcome.UNKNOWN, f"the receipt has an unknown outcome: {receipt.get('outcome')}"
    if outcome not in _WORST_FIRST:
        return FixOutcome.UNKNOWN, f"the receipt has an unexpected outcome: {outcome}"
    return outcome, str(receipt.get("reason") or "")
