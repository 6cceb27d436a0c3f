"""All cases of realtime policies: their filters decide in this process, and their functions answer in the sandbox."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..policies import Policy
from ..sandbox import SandboxError
from .completeness import incomplete
from .decisions import check_decisions
from .deployed import DeployedAccount
from .files import Case
from .outcome import CaseFailure, CaseResult, PolicyResult, attempt

if TYPE_CHECKING:
    from ..sandbox import Sandbox


def check_realtime(
    policies: Sequence[Policy], cases: Mapping[str, Sequence[Case]], sandbox: Sandbox, output: Path
) -> list[PolicyResult]:
    """Run all cases of policies of the mode cloudtrail. This process' requests must lead to the sandbox.

    The filters are tested first. Then all policies are deployed, once, with the default parameters: a case with `vars`
    tests only the filters.
    """
    decided = {policy.name: check_decisions(policy, cases[policy.name], sandbox, output)
               for policy in policies if policy.data.get("filters")}
    sandbox.reset()
    answering = [policy for policy in policies if any(not case.vars for case in cases[policy.name])]
    run = _deployed(sandbox, answering, output)
    return [_result(policy, cases[policy.name], decided.get(policy.name), run) for policy in policies]


def _deployed(sandbox: Sandbox, policies: Sequence[Policy], output: Path) -> Callable[[Case], None]:
    """Deploy the policies; returns what runs a case. It fails for each case when they could not be deployed."""
    account = DeployedAccount(sandbox, policies)
    try:
        if policies:
            account.deploy(output)
    except SandboxError as error:
        problem = str(error)

        def fail(case: Case) -> None:
            raise SandboxError(problem)

        return fail
    return account.run


def _result(
    policy: Policy, cases: Sequence[Case], decided: PolicyResult | None, run: Callable[[Case], None]
) -> PolicyResult:
    results = []
    for index, case in enumerate(cases):
        before = decided.cases[index] if decided else None
        if case.vars:
            results.append(before or CaseResult(case.name, case.where, 0, CaseFailure(
                case.name, "a case with `vars`, which tests only filters, is of a policy with filters",
                "the policy has no filters", case.where)))
            continue
        _, answered = attempt(case, partial(run, case))
        results.append(CaseResult(
            case.name, case.where, answered.seconds + (before.seconds if before else 0),
            (before.failure if before else None) or answered.failure))
    return PolicyResult(
        policy.name, policy.where, results, [*(decided.whole if decided else ()), *incomplete(policy, cases)])
