"""What Cloud Custodian itself says of a policy: unknown elements, schema, and the elements' own validation.

`custodian validate` checks each policy against the schema of every resource type, which takes over half a second
a policy. Here a policy is checked against the schema of its own type alone; the same errors are found.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from c7n.config import Config
from c7n.loader import SchemaValidator
from c7n.policy import LambdaMode, execution
from c7n.policy import Policy as EnginePolicy
from c7n.provider import get_resource_class
from c7n.resources import load_resources

Path = tuple[str | int, ...]
_BLOCKS = ("and", "or", "not")
# No account has this number; nothing is called.
_OPTIONS = {"region": "us-east-1", "account_id": "000000000000"}


@dataclass(frozen=True)
class Complaint:
    """What is wrong with a policy: where in it, what, and how to mend it."""

    path: Path
    what: str
    mend: str = ""


def complaints(policy: Mapping[str, Any], resource: str) -> list[Complaint]:
    """Everything that c7n holds against the policy of resource type `resource` (`aws.ec2`).

    The cheap and clear checks come first; a later stage runs only on what passed the earlier ones, because its
    messages would be echoes.
    """
    if unknown := unknown_resource(resource):
        return [unknown]
    return list(_elements(policy, resource)) or list(_schema(policy, resource)) or list(_own(policy))


def unknown_resource(resource: str) -> Complaint | None:
    """A complaint when c7n has no such resource type. Loads the type."""
    if not load_resources([resource]):
        return None
    from c7n.resources.resource_map import ResourceMap

    return Complaint(("resource",), f"there is no resource type {resource}", nearest(resource, ResourceMap))


@cache
def resource_class(resource: str) -> Any:
    """c7n's class of a resource type, which must exist."""
    load_resources([resource])
    return get_resource_class(resource)


def walk(entries: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Every filter or action in a policy's list, those in and/or/not blocks and in `scope` too, with where it is."""
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


def nearest(name: str, known: Iterable[str], *, give_all: bool = False) -> str:
    """A remedy that names what was probably meant."""
    known = sorted(known)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"it is one of {', '.join(known)}" if give_all and known else ""


def _elements(policy: Mapping[str, Any], resource: str) -> Iterator[Complaint]:
    manager = resource_class(resource)
    for kind, registry in (("filters", manager.filter_registry), ("actions", manager.action_registry)):
        what = kind[:-1]
        for path, entry in walk(policy.get(kind), (kind,)):
            name = type_of(entry)
            element = registry.get(name) if name else None
            if element is None:
                yield Complaint(
                    path, f"{resource} has no {what} {name or entry!r}",
                    nearest(name, registry.keys()) or f"./run.sh custodian schema {resource}.{kind} lists them",
                )
            elif isinstance(entry, Mapping) and "type" in entry:
                yield from _keys(path, entry, name, element)


def _keys(path: Path, entry: Mapping[str, Any], name: str, element: Any) -> Iterator[Complaint]:
    schema = element.schema
    if schema.get("additionalProperties") is not False or "properties" not in schema:
        return
    known = {str(key) for key in schema["properties"]}
    for key in entry:
        if str(key) not in known:
            yield Complaint((*path, str(key)), f"{name} has no setting {key}", nearest(str(key), known, give_all=True))


_validator = SchemaValidator()


def _schema(policy: Mapping[str, Any], resource: str) -> Iterator[Complaint]:
    validator = _validator.gen_schema((resource,))
    for error in validator.iter_errors({"policies": [policy]}):
        for leaf in _leaves(error):
            path = tuple(leaf.absolute_path)[2:]  # after ("policies", 0)
            yield Complaint(path, *_reworded(leaf, path))


def _leaves(error: Any) -> list[Any]:
    """The errors inside an `anyOf` that belong to what the policy meant, by its resource or its element's type."""
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
    """A schema error as a person would say it, and its remedy."""
    label = ".".join(str(step) for step in path) or "the policy"
    if error.validator == "enum":
        return f"{label}: {error.instance!r} is not a known value", nearest(
            str(error.instance), [str(value) for value in error.validator_value], give_all=True
        )
    if error.validator == "additionalProperties" and isinstance(error.instance, Mapping):
        known = [str(key) for key in error.schema.get("properties", ())]
        extra = [str(key) for key in error.instance if str(key) not in known]
        remedies = [remedy for key in extra if (remedy := nearest(key, known))]
        return f"{label}: no such setting: {', '.join(extra)}", "; ".join(remedies) or f"known: {', '.join(known)}"
    if error.validator in ("anyOf", "oneOf"):
        shown = json.dumps(error.instance, default=str)
        return f"{label}: no form of it is accepted: {shown[:200]}", ""
    return f"{label}: {error.message[:300]}", ""


def _own(policy: Mapping[str, Any]) -> Iterator[Complaint]:
    where: Path = ()
    try:
        made = EnginePolicy(deepcopy(dict(policy)), Config.empty(**_OPTIONS))
        made.expand_variables(made.get_variables())
        for kind, parts in (("filters", made.resource_manager.filters), ("actions", made.resource_manager.actions)):
            for index, part in enumerate(parts):
                where = (kind, index)
                part.validate()
        where = ()
        made.validate()
    # Any element, of c7n or of ours, may raise anything on settings that it did not expect; that is the finding.
    except Exception as error:  # noqa: BLE001
        yield Complaint(where, " ".join(str(error).split())[:400] or type(error).__name__)
