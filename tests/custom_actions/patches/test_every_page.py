"""A list without a paginator in botocore is read to its end."""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore import xform_name
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


@pytest.mark.parametrize(("key", "names"), every_page.DETAILS.items(), ids=lambda value: str(value[1]))
def test_details_are_read_to_their_end(key: tuple[str, str], names: tuple[str, str, str]) -> None:
    (service, operation), (path, token, given) = key, names
    client = client_of(service)
    shape = client.meta.service_model.operation_model(operation)
    assert {path, token} <= set(shape.output_shape.members)
    assert given in shape.input_shape.members
    pages = iter([{path: ["a"], token: "t1"}, {path: ["b"], token: "t2"}, {path: ["c"]}])
    asked: list[dict[str, Any]] = []

    def answer(params: Any, **_: Any) -> tuple[Any, Any]:
        asked.append(params)
        return SimpleNamespace(status_code=200), next(pages)

    client.meta.events.register(f"before-call.{client.meta.service_model.service_id.hyphenize()}.{operation}", answer)
    required = dict.fromkeys(shape.input_shape.required_members, "name")
    found = getattr(client, xform_name(operation))(**required)
    assert found[path] == ["a", "b", "c"]
    assert not found.get(token)
    assert len(asked) == 3


def test_whoever_asks_for_a_page_gets_a_page() -> None:
    with Stubber(client := client_of("ec2")) as stub:
        stub.add_response("describe_tags", {"Tags": [], "NextToken": "t"}, {"MaxResults": 5})
        assert client.describe_tags(MaxResults=5)["NextToken"] == "t"
        stub.add_response("describe_tags", {"Tags": [], "NextToken": "u"}, {"NextToken": "t"})
        assert client.describe_tags(NextToken="t")["NextToken"] == "u"


def test_details_whose_token_repeats_are_an_error() -> None:
    with Stubber(client := client_of("ec2")) as stub:
        stub.add_response("describe_tags", {"Tags": [], "NextToken": "t"}, {})
        stub.add_response("describe_tags", {"Tags": [], "NextToken": "t"}, {"NextToken": "t"})
        with pytest.raises(CannotRead, match="DescribeTags: the list has more pages"):
            client.describe_tags()
