"""A team's own elements in plain custodian, plain c7n-org and a function, each in a process of its own."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.moto_server import ACCOUNT, REGION, Moto
from tests.team_elements import ACTION, FILTER, PACKAGE, POLICY, program, replace, write_team

ACCOUNTS = ("111111111111", "222222222222")


@pytest.fixture
def team(tmp_path: Path) -> Path:
    return write_team(tmp_path / "team")


def group(moto: Moto, description: str) -> str:
    return str(moto.client("ec2").create_security_group(GroupName=description, Description=description)["GroupId"])


def test_custodian_schema_knows_them_anywhere_below_the_settings(team: Path) -> None:
    done = program("custodian", "schema", f"aws.security-group.actions.{ACTION}", cwd=team / "policies")
    assert (done.returncode, "Set the tag `review`" in done.stdout) == (0, True), done.stderr
    for other in (team.parent, team):
        settings = {} if other == team.parent else {"GUARDRAILS_SETTINGS": "none"}
        done = program("custodian", "schema", f"aws.security-group.actions.{ACTION}", cwd=other, **settings)
        assert done.returncode != 0, "not below the settings, or switched off"
    named = program("custodian", "schema", f"aws.security-group.filters.{FILTER}", cwd=team.parent,
                    GUARDRAILS_SETTINGS=str(team / "guardrails.yml"))
    assert (named.returncode, "pattern" in named.stdout) == (0, True)


def test_custodian_validates_and_runs_them(team: Path, moto: Moto) -> None:
    group(moto, "made for CHG0012345")
    bad = group(moto, "nobody asked for it")
    valid = program("custodian", "validate", "policies/groups.yml", cwd=team)
    assert valid.returncode == 0, valid.stderr
    done = program("custodian", "run", "--dryrun", "-s", "out", "--cache-period", "0", "policies/groups.yml", cwd=team)
    assert done.returncode == 0, done.stderr
    found = json.loads((team / "out" / POLICY / "resources.json").read_text())
    assert bad in {each["GroupId"] for each in found}
    assert not any("CHG0012345" in each["Description"] for each in found)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_c7n_org_runs_them_in_its_worker_processes(method: str, team: Path, moto: Moto) -> None:
    (team / "accounts.yml").write_text(yaml.safe_dump({"accounts": [
        {"name": account, "account_id": account, "role": f"arn:aws:iam::{account}:role/x", "regions": [REGION]}
        for account in ACCOUNTS]}), encoding="utf-8")
    policies = yaml.safe_load((team / "policies" / "groups.yml").read_text(encoding="utf-8"))
    del policies["policies"][0]["mode"]
    (team / "pull.yml").write_text(yaml.safe_dump(policies), encoding="utf-8")
    (team / "cache").mkdir()
    code = f"import multiprocessing as m; m.set_start_method({method!r}); from c7n_org.cli import cli; cli()"
    done = program("python", "-c", code, "run", "-c", "accounts.yml", "-u", "pull.yml", "-s", "out",
                   "--cache-path", "cache", cwd=team)
    assert done.returncode == 0, done.stderr
    for account in ACCOUNTS:
        [receipt] = json.loads((team / "out" / account / REGION / POLICY / f"action-{ACTION}").read_text())
        assert (receipt["account"], receipt["outcome"]) == (account, "reverted"), "the default group"


def test_a_function_brings_the_package_and_registers_it(team: Path, moto: Moto, tmp_path: Path) -> None:
    """The archive of plain c7n, in an interpreter that sees boto3's directory and the archive, and nothing of ours."""
    build = """
import sys
from c7n.loader import PolicyLoader
from c7n.config import Config
[policy] = PolicyLoader(Config.empty(region="us-east-1", account_id="123456789012")).load_file("policies/groups.yml")
policy.expand_variables(policy.get_variables())
archive = policy.get_execution_mode().policy_lambda(policy).get_archive()
open(sys.argv[1], "wb").write(archive.get_bytes())
"""
    done = program("python", "-c", build, str(tmp_path / "code.zip"), cwd=team)
    assert done.returncode == 0, done.stderr
    task = tmp_path / "task"
    with zipfile.ZipFile(tmp_path / "code.zip") as archive:
        archive.extractall(task)
    assert (task / PACKAGE / "groups.py").is_file()
    bad = group(moto, "nobody asked for it")
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    import boto3

    for each in Path(boto3.__file__).parents[1].iterdir():
        # What Lambda has: boto3 and what it needs, without the environment's .pth files and other packages.
        if each.name in ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six.py"):
            (libraries / each.name).symlink_to(each)
    run = "from custom_actions.lambda_entry import run; assert run({'detail': {}}, None); import sys; " \
          "print(sys.modules['team_elements'].__file__)"
    environment = {
        **moto.environment(), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(task), str(libraries)]),
        "AWS_LAMBDA_FUNCTION_NAME": f"custodian-{POLICY}", "AWS_ACCOUNT_ID": ACCOUNT, "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-S", "-c", run], cwd=task, env=environment, capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(task / PACKAGE / "__init__.py")
    tags = moto.client("ec2").describe_security_groups(GroupIds=[bad])["SecurityGroups"][0]["Tags"]
    assert tags == [{"Key": "review", "Value": "network"}]
    assert f"{ACTION} receipt " in done.stderr
    # The same archive with an element that is broken: the function fails when it starts, and says why.
    (task / PACKAGE / "groups.py").write_text("import requests\n")
    done = subprocess.run([sys.executable, "-S", "-c", run], cwd=task, env=environment, capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode != 0
    assert f"{PACKAGE}/groups.py:1: {PACKAGE}.groups cannot be imported: ModuleNotFoundError" in done.stderr


def test_an_installed_package_names_them_with_an_entry_point(team: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "team-1.0.dist-info").mkdir(parents=True)
    (team / PACKAGE).rename(site / PACKAGE)
    (site / "team-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: team\nVersion: 1.0\n")
    points = site / "team-1.0.dist-info" / "entry_points.txt"
    points.write_text(f"[guardrails.elements]\nteam = {PACKAGE}:ELEMENTS\n")
    paths = os.pathsep.join([os.environ.get("PYTHONPATH") or str(Path(__file__).parents[3]), str(site)])
    command = ("custodian", "schema", f"aws.security-group.filters.{FILTER}")
    done = program(*command, cwd=tmp_path, PYTHONPATH=paths)
    assert (done.returncode, "pattern" in done.stdout) == (0, True), done.stderr
    points.write_text(f"[guardrails.elements]\nteam = {PACKAGE}.groups:TagForReview\n")
    done = program(*command, cwd=tmp_path, PYTHONPATH=paths)
    assert done.returncode == 1
    assert "the entry point guardrails.elements: team of team is" in done.stderr
    assert "must be PACKAGE:ELEMENTS" in done.stderr
    points.write_text("[guardrails.elements]\nteam = nowhere:ELEMENTS\n")
    done = program(*command, cwd=tmp_path, PYTHONPATH=paths)
    assert done.stderr.startswith("nowhere cannot be imported: ModuleNotFoundError: No module named 'nowhere'")


@pytest.mark.parametrize(("file", "old", "new", "error"), [
    ("groups.py", "import re\n", "import reqests\n",
     "groups.py:2: team_elements.groups cannot be imported: ModuleNotFoundError: No module named 'reqests'"),
    ("groups.py", "import re\n", "import re, (\n", "groups.py:2: team_elements.groups cannot be imported: SyntaxError"),
    ("groups.py", "import re\n", "import re\n\nre.compile('(')\n",
     "groups.py:4: team_elements.groups cannot be imported: error: missing"),
    ("__init__.py", "ELEMENTS", "1 / 0\nELEMENTS",
     "__init__.py:2: team_elements cannot be imported: ZeroDivisionError: division by zero"),
    ("__init__.py", "ELEMENTS", "ELEMENT", "__init__.py:1: the package has no list ELEMENTS"),
    ("__init__.py", '"action"', '"acton"', "__init__.py:4: ELEMENTS[1]: 'acton' is neither filter nor action"),
    ("__init__.py", '"security-group", "action"', '"security-grup", "action"',
     "__init__.py:4: ELEMENTS[1]: c7n has no resource type aws.security-grup"),
    ("__init__.py", "groups:TagForReview", "groups.TagForReview", "ELEMENTS[1]: 'groups.TagForReview' is not a module"),
    ("__init__.py", "groups:TagForReview", "groups:TagReview", "__init__.py:4: groups:TagReview: "),
    ("__init__.py", "groups:TagForReview", "group:TagForReview",
     "__init__.py:4: team_elements.group cannot be imported: Module"),
    # c7n would end with a traceback of its own.
    ("groups.py", "class NoChangeRequest(Filter)", "class NoChangeRequest",
     "groups.py:13: filter no-change-request: it must derive from c7n.filters.core.Filter"),
    ("groups.py", 'type_schema("no-change-request"', 'type_schema("no-change"',
     "groups.py:13: filter no-change-request: its schema does not have the type no-change-request"),
])
def test_what_is_broken_is_one_error_with_its_place(file: str, old: str, new: str, error: str, team: Path) -> None:
    replace(team / PACKAGE / file, old, new)
    done = program("custodian", "validate", "policies/groups.yml", cwd=team)
    assert done.returncode == 1
    assert error in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2, "the problem and its fix"


@pytest.mark.parametrize(("name", "other"), [
    ("ingress", "c7n.resources.vpc.IPPermission"),
    ("ingress-drift", "custom_actions.elements.security_group.elements.IngressDrift"),
    ("excepted", "custom_actions.exceptions.excepted.Excepted"),
    # c7n adds these to every type, after the type is loaded.
    ("finding", "c7n.resources.securityhub.SecurityHubFindingFilter"),
    ("config-compliance", "c7n.filters.config.ConfigCompliance"),
])
def test_a_name_that_is_taken_is_an_error_that_names_both(name: str, other: str, team: Path) -> None:
    replace(team / PACKAGE / "__init__.py", f'"{FILTER}"', f'"{name}"')
    replace(team / PACKAGE / "groups.py", f'type_schema("{FILTER}"', f'type_schema("{name}"')
    done = program("custodian", "validate", "policies/groups.yml", cwd=team)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        f"{team / PACKAGE / '__init__.py'}:3: aws.security-group already has the filter {name}: {other}. "
        f"{PACKAGE}.groups.NoChangeRequest cannot have the same name")


def test_c7n_org_ends_with_the_same_error(team: Path) -> None:
    replace(team / PACKAGE / "groups.py", "import re\n", "import reqests\n")
    (team / "accounts.yml").write_text("accounts: [{name: red, account_id: '111111111111', role: role/x}]")
    (team / "cache").mkdir()
    done = program("c7n-org", "run", "-c", "accounts.yml", "-u", "policies/groups.yml", "-s", "out",
                   "--cache-path", "cache", cwd=team)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 2), done.stderr
    assert "groups.py:2: team_elements.groups cannot be imported: ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize(("text", "error"), [
    ("elements: [nowhere]", "guardrails.yml:1: elements: "),
    ("\nelements: team_elements", "guardrails.yml:2: elements: must be a list of directories, got 'team_elements'"),
    ("elements: [policies]", "policies is not a Python package: it has no __init__.py"),
    ("elements: [team_elements, json]", "json: there is another package json: "),
    ("elements: [", "guardrails.yml:1: cannot be read: while parsing"),
])
def test_wrong_settings_are_an_error(text: str, error: str, team: Path) -> None:
    if "json" in text:
        (team / "json").mkdir()
        (team / "json" / "__init__.py").write_text("ELEMENTS = []\n")
    (team / "guardrails.yml").write_text(text)
    done = program("custodian", "validate", "policies/groups.yml", cwd=team)
    assert (done.returncode, error in done.stderr) == (1, True), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("name", [
    "guardrails.yml", PACKAGE, f"{PACKAGE}/groups.py", f"{PACKAGE}/__init__.py", f"{PACKAGE}/link.py",
    f"{PACKAGE}/linked/theirs.py"])
def test_what_another_user_owns_is_not_imported(name: str, team: Path) -> None:
    mark = team / "imported"
    replace(team / PACKAGE / "__init__.py", '"""Filters', f'open({str(mark)!r}, "w")\n"""Filters')
    if name.endswith("link.py"):
        (team / "theirs.py").write_text("")
        os.chown(team / "theirs.py", 4711, 4711)
        (team / name).symlink_to(team / "theirs.py")
    elif "linked" in name:
        (team / "other").mkdir()
        (team / "other" / "theirs.py").write_text("")
        os.chown(team / "other" / "theirs.py", 4711, 4711)
        (team / "other" / "circle").symlink_to(team / "other")
        (team / PACKAGE / "linked").symlink_to(team / "other")
    else:
        os.chown(team / name, 4711, 4711)
    done = program("custodian", "validate", "policies/groups.yml", cwd=team)
    assert (done.returncode, f"{name} belongs to another user" in done.stderr) == (1, True), done.stderr
    assert not mark.exists()
    if name == "guardrails.yml":
        # Who names the file trusts its owner, with what belongs to him.
        os.chown(team / PACKAGE / "groups.py", 4711, 4711)
        done = program("custodian", "validate", "policies/groups.yml", cwd=team,
                       GUARDRAILS_SETTINGS=str(team / "guardrails.yml"))
        assert (done.returncode, mark.exists()) == (0, True), done.stderr


def test_a_process_without_c7n_does_not_look_for_settings(team: Path) -> None:
    (team / PACKAGE / "__init__.py").write_text("raise SystemExit('imported')\n")
    done = program("python", "-c", "import sys; print(*sorted(sys.modules))", cwd=team)
    loaded = done.stdout.split()
    assert {"custom_actions.settings_file", "custom_actions.element_packages", PACKAGE, "yaml"}.isdisjoint(loaded)
    assert "custom_actions._autoload" in loaded
