"""The result of a heal: when it has ended, and as far as it came if it was interrupted."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from custom_actions.fixing import NOT_SENT

from ..assessment import Assessment, assess
from ..command import command
from ..errors import GuardrailsError
from ..results import CheckRow, Exceptions, Finding, RunStore, Status
from .account_lock import lock_holder
from .audit import check_row
from .fix_outcomes import Fix, FixOutcome, fixes, fixes_so_far
from .fix_rounds import FixRound, fix_rounds
from .sweeps import Sweep


class HealPhase(StrEnum):
    """How far a heal has come. It is saved in the run's file before the phase begins."""

    SWEEPING = "sweeping"
    """Looking for drift. Nothing was changed."""
    CONFIRMING = "confirming"
    """Waiting for the confirmation. Nothing was changed."""
    PLANNED = "planned"
    """`--plan-out` has written its plan, and nothing was changed."""
    CANCELLED = "cancelled"
    """The findings were not confirmed, or there were more than a limit allows. Nothing was changed."""
    FIXING = "fixing"
    VERIFYING = "verifying"
    """All fixes have ended, and the second sweep runs."""
    REPORTING = "reporting"
    DONE = "done"

    @property
    def ended(self) -> bool:
        """Whether it ended, so that there is nothing to resume unless a fix failed."""
        return self in (HealPhase.PLANNED, HealPhase.CANCELLED, HealPhase.DONE)

    @property
    def confirmed(self) -> bool:
        """Whether the findings to fix are confirmed, so that resources may have been changed."""
        return self in (HealPhase.FIXING, HealPhase.VERIFYING, HealPhase.REPORTING, HealPhase.DONE)


@dataclass(frozen=True)
class Heal:
    """A finished heal: what was confirmed, the fixes, and the sweep after."""

    findings: Sequence[Finding]
    """The findings that were confirmed."""
    unfinished: Sequence[CheckRow]
    """The checks of the sweep before that have no complete result."""
    rounds: Sequence[FixRound]
    fixing: Sweep | None
    """The sweep that ran the last fixes; None if nothing was left to fix."""
    after: Sweep
    tried: frozenset[str] = frozenset()
    """The ids of the findings that the last fixes were for."""
    others: Sequence[Fix] = ()
    """The findings of an applied plan that need no fix, or must not be fixed."""
    stopped: str = ""
    """Why the fixes were stopped early; empty if they were not."""

    @cached_property
    def fixes(self) -> list[Fix]:
        """How the fix of each finding ended."""
        found = fixes(
            self.findings, self.rounds, self.fixing, self.after, tried=self.tried, stopped=self.stopped)
        return [*found, *self.others]

    @cached_property
    def receipts(self) -> list[Mapping[str, Any]]:
        """Every receipt that the fixes wrote, also those of interrupted rounds."""
        return receipts_of_rounds(self.rounds)

    @cached_property
    def missing(self) -> list[CheckRow]:
        """The checks of all three sweeps that have no complete result."""
        sweeps = [each for each in (self.fixing, self.after) if each is not None]
        return [*self.unfinished, *(check_row(each.plan, check) for each in sweeps for check in each.missing)]

    @property
    def not_told(self) -> list[str]:
        """Why messages about fixes were not sent, one line for each policy in an account and region."""
        checks = self.fixing.checks if self.fixing is not None else ()
        return [f"{check.account.name} {check.region}: {check.reason}" for check in checks
                if check.state.seen and NOT_SENT in check.reason]

    @property
    def complete(self) -> bool:
        """Whether every check completed and no fix failed."""
        return not self.missing and not self.stopped and not any(fix.outcome.failed for fix in self.fixes)

    def headline(self) -> str:
        """The first line of the report: whether the heal is complete, and the outcomes in numbers."""
        parts = [counts(self.fixes)]
        if self.missing:
            parts.append(f"{len(self.missing)} checks did not complete")
        if self.stopped:
            parts.append(self.stopped)
        return f"{'COMPLETE' if self.complete else 'INCOMPLETE'}: {', '.join(parts)}"


def counts(ended: Sequence[Fix]) -> str:
    """The outcomes in numbers: `3 of 5 findings fixed, 1 failed, 1 refused`."""
    numbers = Counter(fix.outcome.value for fix in ended if not fix.outcome.done)
    parts = [f"{sum(fix.outcome.done for fix in ended)} of {len(ended)} findings fixed"]
    return ", ".join(parts + [f"{number} {outcome}" for outcome, number in sorted(numbers.items())])


def receipts_of_rounds(rounds: Sequence[FixRound]) -> list[Mapping[str, Any]]:
    """Every receipt of these rounds, in the order of the rounds."""
    return [receipt for each in rounds for receipts in each.receipts.values() for receipt in receipts]


def confirmed_findings(store: RunStore) -> list[Finding]:
    """The findings of a heal that were confirmed, the most severe first."""
    wanted = set(store.get("confirmed", ()))
    return [finding for finding in store.findings(Status.OPEN) if finding.id in wanted]


def saved_others(store: RunStore) -> list[Fix]:
    """The findings of an applied plan that need no fix, or must not be fixed."""
    return [Fix(**{**each, "outcome": FixOutcome(each["outcome"])}) for each in store.get("others", ())]


@contextmanager
def saved_values(store: RunStore) -> Iterator[None]:
    """In this context, values of the file that are missing or have another form raise GuardrailsError."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise GuardrailsError(
            f"{store.path}: the file is damaged: {error!r}", f"start a new heal: {command('heal')}") from None


def assess_heal_again(
    store: RunStore, directory: Path, *, controls: Sequence[Path], exceptions: Exceptions
) -> tuple[Assessment, str]:
    """The assessment of the heal in `directory`, and what to do if it was interrupted; empty if it was not.

    The journals say what an interrupted heal has fixed. Nothing is read from AWS. Raises GuardrailsError if the file is
    damaged.
    """
    if store.get("phase") is None:
        headline = "INCOMPLETE: an earlier version of guardrails made this heal, and did not save how it ended"
        return assess(store, controls=controls, exceptions=exceptions, headline=headline, complete=False), ""
    with saved_values(store):
        phase = HealPhase(store["phase"])
        confirmed, others = confirmed_findings(store), saved_others(store)
        result = dict(store["result"]) if phase is HealPhase.DONE else {}
    if result:
        return assess(store, controls=controls, exceptions=exceptions, **result), ""
    if phase.ended:
        found = sum(1 for _ in store.findings(Status.OPEN))
        headline = f"{phase.upper()}: {found} findings could be fixed, nothing was changed"
        return assess(store, controls=controls, exceptions=exceptions, headline=headline), ""
    rounds = fix_rounds(directory, store)
    ended = [*fixes_so_far(confirmed, rounds), *others]
    how = f"{counts(ended)} so far" if phase.confirmed else "nothing was changed"
    if running := _running(store, directory):
        headline, advice = f"RUNNING ({phase}, process {running}): {how}", ""
    else:
        headline = f"INTERRUPTED while {phase}: {how}"
        advice = f"to continue: {command('heal --resume')} {directory}"
    assessment = assess(store, controls=controls, exceptions=exceptions, headline=headline, complete=False, extra={
        "complete": False, "fixes": [asdict(fix) for fix in ended], "receipts": receipts_of_rounds(rounds)})
    return assessment, advice


def _running(store: RunStore, directory: Path) -> int:
    """The process that still runs this heal; 0 if there is none."""
    for account in store.accounts():
        holder = lock_holder(account.id)
        if holder is not None and Path(holder.directory) == directory.resolve():
            return holder.pid
    return 0
