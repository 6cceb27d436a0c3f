"""docs/rules.md: what every policy does, and which policies replace each rule of the earlier rule set."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from custom_actions.vocabulary import PASSIVE

from ..command import CHECKOUT_COMMAND
from ..paths import ROOT
from .policy import Policy

RULES_PAGE = ROOT / "docs" / "rules.md"
REPLACED_RULES = ROOT / "docs" / "replaced-rules.txt"
_COLUMNS = ("Policy", "Mode", "Resource", "Severity", "Response", "Controls", "Parameters", "Fix")


def replaced_rules(path: Path = REPLACED_RULES) -> list[str]:
    """The ids of the rules that the policies replace, in the order of the file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def render_rules(policies: Iterable[Policy], replaced: Sequence[str]) -> str:
    """The page as Markdown.

    Args:
        policies: every policy.
        replaced: the ids of the replaced rules; each gets a row. The row of a rule that no policy names says "none".
    """
    policies = sorted(policies, key=lambda policy: policy.name)
    by_rule: dict[str, list[Policy]] = {}
    for policy in policies:
        for rule in policy.metadata.get("replaces") or ():
            by_rule.setdefault(rule, []).append(policy)
    others = [policy for policy in policies if not policy.metadata.get("replaces")]
    return "\n".join([
        "# Rules",
        "",
        f"This page is generated from the policies by `{CHECKOUT_COMMAND} rules`; edit the policies instead. Where "
        "several policies replace one rule, each line of a cell belongs to one of them, in the same order. Parameters "
        "are at the top of the policy's file; an account overrides them with `vars` in accounts.yml. A policy with a "
        "profile is off until `profiles` lists that profile.",
        "",
        "## Rules and the policies that replace them",
        "",
        *table(("Rule", *_COLUMNS), [_row(rule, by_rule.get(rule, [])) for rule in replaced]),
        "",
        "## Policies that replace no rule",
        "",
        *table(_COLUMNS, [_row("", [policy])[1:] for policy in others]),
        "",
        "## Profiles",
        "",
        *_profiles(policies),
        "",
    ])


def _row(rule: str, policies: Sequence[Policy]) -> list[str]:
    if not policies:
        return [f"`{rule}`", "**none**", *[""] * (len(_COLUMNS) - 1)]

    def each(values: Iterable[str]) -> str:
        # A value that all policies share is written once.
        values = list(values)
        return values[0] if len(set(values)) == 1 else "<br>".join(values)

    return [
        f"`{rule}`",
        "<br>".join(f"`{policy.name}`" for policy in policies),
        each(mode_text(policy) for policy in policies),
        each(policy.service for policy in policies),
        each(policy.severity for policy in policies),
        each(policy.response + _profile(policy) for policy in policies),
        each(controls_text(policy.controls) for policy in policies),
        each(", ".join(f"`{name}`" for name in own_parameters(policy)) or "-" for policy in policies),
        each(_fix(policy) for policy in policies),
    ]


def mode_text(policy: Policy) -> str:
    """The policy's mode, and its schedule if it has one."""
    schedule = policy.mode.get("schedule")
    return f"{policy.mode['type']}, {schedule}" if schedule else str(policy.mode["type"])


def _profile(policy: Policy) -> str:
    profile = policy.metadata.get("profile")
    return f" (profile `{profile}`)" if profile else ""


def controls_text(controls: Mapping[str, Sequence[str]]) -> str:
    """The ids of the controls by framework, or a dash."""
    return "; ".join(f"{framework} {', '.join(ids)}" for framework, ids in controls.items()) or "-"


def own_parameters(policy: Policy) -> list[str]:
    """The parameters that the policy uses, in the order of its file."""
    from .variables import used_parameters

    used = used_parameters(policy.data)
    return [name for name in policy.metadata.get("parameters") or {} if name in used and name != "profiles"]


def _fix(policy: Policy) -> str:
    """What the policy changes; `no` where it only reports."""
    if policy.response in PASSIVE:
        return "no"
    return " ".join(str(policy.metadata.get("fix", "")).split()).replace("|", "\\|")


def _profiles(policies: Sequence[Policy]) -> list[str]:
    by_profile: dict[str, list[Policy]] = {}
    for policy in policies:
        if profile := policy.metadata.get("profile"):
            by_profile.setdefault(str(profile), []).append(policy)
    lines = [
        "Policies with a profile are off by default. A team switches a profile on with `vars: {profiles: [NAME]}` in "
        "accounts.yml, for some accounts or for all, or at the top of the policy's file.",
        "",
    ]
    for profile, members in sorted(by_profile.items()):
        lines.append(f"- **{profile}**: {', '.join(f'`{policy.name}`' for policy in members)}.")
        lines += [f"  {line}" for policy in members for line in _excludes(policy)]
    lines += ["", "These policies check only resources that have opted in with a tag:", ""]
    lines += [
        f"- {line}" for policy in policies if not policy.metadata.get("profile") for line in _excludes(policy)]
    return lines


def _excludes(policy: Policy) -> list[str]:
    """One sentence for each policy that contradicts this one on the same resource."""
    return [
        f"One {policy.service} cannot comply with both `{policy.name}` and `{other}`."
        for other in policy.metadata.get("excludes") or ()
    ]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table."""
    return [
        f"| {' | '.join(header)} |", f"|{'---|' * len(header)}",
        *[f"| {' | '.join(row)} |" for row in rows],
    ]
