"""`schema`: write the JSON schema with which an editor completes and checks policy files."""
from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import controls_option, json_option, policies_option, talk_options

if TYPE_CHECKING:
    from ..policies import PolicySources

DEFAULT = Path("policies.schema.json")


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT, show_default=True,
              metavar="FILE", help="The file to write; - for standard output.")
@click.option("--all", "every", is_flag=True, help="Include every AWS resource type; the file is six times as large.")
@click.option("--settings", "of_settings", is_flag=True, help="Write the schema of guardrails.yml instead.")
@policies_option
@controls_option
@json_option("With -o - it is the schema.")
@talk_options
def schema(
    output: Path, every: bool, of_settings: bool, policy_sources: PolicySources, controls: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Write a JSON schema with which an editor completes and checks policy files.

    The schema covers the resource types that the policies in the directory use, our filters and actions, the metadata
    and the control ids of the frameworks. Write it again after an upgrade, or when a policy uses a new resource type.
    docs/ci.md explains how to set it up in an editor.

    \b
    Example:
      {command} schema
      {command} schema --all -o .vscode/policies.schema.json
      {command} schema --settings -o guardrails.schema.json
    """
    from ..paths import write_text
    from ..policies import load_catalogues, policy_schema
    from .console import show_written

    if of_settings:
        text = settings_schema_text()
    else:
        resources = () if every else {policy.resource for policy in policy_sources.load()}
        text = json.dumps(policy_schema(resources, load_catalogues(controls)), separators=(",", ":")) + "\n"
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    show_written([write_text(output, text, shared=True)], as_json=as_json)


def settings_schema_text() -> str:
    """The JSON schema of guardrails.yml, with the options of each verb."""
    from ..settings import settings_schema
    from .defaults import option_schemas
    from .main import verbs

    schemas = settings_schema({name: option_schemas(command) for name, command in verbs().items()})
    return json.dumps(schemas, separators=(",", ":")) + "\n"
