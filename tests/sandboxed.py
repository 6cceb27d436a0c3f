"""A sandbox that this process' own credentials lead to, for tests of verbs that deploy."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest
from c7n import mu, utils

from guardrails.cases.deployed import emit
from guardrails.sandbox import Sandbox
from guardrails.stacks.iam.needs import Permission

__all__ = ["MODE", "emit", "not_allowed", "sandboxed"]

MODE = """
vars:
  mode: &mode
    role: arn:aws:iam::{account_id}:role/guardrails
    packages: [custom_actions]
    handler: custom_actions.lambda_entry.run
    runtime: python3.12
    memory: 256
    timeout: 120
policies:
"""
"""The head of a policy file; its policies say `mode: {<<: *mode, type: …}`."""


@contextmanager
def sandboxed(directory: Path, monkeypatch: pytest.MonkeyPatch, account: str, region: str) -> Iterator[Sandbox]:
    """A running sandbox, with this process in an account and region of it, and in `directory`."""
    monkeypatch.chdir(directory)
    with Sandbox.start(directory=directory / "sandbox") as running:
        for name, value in running.environment(account, region).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        # c7n waits for a permission to be known all over AWS.
        monkeypatch.setattr(mu.SNSSubscription, "iam_delay", 0)
        utils.reset_session_cache()
        yield running


def not_allowed(sandbox: Sandbox, role: str, *needs: Permission) -> set[str]:
    """What the role's sessions have called in the sandbox and the needs do not name."""
    # A signature says monitoring; everybody may ask who he is.
    called = {call.replace("monitoring:", "cloudwatch:") for call in sandbox.calls(role)} - {"sts:GetCallerIdentity"}
    assert called, f"{role} has called nothing"
    return called - {need.action for need in needs}
