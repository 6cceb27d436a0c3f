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
from guardrails.sandbox.runtime import ensure_runtime
from tests.policies.harness import ROOT

from .messages import FOLDERS, TEMPLATES

STARTS = """
import json, periodic
from c7n_mailer.utils import get_jinja_env
for name in json.load(open("config.json"))["names"]:
    get_jinja_env(["msg-templates/"]).get_template(name)
"""


def test_the_function_starts_and_has_the_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "CORE_DEPS", list(deploy.CORE_DEPS))
    monkeypatch.setattr(cli, "main", lambda: None)
    mailer_function.main()
    config = yaml.safe_load((ROOT / "mailer" / "mailer.yml").read_text())
    utils.setup_defaults(config)
    archive = deploy.get_archive({**config, "templates_folders": FOLDERS, "names": [
        path.name for path in TEMPLATES.iterdir()]})
    with zipfile.ZipFile(io.BytesIO(archive.get_bytes())) as packed:
        packed.extractall(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["account_emails"] == config["account_emails"]
    # The interpreter of the sandbox's functions: boto3, and nothing of this environment.
    started = subprocess.run(
        [ensure_runtime(), "-c", STARTS], cwd=tmp_path, env={}, capture_output=True, text=True, timeout=120)
    assert started.returncode == 0, started.stderr
