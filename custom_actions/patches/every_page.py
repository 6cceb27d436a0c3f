"""Reads every page of a list for which botocore has no paginator.

c7n reads only the first page of such a list: of more than 50 workgroups of Athena, a policy would never see the others,
and they would pass. So it is for web ACLs, event buses and configuration sets. The name of the token is the same in
request and response in these APIs.
"""
from __future__ import annotations

import functools
from typing import Any

from c7n.query import ResourceQuery
from c7n.utils import jmespath_search

from ..errors import CannotRead

_TOKENS = ("NextToken", "nextToken", "NextMarker", "nextMarker")


def install() -> None:
    """Replace c7n's method. Calling it again has no effect."""
    original = ResourceQuery._invoke_client_enum
    if hasattr(original, "reads_one_page"):
        return

    @functools.wraps(original)
    def invoke(self: Any, client: Any, enum_op: str, params: Any, path: Any, retry: Any = None) -> Any:
        if not path or client.can_paginate(enum_op):
            return original(self, client, enum_op, params, path, retry)
        operation, given, seen = getattr(client, enum_op), dict(params), set()
        page = operation(**given)
        found = jmespath_search(path, page)
        while (name := next((each for each in _TOKENS if page.get(each)), "")):
            if page[name] in seen or name not in _inputs(client, enum_op):
                raise CannotRead(f"{enum_op}: the list has more pages, which cannot be read")
            seen.add(page[name])
            page = operation(**given, **{name: page[name]})
            found = [*(found or ()), *(jmespath_search(path, page) or ())]
        return found

    invoke.reads_one_page = original  # type: ignore[attr-defined]
    ResourceQuery._invoke_client_enum = invoke


def _inputs(client: Any, operation: str) -> frozenset[str]:
    """The parameters of an operation, by boto3's name."""
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
    return frozenset(shape.members) if shape else frozenset()
