"""`schema`: a JSON schema of policy files, from which an editor completes and checks them while they are written.

c7n makes a schema, but of its own elements' settings alone, with one list of alternatives for all resource types: an
editor then calls a wrong key "no alternative fits". Here `resource` decides which schema holds, elements say what they
do, and metadata is what `validate` wants. It is the schema part of `validate`; what no schema can say is said there.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click

from ..policies import Catalogue
from .options import controls_option, policies_option

DEFAULT = Path("policies.schema.json")


def editor_schema(resources: Iterable[str], catalogues: Mapping[str, Catalogue]) -> dict[str, Any]:
    """The schema (draft 7) of files with policies on these resource types; without any, on every type of AWS.

    Args:
        resources: as `aws.s3`.
        catalogues: the frameworks that a policy may name, by name.
    """
    from c7n import schema as engine_schema
    from c7n.resources import load_resources

    wanted = sorted(set(resources))
    load_resources(wanted or ["aws.*"])
    # A copy: c7n puts the elements' own schemas into it.
    made: dict[str, Any] = json.loads(json.dumps(engine_schema.generate(tuple(wanted))))
    made.pop("id", None)
    made["title"] = "Policies of aws-guardrails"
    types: dict[str, Any] = {
        name: definition for name, definition in made["definitions"]["resources"].items() if name.startswith("aws.")}
    made["definitions"]["resources"] = types
    _describe(made["definitions"], types)
    made["definitions"]["policy"]["properties"]["metadata"] = {"$ref": "#/definitions/metadata"}
    made["definitions"]["metadata"] = _metadata(catalogues)
    made["properties"]["policies"]["items"] = _by_resource(types)
    return made


def _by_resource(types: Mapping[str, Any]) -> dict[str, Any]:
    """A policy: its resource decides what else it may say."""
    names = {name: definition["policy"]["allOf"][1]["properties"]["resource"]["enum"]
             for name, definition in types.items()}
    return {
        "type": "object",
        "required": ["name", "resource", "metadata"],
        "properties": {"resource": {"enum": sorted(each for given in names.values() for each in given)}},
        "allOf": [
            {
                "if": {"properties": {"resource": {"enum": given}}, "required": ["resource"]},
                "then": {"$ref": f"#/definitions/resources/{name}/policy"},
            }
            for name, given in names.items()
        ],
    }


def _describe(definitions: Mapping[str, Any], types: Mapping[str, Any]) -> None:
    """Give each element the first paragraph of what its class says of it."""
    from ..policies import resource_class

    for name, definition in types.items():
        manager = resource_class(name)
        for kind, registry in (("filters", manager.filter_registry), ("actions", manager.action_registry)):
            for element, found in registry.items():
                said = cleandoc(found.__doc__ or "").partition("\n\n")[0]
                for place in (definition[kind].get(element), definitions[kind].get(f"aws.{element}")):
                    if place is not None and said:
                        place["description"] = " ".join(said.split())


def _metadata(catalogues: Mapping[str, Catalogue]) -> dict[str, Any]:
    """What `validate` wants of a policy's metadata."""
    from custom_actions.vocabulary import EXPOSURES, RESPONSES, SEVERITIES

    from ..policies import METADATA, SCOPES

    text = {"type": "string", "pattern": r"\S"}
    properties: dict[str, Any] = {
        "title": text, "rationale": text, "fix": text,
        "severity": {"enum": list(SEVERITIES)}, "response": {"enum": list(RESPONSES)},
        "scope": {"enum": [scope.value for scope in SCOPES]}, "exposure": {"enum": list(EXPOSURES)},
        "replaces": {"type": "array", "items": {"type": "string"}},
        "profile": {"type": "string"}, "parameters": {"type": "object"},
        "controls": {
            "type": "object", "additionalProperties": False,
            "properties": {
                name: {"type": "array", "items": {"enum": list(catalogue.by_id)}, "description": catalogue.title}
                for name, catalogue in catalogues.items()
            },
        },
    }
    for key, said in METADATA.items():
        properties[key] = {**properties[key], "description": said}
    return {"type": "object", "required": list(METADATA), "properties": properties}


@click.command()
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default=DEFAULT, show_default=True,
              metavar="FILE", help="Where it goes; - for standard output.")
@click.option("--all", "every", is_flag=True, help="Every resource type of AWS: six times as large.")
@policies_option
@controls_option
def schema(output: Path, every: bool, directory: Path, controls: tuple[Path, ...]) -> None:
    """Write a JSON schema with which an editor completes and checks policy files.

    It knows the resource types that the policies of the directory use, our elements, the metadata and the ids of the
    frameworks. Write it again after an upgrade, or when a policy is on a new type. docs/ci.md tells how to switch it
    on.

    \b
    Example:
      ./run.sh schema
      ./run.sh schema --all -o .vscode/policies.schema.json
    """
    from ..paths import write_text
    from ..policies import load, load_catalogues

    resources = () if every else {policy.resource for policy in load(directory)}
    text = json.dumps(editor_schema(resources, load_catalogues(controls)), separators=(",", ":")) + "\n"
    if str(output) == "-":
        click.echo(text, nl=False)
        return
    click.echo(write_text(output, text))
