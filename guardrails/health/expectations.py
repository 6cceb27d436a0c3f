"""What should be deployed for a policy in an account and region today, without calling AWS."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from c7n import mu
from c7n.utils import get_partition

from custom_actions.names import HUB_BUS

from ..accounts import Account, Response
from ..deployment import Blueprint, answered_centrally, as_central, as_deployed, blueprint, marked
from ..policies import Policy
from ..stacks import of_function


@dataclass(frozen=True)
class ExpectedFunction:
    """One policy's function as it should be deployed in one account and region."""

    policy: Policy
    account: Account
    region: str
    option: str = ""
    """The option that `deploy` needs besides the name to deploy it in this form."""
    problem: str = ""
    """Why c7n would not deploy it; if set, nothing below is known."""
    in_force: bool = True
    """Whether its conditions hold there: a policy whose profile is not chosen is not deployed."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """The policy as in the function's archive."""
    sha256: str = ""
    """The archive's checksum, as Lambda reports it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Lambda's settings, named as in CreateFunction."""
    pattern: Mapping[str, Any] | None = None
    schedule: str = ""
    config_rule: Mapping[str, Any] | None = None
    permissions: Sequence[str] = ()
    """The IAM actions that its role needs."""
    topics: Sequence[str] = ()
    """The SNS topics that it publishes to."""
    group: str = ""
    """The function that runs it together with other policies; empty if it has its own."""

    @property
    def function(self) -> str:
        """The name of the policy's own function, if it has one, and of its rules."""
        return self.policy.function

    @property
    def runs_in(self) -> str:
        """The name of the function that runs it."""
        return self.group or self.function

    @property
    def function_arn(self) -> str:
        return self._arn("lambda", f"function:{self.runs_in}")

    def in_group(self, group: str) -> ExpectedFunction:
        """The same policy, run by a function of many policies."""
        found = replace(self, group=group)
        if self.config_rule is None:
            return found
        source = {**self.config_rule["Source"], "SourceIdentifier": found.function_arn}
        return replace(found, config_rule={**self.config_rule, "Source": source})

    @property
    def rule(self) -> str:
        """The name of its event rule; in a hub with its bus, as in the rule's ARN: `guardrails/custodian-NAME`."""
        return f"{HUB_BUS}/{self.function}" if answered_centrally(self.policy, self.account) else self.function

    @property
    def rule_arn(self) -> str:
        return self._arn("events", f"rule/{self.rule}")

    @property
    def redelivers(self) -> bool:
        """Whether it has events delivered again, until CloudTrail's event history confirms them."""
        return "scheduler:CreateSchedule" in self.permissions

    @property
    def mode(self) -> str:
        """Its mode, as c7n names it."""
        return str(self.policy.mode["type"])

    @property
    def config_type(self) -> str:
        """The resource type that AWS Config must record for it; empty when changes do not start it."""
        scope = (self.config_rule or {}).get("Scope") or {}
        return str(next(iter(scope.get("ComplianceResourceTypes") or ()), ""))

    @property
    def trail_events(self) -> list[tuple[str, str]]:
        """Source and name of every API call that it subscribes to through CloudTrail."""
        if self.mode != "cloudtrail":
            return []
        detail = (self.pattern or {}).get("detail") or {}
        return [(str(source), str(name)) for source in detail.get("eventSource") or ()
                for name in detail.get("eventName") or ()]

    def _arn(self, service: str, rest: str) -> str:
        return f"arn:{get_partition(self.region)}:{service}:{self.region}:{self.account.id}:{rest}"


def expected(
    policies: Sequence[Policy], account: Account, region: str, variables: Mapping[str, Any],
    responses: Sequence[Response],
) -> list[tuple[ExpectedFunction, ...]]:
    """The function of each policy there, in one form for each of the `responses`.

    `variables`: the `vars` of accounts.yml for all accounts. Takes the exceptions from `exceptions_in_force`.
    """
    return [
        (_expected(policy, as_central(marked(policy), account, variables), account, region, variables),)
        if answered_centrally(policy, account) else
        tuple(
            # With two forms, `deploy` needs an option for the one that runs fixes.
            replace(_expected(policy, as_deployed(marked(policy), response), account, region, variables),
                    option=" --heal" if response is Response.HEAL and len(responses) > 1 else "")
            for response in responses)
        for policy in policies
    ]


def _expected(
    policy: Policy, form: Policy, account: Account, region: str, variables: Mapping[str, Any]
) -> ExpectedFunction:
    try:
        wanted = blueprint(form, account, region, variables)
        rest = _deployed(wanted, account, region, variables) if wanted.runs else {}
    # Any filter or action, of c7n or of ours, can raise anything on settings that it does not expect.
    except Exception as error:  # noqa: BLE001
        problem = " ".join(str(error).split())[:400] or type(error).__name__
        return ExpectedFunction(policy, account, region, problem=problem)
    return ExpectedFunction(policy, account, region, in_force=wanted.runs, sha256=wanted.checksum, **rest)


def _deployed(
    wanted: Blueprint, account: Account, region: str, variables: Mapping[str, Any]
) -> dict[str, Any]:
    values = {**variables, **(account.entry.get("vars") or {})}
    function, data = wanted.function, wanted.function.policy.data
    mode = data["mode"]
    # A Config rule refers to its function by the ARN.
    function.arn = f"arn:{get_partition(region)}:lambda:{region}:{account.id}:function:{function.name}"
    [source] = function.get_events(None)
    if isinstance(source, mu.SecurityHubAction):
        source = source.cwe
    pattern = rule = None
    if isinstance(source, mu.ConfigRule):
        rule = source.get_rule_params(function)
    elif isinstance(source, mu.CloudWatchEventSource):
        rendered = source.render_event_pattern()
        pattern = json.loads(rendered) if rendered else None
    return {
        "data": json.loads(json.dumps(data)),
        "settings": {
            key: value for key, value in function.get_config().items() if key not in ("Tags", "Architectures")},
        "pattern": pattern, "schedule": str(mode.get("schedule") or "") if rule is None else "",
        "config_rule": rule,
        "permissions": sorted({permission.action for permission in of_function(wanted.policy, [values])}),
        "topics": _topics(data, mode),
    }


@cache
def base_files(packages: tuple[str, ...]) -> Mapping[str, int]:
    """The checksums of the files that every archive with these packages contains, by file name."""
    archive = mu.custodian_archive(packages=list(packages)).close()
    return {entry.filename: entry.CRC for entry in archive.get_reader().infolist()}


def packages_of(policy: Policy) -> tuple[str, ...]:
    """The packages in the policy's archive besides c7n."""
    return tuple(policy.mode.get("packages") or ())


def _topics(data: Mapping[str, Any], mode: Mapping[str, Any]) -> list[str]:
    """The SNS topics that it publishes to, including a dead-letter topic."""
    found = {str((mode.get("dead_letter_config") or {}).get("TargetArn") or "")}
    for action in data.get("actions") or ():
        for entry in (action, action.get("otherwise")) if isinstance(action, Mapping) else ():
            transport = entry.get("transport") if isinstance(entry, Mapping) else None
            if isinstance(transport, Mapping) and transport.get("type") == "sns":
                found.add(str(transport.get("topic")))
    return sorted(arn for arn in found if ":sns:" in arn)
