"""`diff`: which resources only one of two versions of the policies matches, for the reviewer of a change."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import INCOMPLETE, account_options, concurrency_options, json_option, output_option, talk_options

if TYPE_CHECKING:
    from ..accounts import AccountChoice


@click.command()
@click.argument("old", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="OLD_DIR")
@click.argument("new", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="NEW_DIR")
@account_options
@concurrency_options
@output_option
@json_option("It is the list of diff.json.")
@talk_options
def diff(
    old: Path, new: Path, config: Path | None, regions: tuple[str, ...], choice: AccountChoice,
    workers: int | None, output: str | None, as_json: bool,
) -> None:
    """Show which resources only one of two versions of the policies matches. Changes nothing.

    Evaluates the policies that differ, in both versions, and prints Markdown for a pull request: resources newly
    matched, no longer matched, and unknown where a sweep had no complete result. diff.json in the output directory
    lists all of them. Exceptions are ignored. Exits with 2 if something is unknown.

    \b
    Example:
      git worktree add /tmp/main origin/main
      {command} diff /tmp/main/policies policies -c accounts.yml
    """
    from ..accounts import find_accounts
    from ..paths import output_directory, write_json, write_text
    from ..policies import load, require_team_elements
    from ..report import comment_on
    from ..runs import Concurrency, compare
    from .console import print_json
    from .progress import progress_bar

    require_team_elements()
    before, after = load(old), load(new)
    directory = output_directory(output, "diff")
    found = compare(
        before, after, lambda: find_accounts(config, regions, choice), directory, progress=progress_bar,
        concurrency=Concurrency(workers))
    comment = comment_on(found)
    write_text(directory / "diff.md", comment)
    differences = [each.to_dict() for each in found.differences]
    write_json(directory / "diff.json", differences)
    if as_json:
        print_json(differences)
    else:
        click.echo(comment, nl=False)
    raise SystemExit(0 if found.complete else INCOMPLETE)
