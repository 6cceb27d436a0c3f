"""Lists of EC2 that are selected by the values of a filter."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from c7n.utils import chunks

from .calls import call

_VALUES = 200
"""The maximum number of values of a filter, says EC2's API reference, "List and filter your resources"."""


def filtered(client: Any, operation: str, listed: str, name: str, values: Iterable[str], **more: Any) -> list[Any]:
    """What EC2 lists for any of the values of a filter, all pages; one call for 200 values, and none for no value.

    Args:
        client: of EC2.
        operation: one with a paginator, as boto3 names it: `describe_subnets`.
        listed: the key of the list in its response: `Subnets`.
        name: the filter's name: `subnet-id`.
        values: its values.
        more: for the paginator, such as `PaginationConfig`.

    Raises one of AWS_ERRORS.
    """
    pages = client.get_paginator(operation)
    found: list[Any] = []
    for some in chunks(sorted(values), _VALUES):
        selection = {"Filters": [{"Name": name, "Values": list(some)}], **more}
        found += call(lambda selection=selection: [
            each for page in pages.paginate(**selection) for each in page[listed]])
    return found
