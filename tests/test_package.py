"""The wheel and the sdist: what is in them, and that an installed wheel works where there is no checkout.

The wheel is installed into an environment of its own, which sees the packages that the tests run with but not the
checkout: a .pth file names their directory, and .pth files in that directory, such as the one of an editable install,
are not read.
"""
from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from guardrails.cli.main import VERBS
from guardrails.sandbox import ensure_runtime

ROOT = Path(__file__).parents[1]
DATA = ("policies", "controls", "mailer", "examples", "docs", "requirements/lambda.lock")
"""What the verbs read beside the code."""


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and an empty directory to work in."""

    prefix: Path
    directory: Path

    @property
    def package(self) -> Path:
        """The directory of the installed package."""
        [found] = self.prefix.glob("lib/python*/site-packages/guardrails")
        return found

    def environment(self, **more: str) -> dict[str, str]:
        dropped = ("AWS_", "GUARDRAILS_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        home = self.directory.parent / "home"
        return {
            **kept, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": f"{self.prefix / 'bin'}{os.pathsep}{os.environ['PATH']}", **more,
        }

    @property
    def local(self) -> Path:
        """Where the sandbox of this environment keeps its state."""
        home = self.directory.parent / "home" / "cache" / "aws-guardrails"
        return home / hashlib.sha256(str(self.prefix).encode()).hexdigest()[:12]

    def run(self, program: str, *arguments: str, code: int = 0, below: str = "", **more: str) -> str:
        """Run a program of the environment in the empty directory, or in one below it.

        Returns what it wrote on both streams.
        """
        done = subprocess.run(
            [self.prefix / "bin" / program, *arguments], cwd=self.directory / below, env=self.environment(**more),
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False)
        assert done.returncode == code, done.stdout
        return done.stdout

    @contextmanager
    def sandbox(self, *options: str) -> Iterator[dict[str, str]]:
        """A running sandbox, as its verb starts it; yields what `sandbox env` with these options exports."""
        assert "guardrails sandbox env" in self.run("guardrails", "sandbox", "start")
        try:
            assert (self.local / ".sandbox" / "state.json").is_file()
            exported = self.run("guardrails", "sandbox", "env", *options)
            yield dict(line.removeprefix("export ").split("=", 1) for line in exported.replace("'", "").splitlines())
        finally:
            self.run("guardrails", "sandbox", "stop")

    def files(self) -> dict[str, int]:
        """Every file of the installed packages, and when it changed."""
        return {str(path): path.stat().st_mtime_ns for path in self.package.parent.rglob("*") if path.is_file()}


def build(source: Path, target: Path, *options: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(target), *options], cwd=source, capture_output=True,
        text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheel and the sdist of the checkout."""
    target = tmp_path_factory.mktemp("dist")
    build(ROOT, target)
    return target


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    [found] = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    made = Installed(tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("work") / "empty")
    made.directory.mkdir()
    venv.create(made.prefix, with_pip=False, symlinks=True)
    python = made.prefix / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index",
         "--disable-pip-version-check", str(wheel)], check=True)
    dependencies = Path(sysconfig.get_path("purelib"))
    (made.package.parent / "dependencies.pth").write_text(f"{dependencies}\n")
    for name in ("custodian", "c7n-org"):  # as pip writes them; the first line names the interpreter
        _, _, rest = (Path(sys.executable).parent / name).read_text().partition("\n")
        (made.prefix / "bin" / name).write_text(f"#!{python}\n{rest}")
        (made.prefix / "bin" / name).chmod(0o755)
    made.local.mkdir(parents=True)
    # The functions' environment of the checkout has the same lock, and takes a minute to make.
    (made.local / ".venv-lambda").symlink_to(ensure_runtime().parents[1])
    before = made.files()
    yield made
    assert made.files() == before, "nothing is written into the package"


def test_the_wheel_has_the_data_and_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    files = [file for name in DATA for file in [ROOT / name, *(ROOT / name).rglob("*")] if file.is_file()]
    assert {f"guardrails/_data/{file.relative_to(ROOT).as_posix()}" for file in files} <= names
    assert "aws-guardrails.pth" in names
    assert {name.partition("/")[0] for name in names} == {
        "aws-guardrails.pth", "custom_actions", "guardrails", f"{wheel.name.rpartition('-py3')[0]}.dist-info"}


def test_the_sdist_builds_the_same_wheel(built: Path, wheel: Path, tmp_path: Path) -> None:
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    build(tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path / "dist", "-t", "wheel")
    [again] = (tmp_path / "dist").glob("*.whl")
    assert again.read_bytes() == wheel.read_bytes()


def test_the_build_of_the_image_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """What .dockerignore lets in is enough, and adds nothing."""
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        source = ROOT / line.removeprefix("!")
        if line.startswith("!") and source.is_dir():
            shutil.copytree(source, tmp_path / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif line.startswith("!"):
            shutil.copy(source, tmp_path)
    build(tmp_path, tmp_path / "dist", "-t", "wheel")
    [made] = (tmp_path / "dist").glob("*.whl")
    assert made.read_bytes() == wheel.read_bytes()


def test_nothing_of_the_checkout_is_seen(installed: Installed) -> None:
    shown = installed.run("python", "-c", (
        "import sys, custom_actions, guardrails\n"
        "print(*sys.path, custom_actions.__file__, guardrails.__file__, sep='\\n')"))
    assert str(ROOT) not in shown.replace(sysconfig.get_path("purelib"), "")
    assert str(installed.package) in shown


def test_verbs_that_read_policies(installed: Installed) -> None:
    assert installed.run("guardrails", "--version").startswith("aws-guardrails, version ")
    assert "valid: " in installed.run("guardrails", "validate")
    assert "cis-aws-5.0" in installed.run("guardrails", "coverage")
    installed.run("guardrails", "schema", "-o", "schema.json")
    assert "revert-ingress" in (installed.directory / "schema.json").read_text()
    shown = installed.run("guardrails", "iam", "-o", "roles")
    assert (installed.directory / "roles" / "permissions.json").is_file(), shown
    installed.run("guardrails", "templates", "-o", "stacks")
    assert (installed.directory / "stacks" / "compliance.template.json").is_file()


def test_plain_custodian_knows_our_elements(installed: Installed) -> None:
    policy = str(installed.package / "_data" / "policies" / "config-rule" / "security-group.yml")
    assert "Configuration valid" in installed.run("custodian", "validate", policy)
    shown = installed.run("custodian", "schema", "aws.security-group.actions.revert-ingress")
    assert "Bring a group's ingress back" in shown
    assert installed.run("guardrails", "custodian", "validate", policy).count("Configuration valid") == 1


@pytest.mark.parametrize("verb", ["lint", "rules", "test"])
def test_a_verb_for_developers_says_what_it_needs(installed: Installed, verb: str) -> None:
    shown = installed.run("guardrails", verb, code=1)
    assert f"{verb} works on the source" in shown and f"./run.sh {verb}" in shown
    assert len(shown.splitlines()) == 2


@pytest.mark.parametrize("verb", VERBS)
def test_help_names_the_installed_command(installed: Installed, verb: str) -> None:
    shown = installed.run("guardrails", verb, "-h")
    assert f"Usage: guardrails {verb} " in shown
    assert "run.sh " not in shown and "{command}" not in shown


def test_exceptions_are_those_of_the_current_directory(installed: Installed) -> None:
    file = installed.directory / "exceptions.yml"
    file.write_text("exceptions: [")
    try:
        assert "exceptions.yml:1: invalid YAML" in installed.run("guardrails", "validate", code=1)
        policy = str(installed.package / "_data" / "policies" / "config-rule" / "s3.yml")
        assert "exceptions.yml" in installed.run(
            "custodian", "run", "--dryrun", "-s", "out", "-p", "s3-bucket-encryption", policy, code=1,
            AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="us-east-1")
    finally:
        file.unlink()


def test_an_audit_in_the_sandbox(installed: Installed) -> None:
    """The background process, c7n-org and its workers find everything; state and results are where they belong."""
    with installed.sandbox("--region", "eu-west-1") as environment:
        installed.run("python", "-c", (
            "import boto3\n"
            "ec2 = boto3.client('ec2')\n"
            "group = ec2.create_security_group(GroupName='open', Description='open')['GroupId']\n"
            "ec2.authorize_security_group_ingress(\n"
            "    GroupId=group, IpProtocol='tcp', FromPort=22, ToPort=22, CidrIp='0.0.0.0/0')\n"), **environment)
        shown = installed.run(
            "guardrails", "audit", "--policy", "security-group-admin-ports", "--history", "none", **environment)
        assert "COMPLETE" in shown
        [report] = (installed.directory / "output").glob("audit-*/report.json")
        [finding] = json.loads(report.read_text())["findings"]
        assert finding["policy"] == "security-group-admin-ports"


def test_a_team_begins_in_an_empty_directory(installed: Installed) -> None:
    """From the installed wheel to the first audit, without an option: demo, init, test, validate, audit."""
    assert "processes of the local AWS have ended" in installed.run("guardrails", "demo")
    installed.run("guardrails", "init", "team")
    assert "1 policy: 1 passed; 1 case" in installed.run("guardrails", "test", below="team")
    assert "valid: " in installed.run("guardrails", "validate", below="team")
    with installed.sandbox() as environment:
        shown = installed.run("guardrails", "audit", below="team", **environment)
    assert shown.splitlines()[0].startswith("COMPLETE"), shown
    [run] = (installed.directory / "team" / "output").glob("audit-*")
    ran = {each["policy"]: each["state"] for each in json.loads((run / "report.json").read_text())["runs"]}
    assert ran["team-instance-owner"] == "ran"
