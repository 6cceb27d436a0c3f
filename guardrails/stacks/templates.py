"""The CloudFormation templates that `templates` writes, and what a central deployment saves."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..accounts import Account, Accounts
from ..deployment import answered_centrally, hub_of, regions_for
from ..policies import Policy
from .compliance_stack import compliance
from .hub_stack import hub_template, member_template, patterns
from .mailer_stack import mailer
from .parts import Template
from .schedule_stack import schedule
from .sweep_stack import sweep


@dataclass(frozen=True)
class DeploymentSize:
    """What the realtime policies deploy in all accounts together."""

    where: str
    functions: int
    rules: int
    """The event rules that start the functions."""
    forwarding_rules: int
    """The event rules that forward events to the hub."""


def templates_for(policies: Sequence[Policy], accounts: Accounts | None) -> Mapping[str, Template]:
    """The templates by name; those of a central deployment only when `accounts` has a hub."""
    found = {"compliance": compliance(), "mailer": mailer(), "schedule": schedule(), "sweep": sweep()}
    if accounts and (hub := hub_of(accounts.all)):
        found |= {"hub": hub_template(), "member": member_template(policies, hub, accounts.different_vars())}
    return found


def deployment_sizes(policies: Sequence[Policy], accounts: Accounts) -> list[DeploymentSize]:
    """The size of a deployment in each account and of a central one; empty when `accounts` has no hub."""
    if hub_of(accounts.all) is None:
        return []
    answered = [policy for policy in policies if answered_centrally(policy, accounts.all[0])]

    def functions(account: Account) -> int:
        return sum(len(regions_for(policy, account)) for policy in answered)

    apart = sum(functions(replace(account, hub=None)) for account in accounts.all)
    together = sum(functions(account) for account in accounts.all)
    forwarding = len(patterns(answered)) * sum(
        account.hub is not None for account in accounts.all for region in account.regions)
    return [
        DeploymentSize("in each account", apart, apart, 0),
        DeploymentSize("in the hub", together, together, forwarding),
    ]
