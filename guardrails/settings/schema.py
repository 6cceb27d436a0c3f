"""The JSON schema of guardrails.yml: an editor completes with it, and reading the file checks with it."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from custom_actions.vocabulary import SEVERITIES

from ..policies import PACKS


def settings_schema(verbs: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The JSON schema (draft 2020-12).

    Args:
        verbs: verb to the schema of its options, for `defaults`. Without it, any verb and option is accepted.
    """
    texts = {"type": "array", "items": {"type": "string", "minLength": 1}}
    pack = {"enum": list(PACKS)}
    severity = {"enum": list(SEVERITIES)}
    defaults: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "object"}}
    if verbs is not None:
        defaults = {"type": "object", "additionalProperties": False, "properties": {
            verb: {"type": "object", "additionalProperties": False, "properties": dict(options)}
            for verb, options in verbs.items()}}

    def described(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        return {"description": text, **schema}

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "guardrails.yml",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "packs": described("The shipped policies to use. Default: all of aws-guardrails; [] for none.", {
                "type": "array", "items": {"anyOf": [pack, {
                    "type": "object", "required": ["name"], "additionalProperties": False, "properties": {
                        "name": pack,
                        "frameworks": described("Only policies that cover these: cis-aws-6.0, cis-aws-6.0:5.*", texts),
                        "services": described("Only policies on these resource types, or globs.", texts),
                        "severities": described("Only policies of these severities.", {
                            "type": "array", "items": {"enum": list(SEVERITIES)}}),
                        "policies": described("Only these policies: names, or globs.", texts),
                    }}]}}),
            "policies": described("Directories of your own policies.", texts),
            "exclude": described("Policies that are switched off: names, or globs.", texts),
            "parameters": described("Values for the parameters of policies, in all accounts.", {"type": "object"}),
            "severities": described("Severities in place of those in the policy files, by name or glob.", {
                "type": "object", "additionalProperties": {"anyOf": [severity, {
                    "type": "object", "additionalProperties": False, "required": ["accounts"], "properties": {
                        "default": described("The severity in all other accounts.", severity),
                        "accounts": described("Severities in accounts, by name, id or glob.", {
                            "type": "object", "minProperties": 1, "additionalProperties": severity,
                            "propertyNames": described("Write the account's id in quotes: '012345678901'.", {
                                "type": "string", "minLength": 1})}),
                    }}]}}),
            "controls": described("Directories of your own frameworks.", texts),
            "frameworks": described("The frameworks that reports and coverage show. Default: all.", texts),
            "cases": described("Directories of the test cases of your own policies.", texts),
            "elements": described("Directories of your own filters and actions: Python packages.", texts),
            "accounts": described("The accounts.yml of c7n-org. Default: the account of the credentials.", {
                "type": "string", "minLength": 1}),
            "exceptions": described("The file of exceptions.", {"type": "string", "minLength": 1}),
            "output": described("Where runs are written. Default: output.", {"type": "string", "minLength": 1}),
            "history": described(
                "The database of earlier runs: a file, s3://BUCKET/KEY, or none. Default: history.db in output.", {
                "type": "string", "minLength": 1}),
            "parquet": described(
                "Where runs are written as Parquet, too: a directory, s3://BUCKET/PREFIX, or none. Default: none.",
                {"type": "string", "minLength": 1}),
            "defaults": described("Defaults of each verb's options: audit: {format: [html, json], fail-on: high}",
                                  defaults),
        },
    }
