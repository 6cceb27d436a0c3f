"""`policies`: list the policies that there are."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import framework_option, json_option, mode_option, policies_option, selection_options, talk_options

if TYPE_CHECKING:
    from ..policies import Policy, PolicySources


@click.command()
@selection_options
@mode_option
@framework_option
@policies_option
@json_option()
@talk_options
def policies(
    names: tuple[str, ...], services: tuple[str, ...], severities: tuple[str, ...], excluded: tuple[str, ...],
    kinds: tuple[str, ...], frameworks: tuple[str, ...], policy_sources: PolicySources, as_json: bool,
) -> None:
    """List the policies of all sources: name, mode, severity, response, and where each is.

    Reads files only; calls no AWS API.

    \b
    Example:
      {command} policies --service s3
      {command} policies --framework cis-aws-6.0 --json
    """
    from ..policies import Selection, load_catalogues, policies_for
    from .console import out, print_json, table

    every = policy_sources.load()
    chosen = Selection(names, services, severities, excluded).choose(every)
    if frameworks:
        wanted = policies_for(frameworks, load_catalogues(), every)
        chosen = [policy for policy in chosen if policy.name in wanted]
    found = sorted((policy for policy in chosen if not kinds or policy.kind.value in kinds), key=lambda each: each.name)
    if as_json:
        print_json([_described(policy) for policy in found])
        return
    out().print(table(
        f"{len(found)} policies", ("Name", "Mode", "Severity", "Response", "Profile", "Where"),
        [(policy.name, policy.kind.value, policy.severity, policy.response, str(policy.metadata.get("profile") or ""),
          policy.location) for policy in found]))


def _described(policy: Policy) -> dict[str, Any]:
    return {
        "name": policy.name, "title": policy.title, "resource": policy.resource, "mode": policy.kind.value,
        "severity": policy.severity, "response": policy.response, "fixes": policy.heals, "audited": policy.sweeps,
        "deployed": policy.deploys, "profile": str(policy.metadata.get("profile") or ""), "controls": policy.controls,
        "partial": policy.partial, "parameters": _parameters(policy), "where": policy.location,
    }


def _parameters(policy: Policy) -> dict[str, Any]:
    """The parameters that the policy uses, with the values in force for all accounts."""
    from ..policies import used_parameters

    used = used_parameters(policy.data)
    return {name: value for name, value in (policy.metadata.get("parameters") or {}).items() if name in used}
