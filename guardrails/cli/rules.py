"""`rules`: write docs/rules.md from the policies."""
from __future__ import annotations

import click

from ..errors import GuardrailsError
from .console import out


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if docs/rules.md is out of date.")
def rules(check: bool) -> None:
    """Write docs/rules.md: every policy, and the policies that replace each rule of the earlier rule set.

    \b
    Example:
      ./run.sh rules
      ./run.sh rules --check
    """
    from ..paths import write_text
    from ..policies import RULES_PAGE, load, render_rules, replaced_rules

    text = render_rules(load(), replaced_rules())
    if not check:
        out().print(f"written: {write_text(RULES_PAGE, text, shared=True)}")
    elif not RULES_PAGE.is_file() or RULES_PAGE.read_text(encoding="utf-8") != text:
        raise GuardrailsError("docs/rules.md does not match the policies", "run ./run.sh rules and commit the result")
