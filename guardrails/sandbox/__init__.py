"""A local AWS: several accounts and regions behind one endpoint, deployed functions run for real. See docs/sandbox.md.

with Sandbox.start(directory=tmp_path) as sandbox:
    sandbox.client("ec2", "111111111111", "eu-west-1").describe_security_groups()
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from . import process
    from .client import Sandbox, environment
    from .errors import RuntimeNotReady, SandboxError, SandboxNotRunning
    from .local_account import ACCOUNT, REGION
    from .local_aws import LocalAws
    from .ministack import still_running
    from .runtime import ensure_runtime
    from .state import StateDirectory

__getattr__, __all__ = face(
    __name__,
    client=("Sandbox", "environment"),
    errors=("RuntimeNotReady", "SandboxError", "SandboxNotRunning"),
    local_account=("ACCOUNT", "REGION"),
    local_aws=("LocalAws",),
    ministack=("still_running",),
    process=("process",),
    runtime=("ensure_runtime",),
    state=("StateDirectory",),
)
