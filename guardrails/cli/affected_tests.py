"""Which tests a change can break: pure, from the sources alone. `test --changed` runs what this selects.

A test file depends on the modules that it imports, directly or indirectly; a package's face leads to the module that
holds the name, not to the whole package. Three more links are followed by name: a verb that a test calls, a module
that a test names in a string, and a filter or action of ours that a test or a policy uses. Where no test depends on a
module, the test file of its name is taken, else the directory that mirrors its package. Code that a test reaches only
through a registry, a background process or a deployed archive is not seen, so CI runs everything.
"""
from __future__ import annotations

import ast
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import yaml

PACKAGES = ("custom_actions", "guardrails", "tests", "bench")
LAYOUT = "tests/test_layout.py"
"""Reads the source of every module, so it depends on each."""
DOCS = "tests/test_docs.py"
"""Reads every page of the documentation."""
POLICY_TESTS = "tests/policies"
CASE_RUNNERS = ("tests.policies.harness", "guardrails.cases")
"""What runs the cases of every policy."""
POLICY_SUFFIXES = (".yml", ".yaml")
NOT_TESTED = frozenset({"LICENSE", ".gitignore", ".editorconfig"})
DATA = {
    "controls": "tests/guardrails/policies", "examples": "tests/guardrails/policies",
    "mailer": "tests/guardrails/mailer", "packaging": "tests/custom_actions/plugin",
}
"""Directories of data, and the tests that read them."""
_DOTTED = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)+")
_VERB_RUNNER = "guardrails.cli.main"


@dataclass
class Selection:
    """What to run, each with the reason."""

    files: dict[str, str] = field(default_factory=dict)
    """Test files and directories, by path."""
    policies: dict[str, str] = field(default_factory=dict)
    """Policies whose cases run, by name."""
    everything: str = ""
    """Why the whole suite runs; empty when it does not."""
    untested: list[str] = field(default_factory=list)
    """Changed files that no test reads."""


def select(
    changed: Iterable[str], sources: Mapping[str, str], elements: Mapping[str, frozenset[str]], verbs: Iterable[str],
) -> Selection:
    """Select the tests that a change touches.

    Args:
        changed: paths of changed, new and deleted files, from the project's directory, with `/`.
        sources: the text of every Python and YAML file that exists now, by path.
        elements: module to the names of the filters and actions in it (`plugin.ELEMENTS`).
        verbs: the verbs of the command line.
    """
    selection = Selection()
    graph = Graph(sources, frozenset(verbs))
    roots: dict[str, str] = {}
    for path in sorted(set(changed)):
        if not _place(path, graph, roots, selection):
            selection.everything = selection.everything or f"{path}: which tests read it is not known"
    reached = graph.dependents(roots)
    for module, reason in reached.items():
        path = graph.paths.get(module, "")
        if _is_test(path) and not _by_policy(path, roots, module):
            selection.files.setdefault(path, reason)
    _by_element(reached, graph, elements, selection)
    for module, path in roots.items():
        if module.split(".")[0] in ("custom_actions", "guardrails"):
            selection.files.setdefault(LAYOUT, "reads the source of every module")
            own = graph.dependents({module: path})
            depends = any(_is_test(graph.paths.get(name, "")) or name in elements for name in own)
            if test := graph.mirrored(path, directory=not depends):
                selection.files.setdefault(test, f"mirrors {path}")
            elif not depends:
                selection.everything = selection.everything or f"{path}: no test depends on it"
    return selection


def module_name(path: str) -> str:
    """The module of a Python file; empty for another file, and outside the packages."""
    parts = PurePosixPath(path).with_suffix("").parts
    if not path.endswith(".py") or parts[0] not in PACKAGES:
        return ""
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def policy_names(text: str) -> list[str]:
    """The policies of a policy file, or of a file of cases; empty where the file is not valid YAML."""
    return list(_policies(text))


def _policies(text: str) -> dict[str, Any]:
    try:
        data = yaml.load(text, yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader)  # noqa: S506
    except yaml.YAMLError:
        return {}
    if not isinstance(data, dict):
        return {}
    listed = data.get("policies")
    if isinstance(listed, list):
        return {each["name"]: each for each in listed if isinstance(each, dict) and "name" in each}
    return {str(name): cases for name, cases in data.items()}


class Graph:
    """Who imports whom, over both packages, the tests and the benchmarks."""

    def __init__(self, sources: Mapping[str, str], verbs: frozenset[str]) -> None:
        self.sources = sources
        self.paths = {name: path for path in sources if (name := module_name(path))}
        self._verbs = verbs
        self._trees = {name: _parse(sources[path]) for name, path in self.paths.items()}
        self._faces = {name: _face(tree, name) for name, tree in self._trees.items() if self._is_package(name)}

    def dependents(self, roots: Mapping[str, str]) -> dict[str, str]:
        """The modules that depend on one of `roots`, those included; each with the way that leads there."""
        reasons = {name: f"{path} changed" for name, path in roots.items()}
        queue = deque(reasons)
        while queue:
            target = queue.popleft()
            for importer in sorted(self._importers.get(target, ())):
                if importer not in reasons:
                    by = f"uses {target}"
                    reasons[importer] = by if target in roots else f"{by}, which {reasons[target]}"
                    queue.append(importer)
        return {name: _short(reason) for name, reason in reasons.items()}

    def readers(self, path: str) -> list[str]:
        """Modules that name a data file in a string, or that load its directory."""
        where = PurePosixPath(path)
        top = where.parts[0] if where.parts[0] in ("custom_actions", "guardrails") else ""
        named = [
            name for name, home in self.paths.items()
            if home.startswith(top) and (f'"{where.name}"' in self.sources[home] or f'{path}"' in self.sources[home])
        ]
        if named or not top:
            return named
        # A template or script of a page: found by its directory's package.
        near = [name for name, home in self.paths.items() if PurePosixPath(home).parent == where.parent.parent]
        return near if where.parent.name in ("assets", "templates") else []

    def mirrored(self, path: str, *, directory: bool) -> str:
        """The test file that is named as a module is: `sandbox/gaps/kms.py`, `sandbox/test_gaps_kms.py`; or empty.

        With `directory`, if that file does not exist, the nearest test directory that mirrors the module's package.
        """
        parts = PurePosixPath(path).with_suffix("").parts
        tests = set(self.paths.values())
        for cut in range(len(parts) - 1, 0, -1):
            place = "/".join(("tests", *parts[:cut]))
            if (found := f"{place}/test_{'_'.join(parts[cut:])}.py") in tests:
                return found
        for cut in range(len(parts) - 1, 1, -1):
            place = "/".join(("tests", *parts[:cut]))
            if directory and any(test.startswith(f"{place}/test_") for test in tests):
                return place
        return ""

    def _is_package(self, name: str) -> bool:
        return self.paths[name].endswith("/__init__.py")

    @cached_property
    def _importers(self) -> dict[str, set[str]]:
        importers: dict[str, set[str]] = {}
        for name in self.paths:
            for target in self._targets(name):
                importers.setdefault(target, set()).add(name)
        return importers

    def _targets(self, name: str) -> set[str]:
        """Everything that a module depends on, including modules that no longer exist."""
        tree = self._trees[name]
        found: set[str] = set()
        for node in _at_run_time(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                found |= self._imported(name, node)
            elif name.startswith("tests.") and isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {self._longest(text) for text in _DOTTED.findall(node.value)}
        if name.startswith("tests."):
            if _VERB_RUNNER in found or "tests.guardrails.conftest" in found:
                # A test that imports the table of verbs runs each of them.
                verbs = self._verbs if _imports_name(tree, "VERBS") else _first_arguments(tree) & self._verbs
                found |= {f"guardrails.cli.{verb}" for verb in verbs}
            found |= self._fixtures(name)
        found.discard("")
        return {each for target in found for each in _with_packages(target)} - {name}

    def _imported(self, name: str, node: ast.Import | ast.ImportFrom) -> set[str]:
        if isinstance(node, ast.Import):
            return {alias.name for alias in node.names if alias.name.partition(".")[0] in PACKAGES}
        base = _base(name, node, package=self._is_package(name))
        if base.partition(".")[0] not in PACKAGES:
            return set()
        return {self._home(base, alias.name) for alias in node.names}

    def _home(self, package: str, name: str) -> str:
        """The module that holds a name that is imported from a package."""
        if f"{package}.{name}" in self.paths:
            return f"{package}.{name}"
        if name in (face := self._faces.get(package, {})):
            return face[name]
        # A package that lost this module, or a plain name of the module.
        return f"{package}.{name}" if package in self._faces and not _defines(self._trees[package], name) else package

    def _longest(self, dotted: str) -> str:
        """The module in a dotted name with attributes; empty when there is none."""
        while dotted and dotted not in self.paths:
            dotted = dotted.rpartition(".")[0]
        return dotted

    def _fixtures(self, name: str) -> set[str]:
        """What the fixtures need that a test file uses; a conftest's other imports are no concern of it."""
        wanted = _arguments(self._trees[name])
        found: set[str] = set()
        package = name.rpartition(".")[0]
        while package:
            conftest = f"{package}.conftest"
            package = package.rpartition(".")[0]
            if conftest in self.paths and conftest != name:
                tree = self._trees[conftest]
                homes = {
                    alias.asname or alias.name: home for node in _at_run_time(tree) if isinstance(node, ast.ImportFrom)
                    for alias in node.names for home in self._imported(conftest, ast.ImportFrom(
                        module=node.module, names=[alias], level=node.level))
                }
                found |= {homes[used] for used in _used(tree, wanted) if used in homes}
        return found


def _place(path: str, graph: Graph, roots: dict[str, str], selection: Selection) -> bool:
    """Turn a changed file into modules to start from, files or policies; False when nothing is known of it."""
    where = PurePosixPath(path)
    if where.name == "conftest.py" and where.parts[0] == "tests":
        if len(where.parts) == 2:
            return False
        selection.files[str(where.parent)] = f"{path} changed"
        # Others import helpers from it.
        roots[module_name(path)] = path
    elif name := module_name(path):
        roots[name] = path
        if where.parts[0] == "bench":
            # The benchmark that is tested is loaded by its file name.
            readers = graph.readers(path)
            roots.update(dict.fromkeys(readers, path))
            selection.untested += [] if readers else [path]
    elif where.parts[0] == "policies" or path.startswith(f"{POLICY_TESTS}/"):
        names = policy_names(graph.sources.get(path, ""))
        selection.policies.update(dict.fromkeys(names, f"{path} changed"))
        for test in (f"{POLICY_TESTS}/test_parameters.py", f"{POLICY_TESTS}/test_rules.py"):
            selection.files.setdefault(test, "reads every policy")
        return bool(names)
    elif where.suffix == ".md":
        selection.files.setdefault(DOCS, "reads every page")
        roots.update(dict.fromkeys(graph.readers(path), path))
    elif tests := DATA.get(where.parts[0]):
        selection.files[tests] = f"{path} changed"
    elif readers := graph.readers(path):
        roots.update(dict.fromkeys(readers, path))
    elif where.parts[0] == "tests" and len(where.parts) > 2:
        selection.files[str(where.parent)] = f"{path} changed"
    elif path in NOT_TESTED:
        selection.untested.append(path)
    else:
        return False
    return True


def _is_test(path: str) -> bool:
    return path.startswith("tests/") and PurePosixPath(path).name.startswith("test_")


def _by_policy(path: str, roots: Mapping[str, str], module: str) -> bool:
    """Whether a file runs policy by policy: an imported helper's change alone does not run all of them."""
    name = PurePosixPath(path).name
    runs_cases = path.startswith(f"{POLICY_TESTS}/") and name not in ("test_parameters.py", "test_rules.py")
    return runs_cases and module not in roots and not any(root.startswith(CASE_RUNNERS) for root in roots)


def _by_element(
    reached: Mapping[str, str], graph: Graph, elements: Mapping[str, frozenset[str]], selection: Selection
) -> None:
    """Add the tests and policies that use a filter or action whose module is affected."""
    touched = {element: module for module in sorted(reached) for element in sorted(elements.get(module, ()))}
    if not touched:
        return
    for path, text in graph.sources.items():
        if _is_test(path) and not path.startswith(f"{POLICY_TESTS}/"):
            for element in _mentioned(touched, text):
                selection.files.setdefault(path, f"uses {element} of {touched[element]}")
        elif path.startswith("policies/"):
            for name, policy in _policies(text).items():
                for element in _mentioned(touched, json.dumps(policy, default=str)):
                    selection.policies.setdefault(name, f"uses {element} of {touched[element]}")


def _mentioned(elements: Iterable[str], text: str) -> Iterator[str]:
    """The elements that a text names whole: `full-star` is not in `no-full-star`."""
    return (each for each in elements if re.search(rf"(?<![\w-]){re.escape(each)}(?![\w-])", text))


def _short(reason: str) -> str:
    """A long way with its middle left out."""
    steps = reason.split(", which ")
    return reason if len(steps) <= 3 else ", which ".join([steps[0], f"… ({len(steps) - 2} more)", steps[-1]])


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:
        # ruff and mypy, which run first, say where.
        return ast.Module(body=[], type_ignores=[])


def _at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node except docstrings and the code under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        yield node
        yield from _at_run_time(node)


def _face(tree: ast.Module, package: str) -> dict[str, str]:
    """The names that a package's face gives, and the module that holds each."""
    return {
        name: f"{package}.{str(keyword.arg).replace('__', '.')}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "face"
        for keyword in node.keywords for name in ast.literal_eval(keyword.value)
    }


def _base(module: str, node: ast.ImportFrom, *, package: bool) -> str:
    own = module.split(".") if package else module.split(".")[:-1]
    above = own[:len(own) - node.level + 1] if node.level else []
    return ".".join([*above, *([node.module] if node.module else [])])


def _with_packages(module: str) -> Iterator[str]:
    """A module, and the packages that Python imports before it."""
    parts = module.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _defines(tree: ast.Module, name: str) -> bool:
    """Whether a module's own statements bind the name."""
    return any(
        getattr(node, "name", "") == name or (isinstance(node, ast.Name) and node.id == name)
        or (isinstance(node, ast.alias) and (node.asname or node.name) == name) for node in ast.walk(tree))


def _imports_name(tree: ast.Module, name: str) -> bool:
    return any(isinstance(node, ast.alias) and node.name == name for node in ast.walk(tree))


def _first_arguments(tree: ast.Module) -> set[str]:
    """Strings that may be a verb: the first argument of a plain function, and the first entry of a list or tuple."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found += node.args[:1]
        elif isinstance(node, (ast.List, ast.Tuple)):
            found += node.elts[:1]
    return {each.value for each in found if isinstance(each, ast.Constant) and isinstance(each.value, str)}


def _arguments(tree: ast.AST) -> set[str]:
    """The names of all functions' arguments: what pytest fills with fixtures."""
    return {argument.arg for node in ast.walk(tree) if isinstance(node, ast.arguments) for argument in node.args}


def _used(conftest: ast.Module, wanted: set[str]) -> set[str]:
    """The names that a conftest needs at import, for its automatic fixtures, and for the `wanted` ones."""
    defined = {
        node.name: node for node in conftest.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    used = set().union(*(_names(node) for node in conftest.body if not isinstance(
        node, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom))))
    queue = [
        name for name, node in defined.items()
        if name in wanted or any("autouse" in ast.dump(each) for each in node.decorator_list)
    ]
    seen = set(queue)
    while queue:
        node = defined[queue.pop()]
        needs = _names(node) | _arguments(node)
        used |= needs
        fresh = [name for name in needs if name in defined and name not in seen]
        seen.update(fresh)
        queue.extend(fresh)
    return used
