"""Finds out which fields of a configuration item a policy looked for, and did not find.

A filter that looks for something bad, such as a public address, finds nothing in an item that lacks the field, and the
resource would look compliant. AWS documents no list of the fields that an item always has. So the policy reads the
resource through `watched`, which notes each field that is looked up and is not there. A field that has another type
than the API that describes the resource returns counts as not there. The caller then asks AWS for the resource.

Only what a filter looks up is noted, so that an item without a field that no filter needs costs no further call.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.model import ServiceModel, Shape
from botocore.session import get_session

_BUCKET = "AWS::S3::Bucket"
_TYPES: dict[str, tuple[type, ...]] = {
    "list": (list,), "structure": (dict,), "map": (dict,), "string": (str,), "boolean": (bool,),
    "integer": (int,), "long": (int,), "float": (int, float), "double": (int, float),
}
"""What Python has for a type of botocore's models. A timestamp may be a text or a number."""


class _Watched(dict[str, Any]):
    """An object of a resource that notes the fields that are looked up and are not there."""

    def __init__(self, content: Mapping[str, Any], where: str, missing: set[str], known: Iterable[str] = ()) -> None:
        super().__init__(content)
        self._where, self._missing, self._known = where, missing, frozenset(known)

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or self._note(key)

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(key, default) if key in self else default

    def __missing__(self, key: str) -> Any:
        self._note(key)
        raise KeyError(key)

    def __deepcopy__(self, memo: dict[int, Any]) -> _Watched:
        copied = {key: deepcopy(value, memo) for key, value in self.items()}
        return _Watched(copied, self._where, self._missing, self._known)

    def _note(self, key: object) -> bool:
        # c7n looks up expressions as if they were fields, and notes of its own, such as c7n:MatchedFilters.
        if isinstance(key, str) and key.isidentifier() and key not in self._known:
            self._missing.add(f"{self._where}{key}")
        return False


_Watched.__name__ = "dict"  # jmespath takes the type of a value from the name of its class


def watched(resource: Mapping[str, Any], kind: Any, item: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """The resource of a configuration item, and the fields that are found missing while it is read.

    Args:
        resource: the resource as c7n made it from the item.
        kind: c7n's `resource_type` of it.
        item: the configuration item, as AWS Config sends it.
    """
    missing = set(_missing_parts(item))
    # c7n adds no tags to a resource whose item says that there are none.
    known = ["Tags"] if isinstance(item.get("tags"), dict) else []
    return _watch(resource, described_by(kind), "", missing, known), missing


def _missing_parts(item: Mapping[str, Any]) -> Iterator[str]:
    """What AWS Config records of every bucket, and this item lacks. c7n reads a part that is missing as empty."""
    if item["resourceType"] != _BUCKET:
        return
    from c7n.resources.s3 import S3_CONFIG_SUPPLEMENT_NULL_MAP as EMPTY

    recorded = {name: json.loads(empty) for name, empty in EMPTY.items() if empty is not None}
    for name, fields in {**recorded, "AccessControlList": {"grantList": None}}.items():
        part = item["supplementaryConfiguration"].get(name)
        for _ in range(2):  # AWS Config encodes an access control list twice
            part = json.loads(part) if isinstance(part, str) else part
        if not isinstance(part, dict) or not fields.keys() <= part.keys():
            yield name


def _watch(value: Any, shape: Shape | None, where: str, missing: set[str], known: Iterable[str] = ()) -> Any:
    if isinstance(value, list):
        inner = _element(shape) if shape is not None and shape.type_name == "list" else None
        kept = [each for each in value if _fits(each, inner)]
        if len(kept) < len(value):
            missing.add(f"{where.removesuffix('.')}[]")
        return [_watch(each, inner, where, missing) for each in kept]
    if not isinstance(value, dict):
        return value
    members = _members(shape)
    kept_fields = {key: each for key, each in value.items() if _fits(each, members.get(key))}
    return _Watched(
        {key: _watch(each, members.get(key), f"{where}{key}.", missing) for key, each in kept_fields.items()},
        where, missing, known)


def _members(shape: Shape | None) -> Mapping[str, Shape]:
    return shape.members if shape is not None and shape.type_name == "structure" else {}


def _fits(value: Any, shape: Shape | None) -> bool:
    types = _TYPES.get(shape.type_name) if shape is not None else None
    if value is None or types is None:
        return True
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def described_by(kind: Any) -> Shape | None:
    """botocore's shape of one resource, from the call with which c7n describes it; None if c7n has no such call."""
    detail = getattr(kind, "detail_spec", None)
    operation, path = (detail[0], detail[3]) if detail else kind.enum_spec[:2]
    return _shape(kind.service, operation, path, kind.id)


@cache
def _shape(service: str, operation: str, path: str | None, own: str) -> Shape | None:
    model = _service_model(service)
    named = {xform_name(name): name for name in model.operation_names}
    shape: Shape | None = model.operation_model(named[operation]).output_shape if operation in named else None
    for step in (path or "").replace("[]", "").split("."):
        shape = _element(_members(shape).get(step))
    if own in _members(shape):
        return shape
    # c7n takes instances out of their reservations.
    inside = (_element(each) for each in _members(shape).values())
    return next((each for each in inside if own in _members(each)), None)


def _element(shape: Shape | None) -> Shape | None:
    return shape.member if shape is not None and shape.type_name == "list" else shape


@cache
def _service_model(service: str) -> ServiceModel:
    return get_session().get_service_model(service)
