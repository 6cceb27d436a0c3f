"""The archive that c7n builds and AWS would run: the exception is in it, and ends there, too."""
from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from guardrails.sandbox import Sandbox
from tests.guardrails.sandbox.conftest import eventually, open_port, security_group
from tests.policies.harness import deploy, policies

ACCOUNT, REGION = "123456789012", "us-east-1"
NAME = "security-group-admin-ports-revert"
TODAY = datetime.now(UTC).date()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox.start(directory=tmp_path / "sandbox") as running:
        yield running


def test_an_exception_holds_in_a_function_until_it_ends(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.client("iam", ACCOUNT).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
    sandbox.client("sns", ACCOUNT, REGION).create_topic(Name="guardrails-compliance")
    kept, other = (security_group(sandbox, ACCOUNT, name=name) for name in ("kept", "other"))
    exceptions, policy = tmp_path / "exceptions.yml", tmp_path / "policy.yml"
    exceptions.write_text(yaml.safe_dump({"exceptions": [{
        "policy": "security-group-*", "account": ACCOUNT, "owner": "net@example.org", "reason": "a {bastion}",
        "resource": f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{kept}",
        "expires": TODAY + timedelta(days=2)}]}), encoding="utf-8")
    policy.write_text(yaml.safe_dump({"policies": [without_delay(policies()[NAME][1])]}), encoding="utf-8")
    monkeypatch.setenv("GUARDRAILS_EXCEPTIONS", str(exceptions))
    deploy(sandbox, tmp_path, [policy])

    for group in (kept, other):
        open_port(sandbox, ACCOUNT, group, 22)
    eventually(lambda: f"{kept} is excepted: Excepted until" in logs(sandbox), 60)
    eventually(lambda: not ingress(sandbox, other), 60)
    assert ingress(sandbox, kept)

    # Time cannot be moved in a function, so its exception is: as if it had been deployed three days earlier.
    functions = sandbox.client("lambda", ACCOUNT, REGION)
    functions.update_function_code(FunctionName=f"custodian-{NAME}", ZipFile=ended(archive(sandbox)))
    open_port(sandbox, ACCOUNT, kept, 3389)
    eventually(lambda: not ingress(sandbox, kept), 60)
    assert "Traceback" not in logs(sandbox)


def without_delay(policy: Any) -> dict[str, Any]:
    return {**policy, "mode": {key: value for key, value in policy["mode"].items() if key != "delay"}}


def archive(sandbox: Sandbox) -> bytes:
    """The deployed function's zip."""
    code = sandbox.client("lambda", ACCOUNT, REGION).get_function(FunctionName=f"custodian-{NAME}")["Code"]
    answer = requests.get(code["Location"], timeout=30)
    answer.raise_for_status()
    return answer.content


def ended(content: bytes) -> bytes:
    """The archive with its exception's last day in the past; nothing else differs."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == "config.json":
                held = json.loads(data)
                [rule] = held["policies"][0]["filters"][-1]["exceptions"]
                assert rule["reason"] == "a {bastion}"
                rule["expires"] = (TODAY - timedelta(days=1)).isoformat()
                data = json.dumps(held).encode()
            new.writestr(info, data)
    return made.getvalue()


def logs(sandbox: Sandbox) -> str:
    return sandbox.logs(f"custodian-{NAME}", ACCOUNT, REGION)


def ingress(sandbox: Sandbox, group: str) -> list[Any]:
    found = sandbox.client("ec2", ACCOUNT, REGION).describe_security_groups(GroupIds=[group])["SecurityGroups"]
    return list(found[0]["IpPermissions"])
