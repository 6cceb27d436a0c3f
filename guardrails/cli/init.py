"""`init`: make a team's repository of policies, with settings, accounts, exceptions, a tested policy and CI."""
from __future__ import annotations

from pathlib import Path

import click

from ..errors import GuardrailsError
from .options import json_option, talk_options


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@json_option()
@talk_options
def init(directory: Path, as_json: bool) -> None:
    """Make a repository for your policies in DIR: settings, accounts, exceptions, a policy with its test, and CI.

    Writes guardrails.yml, accounts.yml, exceptions.yml, policies/, tests/policies/, README.md, .gitignore and
    .github/workflows/guardrails.yml. In DIR and below it, verbs then need no option for these files. Does not call AWS.
    Refuses to replace a file.

    \b
    Example:
      {command} init team
    """
    from importlib.metadata import version

    from ..paths import write_text
    from ..settings import team_files
    from .console import say, show_written
    from .schema import settings_schema_text

    files = {
        **{name: text.replace("{version}", version("aws-guardrails")) for name, text in team_files().items()},
        "guardrails.schema.json": settings_schema_text(),
    }
    if existing := [name for name in files if (directory / name).exists()]:
        raise GuardrailsError(
            f"{directory}: {', '.join(existing)} exists already: nothing was written", "name another directory")
    written: list[Path] = []
    try:
        for name, text in files.items():
            written.append(write_text(directory / name, text, shared=True))
    except BaseException:
        for path in written:  # else the next attempt would refuse to replace them
            path.unlink(missing_ok=True)
        raise
    show_written(written, as_json=as_json)
    say("next: put it under version control, list your accounts in accounts.yml, and run validate, test and audit in "
        "it")
