"""One sweep: policies over accounts and regions, each accounted for."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .accounting import Check, account_for, not_reached, unreached
from .accounts import Account, Accounts
from .console import err
from .errors import GuardrailsError
from .findings import GLOBAL, Finding, findings_of, in_order
from .policies import Policy, merged
from .runner import AUDIT, How, Target, Work, run, work_for
from .scope import Scope, account_region, audit_scope

# c7n-org ends an account and region at the first AccessDenied. What it did not reach is started again without the
# policy that was denied; an account in which every other policy is denied is not worth more starts than this.
_STARTS = 6


@dataclass(frozen=True)
class Sweep:
    """What was asked, and what came of it."""

    checks: tuple[Check, ...]
    scopes: Mapping[str, Scope]
    """Policy name to where it runs."""

    @property
    def missing(self) -> list[Check]:
        """The checks whose answer is not there, or not whole."""
        return [check for check in self.checks if check.state.missing]

    def region(self, check: Check) -> str:
        """The region of a check as a report gives it."""
        return GLOBAL if self.scopes[check.policy.name] is Scope.ACCOUNT else check.region

    def findings(self) -> list[Finding]:
        """What drifts, the most severe first; also what a policy that was not run to its end had found."""
        return in_order(
            finding
            for check in self.checks
            for finding in findings_of(
                check.policy, check.account, check.region, check.resources,
                whole_account=self.scopes[check.policy.name] is Scope.ACCOUNT,
            )
        )


def sweep(
    policies: Sequence[Policy], accounts: Accounts, directory: Path, *,
    how: How = AUDIT, only: Callable[[Target, Policy], bool] = lambda target, policy: True,
) -> Sweep:
    """Run `policies` in every account and region that is theirs, as far as `only` lets them.

    c7n-org's files go to `directory`. Raises GuardrailsError when c7n would refuse a policy: one that does not
    validate would take every other policy of its account and region with it.
    """
    scopes = {policy.name: audit_scope(policy) for policy in policies}

    def where(policy: Policy, account: Account) -> Sequence[str]:
        return account.regions if scopes[policy.name] is Scope.REGION else (account_region(account.regions),)

    def work(chosen: Sequence[Account]) -> dict[Target, tuple[Policy, ...]]:
        return {
            target: kept
            for target, found in work_for(policies, chosen, where).items()
            if (kept := tuple(policy for policy in found if only(target, policy)))
        }

    checks = not_reached(accounts.unreachable, work([account for account, _ in accounts.unreachable]))
    checks += execute(work(accounts.reached), how, directory, accounts)
    return Sweep(tuple(checks), scopes)


def execute(work: Work, how: How, directory: Path, accounts: Accounts) -> list[Check]:
    """Run the work and account for it; what c7n-org gave up on is started again without what was denied."""
    if not work:
        return []
    refuse_invalid({policy.name: policy for policies in work.values() for policy in policies}.values(), how)
    done: dict[tuple[str, str, str], Check] = {}
    total, before = sum(len(policies) for policies in work.values()), 0
    with _progress(total, "fixing" if not how.dryrun else "sweeping") as show:
        left: Work = work
        for start in range(1, _STARTS + 1):
            log, output = run(
                left, how, directory, accounts.vars, started=partial(_from, show, before), label=str(start)
            )
            checks = account_for(left, log, output, fixing=not how.dryrun)
            done.update({(c.account.name, c.region, c.policy.name): c for c in checks})
            left = unreached(checks, log)
            before = total - sum(len(policies) for policies in left.values())
            if not left:
                break
    return list(done.values())


def refuse_invalid(policies: Iterable[Policy], how: How) -> None:
    """Raise GuardrailsError for a policy that c7n would not take in the form in which it is to run."""
    from .engine import complaints

    for policy in policies:
        data = merged([policy], mode=how.mode, actions=how.actions)["policies"][0]
        for complaint in complaints(data, policy.resource):
            raise GuardrailsError(
                f"{policy.where}: {policy.name}: {complaint.what}",
                complaint.mend or "./run.sh validate shows every error",
            )


def _from(show: Callable[[int], None], before: int, count: int) -> None:
    show(before + count)


@contextmanager
def _progress(total: int, verb: str) -> Iterator[Callable[[int], None]]:
    """Show how far it is on a terminal; say nothing in a pipe. Yields a function that takes the number started."""
    console = err()
    if not console.is_terminal:
        yield lambda count: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"{verb} (accounts by regions by policies)", total=total)
        yield lambda count: progress.update(task, completed=count)

