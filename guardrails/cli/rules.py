"""`rules`: write docs/rules.md from the policies."""
from __future__ import annotations

import click

from ..command import checkout, command
from ..errors import GuardrailsError
from .console import out


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a page is out of date.")
def rules(check: bool) -> None:
    """Write docs/rules.md (every policy) and docs/attacks.md (what attackers do, and which policy sees it).

    \b
    Example:
      {command} rules
      {command} rules --check
    """
    from ..paths import write_text
    from ..policies import ATTACKS_PAGE, RULES_PAGE, attacks_page, load, render_rules, replaced_rules

    checkout("rules")
    policies = load()
    pages = {RULES_PAGE: render_rules(policies, replaced_rules()), ATTACKS_PAGE: attacks_page(policies=policies)}
    for path, text in pages.items():
        if not check:
            out().print(f"written: {write_text(path, text, shared=True)}")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            raise GuardrailsError(
                f"docs/{path.name} does not match the policies", f"run {command('rules')} and commit the result")
