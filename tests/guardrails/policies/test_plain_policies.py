"""Plain policies of Cloud Custodian get the verdicts of `custodian validate`: the examples in c7n's documentation."""
from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import c7n
import pytest
import yaml

from guardrails.policies.validation import validate_files

SOURCES = Path(c7n.__file__).parent / "resources"
_BLOCK = re.compile(r"\.\. code-block:: ?yaml\n(?:[ \t]*:[^\n]*\n)*\n((?:[ \t]+[^\n]*\n|[ \t]*\n)+)")


def examples() -> Iterator[dict[str, Any]]:
    """The policies in the docstrings of c7n's resources."""
    for file in sorted(SOURCES.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and (text := ast.get_docstring(node, clean=False)):
                for block in _BLOCK.findall(text + "\n"):
                    try:
                        data = yaml.safe_load(dedent(block))
                    except yaml.YAMLError:
                        continue
                    listed = data.get("policies") if isinstance(data, dict) else ()
                    yield from (each for each in listed or ()
                                if isinstance(each, dict) and isinstance(each.get("resource"), str))


def accepted_by_custodian(policy: dict[str, Any]) -> bool:
    """What `custodian validate` says of a file with this policy alone."""
    from c7n.config import Config
    from c7n.exceptions import PolicyValidationError
    from c7n.loader import PolicyLoader

    try:
        loader = PolicyLoader(Config.empty(region="us-east-1", account_id="123456789012"))
        for loaded in loader.load_data({"policies": [policy]}, "memory://"):
            loaded.validate()
    except (PolicyValidationError, KeyError, TypeError, ValueError, AttributeError):
        return False
    return True


@pytest.fixture(scope="module")
def policies() -> list[dict[str, Any]]:
    found = [{**each, "name": f"example-{number}"} for number, each in enumerate(examples())]
    assert len(found) >= 200
    broken = [{**each, "name": f"{each['name']}-broken", "filters": [*(each.get("filters") or ()), {"type": "no-such"}]}
              for each in found[::10]]
    return [*found, *broken]


def test_public_policies_get_the_verdicts_of_custodian(policies: list[dict[str, Any]], tmp_path: Path) -> None:
    for policy in policies:
        (tmp_path / f"{policy['name']}.yml").write_text(yaml.safe_dump({"policies": [policy]}))
    ours = validate_files(sorted(tmp_path.glob("*.yml")), {}, strict=False)
    refused = {problem.file.stem for problem in ours.problems}
    wrong = {policy["name"] for policy in policies if not accepted_by_custodian(policy)}
    problems = {problem.file.stem: problem.problem for problem in ours.problems}
    assert {name: problems.get(name, "accepted") for name in refused ^ wrong} == {}
    assert {policy["name"] for policy in policies if policy["name"].endswith("-broken")} <= refused
    assert len(policies) - len(refused) >= 150
    assert ours.hints, "none has this project's metadata"
