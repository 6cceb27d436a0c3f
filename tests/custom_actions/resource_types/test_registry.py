"""Our resource types: known wherever c7n's are, read as a whole, and c7n's own when it has them."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.client import BaseClient
from c7n.loader import SchemaValidator
from c7n.manager import resources
from c7n.provider import get_resource_class
from c7n.resources import load_resources
from c7n.resources.resource_map import ResourceMap

from custom_actions.resource_types import TYPES, add_types, resource_type
from guardrails.policies.element_checks import yaml_examples
from guardrails.stacks import ActionCatalogue
from tests import engine
from tests.moto_server import ACCOUNT, Moto

NAMES = sorted(TYPES)


def loaded(name: str) -> Any:
    assert load_resources([f"aws.{name}"]) == []
    return get_resource_class(f"aws.{name}")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_one_of_c7ns_types(name: str) -> None:
    kind = loaded(name)
    assert f"{kind.__module__}.{kind.__qualname__}" == f"custom_actions.resource_types.{TYPES[name]}"
    assert kind.type == name
    assert {"value", "scope", "excepted"} <= set(kind.filter_registry.keys())
    assert {"notify", "refuse"} <= set(kind.action_registry.keys())


@pytest.mark.parametrize("name", NAMES)
def test_no_other_type_has_a_class_of_its_name(name: str) -> None:
    """c7n's cache knows a type by the name of its class alone: another of this name would get its resources."""
    own = loaded(name).__name__
    assert [path.rpartition(".")[2] for path in ResourceMap.values()].count(own) == 1


@pytest.mark.parametrize("name", NAMES)
def test_its_example_is_valid_and_uses_it(name: str) -> None:
    [example] = yaml_examples(loaded(name))
    data = yaml.safe_load(example)
    assert [policy["resource"] for policy in data["policies"]] == [f"aws.{name}"]
    assert not SchemaValidator().validate(data, [f"aws.{name}"])


@pytest.mark.parametrize("name", NAMES)
def test_aws_has_its_calls_and_permissions(name: str, moto: Moto, tmp_path: Path) -> None:
    manager = engine.load({"name": "p", "resource": f"aws.{name}"}, tmp_path).resource_manager
    knows = ActionCatalogue.shipped().knows
    assert [each for each in manager.get_permissions() if not knows(each)] == []
    meta = manager.resource_type
    model = boto3.client(meta.service, region_name="us-east-1").meta.service_model
    listing = model.operation_model(_operation(meta.enum_spec[0]))
    assert meta.enum_spec[1] in listing.output_shape.members
    if meta.detail_spec:
        call, parameter, _, path = meta.detail_spec
        detail = model.operation_model(_operation(call))
        assert parameter in detail.input_shape.members
        assert not path or path in detail.output_shape.members
    if meta.batch_detail_spec:
        call, parameter, _, path, _ = meta.batch_detail_spec
        detail = model.operation_model(_operation(call))
        assert parameter in detail.input_shape.members
        assert path in detail.output_shape.members


@pytest.mark.parametrize("name", NAMES)
def test_every_page_and_every_detail_is_read(
        name: str, moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meta = loaded(name).resource_type
    calls = []

    def item(number: int) -> Any:
        if meta.batch_detail_spec:
            return f"arn:aws:x:us-east-1:{ACCOUNT}:y/{number}"
        listed = meta.detail_spec[2] if meta.detail_spec else meta.id
        return {listed: f"n{number}", meta.id: f"n{number}", meta.arn: f"arn:aws:x:us-east-1:{ACCOUNT}:y/{number}"}

    def answer(client: BaseClient, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        calls.append(operation)
        if operation == _operation(meta.enum_spec[0]):
            asked, token = _tokens(client, meta.enum_spec[0])
            if asked in parameters:
                return {meta.enum_spec[1]: [item(2)]}
            return {meta.enum_spec[1]: [item(1)], token: "more"}
        if meta.detail_spec and operation == _operation(meta.detail_spec[0]):
            found = {"detail": parameters[meta.detail_spec[1]], meta.id: parameters[meta.detail_spec[1]]}
            return {meta.detail_spec[3]: found} if meta.detail_spec[3] else {**found, "ResponseMetadata": {}}
        if meta.batch_detail_spec and operation == _operation(meta.batch_detail_spec[0]):
            return {meta.batch_detail_spec[3]: [
                {"detail": each, meta.id: each, meta.arn: each} for each in parameters[meta.batch_detail_spec[1]]]}
        return {}

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    found = engine.pull({"name": "p", "resource": f"aws.{name}"}, tmp_path)
    assert len({each[meta.id] for each in found}) == 2
    assert calls.count(_operation(meta.enum_spec[0])) == 2
    if meta.detail_spec or meta.batch_detail_spec:
        assert all(each["detail"] for each in found)


def test_a_type_that_c7n_has_stays_c7ns(monkeypatch: pytest.MonkeyPatch) -> None:
    name = NAMES[0]
    monkeypatch.setitem(ResourceMap, f"aws.{name}", "c7n.resources.some.Other")
    add_types()
    assert ResourceMap[f"aws.{name}"] == "c7n.resources.some.Other"
    before = resources.get(name)

    class Ours:
        pass

    assert resource_type(name)(Ours) is Ours
    assert resources.get(name) is before


def test_a_function_knows_them_without_the_environments_hook(tmp_path: Path) -> None:
    code = f"""
import sys
sys.meta_path[:] = [each for each in sys.meta_path if getattr(each, "__name__", "") != "_Finder"]
import custom_actions.lambda_entry
from c7n.resources import load_resources
assert load_resources(["aws.{NAMES[0]}"]) == []
assert "custom_actions.resource_types.sagemaker" not in sys.modules, "others are not imported"
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_custodian_lists_them(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "custodian"), "schema", "aws"], cwd=tmp_path, capture_output=True, text=True,
        check=False)
    assert {f"- aws.{name}" for name in NAMES} <= set(done.stdout.splitlines()), done.stderr


def _tokens(client: BaseClient, method: str) -> tuple[str, str]:
    """The parameter that asks for the next page, and the key of the answer that names it."""
    if not client.can_paginate(method):
        return "nextToken", "nextToken"
    pages = client.get_paginator(method)._pagination_cfg
    return pages["input_token"], pages["output_token"]


def _operation(method: str) -> str:
    """`list_workgroups` as the API has it."""
    return "".join(part.title() for part in method.split("_"))
