"""`schema`: write the JSON schema with which an editor completes and checks policy files."""
from __future__ import annotations

import json
from pathlib import Path

import click

from .options import controls_option, policies_option

DEFAULT = Path("policies.schema.json")


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT, show_default=True,
              metavar="FILE", help="The file to write; - for standard output.")
@click.option("--all", "every", is_flag=True, help="Include every AWS resource type; the file is six times as large.")
@policies_option
@controls_option
def schema(output: Path, every: bool, directory: Path, controls: tuple[Path, ...]) -> None:
    """Write a JSON schema with which an editor completes and checks policy files.

    The schema covers the resource types that the policies in the directory use, our filters and actions, the metadata
    and the control ids of the frameworks. Write it again after an upgrade, or when a policy uses a new resource type.
    docs/ci.md explains how to set it up in an editor.

    \b
    Example:
      {command} schema
      {command} schema --all -o .vscode/policies.schema.json
    """
    from ..paths import write_text
    from ..policies import load, load_catalogues, policy_schema

    resources = () if every else {policy.resource for policy in load(directory)}
    text = json.dumps(policy_schema(resources, load_catalogues(controls)), separators=(",", ":")) + "\n"
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    click.echo(write_text(output, text, shared=True))
