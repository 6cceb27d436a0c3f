"""Healing: find drift, run the fixes, and verify with a second sweep that the drift was removed."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from custom_actions.fixing import NOT_SENT, Outcome

from ..accounts import Accounts
from ..assessment import Assessment
from ..errors import GuardrailsError, NothingSelected
from ..policies import Policy
from ..results import FILE, CheckRow, Exceptions, Finding, RunStore, Status
from .audit import AuditRequest, AuditRun, check_row, describe
from .c7n_org import DEFAULT_CONCURRENCY, HEAL, Concurrency, Target
from .progress import ShowProgress, without_progress
from .sweeps import Sweep, SweepPlan, sweep


class FixOutcome(StrEnum):
    """How the fix of one finding ended.

    The receipt of the fix decides, unless the second sweep contradicts it.
    """

    REVERTED = Outcome.REVERTED.value
    """According to the receipt, the fix changed the resource, read it again, and found no drift."""
    ALREADY_OK = Outcome.ALREADY_OK.value
    """According to the receipt, there was no drift any more when the fix read the resource."""
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
    UNKNOWN = "unknown"
    """There is no receipt, and the second sweep has no result; or the receipt's outcome is not in this list."""

    @property
    def done(self) -> bool:
        """Whether it is certain that there is no drift any more."""
        return self in (FixOutcome.REVERTED, FixOutcome.ALREADY_OK, FixOutcome.FIXED)

    @property
    def failed(self) -> bool:
        """Whether the fix may have failed to remove drift; a refused fix did not fail."""
        return self in (
            FixOutcome.PARTIAL, FixOutcome.FAILED, FixOutcome.INTERRUPTED, FixOutcome.STILL_THERE, FixOutcome.UNKNOWN)


@dataclass(frozen=True)
class Fix:
    """One finding, and how its fix ended."""

    account: str
    region: str
    policy: str
    resource: str
    outcome: FixOutcome
    reason: str = ""


@dataclass(frozen=True)
class Heal:
    """A finished heal: the sweep before, the fixes, and the sweep after."""

    findings: Sequence[Finding]
    """The open findings of the sweep before."""
    before: Sweep
    fixing: Sweep
    after: Sweep

    @cached_property
    def fixes(self) -> list[Fix]:
        """How the fix of each finding ended."""
        return fixes(self.findings, self.fixing, self.after)

    @cached_property
    def receipts(self) -> list[Mapping[str, Any]]:
        """Every receipt that the fixes wrote."""
        return [receipt for check in self.fixing.checks for receipt in check.receipts]

    @cached_property
    def missing(self) -> list[CheckRow]:
        """The checks of all three sweeps that have no complete result."""
        return [check_row(each.plan, check) for each in (self.before, self.fixing, self.after)
                for check in each.missing]

    @property
    def not_told(self) -> list[str]:
        """Why messages about fixes were not sent, one line for each policy in an account and region."""
        return [f"{check.account.name} {check.region}: {check.reason}" for check in self.fixing.checks
                if check.state.seen and NOT_SENT in check.reason]

    @property
    def complete(self) -> bool:
        """Whether every check completed and no fix failed."""
        return not self.missing and not any(fix.outcome.failed for fix in self.fixes)

    def headline(self) -> str:
        """The first line of the report: whether the heal is complete, and the outcomes in numbers."""
        counts = Counter(fix.outcome.value for fix in self.fixes if not fix.outcome.done)
        parts = [f"{sum(fix.outcome.done for fix in self.fixes)} of {len(self.fixes)} findings fixed"]
        parts += [f"{number} {outcome}" for outcome, number in sorted(counts.items())]
        if self.missing:
            parts.append(f"{len(self.missing)} checks did not complete")
        return f"{'COMPLETE' if self.complete else 'INCOMPLETE'}: {', '.join(parts)}"


class HealRun:
    """A heal in progress: `find_drift`, then `fix`, then `assess`. Use it as a context manager."""

    def __init__(
        self, request: AuditRequest, policies: Sequence[Policy], accounts: Accounts, exceptions: Exceptions,
        directory: Path, *, progress: ShowProgress = without_progress, concurrency: Concurrency = DEFAULT_CONCURRENCY,
    ) -> None:
        """`policies` are those of the request that have a fix; `directory` is new or empty."""
        self._plan = SweepPlan(policies, accounts)
        self._exceptions = exceptions
        self._directory = directory
        self._progress = progress
        self._concurrency = concurrency
        self._store = RunStore.create(directory / FILE)
        describe(self._store, "heal", policies, accounts, request.every)
        self._audit = AuditRun(directory, self._store, request, self._plan, exceptions)

    def __enter__(self) -> HealRun:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._store.close()

    def find_drift(self) -> list[Finding]:
        """Sweep without changing anything; returns the open findings, the most severe first."""
        self._before = self._sweep(self._plan, "before")
        self._audit.take(self._before.checks)
        self._findings = list(self._store.findings(Status.OPEN))
        return self._findings

    def fix(self) -> Heal:
        """Run the fixes only on the findings of `find_drift`, then sweep the same checks again."""
        drifted = {(finding.account, finding.region, finding.policy) for finding in self._findings}

        def has_drift(target: Target, policy: Policy) -> bool:
            account, region = target
            return (account.id, self._plan.reported(policy, region), policy.name) in drifted

        plan = SweepPlan(self._plan.policies, self._plan.accounts, has_drift)
        shown = SweepPlan(
            [_only(policy, self._findings) for policy in self._plan.policies], self._plan.accounts, has_drift)
        fixing = sweep(
            shown, self._directory / "fix", how=HEAL, exceptions=self._exceptions.path, progress=self._progress,
            concurrency=self._concurrency)
        return Heal(self._findings, self._before, fixing, self._sweep(plan, "after"))

    def assess(self, heal: Heal, controls: Sequence[Path] = ()) -> Assessment:
        """The assessment of the heal, with its fixes and receipts; `controls` are directories of more frameworks."""
        from ..assessment import assess

        return assess(self._store, controls=controls, exceptions=self._exceptions, headline=heal.headline(), extra={
            "complete": heal.complete, "fixes": [asdict(fix) for fix in heal.fixes],
            "receipts": [dict(receipt) for receipt in heal.receipts]})

    def _sweep(self, plan: SweepPlan, name: str) -> Sweep:
        return sweep(plan, self._directory / name, progress=self._progress, concurrency=self._concurrency)


def _only(policy: Policy, findings: Sequence[Finding]) -> Policy:
    """The policy, restricted to the resources of its findings."""
    listed = [[each.account, each.region, each.resource] for each in findings if each.policy == policy.name]
    only = {"type": "only-resources", "resources": listed}
    return replace(policy, data={**policy.data, "filters": [*(policy.data.get("filters") or ()), only]})


def refuse_more_than(limit: int, findings: Sequence[Finding]) -> None:
    """Raise GuardrailsError when there are more findings to fix than `limit`."""
    if len(findings) > limit:
        raise GuardrailsError(
            f"{len(findings)} resources would be changed, but the limit is {limit}: nothing was changed",
            "select fewer (--policy, --severity, --service, --region), or raise the limit with --limit")


def fixable(request: AuditRequest) -> list[Policy]:
    """The selected policies that can be swept and have a fix. Raises NothingSelected if there are none."""
    chosen = [policy for policy in request.policies() if policy.sweeps]
    policies = [policy for policy in chosen if policy.heals]
    if not policies:
        raise NothingSelected(f"nothing to run: none of the {len(chosen)} selected policies has a fix")
    return policies


def fixes(findings: Iterable[Finding], fixing: Sweep, after: Sweep) -> list[Fix]:
    """How the fix of each finding ended.

    The receipt of the fix decides, unless the second sweep finds the drift again. Receipts of resources without a
    finding are at the end. Their drift appeared after the first sweep.

    Args:
        findings: the open findings of the sweep before.
        fixing: the sweep that ran the fixes.
        after: the sweep of the same checks after the fixes.
    """
    left = after.findings()
    left_keys = {finding.key for finding in left}
    left_names = {name for finding in left for name in _names(finding)}
    evaluated = {(c.account.id, after.region(c), c.policy.name) for c in after.checks if c.state.seen}
    receipts = {
        (str(r.get("account") or c.account.id), c.policy.name, str(r["resource"]), fixing.region(c)): r
        for c in fixing.checks for r in c.receipts
    }
    problems = {
        (c.account.id, fixing.region(c), c.policy.name): c.reason for c in fixing.checks if c.state.missing
    }
    result = []
    for finding in findings:
        place = (finding.account, finding.region, finding.policy)
        # A receipt names its resource by id, or by ARN where the id alone is ambiguous.
        receipt = next(
            (found for name in _names(finding) if (found := receipts.pop(name, None)) is not None), None)
        outcome, reason = _outcome(
            receipt, found_again=finding.key in left_keys, evaluated=place in evaluated,
            problem=problems.get(place, ""))
        result.append(Fix(finding.account_name, finding.region, finding.policy, finding.resource, outcome, reason))
    for name, receipt in receipts.items():
        account, policy, resource, region = name
        outcome, reason = _outcome(receipt, found_again=name in left_names, evaluated=True, problem="")
        result.append(Fix(account, region, policy, resource, outcome, reason))
    return result


def _names(finding: Finding) -> list[tuple[str, str, str, str]]:
    """The keys to find the receipt of a finding's fix: with its resource id, and with its ARN."""
    return [(finding.account, finding.policy, name, finding.region)
            for name in (finding.resource, finding.arn) if name]


def _outcome(
    receipt: Mapping[str, Any] | None, *, found_again: bool, evaluated: bool, problem: str
) -> tuple[FixOutcome, str]:
    if receipt is not None:
        outcome, reason = _of_receipt(receipt)
        if outcome.done and found_again:
            return (FixOutcome.STILL_THERE,
                    f"the receipt says {outcome}, but the sweep after the fix found the drift again")
        return outcome, reason
    if found_again:
        return FixOutcome.STILL_THERE, problem or "the sweep after the fix found the drift again"
    if evaluated:
        return FixOutcome.FIXED, ""
    return FixOutcome.UNKNOWN, problem or "the sweep after the fix has no result for this resource"


def _of_receipt(receipt: Mapping[str, Any]) -> tuple[FixOutcome, str]:
    """The outcome and the reason in a receipt."""
    try:
        return FixOutcome(receipt["outcome"]), str(receipt.get("reason", ""))
    except ValueError:
        return FixOutcome.UNKNOWN, f"the receipt has an unknown outcome: {receipt['outcome']}"
