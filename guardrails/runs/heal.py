"""Healing: find drift, run the fixes that were confirmed, and verify with a second sweep that the drift was removed.

The run's file (`run.db`) always has the phase of the heal and what was confirmed, and every fix has a journal. So a
heal that was killed can be resumed at any point, and a report can say how far it has come.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..assessment import Assessment
from ..policies import Policy
from ..results import CheckRow, Exceptions, Finding, RunStore, Status
from .audit import AuditRequest, AuditRun
from .c7n_org import HEAL, Concurrency, Target
from .fix_outcomes import Fix, FixOutcome, settled
from .fix_rounds import fix_rounds, new_round, place_of
from .heal_limits import LIMIT_EXCEEDED, HealLimits, breaches, looked_at, without_limits
from .heal_plan import HealPlan, PlannedFinding
from .heal_result import Heal, HealPhase, confirmed_findings, saved_others
from .progress import ShowProgress
from .sweeps import Sweep, SweepPlan, execute, sweep


class HealRun:
    """A heal in progress: `find_drift`, then `confirm`, `fix` and `assess`. Use it as a context manager."""

    def __init__(
        self, directory: Path, store: RunStore, request: AuditRequest, plan: SweepPlan, exceptions: Exceptions, *,
        progress: ShowProgress, concurrency: Concurrency,
    ) -> None:
        """Use `start_heal` or `resume_heal`."""
        self.directory = directory
        self.store = store
        self.request = request
        self.plan = plan
        self._exceptions = exceptions
        self._progress = progress
        self._concurrency = concurrency
        self._without_limits = replace(plan, policies=[without_limits(policy) for policy in plan.policies])
        self._audit = AuditRun(directory, store, request, self._without_limits, exceptions)
        self.applied = HealPlan.parse(store["applied"]) if store.get("applied") else None
        self._before = Sweep(plan, ())

    def __enter__(self) -> HealRun:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.store.close()

    @property
    def phase(self) -> HealPhase:
        """How far it has come."""
        return HealPhase(self.store["phase"])

    @property
    def confirmed(self) -> list[Finding]:
        """The findings that were confirmed."""
        return confirmed_findings(self.store)

    @property
    def left(self) -> list[Finding]:
        """The confirmed findings for which something is left to do."""
        rounds = fix_rounds(self.directory, self.store)
        return [finding for finding in self.confirmed if not settled(finding, rounds)]

    @property
    def others(self) -> list[Fix]:
        """The findings of an applied plan that need no fix, or must not be fixed."""
        return saved_others(self.store)

    @property
    def unfinished(self) -> list[CheckRow]:
        """The checks of the sweep before that have no complete result."""
        return list(self.store.checks(missing=True))

    def find_drift(self) -> list[Finding]:
        """Sweep without changing anything; returns the open findings that the request selects, the most severe first.

        When a plan is applied, these are the findings of the plan that are still as the plan describes them.
        """
        self.store["phase"] = HealPhase.SWEEPING
        self._before = self._sweep(self._without_limits, "before")
        self._audit.take(self._before.checks)
        findings = [finding for finding in self.store.findings(Status.OPEN) if self.request.selects(finding)]
        if self.applied is not None:
            findings, others = self._compared(self.applied, findings)
            self.store["others"] = [asdict(fix) for fix in others]
        self.store["phase"] = HealPhase.CONFIRMING
        return findings

    def breaches(self, findings: Sequence[Finding]) -> list[str]:
        """The limits that fixing these findings would exceed. Call it after `find_drift`."""
        return breaches(
            findings, looked_at(self._before), HealLimits.parse(**self.store["limits"]), self.plan.policies)

    def planned(self, findings: Sequence[Finding]) -> HealPlan:
        """The plan to fix these findings, which `find_drift` has returned. Ends this heal without a change."""
        resources = self._resources()
        self.store["phase"] = HealPhase.PLANNED
        return HealPlan.of(
            [(finding, resources[finding.id, finding.region]) for finding in findings], self.plan.policies,
            self.plan.accounts, created=self.store["started"], not_seen=[
                f"{row.policy} in {row.account} {row.region}: {row.state}: {row.reason}" for row in self.unfinished])

    def confirm(self, findings: Sequence[Finding]) -> None:
        """Save which findings are confirmed. Only these are fixed, also after an interruption."""
        self.store["confirmed"] = [finding.id for finding in findings]
        self.store["phase"] = HealPhase.FIXING

    def cancel(self) -> None:
        """Save that nothing will be fixed."""
        self.store["phase"] = HealPhase.CANCELLED

    def fix(self) -> Heal:
        """Run the fixes on the confirmed findings for which something is left, then sweep their checks again."""
        confirmed, left = self.confirmed, self.left
        fixing, stopped = self._fix(left) if left else (None, "")
        self.store["phase"] = HealPhase.VERIFYING
        after = self._sweep(replace(self._without_limits, only=self._where(confirmed)), "after")
        self.store["phase"] = HealPhase.REPORTING
        return Heal(
            confirmed, self.unfinished, fix_rounds(self.directory, self.store), fixing, after,
            frozenset(finding.id for finding in left), self.others, stopped)

    def assess(self, heal: Heal, controls: Sequence[Path] = ()) -> Assessment:
        """The assessment of the heal, with its fixes and receipts; `controls` are directories of more frameworks."""
        from ..assessment import assess

        result: dict[str, Any] = {"headline": heal.headline(), "complete": heal.complete, "extra": {
            "complete": heal.complete, "fixes": [asdict(fix) for fix in heal.fixes],
            "receipts": [dict(receipt) for receipt in heal.receipts]}}
        self.store["result"] = result
        return assess(self.store, controls=controls, exceptions=self._exceptions, **result)

    def done(self) -> None:
        """Save that the report and the receipts are written."""
        self.store["finished"] = datetime.now(UTC).isoformat(timespec="seconds")
        self.store["phase"] = HealPhase.DONE

    def _fix(self, left: Sequence[Finding]) -> tuple[Sweep, str]:
        """Run a round of fixes; returns its sweep, and why it was stopped early."""
        plan = SweepPlan(
            [_only(policy, left) for policy in self.plan.policies], self.plan.accounts, self._where(left))
        checks = plan.unreachable_checks()
        problem = execute(
            plan.work(), HEAL, new_round(self.directory), plan.accounts, checks.extend, stop_on=LIMIT_EXCEEDED,
            exceptions=self._exceptions.path, progress=self._progress, concurrency=self._concurrency)
        return Sweep(plan, tuple(checks)), f"stopped at the first limit: {problem}" if problem else ""

    def _where(self, findings: Sequence[Finding]) -> Callable[[Target, Policy], bool]:
        """Whether a policy has one of these findings in an (account, region)."""
        drifted = {place_of(finding) for finding in findings}

        def has_drift(target: Target, policy: Policy) -> bool:
            account, region = target
            return (account.id, self.plan.reported(policy, region), policy.name) in drifted

        return has_drift

    def _compared(self, applied: HealPlan, findings: Sequence[Finding]) -> tuple[list[Finding], list[Fix]]:
        """The findings that are as the plan describes them, and how the plan's other findings end."""
        resources = self._resources()
        found = {planned.key: (finding, planned) for finding in findings
                 for planned in [PlannedFinding.of(finding, resources[finding.id, finding.region])]}
        same, others = set(), []
        for planned in applied.findings:
            finding, there = found.get(planned.key, (None, planned))
            if finding is None:
                outcome, reason = self._not_found(planned)
                name = applied.accounts[planned.account].name
                others.append(Fix(name, planned.region, planned.policy, planned.resource, outcome, reason))
            elif changed := planned.changed(there):
                others.append(Fix.of(
                    finding, FixOutcome.PLAN_OUTDATED, f"changed since the plan was made: {', '.join(changed)}"))
            else:
                same.add(finding.id)
        return [finding for finding in findings if finding.id in same], others

    def _not_found(self, planned: PlannedFinding) -> tuple[FixOutcome, str]:
        """The outcome of a planned finding that the sweep before the fixes did not find."""
        where = (planned.account, planned.region, planned.policy)
        check = next((check for check in self._before.checks if (
            check.account.id, self.plan.region(check), check.policy.name) == where), None)
        if check is None or not check.judged(planned.resource):
            return FixOutcome.UNKNOWN, check.reason if check else "the sweep before the fixes has no result for it"
        if any((finding.account, finding.region, finding.policy, finding.resource) == planned.key
               for finding in self.store.findings(Status.EXCEPTED)):
            return FixOutcome.PLAN_OUTDATED, "an exception covers it now"
        return FixOutcome.ALREADY_OK, "no longer found"

    def _resources(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """The resources of the sweep before, by the id and the region of their findings."""
        return {
            (finding.id, finding.region): resource for check in self._before.checks
            for finding, resource in zip(self.plan.findings_of(check), check.resources, strict=True)}

    def _sweep(self, plan: SweepPlan, name: str) -> Sweep:
        return sweep(plan, self.directory / name, progress=self._progress, concurrency=self._concurrency)


def _only(policy: Policy, findings: Sequence[Finding]) -> Policy:
    """The policy, restricted to the resources of its findings."""
    listed = [[each.account, each.region, each.resource] for each in findings if each.policy == policy.name]
    only = {"type": "only-resources", "resources": listed}
    return replace(policy, data={**policy.data, "filters": [*(policy.data.get("filters") or ()), only]})
