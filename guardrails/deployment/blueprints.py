"""What c7n would deploy for a policy in one account and region, computed by c7n itself without calling AWS.

A plan must know what an update would change. So the policy is loaded, filled in and validated as c7n-org does it, and
c7n's own classes compute the function, its archive and its event source.
"""
from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from c7n import mu
from c7n.config import Config
from c7n.policy import Policy as EnginePolicy
from c7n.resources import load_resources
from c7n.version import version

from custom_actions.patches import in_order

from ..accounts import Account, accounts_file
from ..policies import Policy, merged

_GUARD_DUTY = {"ec2": "Instance", "iam-user": "AccessKey"}


@dataclass(frozen=True)
class Blueprint:
    """The function that c7n would deploy for a policy."""

    policy: Policy
    runs: bool
    """Whether the policy's conditions hold in the account; if not, c7n deploys nothing."""
    function: Any = None
    """c7n's `PolicyLambda`; its archive is not kept."""
    checksum: str = ""
    """The archive's checksum as Lambda reports it: SHA-256 in base64."""


def loaded(policy: Policy, account: Account, region: str, variables: Mapping[str, Any]) -> Any:
    """c7n's policy, filled in for the account and validated. `variables`: the `vars` of accounts.yml for all accounts.

    Raises PolicyValidationError, or any other error of c7n, for a policy that c7n would not deploy.
    """
    [entry] = accounts_file([(account, [region])], {})["accounts"]
    values = {**variables, **(entry.get("vars") or {})}
    [data] = merged([policy], mode=True, actions=True)["policies"]
    load_resources([policy.resource])
    # With a list of roles, c7n-org sets credentials instead and gives c7n no role.
    assumed = account.roles[0] if isinstance(account.entry.get("role"), str) else None
    engine = EnginePolicy(data, Config.empty(
        region=region, account_id=account.id, assume_role=assumed, profile=account.entry.get("profile"),
        external_id=account.entry.get("external_id"),
    ))
    # The steps of c7n-org's run_account, Policy.__call__ and LambdaMode.provision, in that order.
    engine.conditions.env_vars["account"] = {**entry, "vars": values, "provider": "aws"}
    engine.expand_variables(engine.get_variables(deepcopy(values)))
    engine.validate()
    engine._trim_runtime_filters()
    return engine


def blueprint(policy: Policy, account: Account, region: str, variables: Mapping[str, Any]) -> Blueprint:
    """The policy's function there. Takes and raises what `loaded` does."""
    in_order()
    wanted = without_archive(policy, account, region, variables)
    if not wanted.runs:
        return Blueprint(policy, False)
    function = wanted.function
    function.archive = mu.PythonPackageArchive(cache_file=code(tuple(function.packages or ())).path)
    checksum = function.get_archive().get_checksum()
    function.archive = None
    return replace(wanted, checksum=checksum)


def without_archive(policy: Policy, account: Account, region: str, variables: Mapping[str, Any]) -> Blueprint:
    """The policy's function there without the archive's checksum, also if its conditions do not hold.

    Takes and raises what `loaded` does.
    """
    engine = loaded(policy, account, region, variables)
    runs = bool(engine.is_runnable())
    mode = engine.data["mode"]
    if mode["type"] == "guard-duty" and engine.data["resource"] in _GUARD_DUTY:
        mode["resource-filter"] = _GUARD_DUTY[engine.data["resource"]]
    tags = mode.setdefault("tags", {})
    tags["custodian-info"] = f"mode={mode['type']}:version={version}"
    if mode["type"] == "schedule":
        tags["custodian-schedule"] = f"name={policy.function}:group={mode.get('group-name', 'default')}"
    # Its constructor would pack all of c7n again for each policy; the code is the same for all of them.
    kind = engine.get_execution_mode().policy_lambda
    function = kind.__new__(kind)
    function.policy = engine
    function.archive = None
    return Blueprint(policy, runs, function)


@cache
def code(packages: tuple[str, ...]) -> Any:
    """An archive of c7n and the packages, with which the archive of every policy begins."""
    return mu.custodian_archive(packages=list(packages)).close()
