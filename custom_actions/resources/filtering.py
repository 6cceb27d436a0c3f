"""Filters the resources of a policy so that one that cannot be read does not keep the others from being checked."""
from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from ..aws import AWS_ERRORS, code_of, does_not_exist
from ..errors import CannotRead
from .identity import resource_id
from .incomplete import DENIED, missing_details
from .unknown import (
    GONE,
    MARK,
    UnknownResources,
    collector_of,
    describe,
    is_of_aws,
    one_by_one,
)

log = logging.getLogger("custodian.guardrails.unknown")

Resource = dict[str, Any]

_OVER_THE_LIST = frozenset({"reduce", "latest"})
"""c7n's filters that compare the resources of the list with each other."""
# c7n's `get_resources` returns nothing here, also when the call is denied.
_NOT_CONFIRMED = frozenset({"iam-policy"})


def readable(manager: Any, resources: Sequence[Resource]) -> list[Resource]:
    """The resources of which all needed details were read, without those that were deleted since they were listed.

    The others are recorded as unknown. Raises ResourcesUnknown if the manager does not collect them, and CannotRead if
    all lack the same details: a permission is missing.
    """
    missing = missing_details(manager)
    collector = _collector(manager)
    unknown = UnknownResources() if collector is None else collector
    lacks = {missing(resource) for resource in resources if isinstance(resource, dict) and MARK not in resource}
    if len(resources) > 1 and len(lacks) == 1 and "" not in lacks:
        raise CannotRead(f"{manager.type}: {lacks.pop()}, for each of {len(resources)} resources")
    kept = []
    for resource in resources:
        if not isinstance(resource, dict):
            kept.append(resource)
        elif GONE in resource:
            log.info("%s was deleted after it was listed", resource_id(resource, type(manager)))
        elif MARK in resource:
            unknown.add(resource[MARK]["resource"], resource[MARK]["reason"], resource)
        elif reason := missing(resource):
            unknown.add(resource_id(resource, type(manager)), reason, resource)
        else:
            kept.append(resource)
    if collector is None:
        unknown.raise_if_any()
    return kept


BEFORE_FILTERS: list[Callable[[Any, Any, Sequence[Resource]], None]] = []
"""Called with the manager, the filter and its resources before the filter runs (patches/side_by_side.py)."""


def filtered(manager: Any, each: Any, resources: Sequence[Resource], event: Any) -> list[Resource]:
    """The resources that the filter `each` of the manager matches.

    Those for which it raises an error are recorded as unknown. Raises the error if the manager does not collect them.
    """
    unknown = _collector(manager)
    for prepare in BEFORE_FILTERS:
        prepare(manager, each, resources)
    before = {id(resource): _copy(resource) for resource in resources if isinstance(resource, dict)}

    def undo(resource: Resource) -> None:
        """Remove what the filter noted on a resource: other policies share it, and must read it themselves."""
        resource.clear()
        resource.update(before[id(resource)])

    def without_denied(found: Sequence[Resource]) -> list[Resource]:
        """Some filters of c7n go on after a denied call, with what they take for the setting."""
        denied: set[int] = set()
        for resource in resources:
            if not (methods := _denied(resource)[len(_denied(before.get(id(resource)))):]):
                continue
            denied.add(id(resource))
            undo(resource)
            name, reason = resource_id(resource, type(manager)), f"{each.type}: {', '.join(methods)}: AccessDenied"
            if unknown is None:
                raise CannotRead(f"{name}: {reason}")
            unknown.add(name, reason, resource)
        return [resource for resource in found if id(resource) not in denied]

    if unknown is None or not resources:
        return without_denied(list(each.process(list(resources), event)))

    def process(some: Sequence[Resource]) -> list[Resource]:
        try:
            return list(each.process(list(some), event))
        except Exception:
            # Some filters note something on a resource before they have read it.
            for resource in some:
                undo(resource)
            raise

    def failed(resource: Resource, error: Exception) -> None:
        name = resource_id(resource, type(manager))
        if was_deleted(manager, resource, error):
            log.info("%s was deleted after it was listed: %s", name, describe(error))
            unknown.deleted.append(name)
            return
        if not is_of_aws(error):
            log.warning("filter %s fails on %s", each.type, name, exc_info=error)
        unknown.add(name, f"{each.type}: {describe(error)}", resource)

    return without_denied(one_by_one(resources, process, failed))


def _copy(resource: Resource) -> Resource:
    # c7n appends to this list.
    return {**resource, **({DENIED: list(resource[DENIED])} if DENIED in resource else {})}


def _denied(resource: Any) -> Sequence[str]:
    return resource.get(DENIED, ()) if isinstance(resource, dict) else ()


def was_deleted(manager: Any, resource: Resource, error: Exception) -> bool:
    """Whether AWS says that a resource, for which a filter failed, does not exist any more."""
    if manager.type == "s3":
        return code_of(error) == "NoSuchBucket"
    kind = manager.resource_type
    asked_by_id = getattr(manager, "source_type", "") == "describe" and not getattr(kind, "parent_spec", None)
    if not asked_by_id or manager.type in _NOT_CONFIRMED or (is_of_aws(error) and not does_not_exist(error)):
        return False
    try:
        return not manager.source.get_resources([str(resource[kind.id])])
    except AWS_ERRORS as answer:
        return does_not_exist(answer)
    except (KeyError, TypeError):  # c7n cannot ask for it by its id
        return False


def _collector(manager: Any) -> UnknownResources | None:
    """Where to record unknown resources.

    None for an account, because what cannot be read of it is about the whole check. And None if a filter decides over
    the list, which must be complete.
    """
    if getattr(manager, "type", "") == "account":
        return None
    for each in manager.iter_filters():
        if each.type in _OVER_THE_LIST or each.data.get("value_type") == "resource_count":
            return None
    return collector_of(manager)
