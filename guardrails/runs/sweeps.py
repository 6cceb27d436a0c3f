"""One sweep: policies over accounts and regions, each accounted for as soon as it has ended."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from custom_actions.exceptions import VARIABLE
from custom_actions.vocabulary import GLOBAL

from ..accounts import Account, Accounts, account_region
from ..errors import GuardrailsError
from ..policies import Policy, Scope, audit_scope, merged
from ..results import Finding, State, findings_of, in_order
from .accounting import Check, account_for, not_reached, unreached
from .c7n_org import AUDIT, Ended, How, Target, Work, run, work_for
from .progress import ShowProgress, without_progress

# c7n-org ends an account and region at the first AccessDenied. What it did not reach is started again without the
# policy that was denied; an account in which every other policy is denied is not worth more starts than this.
_STARTS = 6

Take = Callable[[Sequence[Check]], None]


@dataclass(frozen=True)
class Plan:
    """What a sweep asks: which policies, in which accounts and regions."""

    policies: Sequence[Policy]
    accounts: Accounts
    only: Callable[[Target, Policy], bool] = lambda target, policy: True

    @cached_property
    def scopes(self) -> Mapping[str, Scope]:
        """Policy name to where it runs."""
        return {policy.name: audit_scope(policy) for policy in self.policies}

    def regions(self, policy: Policy, account: Account) -> Sequence[str]:
        """The regions of the account in which the policy is run."""
        whole_account = self.scopes[policy.name] is Scope.ACCOUNT
        return (account_region(account.regions),) if whole_account else account.regions

    def region(self, check: Check) -> str:
        """The region of a check as a report gives it."""
        return self.reported(check.policy, check.region)

    def reported(self, policy: Policy, region: str) -> str:
        """`global` for a policy that runs once an account, else the region."""
        return GLOBAL if self.scopes[policy.name] is Scope.ACCOUNT else region

    def work(self) -> Work:
        """What is to be run, in the accounts that were reached."""
        return self._work(self.accounts.reached)

    def shut_out(self) -> list[Check]:
        """The checks of the accounts that there was no way into."""
        return not_reached(
            self.accounts.unreachable, self._work([account for account, _ in self.accounts.unreachable]))

    def findings_of(self, check: Check) -> list[Finding]:
        """What drifts by this check; also what a policy that was not run to its end had found."""
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
    """What was asked, and what came of it, in memory: for a verb that works on a few accounts."""

    plan: Plan
    checks: tuple[Check, ...]

    @property
    def missing(self) -> list[Check]:
        """The checks whose answer is not there, or not whole."""
        return [check for check in self.checks if check.state.missing]

    def region(self, check: Check) -> str:
        """The region of a check as a report gives it."""
        return self.plan.region(check)

    def findings(self) -> list[Finding]:
        """What drifts, the most severe first."""
        return in_order(finding for check in self.checks for finding in self.plan.findings_of(check))


def sweep(
    plan: Plan, directory: Path, *, how: How = AUDIT, exceptions: Path | None = None,
    progress: ShowProgress = without_progress,
) -> Sweep:
    """Carry the plan out and keep all that came of it; see `execute`."""
    checks = plan.shut_out()
    execute(plan.work(), how, directory, plan.accounts, checks.extend, exceptions=exceptions,
            progress=progress)
    return Sweep(plan, tuple(checks))


def execute(
    work: Work, how: How, directory: Path, accounts: Accounts, take: Take, *, exceptions: Path | None = None,
    progress: ShowProgress = without_progress,
) -> None:
    """Run the work, and give each check to `take` once it has ended.

    What c7n-org gave up on is started again without what was denied. c7n-org's files go to `directory`. `exceptions`
    is the file whose exceptions hold; none holds without it, so that an audit sees what is excepted. `progress` shows
    how far it is. Raises
    GuardrailsError when c7n would refuse a policy: one that does not validate would take every other policy of its
    account and region with it. When it is interrupted, what had ended in the meantime is given to `take` first.
    """
    if not work:
        return
    refuse_invalid({policy.name: policy for policies in work.values() for policy in policies}.values(), how)

    def ended(one: Ended) -> Work:
        checks = account_for(one.work, one.log, one.output, fixing=not how.dryrun)
        if one.stopped:
            take([check for check in checks if check.state is State.RAN])
            return {}
        again = unreached(checks, one.log) if one.start < _STARTS else {}
        take([check for check in checks if check.policy not in again.get((check.account, check.region), ())])
        return again

    total = sum(len(policies) for policies in work.values())
    with progress("fixing" if not how.dryrun else "sweeping", total) as advance:
        run(work, how, directory, accounts.vars, ended=ended, progress=advance,
            environment={VARIABLE: str(exceptions or "")})


def refuse_invalid(policies: Iterable[Policy], how: How) -> None:
    """Raise GuardrailsError for a policy that c7n would not take in the form in which it is to run."""
    from ..policies import policy_problems

    for policy in policies:
        data = merged([policy], mode=how.mode, actions=how.actions)["policies"][0]
        for problem in policy_problems(data, policy.resource):
            raise GuardrailsError(
                f"{policy.where}: {policy.name}: {problem.problem}",
                problem.fix or "./run.sh validate shows every error",
            )
