"""Which tests a change selects: on a small project, and on this one."""
from __future__ import annotations

import pytest

from custom_actions.plugin import ELEMENTS
from guardrails.cli.affected_tests import DATA, LAYOUT, Selection, module_name, policy_names, select
from guardrails.cli.main import VERBS
from guardrails.cli.test import _select
from guardrails.paths import ROOT

FACE = """
from typing import TYPE_CHECKING
from custom_actions.face import face
if TYPE_CHECKING:
    from .accounting import Check
    from .sweeps import sweep
__getattr__, __all__ = face(__name__, accounting=("Check",), sweeps=("sweep",))
"""
SOURCES = {
    "guardrails/__init__.py": "",
    "guardrails/runs/__init__.py": FACE,
    "guardrails/runs/accounting.py": "class Check: ...",
    "guardrails/runs/sweeps.py": "from .accounting import Check\ndef sweep(): ...",
    "guardrails/cli/__init__.py": "",
    "guardrails/cli/main.py": "VERBS = {}",
    "guardrails/cli/audit.py": "def audit():\n    from ..runs import sweep",
    "guardrails/cli/heal.py": "",
    "guardrails/typed.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .runs import sweep",
    "guardrails/lonely.py": "",
    "guardrails/sandbox/gaps/kms.py": "",
    "guardrails/sandbox/wire.py": "",
    "guardrails/stacks/limits.py": 'NAME = "limits.yml"',
    "custom_actions/elements/kms/key.py": "",
    "custom_actions/elements/kms/state.py": "",
    "custom_actions/elements/s3/bucket.py": "from ..kms.state import x",
    "tests/__init__.py": "",
    "tests/test_layout.py": "",
    "tests/helper.py": "from guardrails.runs import Check",
    "tests/guardrails/__init__.py": "",
    "tests/guardrails/conftest.py": "\n".join([
        "import pytest", "from guardrails.cli.main import main", "from guardrails.typed import x",
        "from guardrails.runs import sweep", "@pytest.fixture", "def swept():\n    return sweep()",
        "def guardrails(*a): ...",
    ]),
    "tests/guardrails/test_check.py": "from guardrails.runs import Check",
    "tests/guardrails/test_indirect.py": "def test_x():\n    from tests.helper import x",
    "tests/guardrails/test_fixture.py": "def test_x(swept): ...",
    "tests/guardrails/test_verb.py": "from .conftest import guardrails\nguardrails('audit', '--help')",
    "tests/guardrails/test_verbs.py": "from guardrails.cli.main import VERBS",
    "tests/guardrails/test_client.py": "from .conftest import guardrails\nboto3.client('audit')",
    "tests/guardrails/test_string.py": 'monkeypatch.setattr("guardrails.runs.accounting.Check.x", 1)',
    "tests/guardrails/test_page.py": 'text = (ROOT / "docs/exceptions.md")',
    "tests/guardrails/stacks/test_limits.py": "from guardrails.stacks import limits",
    "tests/guardrails/sandbox/test_gaps_kms.py": "",
    "tests/custom_actions/test_key.py": 'POLICY = {"actions": [{"type": "revert-key"}]}',
    "tests/custom_actions/test_other.py": 'POLICY = {"name": "kms-revert-key-later"}',
    "tests/policies/test_cases.py": "from .harness import x",
    "tests/policies/harness.py": "from guardrails.cases.state import y",
    "guardrails/cases/state.py": "",
    "policies/realtime/kms.yml": "policies:\n- {name: kms-revert, actions: [revert-key]}\n- {name: kms-tell}",
    "policies/periodic/s3.yml": "vars: {a: &a [unlocked]}\npolicies:\n- {name: s3-unlocked, filters: *a}",
    "tests/policies/realtime/kms.yml": "kms-revert: [{case: a key is closed}]",
}
ELEMENT_NAMES = {
    "custom_actions.elements.kms.key": frozenset({"revert-key"}),
    "custom_actions.elements.s3.bucket": frozenset({"unlocked"}),
}


def selected(*changed: str, without: tuple[str, ...] = ()) -> Selection:
    sources = {path: text for path, text in SOURCES.items() if path not in without}
    return select(changed, sources, ELEMENT_NAMES, {"audit", "heal"})


def files(*changed: str, without: tuple[str, ...] = ()) -> set[str]:
    """Names of the selected test files, but the test of the layout."""
    found = selected(*changed, without=without)
    assert not found.everything, found.everything
    return {path.rpartition("/")[2] for path in found.files if path != LAYOUT}


# Importing a conftest runs its imports; using one fixture of it needs what the fixture needs.
SWEEPS = {"test_fixture.py", "test_verb.py", "test_verbs.py", "test_client.py"}
ACCOUNTING = {*SWEEPS, "test_check.py", "test_indirect.py", "test_string.py"}


@pytest.mark.parametrize(("changed", "expected"), [
    ("guardrails/runs/accounting.py", ACCOUNTING),
    # The face leads to the module of the name: who imports Check does not depend on sweeps.
    ("guardrails/runs/sweeps.py", SWEEPS),
    # An import of any name imports the face.
    ("guardrails/runs/__init__.py", ACCOUNTING),
    ("guardrails/cli/audit.py", {"test_verb.py", "test_verbs.py"}),
    ("guardrails/cli/heal.py", {"test_verbs.py"}),
    ("tests/helper.py", {"test_indirect.py"}),
    ("tests/guardrails/test_check.py", {"test_check.py"}),
    ("guardrails/sandbox/gaps/kms.py", {"test_gaps_kms.py"}),
    ("guardrails/sandbox/wire.py", {"sandbox"}),
    ("guardrails/stacks/limits.yml", {"test_limits.py"}),
    ("custom_actions/elements/kms/key.py", {"test_key.py"}),
    ("docs/exceptions.md", {"test_docs.py", "test_page.py"}),
    ("README.md", {"test_docs.py"}),
])
def test_a_change_selects_what_depends_on_it(changed: str, expected: set[str]) -> None:
    assert files(changed) == expected


def test_a_deleted_module_selects_those_who_import_it() -> None:
    assert "test_check.py" in files("guardrails/runs/accounting.py", without=("guardrails/runs/accounting.py",))


def test_a_moved_helper_selects_those_who_import_its_old_name() -> None:
    assert files("tests/helper.py", without=("tests/helper.py",)) == {"test_indirect.py"}


def test_an_import_for_types_alone_is_none() -> None:
    reasons = selected("guardrails/runs/sweeps.py").files
    assert not any("guardrails.typed" in reason for reason in reasons.values())


def test_a_conftest_selects_its_directory() -> None:
    assert "tests/guardrails" in selected("tests/guardrails/conftest.py").files


def test_an_element_selects_the_policies_that_use_it() -> None:
    assert selected("custom_actions/elements/kms/key.py").policies == {
        "kms-revert": "uses revert-key of custom_actions.elements.kms.key"}
    # By way of a module that imports the changed one, and of an anchor in YAML.
    found = selected("custom_actions/elements/kms/state.py")
    assert (set(found.policies), found.everything) == ({"s3-unlocked"}, "")


def test_a_policy_file_selects_its_policies_and_its_cases_theirs() -> None:
    assert set(selected("policies/realtime/kms.yml").policies) == {"kms-revert", "kms-tell"}
    assert set(selected("tests/policies/realtime/kms.yml").policies) == {"kms-revert"}
    assert "tests/policies/test_rules.py" in selected("policies/realtime/kms.yml").files


def test_the_tests_of_policies_run_policy_by_policy_unless_they_change() -> None:
    assert "test_cases.py" in files("tests/policies/harness.py")
    assert "test_cases.py" in files("guardrails/cases/state.py")
    assert "test_cases.py" in files("tests/policies/test_cases.py")
    assert "test_cases.py" not in files("custom_actions/elements/kms/key.py")


@pytest.mark.parametrize(("changed", "reason"), [
    ("pyproject.toml", "pyproject.toml: which tests read it is not known"),
    ("run.sh", "run.sh: which tests read it is not known"),
    ("tests/conftest.py", "tests/conftest.py: which tests read it is not known"),
    ("policies/periodic/gone.yml", "policies/periodic/gone.yml: which tests read it is not known"),
    ("guardrails/lonely.py", "guardrails/lonely.py: no test depends on it"),
])
def test_what_is_not_known_selects_everything(changed: str, reason: str) -> None:
    assert selected(changed, "guardrails/cli/heal.py").everything == reason


def test_what_nothing_reads_selects_nothing() -> None:
    assert selected("LICENSE", "bench/startup.py") == Selection(untested=["LICENSE", "bench/startup.py"])


def test_a_file_that_cannot_be_read_as_python_or_yaml_takes_no_other_with_it() -> None:
    sources = {**SOURCES, "guardrails/cli/heal.py": "def (", "policies/periodic/s3.yml": "a: ["}
    found = select(["guardrails/cli/heal.py"], sources, ELEMENT_NAMES, {"heal"})
    assert "tests/guardrails/test_verbs.py" in found.files
    assert policy_names("a: [") == []


@pytest.mark.parametrize(("path", "module"), [
    ("guardrails/cli/main.py", "guardrails.cli.main"), ("guardrails/runs/__init__.py", "guardrails.runs"),
    ("guardrails/x.yml", ""), ("docs/x.py", ""),
])
def test_modules_by_path(path: str, module: str) -> None:
    assert module_name(path) == module


def test_this_project() -> None:
    element = next(each for each in ELEMENTS if each.type == "revert-key")
    home = f"custom_actions/elements/{element.path.partition(':')[0].replace('.', '/')}.py"
    found = _select([home])
    assert set(found.policies) == {"kms-key-revert"}
    assert "tests/custom_actions/fixing/test_plans.py" in found.files
    assert len(found.files) < 10


def test_every_verb_of_this_project_has_its_help_tested() -> None:
    found = _select([f"guardrails/cli/{verb}.py" for verb in VERBS])
    assert "tests/guardrails/cli/test_command_line.py" in found.files
    assert not found.everything


def test_the_directories_of_data_and_their_tests_are_there() -> None:
    for directory, tests in DATA.items():
        assert (ROOT / directory).is_dir()
        assert list((ROOT / tests).glob("test_*.py"))
