"""The Dockerfile, as far as it can be tested without Docker, and the locks that the image is made from."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIN = re.compile(r"^(\S+?==\S+)(.*?)\\?$((?:\n +--hash=\S+(?: \\)?)+)", re.MULTILINE)


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile and its arguments, continued lines joined."""
    written = (ROOT / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in written if not line.lstrip().startswith("#"))
    lines = filter(None, re.sub(r"\\\n\s*", "", text).splitlines())
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def pins(lock: str) -> dict[str, set[str]]:
    """Each `name==version` of a lock, and its hashes."""
    text = (ROOT / "requirements" / lock).read_text()
    found = {pin: set(re.findall(r"sha256:\w{64}", hashes)) for pin, _, hashes in PIN.findall(text)}
    assert len(found) == len(re.findall(r"^\S+==", text, re.MULTILINE))
    return found


def test_the_image_runs_the_command_as_a_user_without_rights() -> None:
    found = instructions()
    last = found[[name for name, _ in found].index("FROM", 2):]
    by_name = dict(last)
    assert by_name["ENTRYPOINT"] == '["guardrails"]'
    assert by_name["USER"].isdigit() and int(by_name["USER"]) > 0, "a number: Kubernetes cannot judge a name"
    names = [name for name, _ in last]
    assert "RUN" not in names[names.index("USER"):] and "HEALTHCHECK" not in names


def test_every_stage_has_the_same_base_with_a_version() -> None:
    found = instructions()
    assert {rest.split()[0] for name, rest in found if name == "FROM"} == {"${BASE}"}
    [base] = [rest for name, rest in found if name == "ARG"]
    assert re.fullmatch(r"BASE=python:3\.\d+-slim-\w+", base)


def test_pip_installs_only_what_a_lock_names() -> None:
    ran = [each for name, rest in instructions() if name == "RUN" for each in rest.split("&&")]
    pip = [each for each in ran if "pip" in each and " install " in each]
    assert len(pip) == 3
    assert all("--require-hashes" in each or "--no-index --no-deps" in each for each in pip)


@pytest.mark.parametrize("lock", ["image.lock", "build.lock"])
def test_a_lock_of_the_image_is_a_part_of_the_projects(lock: str) -> None:
    whole = pins("project.lock")
    part = pins(lock)
    assert part and {pin: hashes for pin, hashes in part.items() if whole.get(pin) != hashes} == {}


def test_the_image_has_every_dependency_and_no_tool() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {re.split(r"[^\w-]", each)[0].lower() for each in project["dependencies"]}
    locked = {pin.partition("==")[0] for pin in pins("image.lock")}
    assert named <= locked
    assert not locked & {"moto", "pytest", "ruff", "mypy", "hatchling", "c7n-mailer"}


def test_only_the_wheels_sources_go_into_the_build() -> None:
    """Nothing of the user's, such as accounts.yml or credentials, can get into the image."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    allowed = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert all((ROOT / name).exists() for name in allowed)
    assert not {"accounts.yml", "exceptions.yml", "output", ".git", "tests"} & set(allowed)
