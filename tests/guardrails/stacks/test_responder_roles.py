"""Who may change the account where it responds: the responder's role, and no function's."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from guardrails.cli.main import main
from guardrails.stacks.iam.documents import actions_of

ACCOUNTS = """
accounts:
- name: red
  account_id: '111111111111'
  role: arn:aws:iam::111111111111:role/x
  regions: [eu-west-1]
  guardrails: %s
"""


def actions(directory: Path, word: str) -> dict[str, list[str]]:
    """What each role of two policies with a fix may do, where the account has this word."""
    file = directory / "accounts.yml"
    file.write_text(ACCOUNTS % word)
    done = CliRunner().invoke(main, [
        "iam", "-c", str(file), "--policy", "security-group-admin-ports*", "--account", "111111111111",
        "-o", str(directory / word)])
    assert done.exit_code == 0, done.output
    return {found.stem: actions_of([json.loads(found.read_text())]) for found in (directory / word).glob("*.json")
            if "Statement" in json.loads(found.read_text())}


def test_only_the_responder_may_change_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    responds, heals = actions(tmp_path, "respond"), actions(tmp_path, "heal")
    assert "ec2:RevokeSecurityGroupIngress" in responds["respond"]
    assert "ec2:RevokeSecurityGroupIngress" not in responds["function"]
    # What tells the responder: a verdict, or the topic.
    assert {"config:PutEvaluations", "sns:Publish"} <= set(responds["function"])
    assert "config:PutEvaluations" not in responds["respond"]
    assert {"sqs:SendMessage", "logs:PutLogEvents", "ec2:DescribeSecurityGroups"} <= set(responds["respond"])
    assert "ec2:RevokeSecurityGroupIngress" in heals["function"]
    assert "respond" not in heals
