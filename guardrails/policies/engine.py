"""Cloud Custodian's own validation of a policy: unknown elements, the schema, and the elements' own checks.

`custodian validate` compares each policy with the schema of every resource type, and each filter with the schema of
every filter. Here a policy is compared with the schema of its own type, and a filter with that of its own name.
`_accepts` may do so because the schema needs only one matching alternative. Only a policy that does not match goes
through the whole schema, which then explains the error. Both find the same errors.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from c7n.config import Config
from c7n.policy import LambdaMode, execution
from c7n.policy import Policy as EnginePolicy
from c7n.provider import get_resource_class
from c7n.resources import load_resources
from c7n.schema import JsonSchemaValidator, generate

from custom_actions.parameters import USE_PLAIN_NAMES, lookups

from ..command import command
from ..suggest import nearest
from .policy import foreign_provider

Path = tuple[str | int, ...]
_BLOCKS = ("and", "or", "not")
# The form of c7n's schema of a policy, and the keys that two policies hardly ever share.
_FORM = {"type", "required", "additionalProperties", "properties"}
_OF_ONE = frozenset({"name", "metadata", "description", "comment", "comments"})
# No account has this id; nothing is called.
_OPTIONS = {"region": "us-east-1", "account_id": "000000000000"}


@dataclass(frozen=True)
class PolicyProblem:
    """One error in a policy: the path to it, what is wrong, and how to fix it."""

    path: Path
    problem: str
    fix: str = ""
    convention: bool = False
    """Whether c7n accepts it: only this project's own rules for policies do not."""


def policy_problems(policy: Mapping[str, Any], resource: str) -> list[PolicyProblem]:
    """All errors that c7n finds in the policy with the resource type `resource` (`aws.ec2`).

    The fast checks with the clearest messages come first. A later stage runs only if the earlier ones found nothing,
    because it would report the same errors again.
    """
    # A policy with such braces is refused by `_own` too, but without the place.
    refused = [PolicyProblem(path, f"{'.'.join(map(str, path))}: {problem}", USE_PLAIN_NAMES)
               for path, problem in lookups(policy)]
    if unknown := unknown_resource(resource):
        return [*refused, unknown]
    return refused + (list(_elements(policy, resource)) or list(_schema(policy, resource))
                      or ([] if refused else list(_own(policy))))


def unknown_resource(resource: str) -> PolicyProblem | None:
    """An error when c7n has no such resource type for AWS. Loads the type."""
    if foreign := foreign_provider(resource):
        return PolicyProblem(("resource",), *foreign)
    if not _missing(resource):
        return None
    from c7n.resources.resource_map import ResourceMap

    return PolicyProblem(("resource",), f"unknown resource type {resource}", nearest(resource, ResourceMap))


@cache
def _missing(resource: str) -> bool:
    """Whether c7n has no such type. c7n tells every subscriber of each type that it is asked for, loaded or not."""
    return bool(load_resources([resource]))


@cache
def resource_class(resource: str) -> Any:
    """c7n's class of a resource type, which must exist."""
    load_resources([resource])
    return get_resource_class(resource)


def walk(entries: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Every filter or action in a list of a policy, with its path; also those in and/or/not blocks and in `scope`."""
    for index, entry in enumerate(entries or ()):
        here = (*path, index)
        block = _block(entry)
        if block:
            yield from walk(entry[block], (*here, block))
            continue
        yield here, entry
        if type_of(entry) == "scope" and isinstance(entry, Mapping) and isinstance(entry.get("filters"), list):
            yield from walk(entry["filters"], (*here, "filters"))


def _block(entry: Any) -> str | None:
    if isinstance(entry, Mapping) and len(entry) == 1 and isinstance(next(iter(entry.values())), list):
        name = next(iter(entry))
        return str(name) if name in _BLOCKS else None
    return None


def type_of(entry: Any) -> str:
    """The type of a filter or an action as a policy writes it; `value` for the short form of a value filter."""
    if isinstance(entry, str):
        return entry
    return str(entry.get("type") or "value") if isinstance(entry, Mapping) else ""


def is_lambda_mode(mode: str) -> bool:
    """Whether c7n deploys a policy of this mode as a Lambda function."""
    return mode in execution and issubclass(execution[mode], LambdaMode)


def modes() -> list[str]:
    """The modes that c7n knows."""
    return sorted(execution.keys())


def _elements(policy: Mapping[str, Any], resource: str) -> Iterator[PolicyProblem]:
    manager = resource_class(resource)
    for kind, registry in (("filters", manager.filter_registry), ("actions", manager.action_registry)):
        what = kind[:-1]
        for path, entry in walk(policy.get(kind), (kind,)):
            name = type_of(entry)
            element = registry.get(name) if name else None
            if element is None:
                yield PolicyProblem(
                    path, f"{resource} has no {what} {name or entry!r}",
                    nearest(name, registry.keys()) or f"`{command('custodian schema')} {resource}.{kind}` lists them",
                )
            elif isinstance(entry, Mapping) and "type" in entry:
                yield from _keys(path, entry, name, element)


def _keys(path: Path, entry: Mapping[str, Any], name: str, element: Any) -> Iterator[PolicyProblem]:
    schema = element.schema
    if schema.get("additionalProperties") is not False or "properties" not in schema:
        return
    known = {str(key) for key in schema["properties"]}
    # Some filters take the name of any attribute, such as `Detector.Status` of guard-duty.
    patterns = [re.compile(pattern) for pattern in schema.get("patternProperties") or ()]
    for key in entry:
        if str(key) not in known and not any(pattern.search(str(key)) for pattern in patterns):
            yield PolicyProblem(
                (*path, str(key)), f"{name} has no setting {key}", nearest(str(key), known, give_all=True))


@cache
def _validator(resource: str) -> Any:
    """c7n's schema for policies on one resource type. c7n's loader would also check the schema itself each time."""
    load_resources([resource])
    return JsonSchemaValidator(generate((resource,)))


def _schema(policy: Mapping[str, Any], resource: str) -> Iterator[PolicyProblem]:
    validator = _validator(resource)
    if _accepts(validator, policy, resource):
        return
    for error in validator.iter_errors({"policies": [policy]}):
        for leaf in _leaves(error):
            path = tuple(leaf.absolute_path)[2:]  # after ("policies", 0)
            yield PolicyProblem(path, *_reworded(leaf, path))


def _accepts(validator: Any, policy: Mapping[str, Any], resource: str) -> bool:
    """Whether the schema accepts the policy, by the alternative that each part names; False when unsure."""
    if resource not in validator.schema["definitions"]["resources"]:
        return False  # an alias of a type
    parts = ("filters", "actions", "mode")
    rest = {key: value for key, value in policy.items() if key not in parts}
    if not _accepts_rest(validator, rest, resource):
        return False
    if "mode" in policy and not _is_valid(validator, execution[policy["mode"]["type"]].schema, policy["mode"]):
        return False
    return all(
        _accepts_entry(validator, entry, resource, kind)
        for kind in parts[:2]
        for entry in policy.get(kind) or ()
    )


def _accepts_rest(validator: Any, rest: Mapping[str, Any], resource: str) -> bool:
    """Whether the schema accepts a policy without its mode, filters and actions: each key by itself.

    Where c7n's schema has another form than now, the whole schema decides.
    """
    definitions = validator.schema["definitions"]
    form, own = definitions["policy"], definitions["resources"][resource]["policy"]["allOf"]
    if form.keys() != _FORM or own[0] != {"$ref": "#/definitions/policy"} or own[1].keys() != {"properties"}:
        return bool(validator.is_valid({"policies": [rest]}))
    schemas = form["properties"]
    return (
        all(key in rest for key in form["required"]) and rest.keys() <= schemas.keys()
        and rest["resource"] in own[1]["properties"]["resource"]["enum"]
        and all(validator.evolve(schema=schemas[key]).is_valid(value) if key in _OF_ONE
                else _is_valid(validator, schemas[key], value) for key, value in rest.items()))


def _accepts_entry(validator: Any, entry: Any, resource: str, kind: str) -> bool:
    if block := _block(entry) if kind == "filters" else None:
        return all(_accepts_entry(validator, each, resource, kind) for each in entry[block])
    words, named, short = _alternatives(resource, kind)
    if isinstance(entry, str):
        return entry in words
    if not isinstance(entry, Mapping):
        return False
    schema = named.get(entry["type"]) if isinstance(entry.get("type"), str) else short
    return schema is not None and _is_valid(validator, schema, entry)


_valid: dict[tuple[int, str], tuple[Any, bool]] = {}
"""The schema is a part of the value, so that its id belongs to no other."""


def _is_valid(validator: Any, schema: Any, part: Any) -> bool:
    """Whether a part of c7n's schema accepts a part of a policy.

    The policies of a set are alike: they share their mode, and many filters and actions.
    """
    key = id(schema), repr(part)
    if key not in _valid:
        _valid[key] = schema, bool(validator.evolve(schema=schema).is_valid(part))
    return _valid[key][1]


@cache
def _alternatives(resource: str, kind: str) -> tuple[frozenset[str], dict[str, Any], Any]:
    """What the schema accepts as an entry of `filters` or `actions`.

    Returns the names that may be written alone, the schemas by their `type`, and the schema of a value filter's short
    form.
    """
    root = _validator(resource).schema
    listed = root["definitions"]["resources"][resource]["policy"]["allOf"][1]["properties"][kind]["items"]["anyOf"]
    words: set[str] = set()
    named: dict[str, Any] = {}
    short = None
    for alternative in listed:
        words.update(alternative.get("enum", ()))
        reference = alternative.get("$ref", "")
        found = root
        for step in reference.split("/")[1:]:
            found = found[step]
        if reference.endswith("/valuekv"):
            short = found
        elif reference:
            named.update(dict.fromkeys(found.get("properties", {}).get("type", {}).get("enum", ()), found))
    return frozenset(words), named, short


def _leaves(error: Any) -> list[Any]:
    """The errors inside an `anyOf` that belong to the intended alternative, by resource or by the element's type."""
    if error.validator not in ("anyOf", "oneOf") or not error.context:
        return [error]
    wanted = error.instance.get("type") if isinstance(error.instance, Mapping) else None
    by_choice: dict[int, list[Any]] = {}
    for inner in error.context:
        by_choice.setdefault(inner.schema_path[0], []).append(inner)
    for choice, inner_errors in by_choice.items():
        schema = error.validator_value[choice]
        names = str(schema.get("$ref", "")).rsplit("/", 1)[-1].rsplit(".", 1)[-1]
        enum = schema.get("properties", {}).get("type", {}).get("enum", [])
        if len(by_choice) == 1 or (wanted and (names == wanted or wanted in enum)):
            return [leaf for inner in inner_errors for leaf in _leaves(inner)]
    return [error]


def _reworded(error: Any, path: Path) -> tuple[str, str]:
    """A schema error as a readable message, and its fix."""
    label = ".".join(str(step) for step in path) or "the policy"
    if error.validator == "enum":
        return f"{label}: {error.instance!r} is not a known value", nearest(
            str(error.instance), [str(value) for value in error.validator_value], give_all=True
        )
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = [str(key) for key in error.schema.get("properties", ())]
        extra = [str(key) for key in error.instance if str(key) not in known]
        fixes = [fix for key in extra if (fix := nearest(key, known))]
        return f"{label}: unknown setting: {', '.join(extra)}", "; ".join(fixes) or f"use one of {', '.join(known)}"
    if error.validator in ("anyOf", "oneOf"):
        shown = json.dumps(error.instance, default=str)
        return f"{label}: invalid value: {shown[:200]}", ""
    return f"{label}: {error.message[:300]}", ""


def _own(policy: Mapping[str, Any]) -> Iterator[PolicyProblem]:
    where: Path = ()
    try:
        with _made_once():
            loaded = EnginePolicy(_copied(policy), Config.empty(**_OPTIONS))
            loaded.expand_variables(loaded.get_variables())
            loaded.validate()
        return
    # Any element, of c7n or of ours, may raise any error for settings that it does not expect; this is the error found.
    except Exception as error:  # noqa: BLE001
        first = error
    try:
        loaded = EnginePolicy(_copied(policy), Config.empty(**_OPTIONS))
        loaded.expand_variables(loaded.get_variables())
        for kind, parts in (("filters", loaded.resource_manager.filters), ("actions", loaded.resource_manager.actions)):
            for index, part in enumerate(parts):
                where = (kind, index)
                part.validate()
        where = ()
    except Exception as error:  # noqa: BLE001 - as above, now with a known element
        first = error
    yield PolicyProblem(where, " ".join(str(first).split())[:400] or type(first).__name__)


def _copied(data: Any) -> Any:
    """A copy of YAML data that c7n may change; several times faster than deepcopy."""
    if isinstance(data, str):
        return data
    if isinstance(data, Mapping):
        return {key: _copied(value) for key, value in data.items()}
    return [_copied(value) for value in data] if isinstance(data, list) else data


@contextmanager
def _made_once() -> Iterator[None]:
    """Inside this context, c7n makes some objects once instead of once for each element.

    They are the session, with the whole model of a service, that c7n compares settings with, and the schema of a
    policy inside a policy.
    """
    from c7n import loader
    from c7n.resources import aws

    session, validator = aws.fake_session, loader.SchemaValidator
    aws.fake_session = lambda: _once(session)
    loader.SchemaValidator = _inner_validator(validator)
    try:
        yield
    finally:
        aws.fake_session = session
        loader.SchemaValidator = validator


@cache
def _inner_validator(original: Any) -> Any:
    """c7n's class that compares a policy inside a policy with the schema; what `_accepts` accepts is not explained."""

    class Validator(original):
        def validate(self, policy_data: Any, resource_types: Any = None) -> Any:
            policies, types = policy_data.get("policies"), list(resource_types or ())
            if len(policies) == len(types) == 1 and _accepts(_validator(types[0]), policies[0], types[0]):
                return []
            return _once(original).validate(policy_data, resource_types)

    return Validator


@cache
def _once(make: Callable[[], Any]) -> Any:
    return make()
