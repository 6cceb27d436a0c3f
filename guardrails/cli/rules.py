"""`rules`: docs/rules.md, what the policies say and which old rules they replace, made from the policies alone."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click

from custom_actions.vocabulary import PASSIVE

from ..errors import GuardrailsError
from ..paths import ROOT, write_text
from ..policies import Policy
from .console import out

PAGE = ROOT / "docs" / "rules.md"
REPLACED = ROOT / "docs" / "replaced-rules.txt"
_COLUMNS = ("Policy", "Mode", "Resource", "Severity", "Response", "Controls", "Parameters", "Fix")


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 when a page is not what it should be.")
def rules(check: bool) -> None:
    """Write docs/rules.md and docs/attacks.md again, from the policies.

    \b
    Example:
      ./run.sh rules
      ./run.sh rules --check
    """
    from ..policies import ATTACKS_PAGE, attacks_page, load

    policies = load()
    for path, text in ((PAGE, page(policies, replaced_rules())), (ATTACKS_PAGE, attacks_page(policies=policies))):
        if not check:
            out().print(f"written: {write_text(path, text)}")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            raise GuardrailsError(
                f"docs/{path.name} is not what the policies say", "run ./run.sh rules, and commit it")


def replaced_rules(path: Path = REPLACED) -> list[str]:
    """The ids of the rules that the policies replace, in the order of the list."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def page(policies: Iterable[Policy], replaced: Sequence[str]) -> str:
    """The page as Markdown. A replaced rule that no policy names has a row that says so."""
    policies = sorted(policies, key=lambda policy: policy.name)
    stand_for: dict[str, list[Policy]] = {}
    for policy in policies:
        for rule in policy.metadata.get("replaces") or ():
            stand_for.setdefault(rule, []).append(policy)
    old = [_row(rule, stand_for.get(rule, [])) for rule in replaced]
    others = [policy for policy in policies if not policy.metadata.get("replaces")]
    return "\n".join([
        "# Rules",
        "",
        "Made by `./run.sh rules` from the policies; edit those. Where one rule has several policies, each line of a "
        "cell is one of them, in the same order. Parameters stand at the head of the policy's file; an account "
        "overrides them by `vars` in accounts.yml. A policy with a profile is off until `profiles` names it.",
        "",
        "## The old rules, and the policies that stand for them",
        "",
        *_table(("Rule", *_COLUMNS), old),
        "",
        "## Policies that replace no rule",
        "",
        *_table(_COLUMNS, [_row("", [policy])[1:] for policy in others]),
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
        # A value that all of them share is said once.
        values = list(values)
        return values[0] if len(set(values)) == 1 else "<br>".join(values)

    return [
        f"`{rule}`",
        "<br>".join(f"`{policy.name}`" for policy in policies),
        each(_mode(policy) for policy in policies),
        each(policy.service for policy in policies),
        each(policy.severity for policy in policies),
        each(policy.response + _profile(policy) for policy in policies),
        each(_controls(policy.controls) for policy in policies),
        each(", ".join(f"`{name}`" for name in _parameters(policy)) or "-" for policy in policies),
        each(_fix(policy) for policy in policies),
    ]


def _mode(policy: Policy) -> str:
    schedule = policy.mode.get("schedule")
    return f"{policy.mode['type']}, {schedule}" if schedule else str(policy.mode["type"])


def _profile(policy: Policy) -> str:
    profile = policy.metadata.get("profile")
    return f" (profile `{profile}`)" if profile else ""


def _controls(controls: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{framework} {', '.join(ids)}" for framework, ids in controls.items()) or "-"


def _parameters(policy: Policy) -> list[str]:
    """The parameters that the policy uses, as its file has them in order."""
    from ..policies import used_parameters

    used = used_parameters(policy.data)
    return [name for name in policy.metadata.get("parameters") or {} if name in used and name != "profiles"]


def _fix(policy: Policy) -> str:
    """What the policy changes; nothing where it only tells."""
    if policy.response in PASSIVE:
        return "no"
    return " ".join(str(policy.metadata.get("fix", "")).split()).replace("|", "\\|")


def _profiles(policies: Sequence[Policy]) -> list[str]:
    by_profile: dict[str, list[Policy]] = {}
    for policy in policies:
        if profile := policy.metadata.get("profile"):
            by_profile.setdefault(str(profile), []).append(policy)
    lines = [
        "Off by default. A team opts in by `vars: {profiles: [NAME]}` in accounts.yml, for some accounts or all, or at "
        "the head of the policy's file.",
        "",
    ]
    for profile, members in sorted(by_profile.items()):
        lines.append(f"- **{profile}**: {', '.join(f'`{policy.name}`' for policy in members)}.")
        lines += [f"  {line}" for policy in members for line in _excludes(policy)]
    lines += ["", "Policies that judge only resources that opted in, by a tag:", ""]
    lines += [
        f"- {line}" for policy in policies if not policy.metadata.get("profile") for line in _excludes(policy)]
    return lines


def _excludes(policy: Policy) -> list[str]:
    """The policies that cannot hold for the same resource, each in a sentence."""
    return [
        f"`{policy.name}` cannot hold together with `{other}` for one {policy.service}."
        for other in policy.metadata.get("excludes") or ()
    ]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(header)} |", f"|{'---|' * len(header)}",
        *[f"| {' | '.join(row)} |" for row in rows],
    ]
