"""The archive of the mailer as a function: it starts where nothing of ours is, and has the templates."""
from __future__ import annotations

import io
import json
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml
from c7n_mailer import cli, deploy, utils

from guardrails.mailer import function as mailer_function
from guardrails.mailer import hardening
from guardrails.mailer.notices import notices
from guardrails.policies import PolicySources
from guardrails.sandbox.runtime import ensure_runtime
from tests.policies.harness import ROOT

from .messages import FOLDERS, TEMPLATES
from .test_hardening import message

STARTS = """
import base64, json, logging, sys, zlib
import periodic
from c7n_mailer.utils import get_jinja_env
from c7n_mailer.sqs_queue_processor import MailerSqsQueueProcessor
for name in json.load(open("config.json"))["names"]:
    get_jinja_env(["msg-templates/"]).get_template(name)
processor = MailerSqsQueueProcessor({"queue_url": "x"}, None, logging.getLogger("custodian.mailer"))
processor.handle_targets = lambda message, *_, **__: print(json.dumps(message["action"]))
for line in sys.stdin:
    processor.process_sqs_message({"MessageId": "1", "Body": line.strip(), "Attributes": {"SentTimestamp": "1"}})
"""


def test_the_function_starts_closed_and_has_the_templates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reopened: None
) -> None:
    monkeypatch.setattr(cli, "main", lambda: None)
    monkeypatch.setattr("sys.argv", ["c7n-mailer", "--config", "x", "--update-lambda"])
    mailer_function.main()
    config = yaml.safe_load((ROOT / "mailer" / "mailer.yml").read_text())
    utils.setup_defaults(config)
    archive = deploy.get_archive({**config, "templates_folders": FOLDERS, "names": [
        path.name for path in TEMPLATES.iterdir()]})
    with zipfile.ZipFile(io.BytesIO(archive.get_bytes())) as packed:
        packed.extractall(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["account_emails"] == config["account_emails"]
    # The interpreter of the sandbox's functions: boto3, and nothing of this environment.
    name = "security-group-admin-ports-revert"
    to = {"to": ["stranger@example.net"]}
    messages = [message(policy={"name": each, "resource": "aws.security-group"}, action=to)
                for each in ("strange", name)]
    started = subprocess.run(
        [ensure_runtime(), "-c", STARTS], cwd=tmp_path, env={}, capture_output=True, text=True, timeout=120,
        input="\n".join(map(hardening.packed, messages)))
    assert started.returncode == 0, started.stderr
    assert "message dropped: no policy of the name 'strange' notifies anybody" in started.stderr
    [action] = map(json.loads, started.stdout.splitlines())
    assert action["to"] == notices(PolicySources())[name]["notify"][0]["to"]


def test_the_policies_can_be_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reopened: None) -> None:
    given: list[list[str]] = []
    monkeypatch.setattr(cli, "main", lambda: given.append(list(mailer_function.sys.argv)))
    monkeypatch.setattr("sys.argv", ["c7n-mailer", "--policies", str(tmp_path / "none"), "--run"])
    with pytest.raises(SystemExit, match=r"c7n-mailer: .*none"):
        mailer_function.main()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "all.yml").write_text("policies:\n- {name: x, resource: aws.ec2}\n")
    monkeypatch.setattr("sys.argv", ["c7n-mailer", "--run", "--policies", str(tmp_path / "own"), "--config", "y"])
    mailer_function.main()
    assert given == [["c7n-mailer", "--run", "--config", "y"]]
