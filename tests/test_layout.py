"""The shape of the house: packages import downwards only, and from each other's faces only.

docs/architecture.md draws the levels. A face is what a package's `__init__` lists; the rest of it is private.
"""
from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ELEMENTS = "custom_actions.elements"
# May import from a lower level only; elements also from each other, but not in a circle.
LEVELS: Mapping[str, int] = {
    "custom_actions.aws": 1, "custom_actions.resource_types": 1, "custom_actions.fixing": 2,
    "custom_actions.resources": 3,
    "custom_actions.exceptions": 4, ELEMENTS: 5, "custom_actions.functions": 6, "custom_actions.patches": 7,
    "guardrails.sandbox": 1, "guardrails.accounts": 1, "guardrails.policies": 2, "guardrails.mailer": 4,
    "guardrails.cases": 3, "guardrails.settings": 3, "guardrails.results": 3, "guardrails.assessment": 4,
    "guardrails.runs": 5, "guardrails.parquet": 5,
    "guardrails.report": 6, "guardrails.replay": 6, "guardrails.deployment": 6, "guardrails.stacks": 7,
    "guardrails.distributed": 7,
    "guardrails.health": 8, "guardrails.cli": 9,
}
# What c7n, Lambda and the environment enter by, above everything in custom_actions.
ENTRIES = ("custom_actions._autoload", "custom_actions.plugin", "custom_actions.lambda_entry")


@dataclass(frozen=True)
class Import:
    """One name that a module imports from this project."""

    by: str
    source: str
    name: str


def modules() -> dict[str, str]:
    """Every module of both packages: its name and its source."""
    found = {}
    for top in ("custom_actions", "guardrails"):
        for file in (ROOT / top).rglob("*.py"):
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file.read_text(encoding="utf-8")
    return found


def imports(module: str, source: str, *, package: bool) -> Iterator[Import]:
    """What a module imports of the project, wherever in the file."""
    own = module.split(".") if package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            above = own[:len(own) - node.level + 1] if node.level else []
            target = ".".join([*above, *([node.module] if node.module else [])])
            if target.partition(".")[0] in ("custom_actions", "guardrails"):
                yield from (Import(module, target, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (
                Import(module, alias.name, "") for alias in node.names
                if alias.name.partition(".")[0] in ("custom_actions", "guardrails"))


def room(module: str) -> str:
    """The package whose face others see; empty for a module of the ground."""
    parts = module.split(".")
    if module.startswith(f"{ELEMENTS}."):
        return ".".join(parts[:3])
    name = ".".join(parts[:2])
    return name if name in LEVELS else ""


def level(module: str) -> int:
    """A module's level; 0 for the ground, which everything may import and which imports nothing above it."""
    if module in ENTRIES:
        return max(LEVELS.values()) + 1
    name = room(module)
    return LEVELS[ELEMENTS if name.startswith(ELEMENTS) else name] if name else 0


def faults(found: Mapping[str, str], packages: frozenset[str]) -> list[str]:
    """Every import that climbs, or that reaches past a face."""
    faces = {name: _face(source) for name, source in found.items() if name in packages and room(name) == name}
    lines = []
    for module, source in found.items():
        for each in imports(module, source, package=module in packages):
            mine, theirs = room(each.by), room(each.source)
            # Above everything: an entry may reach anywhere; below: custom_actions knows nothing of guardrails.
            if each.by.startswith("custom_actions") and each.source.startswith("guardrails"):
                lines.append(f"{module}: custom_actions ships alone, and imports {each.source}")
            if not theirs or mine == theirs:
                continue
            same_top = each.by.partition(".")[0] == each.source.partition(".")[0]
            beside = mine.startswith(ELEMENTS) and theirs.startswith(ELEMENTS)
            if same_top and not beside and level(each.source) >= level(each.by):
                lines.append(f"{module} climbs: it imports {each.source}")
            if each.source != theirs or each.name not in faces.get(theirs, ()):
                lines.append(f"{module} reaches past the face of {theirs}: {each.source} {each.name}")
    return lines


def _face(source: str) -> set[str]:
    """The names in the table of a package's face."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "face":
            for keyword in node.keywords:
                names.update(ast.literal_eval(keyword.value))
    return names


def _typed(source: str) -> set[str]:
    """The names that a face imports for mypy and for editors."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            found |= {alias.name for each in node.body if isinstance(each, ast.ImportFrom) for alias in each.names}
    return found


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    return modules()


@pytest.fixture(scope="module")
def packages(found: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for name in found if (ROOT / name.replace(".", "/")).is_dir())


def test_imports_go_down_and_through_faces(found: dict[str, str], packages: frozenset[str]) -> None:
    assert faults(found, packages) == []


@pytest.mark.parametrize(("module", "source", "fault"), [
    ("guardrails.accounts.made_up", "from ..runs import sweep", "climbs"),
    ("guardrails.policies.made_up", "def f():\n    from ..cli import console", "climbs"),
    ("guardrails.cli.made_up", "from ..runs.sweeps import sweep", "past the face"),
    ("guardrails.cli.made_up", "from ..runs import _now", "past the face"),
    ("custom_actions.aws.made_up", "from ..fixing import Receipt", "climbs"),
    ("custom_actions.elements.s3.made_up", "from ..iam.keys import Key", "past the face"),
    ("custom_actions.fixing.made_up", "import guardrails.paths", "ships alone"),
])
def test_a_wrong_import_is_found(
    found: dict[str, str], packages: frozenset[str], module: str, source: str, fault: str
) -> None:
    assert any(fault in line for line in faults({**found, module: source}, packages))


def test_elements_do_not_import_each_other_in_a_circle(found: dict[str, str], packages: frozenset[str]) -> None:
    edges: dict[str, set[str]] = {}
    for module, source in found.items():
        for each in imports(module, source, package=module in packages):
            mine, theirs = room(module), room(each.source)
            if mine.startswith(ELEMENTS) and theirs.startswith(ELEMENTS) and mine != theirs:
                edges.setdefault(mine, set()).add(theirs)
    while leaves := {name for name in {*edges, *set().union(*edges.values())} if not edges.get(name)}:
        edges = {name: left for name, targets in edges.items() if name not in leaves and (left := targets - leaves)}
        if not edges:
            return
    assert not edges, f"in a circle: {edges}"


def test_a_face_tells_mypy_what_it_gives(found: dict[str, str], packages: frozenset[str]) -> None:
    for name in packages:
        if "face(" in found[name] and name != "custom_actions.face":
            assert _typed(found[name]) == _face(found[name]), name


def test_click_and_rich_are_of_the_command_line() -> None:
    for file in (ROOT / "guardrails").rglob("*.py"):
        if "cli" not in file.relative_to(ROOT).parts:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else (
                    [alias.name for alias in node.names] if isinstance(node, ast.Import) else [])
                assert not {"click", "rich"} & {name.partition(".")[0] for name in names}, file


def test_every_verb_is_in_the_file_of_its_name() -> None:
    from guardrails.cli.main import VERBS

    assert [verb for verb in VERBS if not (ROOT / "guardrails" / "cli" / f"{verb}.py").exists()] == []
