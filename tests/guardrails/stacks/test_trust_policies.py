"""Every role and resource policy that our templates create names who may use it."""
from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from guardrails.cli.main import main


def statements(value: Any) -> Iterator[dict[str, Any]]:
    """Every statement with a principal, anywhere in a template."""
    if isinstance(value, dict):
        if "Principal" in value and "Effect" in value:
            yield value
        for inside in value.values():
            yield from statements(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from statements(inside)


def templates(directory: Path) -> dict[str, list[dict[str, Any]]]:
    return {file.name: list(statements(json.loads(file.read_text()))) for file in directory.rglob("*.template.json")}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    directory = tmp_path_factory.mktemp("templates")
    for verb, extra in (("templates", ()), ("iam", ("--service", "vpc"))):
        result = CliRunner().invoke(main, [verb, *extra, "-o", str(directory / verb)])
        assert result.exit_code == 0, result.output
    return templates(directory)


def test_no_allowed_principal_is_everybody_or_a_whole_account_without_a_condition(
    found: dict[str, list[dict[str, Any]]]
) -> None:
    allowing = [(name, each) for name, listed in found.items() for each in listed if each["Effect"] == "Allow"]
    assert len(allowing) > 5
    for name, each in allowing:
        principal = each["Principal"]
        assert isinstance(principal, dict) or each.get("Condition"), (name, each)
        if isinstance(principal, dict) and set(principal) == {"Service"}:
            assert "*" not in json.dumps(principal), (name, each)
            continue
        # In the policy of a resource, its own account means that the account's IAM policies decide.
        own = ":iam::${AWS::AccountId}:root" in json.dumps(principal) and each["Action"] != "sts:AssumeRole"
        if "*" in json.dumps(principal) or (":root" in json.dumps(principal) and not own):
            assert each.get("Condition"), (name, each)


def test_a_role_is_assumed_by_a_known_service_or_the_hub_with_its_external_id(
    found: dict[str, list[dict[str, Any]]]
) -> None:
    trusting = [(name, each) for name, listed in found.items() for each in listed if each["Action"] == "sts:AssumeRole"]
    assert trusting
    for name, each in trusting:
        if "Service" in each["Principal"]:
            assert each["Principal"]["Service"].removesuffix(".amazonaws.com") in (
                "lambda", "events", "scheduler", "codebuild", "states", "ecs-tasks"), (name, each)
        else:
            condition = json.dumps(each["Condition"])
            assert "sts:ExternalId" in condition or "aws:PrincipalArn" in condition, (name, each)
