"""The plan and the result of `undeploy`."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..accounts import Accounts
from ..errors import GuardrailsError
from ..policies import Policy, PolicySources
from ..results import exceptions_in_force
from .inventory import DeployedFunction, FunctionInventory, inventory, places, prefixes_of
from .leftovers import LOG_GROUP, Leftover, functions_named, obsolete, refuse_partial, remove, scan, switched_off
from .shared import Place, SharedLeftover, surplus
from .shared import remove as remove_shared


@dataclass(frozen=True)
class RemovalPlan:
    """The resources to remove, those to keep, and those that could not be read."""

    leftovers: tuple[Leftover, ...]
    notes: tuple[tuple[DeployedFunction, str], ...]
    """Resources that are not removed, and why; also functions that have only our tags or only our name."""
    unknown: tuple[str, ...]
    """Descriptions of what could not be read."""
    keep_logs: bool
    shared: tuple[SharedLeftover, ...] = ()
    """The queues and tables of places in which no function is left."""
    kept: tuple[tuple[Place, str], ...] = ()
    """Queues and tables that are not removed, and why."""

    @property
    def number(self) -> int:
        """How many resources are to be removed."""
        return len(self.leftovers) + len(self.shared)

    def to_dict(self) -> dict[str, Any]:
        """The plan for JSON, with the rows of undeploy.json."""
        return {
            "remove": [*(_row(each) for each in self.leftovers), *(each.to_dict() for each in self.shared)],
            "left_alone": [
                *({"account": account.id, "account_name": account.name, "region": region, "function": "",
                   "reason": reason} for (account, region), reason in self.kept),
                *({"account": each.account.id, "account_name": each.account.name, "region": each.region,
                   "function": each.name, "reason": reason} for each, reason in self.notes)],
            "unknown": list(self.unknown),
        }


@dataclass(frozen=True)
class RemovalReport:
    """The removed resources, verified by a second scan."""

    removed: tuple[Leftover, ...]
    left: tuple[tuple[Leftover, str], ...]
    """Each resource that still exists, with the reason."""
    unknown: tuple[str, ...]
    removed_shared: tuple[SharedLeftover, ...] = ()
    left_shared: tuple[tuple[SharedLeftover, str], ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything was removed and everything could be read."""
        return not self.left and not self.left_shared and not self.unknown

    @property
    def number(self) -> int:
        """How many resources were removed."""
        return len(self.removed) + len(self.removed_shared)

    def to_dict(self) -> dict[str, Any]:
        """The report in the form of undeploy.json."""
        return {
            "complete": self.complete,
            "removed": [*(_row(each) for each in self.removed), *(each.to_dict() for each in self.removed_shared)],
            "left": [*({**_row(each), "reason": reason} for each, reason in self.left),
                     *({**each.to_dict(), "reason": reason} for each, reason in self.left_shared)],
            "unknown": list(self.unknown),
        }


def refuse_part_without_names(names: Sequence[str], sources: PolicySources) -> None:
    """Raise GuardrailsError if the sources contain only a part of the policies and no policy is named."""
    if not names and sources.is_part:
        raise GuardrailsError(
            f"{sources} contains only a part of the policies: the functions of all others would be removed",
            "remove --policies and --pack, or name the policies to remove")


def plan_removal(
    accounts: Accounts, policies: list[Policy], sources: PolicySources, names: Sequence[str], *, declared: bool,
    keep_logs: bool,
) -> RemovalPlan:
    """Plan what to remove: the functions of the named policies, or all that no policy needs any more. Changes nothing.

    Args:
        policies: the policies of `sources`, which stay deployed.
        names: policy names or globs; if empty, all obsolete functions are removed.
        declared: whether there is an accounts.yml, which contains the profiles of each account.
        keep_logs: whether to keep log groups.

    Raises GuardrailsError if the policies seem to be only a part of the deployed ones, or if none of the named policies
    is deployed.
    """
    found = inventory(accounts.reached, prefixes_of(policies))
    chosen = _chosen(found, names, policies, sources, accounts, declared=declared)
    scanned = scan(chosen)
    shared, kept, unread = surplus(_without_functions(found, chosen, places(accounts.reached)))
    noted = {function for function, _ in scanned.notes}
    others = tuple((function, why) for function, why in found.others if function not in noted)
    selected = any(fnmatchcase(function.name, name) for function, _ in others for name in names)
    plan = RemovalPlan(
        _without_logs(scanned.leftovers, keep_logs=keep_logs), (*scanned.notes, *others),
        (
            *(f"account {account}, {region}: {problem}" for account, region, problem in found.unknown),
            *(f"account {account} cannot be reached: {problem}" for account, problem in accounts.unreachable),
            *_unknown(scanned.unknown),
            *(f"account {account}, {region}: {problem}" for (account, region), problem in unread),
        ),
        keep_logs, tuple(shared), tuple(kept))
    if names and not plan.number and not plan.kept and not plan.unknown and not scanned.notes and not selected:
        known = ", ".join(sorted({function.policy for function in found.functions})) or "nothing"
        raise GuardrailsError(f"nothing of {', '.join(names)} is deployed there", f"deployed by this project: {known}")
    return plan


def _without_functions(
    found: FunctionInventory, chosen: Sequence[DeployedFunction], where: Sequence[Place]
) -> list[Place]:
    """The places in which no function of this project is left once the chosen ones are removed."""
    gone = {(each.account.id, each.region, each.name) for each in chosen}
    needed = {(each.account.id, each.region) for each in found.functions
              if (each.account.id, each.region, each.name) not in gone}
    needed |= {(account.id, region) for account, region, _ in found.unknown}
    return [(account, region) for account, region in where if (account.id, region) not in needed]


def _chosen(
    found: FunctionInventory, names: Sequence[str], policies: list[Policy], sources: PolicySources, accounts: Accounts,
    *, declared: bool,
) -> list[DeployedFunction]:
    if names:
        return functions_named(found.functions, names, policies, places(accounts.reached))
    refuse_partial(found.functions, policies, sources)
    chosen = obsolete(found.functions, policies)
    if declared:
        # Without accounts.yml, the profiles in its `vars` are unknown.
        with exceptions_in_force(None):
            chosen += switched_off(found.functions, policies, accounts.vars)
    return chosen


def carry_out(plan: RemovalPlan) -> RemovalReport:
    """Remove the resources in the plan, and scan again for remaining resources."""
    removals = remove(plan.leftovers)
    again = scan({leftover.function: None for leftover in plan.leftovers})
    left = _without_logs(again.leftovers, keep_logs=plan.keep_logs)
    shared = [(each, _remove_shared(each, left)) for each in plan.shared]
    still = {_key(leftover) for leftover in left}
    problems: Mapping[tuple[str, str, DeployedFunction], str] = {
        _key(removal.leftover): removal.problem for removal in removals}
    return RemovalReport(
        tuple(leftover for leftover in plan.leftovers if _key(leftover) not in still),
        tuple((leftover, problems.get(_key(leftover)) or "it still exists after its removal") for leftover in left),
        (*plan.unknown, *_unknown(again.unknown)),
        tuple(each for each, problem in shared if not problem),
        tuple((each, problem) for each, problem in shared if problem),
    )


def _remove_shared(each: SharedLeftover, left: Sequence[Leftover]) -> str:
    """Remove a queue or table; returns why it was kept."""
    if any((one.function.account, one.function.region) == (each.account, each.region)
           and one.kind == "function" for one in left):
        return "a function that uses it still exists"
    return remove_shared(each)


def _without_logs(leftovers: Sequence[Leftover], *, keep_logs: bool) -> tuple[Leftover, ...]:
    return tuple(leftover for leftover in leftovers if not (keep_logs and leftover.kind == LOG_GROUP))


def _unknown(found: Sequence[tuple[DeployedFunction, str]]) -> list[str]:
    return [f"account {function.account}, {function.region}: {function.name}: {problem}" for function, problem in found]


def _key(leftover: Leftover) -> tuple[str, str, DeployedFunction]:
    """The identity of a leftover, without its detail, which can change between two scans."""
    return (leftover.kind, leftover.name, leftover.function)


def _row(leftover: Leftover) -> dict[str, Any]:
    function = leftover.function
    return {
        "account": function.account.id, "account_name": function.account.name, "region": function.region,
        "policy": function.policy, "kind": leftover.kind, "name": leftover.name,
    }
