"""Reads every page of the lists of which c7n reads only the first.

There are two kinds. For lists of resources without a paginator in botocore, such as Athena's workgroups, c7n asks
once: the workgroups after the first 50 would never be judged, and would pass. The name of the token is the same in
request and response in these APIs. Besides, c7n reads some details of a resource with a single call: a launch template
whose default version is on the second page, or a portfolio that is shared with a stranger on the second page, would
pass too. `DETAILS` lists these calls; a test looks for others.
"""
from __future__ import annotations

import functools
from typing import Any

from botocore.client import BaseClient
from c7n.query import ResourceQuery
from c7n.utils import jmespath_search

from ..errors import CannotRead

DETAILS = {
    ("accessanalyzer", "ListAnalyzers"): ("analyzers", "nextToken", "nextToken"),
    ("ec2", "DescribeLaunchTemplateVersions"): ("LaunchTemplateVersions", "NextToken", "NextToken"),
    ("ec2", "DescribeSnapshots"): ("Snapshots", "NextToken", "NextToken"),
    ("ec2", "DescribeTags"): ("Tags", "NextToken", "NextToken"),
    ("sagemaker", "ListTags"): ("Tags", "NextToken", "NextToken"),
    ("servicecatalog", "ListPortfolioAccess"): ("AccountIds", "NextPageToken", "PageToken"),
}
"""By service and operation: the list in the answer, and the names of the token in answer and request."""
_LIMITS = ("MaxResults", "maxResults", "PageSize")
_TOKENS = ("NextToken", "nextToken", "NextMarker", "nextMarker")


def install() -> None:
    """Replace the methods of c7n and botocore. Calling it again has no effect."""
    if not hasattr(ResourceQuery._invoke_client_enum, "reads_one_page"):
        _read_whole_lists()
        _read_whole_details()


def _read_whole_details() -> None:
    original = BaseClient._make_api_call

    @functools.wraps(original)
    def make_api_call(self: Any, operation_name: str, api_params: Any) -> Any:
        answer = original(self, operation_name, api_params)
        known = DETAILS.get((self.meta.service_model.service_name, operation_name))
        # Who asks for a page of their own reads the next one, too.
        if not known or known[2] in api_params or any(limit in api_params for limit in _LIMITS):
            return answer
        name, token, given = known
        seen = set()
        while next_token := answer.get(token):
            if next_token in seen:
                raise CannotRead(f"{operation_name}: the list has more pages, which cannot be read")
            seen.add(next_token)
            page = original(self, operation_name, {**api_params, given: next_token})
            answer = {**page, name: [*answer.get(name, ()), *page.get(name, ())]}
        return answer

    BaseClient._make_api_call = make_api_call


def _read_whole_lists() -> None:
    original = ResourceQuery._invoke_client_enum

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
