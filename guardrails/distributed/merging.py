"""Merging the results of shards into one run: each check exactly once, and each that has no result with the reason."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..accounts import Account, Accounts
from ..errors import GuardrailsError
from ..results import AccountInfo, CheckRow, Finding, RunStore, State
from ..runs import SweepPlan, one_line, scope_of
from .question import Question
from .shards import Shard

_NOTHING = "its shard has no result"


@dataclass(frozen=True)
class ShardFile:
    """A shard, and the file of its results; without one, why there is none."""

    shard: Shard
    file: Path | None
    reason: str = ""


def merge(store: RunStore, question: Question, files: Iterable[ShardFile]) -> None:
    """Fill the file of a run, which has no results yet, with those of its shards.

    A shard without a file, or with one that is damaged or of another account, is `not-run` in each of its checks. The
    result does not depend on the order in which the shards ended. Raises GuardrailsError if `store` cannot be written.
    """
    infos: dict[str, list[AccountInfo]] = {}
    reasons: dict[str, list[tuple[Shard, str]]] = {}
    for each in files:
        reason = each.reason or _NOTHING
        if each.file:
            try:
                with RunStore.open(each.file) as results:
                    infos.setdefault(each.shard.account, []).append(_info(results, question, each.shard))
                    copy_results(results, store)
                continue
            except GuardrailsError as error:
                reason = f"the results of its shard cannot be read: {error.problem}"
        reasons.setdefault(each.shard.account, []).append((each.shard, one_line(reason)))
    accounts = _accounts(question, infos)
    store.set_accounts([
        *(AccountInfo(account.id, account.name, account.regions) for account in accounts.reached),
        *(AccountInfo(account.id, account.name, account.regions, reason) for account, reason in accounts.unreachable)])
    store.add((row, ()) for row in _lost(store, question, accounts, reasons))
    store["scope"] = scope_of(
        ((account.id, account.regions) for account in accounts.all), store.policies())


def copy_results(source: RunStore, target: RunStore, keep: Callable[[CheckRow], bool] = lambda row: True) -> None:
    """Add checks of one run's file to another, with their findings and the resources that passed."""
    findings: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in source.findings():
        findings.setdefault((finding.account_name, finding.region, finding.policy), []).append(finding)
    kept = [row for row in source.checks() if keep(row)]
    target.add((row, findings.get(row.key, ())) for row in kept)
    target.copy_passed(source.path, [row.key for row in kept])


def _info(results: RunStore, question: Question, shard: Shard) -> AccountInfo:
    """The account as the shard found it. Raises GuardrailsError if the file has results of anything else."""
    account = question.account(shard.account)
    known = {policy.name for policy in question.policies}
    infos = results.accounts()
    if [(info.id, info.name) for info in infos] != [(account.id, account.name)]:
        raise GuardrailsError(f"it is not about account {account}", "start a new audit")
    wrong = results.rows(
        "select policy from checks where (account, account_name) <> (?, ?) union "
        "select policy from findings where (account, account_name) <> (?, ?) limit 1",
        account.id, account.name, account.id, account.name)
    if wrong or set(results.policies()) - known:
        raise GuardrailsError(f"it has results that are not of account {account}", "start a new audit")
    return infos[0]


def _accounts(question: Question, infos: Mapping[str, Sequence[AccountInfo]]) -> Accounts:
    """The accounts as the shards found them: reached if one of their shards could enter."""
    reached: list[Account] = []
    unreachable: list[tuple[Account, str]] = []
    for account in question.accounts:
        found = infos.get(account.id, ())
        entered = next((info for info in found if not info.reason), None)
        if entered:
            reached.append(replace(account, regions=entered.regions))
        elif found:
            unreachable.append((account, found[0].reason))
        else:
            reached.append(account)  # not known: its checks say why
    return replace(question.found(), reached=tuple(reached), unreachable=tuple(unreachable))


def _lost(
    store: RunStore, question: Question, accounts: Accounts, reasons: Mapping[str, Sequence[tuple[Shard, str]]]
) -> Iterator[CheckRow]:
    """The checks that the run should have, and has not."""
    there = store.states()
    plan = SweepPlan(question.policies, accounts)
    entered = SweepPlan(question.policies, replace(accounts, reached=accounts.all, unreachable=()))
    for (account, region), policies in entered.work().items():
        reason = next((why for shard, why in reasons.get(account.id, ()) if shard.covers(region)), _NOTHING)
        for policy in policies:
            shown = plan.reported(policy, region)
            if (account.name, shown, policy.name) not in there:
                yield CheckRow(account.id, account.name, shown, policy.name, State.NOT_RUN.value, reason, 0)
