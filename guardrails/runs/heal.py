"""What became of each finding that a fix was run on: its receipt, and what a second sweep saw."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..results import Finding
from .sweeps import Sweep

FIXED = "fixed"
"""The second sweep did not find it any more; the fix wrote no receipt."""
STILL_THERE = "still-there"
UNKNOWN = "unknown"
"""The second sweep did not get there."""
_GONE = ("reverted", "already-ok")
_BAD = ("partial", "failed", STILL_THERE, UNKNOWN)


@dataclass(frozen=True)
class Fix:
    """One finding, and how its fix ended."""

    account: str
    region: str
    policy: str
    resource: str
    outcome: str
    """A receipt's outcome, or fixed, still-there or unknown."""
    reason: str = ""

    @property
    def done(self) -> bool:
        """Whether the drift is known to be gone."""
        return self.outcome in (*_GONE, FIXED)

    @property
    def failed(self) -> bool:
        """Whether drift may be left; a refused fix was left on purpose and did not fail."""
        return self.outcome in _BAD


def receipts_of(fixing: Sweep) -> list[Mapping[str, Any]]:
    """Every receipt that the fixes wrote."""
    return [receipt for check in fixing.checks for receipt in check.receipts]


def fixes(findings: Iterable[Finding], fixing: Sweep, after: Sweep) -> list[Fix]:
    """How each of `findings` ended. `after` is the sweep of the same checks once the fixes had run.

    The receipt tells, where there is one, unless the second sweep contradicts it: what is found again is not gone.
    """
    left = {finding.key for finding in after.findings()}
    seen = {(c.account.id, after.region(c), c.policy.name) for c in after.checks if c.state.seen}
    written = {
        (str(r.get("account") or c.account.id), c.policy.name, str(r["resource"]), fixing.region(c)): r
        for c in fixing.checks for r in c.receipts
    }
    why = {
        (c.account.id, fixing.region(c), c.policy.name): c.reason for c in fixing.checks if c.state.missing
    }
    ended = []
    for finding in findings:
        place = (finding.account, finding.region, finding.policy)
        # A receipt names what it fixed by its id, or by its ARN where the id says too little.
        receipt = next((
            found for name in (finding.resource, finding.arn)
            if (found := written.pop((finding.account, finding.policy, name, finding.region), None)) is not None), None)
        outcome, reason = _outcome(
            receipt, found_again=finding.key in left, looked=place in seen, trouble=why.get(place, "")
        )
        ended.append(Fix(finding.account_name, finding.region, finding.policy, finding.resource, outcome, reason))
    # Drift that appeared between the first sweep and the fix.
    for (account, policy, resource, region), receipt in written.items():
        ended.append(Fix(account, region, policy, resource, str(receipt["outcome"]), str(receipt.get("reason", ""))))
    return ended


def _outcome(
    receipt: Mapping[str, Any] | None, *, found_again: bool, looked: bool, trouble: str
) -> tuple[str, str]:
    if receipt is not None:
        outcome, reason = str(receipt["outcome"]), str(receipt.get("reason", ""))
        if outcome in _GONE and found_again:
            return STILL_THERE, f"the receipt says {outcome}, and the sweep after it found it again"
        return outcome, reason
    if found_again:
        return STILL_THERE, trouble or "the sweep after the fix found it again"
    return (FIXED, "") if looked else (UNKNOWN, trouble or "the sweep after the fix did not get there")


def headline(ended: Sequence[Fix], sweeps: Iterable[Sweep]) -> str:
    """The first line of a heal: what is fixed, what is not, and whether anything was not seen."""
    counts = Counter(fix.outcome for fix in ended if not fix.done)
    missing = sum(len(sweep.missing) for sweep in sweeps)
    said = [f"{sum(fix.done for fix in ended)} of {len(ended)} findings fixed"]
    said += [f"{number} {outcome}" for outcome, number in sorted(counts.items())]
    if missing:
        said.append(f"{missing} checks did not complete")
    failed = missing or any(fix.failed for fix in ended)
    return f"{'INCOMPLETE' if failed else 'COMPLETE'}: {', '.join(said)}"
