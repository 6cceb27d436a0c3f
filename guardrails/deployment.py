"""Which functions a deployment makes where, and whether they are there."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from .accounting import Check, State
from .accounts import AWS_ERRORS, Account, reason_of
from .policies import Kind, Policy
from .runner import Target, Work
from .scope import Scope, account_region, deploy_scope

_AT_ONCE = 8
_NO_FUNCTION = "ResourceNotFoundException"
_CLIENT = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 4})
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Function:
    """What Lambda says of one function; `version` changes whenever its code or its settings do."""

    exists: bool
    version: str = ""
    problem: str = ""
    """Why it could not be asked; then `exists` means nothing."""


@dataclass(frozen=True)
class Deployed:
    """One policy in one account and region after a deployment."""

    policy: Policy
    account: Account
    region: str
    outcome: str
    """created, updated, unchanged, off (its conditions do not hold there), or failed."""
    reason: str = ""

    @property
    def failed(self) -> bool:
        return self.outcome == "failed"


def regions_for(policy: Policy, account: Account) -> Sequence[str]:
    """The regions of the account in which the policy's function has to be."""
    if deploy_scope(policy) is Scope.REGION:
        return account.regions
    # Events of the whole account are recorded in one region; a schedule or a rule may be in any.
    return (account_region(account.regions),) if policy.kind is Kind.REALTIME else account.regions[:1]


def functions(work: Work) -> dict[Key, Function]:
    """Every function of the work, asked of Lambda with the account's own credentials."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(_functions_of, work.keys(), work.values())
    return {key: function for answer in answers for key, function in answer.items()}


def _functions_of(target: Target, policies: Iterable[Policy]) -> dict[Key, Function]:
    account, region = target
    names = {policy.name: policy.function for policy in policies}
    try:
        client = account.session(region).client("lambda", config=_CLIENT)
    except AWS_ERRORS as error:
        return {(account.name, region, name): Function(False, problem=reason_of(error)) for name in names}
    return {(account.name, region, name): _function(client, function) for name, function in names.items()}


def _function(client: Any, name: str) -> Function:
    try:
        found = client.get_function_configuration(FunctionName=name)
    except AWS_ERRORS as error:
        if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") == _NO_FUNCTION:
            return Function(False)
        return Function(False, problem=reason_of(error))
    return Function(True, f"{found.get('CodeSha256')} {found.get('LastModified')}")


def outcomes(checks: Sequence[Check], before: Mapping[Key, Function], after: Mapping[Key, Function]) -> list[Deployed]:
    """How each deployment ended: by what Lambda says of the function, and by what c7n said of the policy.

    A function from an earlier deployment proves nothing about this one, so an error of c7n's counts first.
    """
    ended = []
    for check in checks:
        key = (check.account.name, check.region, check.policy.name)
        now, earlier = after.get(key, Function(False)), before.get(key, Function(False))
        if check.state in (State.DENIED, State.THROTTLED, State.ERROR):
            outcome, reason = "failed", check.reason
        elif now.problem:
            outcome, reason = "failed", f"whether the function is there is not known: {now.problem}"
        elif not now.exists and check.state is State.SKIPPED:
            # A profile that nobody chose, for one; a function of it from before would be an error.
            outcome, reason = "off", check.reason
        elif not now.exists:
            outcome, reason = "failed", f"there is no function {check.policy.function} afterwards; {check.reason}"
        elif not earlier.exists:
            outcome, reason = "created", ""
        else:
            outcome, reason = ("updated" if now.version != earlier.version else "unchanged"), ""
            if outcome == "unchanged" and not check.started:
                outcome, reason = "failed", f"the earlier function is still in place; {check.reason}"
        ended.append(Deployed(check.policy, check.account, check.region, outcome, reason))
    return ended
