"""A sweep: policies over accounts and regions, with a result for every (account, region, policy)."""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from custom_actions.exceptions import VARIABLE
from custom_actions.resources import SWITCH
from custom_actions.vocabulary import GLOBAL

from ..accounts import Account, Accounts, account_region
from ..command import command
from ..errors import GuardrailsError
from ..paths import make_private
from ..policies import Policy, Scope, audit_scope, merged
from ..results import Finding, State, findings_of, in_order
from .accounting import Check, account_for, not_reached, unreached
from .c7n_org import AUDIT, DEFAULT_CONCURRENCY, Concurrency, Ended, How, Target, Work, run, work_for
from .progress import ShowProgress, without_progress

# c7n-org leaves an (account, region) at the first AccessDenied. The policies that it did not reach are started again
# without the denied one. An account in which every other policy is denied gets no more starts than this.
_STARTS = 6

Take = Callable[[Sequence[Check]], None]
Runner = Callable[..., str]
"""What runs c7n-org: `c7n_org.run`, or another function with its arguments."""


@dataclass(frozen=True)
class SweepPlan:
    """What a sweep runs: which policies, in which accounts and regions."""

    policies: Sequence[Policy]
    accounts: Accounts
    only: Callable[[Target, Policy], bool] = lambda target, policy: True
    """Whether to run the policy in the (account, region); by default all are run."""

    @cached_property
    def scopes(self) -> Mapping[str, Scope]:
        """Policy name to scope."""
        return {policy.name: audit_scope(policy) for policy in self.policies}

    def regions(self, policy: Policy, account: Account) -> Sequence[str]:
        """The regions of the account in which the policy runs."""
        whole_account = self.scopes[policy.name] is Scope.ACCOUNT
        return (account_region(account.regions),) if whole_account else account.regions

    def region(self, check: Check) -> str:
        """The region of a check as a report shows it."""
        return self.reported(check.policy, check.region)

    def reported(self, policy: Policy, region: str) -> str:
        """`global` for a policy that runs once per account, else the region."""
        return GLOBAL if self.scopes[policy.name] is Scope.ACCOUNT else region

    def work(self) -> Work:
        """The work in the accounts that can be reached."""
        return self._work(self.accounts.reached)

    def unreachable_checks(self) -> list[Check]:
        """The checks of the accounts that cannot be reached."""
        return not_reached(
            self.accounts.unreachable, self._work([account for account, _ in self.accounts.unreachable]))

    def findings_of(self, check: Check) -> list[Finding]:
        """The findings of this check; also those of an incomplete check."""
        return findings_of(
            check.policy, check.account, check.region, check.resources,
            whole_account=self.scopes[check.policy.name] is Scope.ACCOUNT)

    def _work(self, accounts: Sequence[Account]) -> Work:
        return {
            target: kept
            for target, found in work_for(self.policies, accounts, self.regions).items()
            if (kept := tuple(policy for policy in found if self.only(target, policy)))
        }


@dataclass(frozen=True)
class Sweep:
    """A sweep and its results, held in memory: for a verb that works on a few accounts."""

    plan: SweepPlan
    checks: tuple[Check, ...]

    @property
    def missing(self) -> list[Check]:
        """The checks without a complete result."""
        return [check for check in self.checks if check.state.missing]

    def region(self, check: Check) -> str:
        """The region of a check as a report shows it."""
        return self.plan.region(check)

    def findings(self) -> list[Finding]:
        """All findings, the most severe first."""
        return in_order(finding for check in self.checks for finding in self.plan.findings_of(check))


def sweep(
    plan: SweepPlan, directory: Path, *, how: How = AUDIT, exceptions: Path | None = None,
    progress: ShowProgress = without_progress, concurrency: Concurrency = DEFAULT_CONCURRENCY,
) -> Sweep:
    """Run the plan and keep all results in memory; the arguments are those of `execute`."""
    checks = plan.unreachable_checks()
    execute(plan.work(), how, directory, plan.accounts, checks.extend, exceptions=exceptions, progress=progress,
            concurrency=concurrency)
    return Sweep(plan, tuple(checks))


def execute(
    work: Work, how: How, directory: Path, accounts: Accounts, take: Take, *, exceptions: Path | None = None,
    progress: ShowProgress = without_progress, concurrency: Concurrency = DEFAULT_CONCURRENCY,
    stop_on: re.Pattern[str] | None = None, evidence: bool = False, runner: Runner = run, valid: bool = False,
) -> str:
    """Run the work, and pass each check to `take` as soon as it has ended.

    Policies that c7n-org did not reach because an earlier one was denied are started again without the denied one.

    Args:
        directory: where c7n-org's files go.
        take: receives the checks. On an interrupt it receives those that had ended before KeyboardInterrupt is raised.
        exceptions: the file of exceptions to apply; none applies without it, so that an audit sees excepted findings.
        progress: shows the progress.
        concurrency: how much runs at the same time.
        stop_on: stop everything as soon as a log of c7n-org matches this.
        evidence: whether to keep the ids of the resources that pass.
        runner: what runs c7n-org.
        valid: whether the policies are known to be valid, so that they need not be validated again.

    Returns the line that matched `stop_on`; empty if none did. Then `take` has received every check that was given to
    c7n-org, also those without a result.

    Raises GuardrailsError if c7n would reject a policy: one invalid policy would stop every other policy of its
    account and region.
    """
    if not work:
        return ""
    if not valid:
        refuse_invalid({policy.name: policy for policies in work.values() for policy in policies}.values(), how)

    lists = directory / "resource-lists" if evidence else None
    if lists:
        make_private(lists)
    stopped: list[Check] = []

    def ended(one: Ended) -> Work:
        checks = account_for(one.work, one.log, one.output, fixing=not how.dryrun, lists=lists)
        if one.stopped:
            take([check for check in checks if check.state is State.RAN])
            stopped.extend(check for check in checks if check.state is not State.RAN)
            return {}
        again = unreached(checks, one.log) if one.start < _STARTS else {}
        take([check for check in checks if check.policy not in again.get((check.account, check.region), ())])
        return again

    total = sum(len(policies) for policies in work.values())
    problem = runner(work, how, directory, accounts.vars, ended=ended,
                     show=lambda: progress("fixing" if not how.dryrun else "sweeping", total),
                     environment={VARIABLE: str(exceptions or ""), SWITCH: str(lists or "")},
                     concurrency=concurrency, stop_on=stop_on)
    take(stopped)
    return problem


def refuse_invalid(policies: Iterable[Policy], how: How) -> None:
    """Raise GuardrailsError for the first policy that c7n would reject when run like this."""
    from ..policies import invalid_policies

    listed = list(policies)
    asked = ((policy.resource, merged([policy], mode=how.mode, actions=how.actions)["policies"][0])
             for policy in listed)
    for index, problem, fix in invalid_policies(asked):
        policy = listed[index]
        raise GuardrailsError(
            f"{policy.where}: {policy.name}: {problem}", fix or f"{command('validate')} shows every error")
