"""Starting a heal, and resuming one that was interrupted."""
from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..accounts import Accounts
from ..assessment import SHOWN_FRAMEWORKS
from ..command import command
from ..errors import GuardrailsError, NothingSelected
from ..policies import Policy
from ..results import FILE, Exceptions, RunStore
from .audit import AuditRequest, account_infos, describe, fingerprint
from .c7n_org import DEFAULT_CONCURRENCY, HEAL, Concurrency, Target
from .heal import HealRun
from .heal_limits import HealLimits
from .heal_plan import HealPlan
from .heal_result import HealPhase, saved_values
from .progress import ShowProgress, without_progress
from .sweeps import SweepPlan, refuse_invalid

_NEW = f"start a new one: {command('heal')}"


def fixable(request: AuditRequest, applied: HealPlan | None = None) -> list[Policy]:
    """The selected policies that can be swept and have a fix; with a plan, those of the plan.

    Raises NothingSelected if there are none, and GuardrailsError if a policy of the plan is not what it was.
    """
    if applied is not None:
        return applied.selected(request.every)
    chosen = [policy for policy in request.policies() if policy.sweeps]
    policies = [policy for policy in chosen if policy.heals]
    if not policies:
        raise NothingSelected(f"nothing to run: none of the {len(chosen)} selected policies has a fix")
    return policies


def start_heal(
    request: AuditRequest, policies: Sequence[Policy], accounts: Accounts, exceptions: Exceptions, directory: Path,
    limits: HealLimits, *, applied: HealPlan | None = None, progress: ShowProgress = without_progress,
    concurrency: Concurrency = DEFAULT_CONCURRENCY,
) -> HealRun:
    """A new heal.

    Args:
        policies: those of the request that have a fix (`fixable`).
        exceptions: those of the request.
        directory: new or empty.
        applied: the plan to apply; None to heal what the request selects.

    Raises GuardrailsError for an invalid policy, or a plan of other accounts.
    """
    refuse_invalid(policies, HEAL)
    if applied is not None:
        applied.refuse_other_accounts(accounts)
    store = RunStore.create(directory / FILE)
    store["phase"] = HealPhase.SWEEPING
    describe(store, "heal", policies, accounts, request.every)
    store[SHOWN_FRAMEWORKS] = request.shown
    store["limits"] = limits.to_dict()
    store["applied"] = applied.to_dict() if applied is not None else None
    store["fingerprint"] = fingerprint(policies)
    # Written last: a heal without it was interrupted before it began, and cannot be resumed.
    store["question"] = asdict(request)
    return HealRun(directory, store, request, _plan(policies, accounts, applied), exceptions, progress=progress,
                   concurrency=concurrency)


def resume_heal(
    directory: Path, *, progress: ShowProgress = without_progress, concurrency: Concurrency = DEFAULT_CONCURRENCY
) -> HealRun:
    """The heal in `directory`, ready to go on from its phase.

    Whether the accounts can be reached is checked again. Raises GuardrailsError if there is no heal, if nothing is left
    to do, or if the policies or accounts have changed since: then other fixes would run than those that were confirmed.
    """
    refuse_foreign(directory)
    store = RunStore.open(directory)
    try:
        return _resumed(directory, store, progress, concurrency)
    except BaseException:
        store.close()
        raise


def refuse_foreign(directory: Path) -> None:
    """Raise GuardrailsError if another user may have written the heal in `directory`.

    The file names the policies whose fixes would run, and the resources.
    """
    for path in (directory, directory / FILE):
        try:
            status = path.stat()
        except OSError:
            continue  # the next step says what is missing
        if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise GuardrailsError(
                f"{path}: another user can change it, so it is not resumed",
                f"check its content, then: chown {os.geteuid()} and chmod go-w")


def _resumed(directory: Path, store: RunStore, progress: ShowProgress, concurrency: Concurrency) -> HealRun:
    saved = store.get("question")
    if store.get("verb") != "heal" or saved is None:
        raise GuardrailsError(f"{directory}: not a heal that can be resumed", _NEW)
    with saved_values(store):
        phase = HealPhase(store["phase"])
        incomplete = phase is HealPhase.DONE and not store["result"]["complete"]
        request = AuditRequest.restore(saved)
        applied = HealPlan.parse(store["applied"]) if store["applied"] else None
        HealLimits.parse(**store["limits"])
        before = store["fingerprint"]
    if phase.ended and not incomplete:
        raise GuardrailsError(f"{directory}: this heal has ended, nothing is left to do", _NEW)
    policies = fixable(request, applied)
    if fingerprint(policies) != before:
        raise GuardrailsError(f"{directory}: the policies have changed since this heal began", _NEW)
    accounts = request.find_accounts()
    if {account.id for account in accounts.all} != {account.id for account in store.accounts()}:
        raise GuardrailsError(f"{directory}: the accounts have changed since this heal began", _NEW)
    if applied is not None:
        applied.refuse_other_accounts(accounts)
    store.set_accounts(account_infos(accounts))
    return HealRun(
        directory.resolve(), store, request, _plan(policies, accounts, applied), request.load_exceptions(),
        progress=progress, concurrency=concurrency)


def _plan(policies: Sequence[Policy], accounts: Accounts, applied: HealPlan | None) -> SweepPlan:
    plan = SweepPlan(policies, accounts)
    if applied is None:
        return plan
    places = {(finding.account, finding.region, finding.policy) for finding in applied.findings}

    def planned(target: Target, policy: Policy) -> bool:
        account, region = target
        return (account.id, plan.reported(policy, region), policy.name) in places

    return SweepPlan(policies, accounts, planned)
