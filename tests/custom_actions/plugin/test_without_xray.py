"""Our processes load c7n without its tracer; a plain `custodian run --tracer xray` still has it."""
from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("first", "expected"), [
    ("import guardrails", "False False\n"), ("", "True True\n"),
    ("import guardrails, aws_xray_sdk.core", "True True\n"),
])
def test_our_processes_load_c7n_without_its_tracer(first: str, expected: str) -> None:
    code = (f"import sys; {first}\nfrom c7n.resources.aws import HAVE_XRAY\n"
            "print(HAVE_XRAY, 'aws_xray_sdk.core' in sys.modules)\nimport aws_xray_sdk")
    environment = {name: value for name, value in os.environ.items() if name != "GUARDRAILS_LIFELINE"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert (done.stdout, done.returncode) == (expected, 0), done.stderr
