"""Every part of a verdict's key: when it changes, the verdict is made anew; when nothing does, it is not."""
from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from guardrails.policies import file_checks, validation, verdict_key, verdict_store
from guardrails.policies.file_checks import FileChecks
from guardrails.policies.file_verdict import FileProblem, FileVerdict, Found

ROOT = Path(__file__).parents[3]
DISTRIBUTION = "one-1.0.dist-info"


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A team's directory, with all that can decide a verdict, and no c7n that would be slow to look at."""
    for name, text in {
        "guardrails.yml": "elements: [mine]\n", "mine/__init__.py": "ELEMENTS = []\n", "mine/data.json": "{}",
        "policies/periodic/p.yml": "policies: []\n", "controls/own.yml": "title: own\n", "exceptions.yml": "",
        "c7n/__init__.py": "", "c7n/resources/s3.py": "one = 1\n", "plugin/filter.py": "one = 1\n",
        f"site/{DISTRIBUTION}/METADATA": "", "models/ec2/service-2.json": "{}", "home/.keep": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "site")
    for name, value in {
        "HOME": "home", verdict_store.VARIABLE: "cache", "GUARDRAILS_SETTINGS": "guardrails.yml",
        "GUARDRAILS_EXCEPTIONS": "exceptions.yml", "AWS_DATA_PATH": "models",
    }.items():
        monkeypatch.setenv(name, value if name == "AWS_DATA_PATH" else str(tmp_path / value))
    real = verdict_key._tree_state
    spec = verdict_key.find_spec
    monkeypatch.setattr(verdict_key, "find_spec", lambda name: _Spec(tmp_path / "c7n") if name == "c7n" else spec(name))
    monkeypatch.setattr(verdict_key, "_tree_state", real)
    monkeypatch.setattr(verdict_key, "code_files", lambda: sorted((tmp_path / "plugin").rglob("*.py")))
    monkeypatch.setattr(verdict_key, "_GUARDRAILS", tmp_path / "guardrails")
    return tmp_path


class _Spec:
    def __init__(self, place: Path) -> None:
        self.submodule_search_locations = [str(place)]


class _Judge:
    """In place of c7n: counts the verdicts that are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        monkeypatch.setattr(validation, "judge", self)
        monkeypatch.setattr(file_checks, "load_catalogues", lambda controls: {})

    def __call__(self, file: Path, content: bytes, catalogues: object) -> FileVerdict:
        self.made += 1
        return FileVerdict(2, (("a", "aws.s3", "periodic", 1), ("b", "aws.ec2", "realtime", 2)),
                           (Found(3, "ü", "mend", True), Found(4, "wrong")))


def check(team: Path, *, strict: bool = True, controls: str = "controls") -> None:
    checks = FileChecks.with_store([team / controls], strict=strict)
    assert checks.store.note == ""
    found = checks.check([team / "policies" / "periodic" / "p.yml"])
    checks.save()
    file = team / "policies" / "periodic" / "p.yml"
    hint, error = FileProblem(file, 3, "ü", "mend"), FileProblem(file, 4, "wrong")
    assert (found.problems, found.hints) == (((hint, error), ()) if strict else ((error,), (hint,)))
    assert (found.files, found.policies, found.resource_types) == (1, 2, 2)


def write(name: str, text: str = "# changed\n") -> Callable[[Path, pytest.MonkeyPatch], None]:
    return lambda team, monkeypatch: (team / name).write_text(text) and None


def variable(name: str, value: str) -> Callable[[Path, pytest.MonkeyPatch], None]:
    return lambda team, monkeypatch: monkeypatch.setenv(name, value)


def attribute(target: object, name: str, value: object) -> Callable[[Path, pytest.MonkeyPatch], None]:
    return lambda team, monkeypatch: monkeypatch.setattr(target, name, value)


def newer(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (team / "site" / DISTRIBUTION).rename(team / "site" / "one-1.1.dist-info")


class _Tomorrow(verdict_key.datetime):
    @classmethod
    def now(cls, tz: object = None) -> _Tomorrow:
        return cls(2999, 1, 1)


CHANGES = {
    "the policy": write("policies/periodic/p.yml"),
    "a framework": write("controls/own.yml"),
    "one framework more": write("controls/other.yml"),
    "a module of the plug-in": write("plugin/filter.py"),
    "a new module of the plug-in": write("plugin/action.py"),
    "a module of a team's elements": write("mine/__init__.py", "ELEMENTS = ()\n"),
    "data beside a team's elements": write("mine/data.json", "[]"),
    "a new module of a team's elements": write("mine/more.py"),
    "which elements a team has": write("guardrails.yml", "elements: []\n"),
    "c7n in place": write("c7n/resources/s3.py"),
    "a version of a distribution": newer,
    "a new distribution": lambda team, monkeypatch: (team / "site" / "two-1.dist-info").mkdir(),
    "Python": attribute(sys, "version", "4.0"),
    "the platform": attribute(sys, "platform", "plan9"),
    "the environment of Python": attribute(sys, "prefix", "/elsewhere"),
    "the format of verdicts": attribute(verdict_key, "_FORMAT", 0),
    "exceptions": write("exceptions.yml"),
    "which exceptions": variable("GUARDRAILS_EXCEPTIONS", ""),
    "the day": attribute(verdict_key, "datetime", _Tomorrow),
    "the command in hints": variable("GUARDRAILS_COMMAND", "./run.sh"),
    "a setting of c7n": variable("C7N_MAXRES_OP", "and"),
    "the region": variable("AWS_DEFAULT_REGION", "eu-central-1"),
    "a model of AWS": write("models/ec2/service-2.json", "{ }"),
}


@pytest.mark.parametrize("changed", CHANGES)
def test_a_verdict_is_made_anew_when_a_part_of_its_key_changes(
    team: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    judge = _Judge(monkeypatch)
    check(team)
    check(team)
    assert judge.made == 1
    CHANGES[changed](team, monkeypatch)
    check(team)
    assert judge.made == 2
    check(team)
    assert judge.made == 2


def test_strict_and_the_folder_decide_a_verdict(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = _Judge(monkeypatch)
    check(team)
    check(team, strict=False)
    assert judge.made == 2
    other = team / "policies" / "realtime" / "p.yml"
    other.parent.mkdir()
    for file, made in ((other, 3), (other.with_name("q.yml"), 3), (other.with_name("q.json"), 4)):
        file.write_bytes((team / "policies" / "periodic" / "p.yml").read_bytes())
        checks = FileChecks.with_store([team / "controls"])
        checks.check([file])
        checks.save()
        assert judge.made == made, file


def test_nothing_is_stored_when_something_changes_while_the_files_are_checked(
    team: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = _Judge(monkeypatch)
    checks = FileChecks.with_store([team / "controls"])
    checks.check([team / "policies" / "periodic" / "p.yml"])
    (team / "plugin" / "filter.py").write_text("two = 2\n")
    checks.save()
    (team / "plugin" / "filter.py").write_text("one = 1\n")
    check(team)
    assert judge.made == 2
    monkeypatch.setattr(
        file_checks, "load_catalogues", lambda controls: (team / "controls" / "own.yml").write_text("other") and {})
    (team / "policies" / "periodic" / "p.yml").write_text("# changed")
    checks = FileChecks.with_store([team / "controls"])
    checks.check([team / "policies" / "periodic" / "p.yml"])
    assert "a framework has just changed" in checks.store.note


def test_nothing_is_stored_when_elements_cannot_be_used(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (team / "guardrails.yml").write_text("elements: [missing]\n")
    checks = FileChecks.with_store()
    assert checks.store.file is None
    assert "is not a Python package" in checks.store.note


def test_nothing_is_stored_when_elements_import_what_no_key_contains(
    team: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _Judge(monkeypatch)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "helper_of_elements.py").write_text("")
    checks = FileChecks.with_store([team / "controls"])
    checks.check([team / "policies" / "periodic" / "p.yml"])
    monkeypatch.syspath_prepend(elsewhere)
    __import__("helper_of_elements")
    checks.save()
    del sys.modules["helper_of_elements"]
    assert "a team's elements import helper_of_elements" in checks.store.note
    assert not (team / "cache").exists()


def test_the_key_contains_every_module_that_decides() -> None:
    """In a process that has checked a policy, every module of this project is a part of the key."""
    script = (
        "import sys; from pathlib import Path; from guardrails.policies.validation import validate_files\n"
        "assert validate_files([Path('policies/periodic/ec2.yml')], {}, strict=False).checked\n"
        "from guardrails.policies.verdict_key import code_files\n"
        "known = {str(file) for file in code_files()}\n"
        "ours = [module for name, module in sys.modules.items() if name.startswith(('guardrails', 'custom_actions'))]\n"
        "print([module.__name__ for module in ours if module.__file__ not in known])")
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stdout + done.stderr
