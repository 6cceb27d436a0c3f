"""What a process of the tests does once, gives what doing it each time gives."""
from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from botocore import hooks, useragent
from botocore.stub import Stubber

from guardrails import yamlfile
from guardrails.yamlfile import YamlError
from tests import parsed_once
from tests.policies.harness import policy_files


@pytest.mark.parametrize("file", policy_files()[:4], ids=lambda file: file.stem)
def test_a_parsed_file_is_the_callers_own(file: Path, tmp_path: Path) -> None:
    fresh = parsed_once._parsed(file, file.read_bytes())
    first = yamlfile.read(file)
    assert (first.path, first.data, first.text) == (file, fresh.data, fresh.text)
    first.data["policies"].clear()
    assert yamlfile.read(file).data == fresh.data
    copy = tmp_path / "copy.yml"
    copy.write_bytes(file.read_bytes())
    again = yamlfile.read(copy)
    assert again.path == copy
    for place in (("policies", 0, "name"), ("policies", 1)):
        assert again.line(place) == fresh.line(place)


def test_an_error_of_a_large_file_is_told_each_time(tmp_path: Path) -> None:
    file = tmp_path / "large.yml"
    file.write_text("# comment\n" * parsed_once.LARGE + "a: [\n")
    for _ in range(2):
        with pytest.raises(YamlError, match="invalid YAML") as error:
            yamlfile.read(file)
        assert error.value.line > parsed_once.LARGE
    file.write_text("# comment\n" * parsed_once.LARGE + "a: [1]\n")
    assert yamlfile.read(file).data == {"a": [1]}


def test_clients_of_two_sessions_are_apart() -> None:
    clients = [boto3.Session("A", "B", region_name="us-east-1").client("s3") for _ in range(2)]
    assert type(clients[0]).list_buckets is type(clients[1]).list_buckets
    assert type(clients[0]) is not type(clients[1])
    for name, client in zip("ab", clients, strict=True):
        assert client.can_paginate("list_objects_v2") and hasattr(client, "upload_file")
        stub = Stubber(client)
        stub.add_response("list_buckets", {"Buckets": [{"Name": name}]})
        stub.activate()
    assert [client.list_buckets()["Buckets"][0]["Name"] for client in clients] == ["a", "b"]


def test_words_of_the_user_agent_and_names_of_events_are_botocores() -> None:
    words = ("a b", "CloudCustodian/0.9", "md/x#y", "ü")
    quick = useragent.sanitize_user_agent_string_component
    for word in words:
        for allow in (True, False):
            assert quick(word, allow) == quick.__wrapped__(word, allow)
    usual, other = hooks.EventAliaser(hooks.HierarchicalEmitter()), hooks.EventAliaser(
        hooks.HierarchicalEmitter(), {"mine": "yours"})
    name = "before-call.elasticloadbalancing.DescribeTags"
    assert usual._alias_event_name(name) == usual._alias_event_name(name) == (
        "before-call.elastic-load-balancing.DescribeTags")
    assert other._alias_event_name("before-call.mine.x") == "before-call.yours.x"
    assert usual._alias_event_name("before-call.mine.x") == "before-call.mine.x"
