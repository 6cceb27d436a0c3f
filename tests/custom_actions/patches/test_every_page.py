"""A list without a paginator in botocore is read to its end."""
from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from c7n.query import ResourceQuery

from custom_actions.errors import CannotRead
from custom_actions.patches import every_page

LISTS = [
    ("athena", "list_work_groups", {}, "WorkGroups", "NextToken", {"Name": "a"}),
    ("events", "list_event_buses", {}, "EventBuses", "NextToken", {"Name": "a"}),
    ("sesv2", "list_configuration_sets", {}, "ConfigurationSets", "NextToken", "a"),
    ("wafv2", "list_web_acls", {"Scope": "REGIONAL"}, "WebACLs", "NextMarker", {"Name": "a"}),
]


@pytest.fixture(autouse=True)
def installed() -> None:
    every_page.install()


def enum(client: Any, operation: str, parameters: dict[str, Any], path: str) -> Any:
    return ResourceQuery(None)._invoke_client_enum(client, operation, parameters, path)


def client_of(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


@pytest.mark.parametrize(("service", "operation", "parameters", "path", "token", "one"), LISTS)
def test_every_page_is_read(
    service: str, operation: str, parameters: dict[str, Any], path: str, token: str, one: Any
) -> None:
    client = client_of(service)
    assert not client.can_paginate(operation), "c7n reads it without this patch"
    with Stubber(client) as stub:
        stub.add_response(operation, {path: [one], token: "t1"}, parameters)
        stub.add_response(operation, {path: [one], token: "t2"}, {**parameters, token: "t1"})
        stub.add_response(operation, {path: [one]}, {**parameters, token: "t2"})
        assert enum(client, operation, parameters, path) == [one, one, one]
        stub.assert_no_pending_responses()


def test_a_token_that_repeats_is_an_error() -> None:
    with Stubber(client := client_of("athena")) as stub:
        stub.add_response("list_work_groups", {"WorkGroups": [{"Name": "a"}], "NextToken": "t"}, {})
        stub.add_response("list_work_groups", {"WorkGroups": [{"Name": "b"}], "NextToken": "t"}, {"NextToken": "t"})
        with pytest.raises(CannotRead, match="more pages"):
            enum(client, "list_work_groups", {}, "WorkGroups")


def test_a_list_that_cannot_be_continued_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(every_page, "_inputs", lambda client, operation: frozenset())
    with Stubber(client := client_of("athena")) as stub:
        stub.add_response("list_work_groups", {"WorkGroups": [], "NextToken": "t"}, {})
        with pytest.raises(CannotRead, match="more pages"):
            enum(client, "list_work_groups", {}, "WorkGroups")


def test_an_empty_list_is_what_c7n_makes_of_it() -> None:
    with Stubber(client := client_of("athena")) as stub:
        stub.add_response("list_work_groups", {}, {})
        assert enum(client, "list_work_groups", {}, "WorkGroups") is None
