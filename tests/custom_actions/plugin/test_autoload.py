"""Plain custodian, plain c7n-org and plain Python in the project's environment, each in a process of its own."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from guardrails.paths import POLICIES
from tests.moto_server import REGION, Moto

BIN = Path(sys.executable).parent
ACCOUNTS = ("111111111111", "222222222222")


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=cwd, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )


def modules_after(code: str, tmp_path: Path) -> set[str]:
    done = run("python", "-c", f"{code}\nimport sys, json; print(json.dumps(sorted(sys.modules)))", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_custodian_schema_knows_the_action(tmp_path: Path) -> None:
    done = run("custodian", "schema", "aws.security-group.actions.revert-ingress", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Bring a group's ingress back to a baseline" in done.stdout
    assert "when-unknown" in done.stdout


def test_a_process_without_c7n_pays_for_one_small_module(tmp_path: Path) -> None:
    assert {name for name in modules_after("", tmp_path) if name.split(".")[0] in ("c7n", "boto3", "custom_actions")} \
        == {"custom_actions", "custom_actions._autoload"}
    without = run("python", "-I", "-S", "-c", "import sys; print(*sys.modules)", cwd=tmp_path).stdout.split()
    assert "importlib.abc" not in modules_after("", tmp_path) - set(without)


def test_elements_come_with_the_resource_types_that_a_policy_loads(tmp_path: Path) -> None:
    load = "from c7n.resources import load_resources; load_resources(['aws.{}'])"
    assert "custom_actions.elements.security_group.elements" not in modules_after(load.format("s3"), tmp_path)
    assert "custom_actions.elements.security_group.elements" in modules_after(load.format("security-group"), tmp_path)


def test_registering_late_or_twice_makes_no_difference(tmp_path: Path) -> None:
    code = """
import sys
from c7n.resources import load_resources
from c7n.resources.aws import AWS
load_resources(['aws.security-group'])
from custom_actions import plugin
from custom_actions.plugin import _on_resource_type, register
group = AWS.resources['security-group']
group.action_registry.unregister('revert-ingress')
AWS.resources._subscribers.remove(_on_resource_type)
plugin._registered = False
register(); register()
assert 'revert-ingress' in group.action_registry
assert AWS.resources._subscribers.count(_on_resource_type) == 1
"""
    modules_after(code, tmp_path)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_c7n_org_runs_an_action_of_ours_in_two_accounts(method: str, moto: Moto, tmp_path: Path) -> None:
    groups = {account: _open_group(moto, account) for account in ACCOUNTS}
    (tmp_path / "accounts.yml").write_text(yaml.safe_dump({"accounts": [
        {"name": account, "account_id": account, "role": f"arn:aws:iam::{account}:role/x", "regions": [REGION]}
        for account in ACCOUNTS
    ]}), encoding="utf-8")
    (tmp_path / "policies.yml").write_text(yaml.safe_dump({"policies": [{
        "name": "ssh", "resource": "aws.security-group",
        "filters": [{"type": "ingress-drift", "forbidden": ["tcp 22 from world"]}], "actions": ["revert-ingress"],
    }]}), encoding="utf-8")
    (tmp_path / "cache").mkdir()
    # c7n-org takes the interpreter's default start method; this is how an interpreter gets another default.
    program = f"import multiprocessing as m; m.set_start_method({method!r}); from c7n_org.cli import cli; cli()"
    done = run(
        "python", "-c", program, "run", "-c", "accounts.yml", "-u", "policies.yml", "-s", "out",
        "--cache-path", "cache", cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    for account, (client, group_id) in groups.items():
        assert client.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]["IpPermissions"] == []
        [receipt] = json.loads((tmp_path / "out" / account / REGION / "ssh" / "action-revert-ingress").read_text())
        assert (receipt["account"], receipt["resource"], receipt["outcome"]) == (account, group_id, "reverted")


def _open_group(moto: Moto, account: str) -> tuple[Any, str]:
    keys = moto.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/x", RoleSessionName="test")["Credentials"]
    client = boto3.client(
        "ec2", region_name=REGION, endpoint_url=moto.endpoint, aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"], aws_session_token=keys["SessionToken"],
    )
    group_id = client.create_security_group(GroupName="open", Description="open")["GroupId"]
    client.authorize_security_group_ingress(
        GroupId=group_id, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    return client, group_id


def test_an_accounts_vars_override_the_defaults_of_a_policy(moto: Moto, tmp_path: Path) -> None:
    """Two accounts with the same open group: one says in accounts.yml that its port may be open."""
    for account in ACCOUNTS:
        _open_group(moto, account)
    own = {ACCOUNTS[0]: {}, ACCOUNTS[1]: {"admin_ports": ["tcp 3389 from world"]}}
    (tmp_path / "accounts.yml").write_text(yaml.safe_dump({"accounts": [
        {"name": account, "account_id": account, "role": f"arn:aws:iam::{account}:role/x", "regions": [REGION],
         "vars": variables}
        for account, variables in own.items()
    ]}), encoding="utf-8")
    (tmp_path / "cache").mkdir()
    done = run(
        "c7n-org", "run", "-c", "accounts.yml", "-u", str(POLICIES / "config-rule" / "security-group.yml"), "-s", "out",
        "-p", "security-group-admin-ports", "--dryrun", "--cache-path", "cache", cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = {
        account: json.loads((tmp_path / "out" / account / REGION / "security-group-admin-ports" / "resources.json")
                            .read_text(encoding="utf-8"))
        for account in ACCOUNTS
    }
    assert [len(found[account]) for account in ACCOUNTS] == [1, 0]
