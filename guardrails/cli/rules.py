"""`rules`: write the pages about the policies in docs/."""
from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

from ..command import checkout, command
from ..errors import GuardrailsError
from ..paths import ROOT
from .console import out


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a page is out of date.")
def rules(check: bool) -> None:
    """Write the pages about the policies in docs/.

    They are rules.md (every policy), attacks.md (what attackers do, and which policy sees it), fixes.md (what
    other tools fix), checks/ (a page for each service), and the numbers in README.md.

    \b
    Example:
      {command} rules
      {command} rules --check
    """
    from ..paths import write_text
    from ..policies import (
        ATTACKS_PAGE,
        FIXES_PAGE,
        README,
        RULES_PAGE,
        attacks_page,
        check_pages,
        load,
        peer_fixes_page,
        render_rules,
        replaced_rules,
        stale_pages,
        with_numbers,
    )

    checkout("rules")
    policies = load()
    checks = check_pages(policies)
    pages = {
        RULES_PAGE: render_rules(policies, replaced_rules()), ATTACKS_PAGE: attacks_page(policies=policies),
        FIXES_PAGE: peer_fixes_page(policies=policies), **checks,
        README: with_numbers(README.read_text(encoding="utf-8"), policies)}
    stale = stale_pages(checks)
    for path, text in pages.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            if check:
                _out_of_date(path)
            out().print(f"written: {write_text(path, text, shared=True)}")
    for path in stale:
        if check:
            _out_of_date(path)
        path.unlink()
        out().print(f"removed: {path}")


def _out_of_date(path: Path) -> NoReturn:
    raise GuardrailsError(
        f"{path.relative_to(ROOT)} does not match the policies", f"run {command('rules')} and commit the result")
