"""A JSON schema of policy files, with which an editor completes and checks them while they are written.

c7n generates a schema too, but it covers only the settings of c7n's own elements, and it offers one list of
alternatives for all resource types: for a misspelt key an editor can only say "no alternative matches". In this schema
`resource` selects the part that applies, every element has a description, and metadata has the keys that `validate`
requires. `validate` also checks what no schema can express.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from inspect import cleandoc
from typing import Any

from .catalogue import Catalogue


def policy_schema(resources: Iterable[str], catalogues: Mapping[str, Catalogue]) -> dict[str, Any]:
    """The JSON schema (draft 7) of policy files.

    Args:
        resources: the resource types that policies may use, such as `aws.s3`; empty for every AWS type.
        catalogues: the frameworks that a policy may name, by name.
    """
    from c7n import schema as engine_schema
    from c7n.resources import load_resources

    selected = sorted(set(resources))
    load_resources(selected or ["aws.*"])
    # A copy: c7n's schema shares parts with the elements' own schemas.
    schema: dict[str, Any] = json.loads(json.dumps(engine_schema.generate(tuple(selected))))
    schema.pop("id", None)
    schema["title"] = "Policies of aws-guardrails"
    types: dict[str, Any] = {
        name: definition for name, definition in schema["definitions"]["resources"].items() if name.startswith("aws.")}
    schema["definitions"]["resources"] = types
    _describe(schema["definitions"], types)
    schema["definitions"]["policy"]["properties"]["metadata"] = {"$ref": "#/definitions/metadata"}
    schema["definitions"]["metadata"] = _metadata(catalogues)
    schema["properties"]["policies"]["items"] = _by_resource(types)
    return schema


def _by_resource(types: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a policy: its resource type selects the schema of the rest."""
    names = {name: definition["policy"]["allOf"][1]["properties"]["resource"]["enum"]
             for name, definition in types.items()}
    return {
        "type": "object",
        "required": ["name", "resource", "metadata"],
        "properties": {"resource": {"enum": sorted(alias for aliases in names.values() for alias in aliases)}},
        "allOf": [
            {
                "if": {"properties": {"resource": {"enum": aliases}}, "required": ["resource"]},
                "then": {"$ref": f"#/definitions/resources/{name}/policy"},
            }
            for name, aliases in names.items()
        ],
    }


def _describe(definitions: Mapping[str, Any], types: Mapping[str, Any]) -> None:
    """Describe each filter and action with the first paragraph of its class's docstring."""
    from .engine import resource_class

    for name, definition in types.items():
        manager = resource_class(name)
        for kind, registry in (("filters", manager.filter_registry), ("actions", manager.action_registry)):
            for element, found in registry.items():
                paragraph = cleandoc(found.__doc__ or "").partition("\n\n")[0]
                for place in (definition[kind].get(element), definitions[kind].get(f"aws.{element}")):
                    if place is not None and paragraph:
                        place["description"] = " ".join(paragraph.split())


def _metadata(catalogues: Mapping[str, Catalogue]) -> dict[str, Any]:
    """The schema of a policy's metadata, with the keys that `validate` requires."""
    from custom_actions.vocabulary import EXPOSURES, RESPONSES, SEVERITIES

    from .scope import SCOPES
    from .validation import METADATA

    text = {"type": "string", "pattern": r"\S"}
    properties: dict[str, Any] = {
        "title": text, "rationale": text, "fix": text, "severity_reason": text,
        "severity": {"enum": list(SEVERITIES)}, "response": {"enum": list(RESPONSES)},
        "scope": {"enum": [scope.value for scope in SCOPES]}, "exposure": {"enum": list(EXPOSURES)},
        "replaces": {"type": "array", "items": {"type": "string"}},
        "profile": {"type": "string"}, "parameters": {"type": "object"},
        "controls": {
            "type": "object", "additionalProperties": False,
            "properties": {
                name: {"type": "array", "items": _claim(list(catalogue.by_id)), "description": catalogue.title}
                for name, catalogue in catalogues.items()
            },
        },
    }
    for key, description in METADATA.items():
        properties[key] = {**properties[key], "description": description}
    return {"type": "object", "required": list(METADATA), "properties": properties}


def _claim(ids: Sequence[str]) -> dict[str, Any]:
    """The schema of one control that a policy claims."""
    one = {"enum": list(ids)}
    return {"oneOf": [one, {
        "type": "object", "required": ["id"], "additionalProperties": False,
        "properties": {
            "id": one,
            "parts": {
                "type": "array", "minItems": 1, "items": {"type": "string"},
                "description": "The parts of the control that the policy checks, by their names in its catalogue."},
            "partial": {"type": "string", "description": "What the policy does not check of the control."},
            "when": {"type": "object", "description": "The values of parameters with which the claim is true."},
        },
    }]}
