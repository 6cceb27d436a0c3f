"""A local AWS: several accounts and regions behind one endpoint, deployed functions run for real. See docs/sandbox.md.

    with Sandbox.start(directory=tmp_path) as sandbox:
        sandbox.client("ec2", "111111111111", "eu-west-1").describe_security_groups()
"""
from guardrails.sandbox.client import Sandbox
from guardrails.sandbox.errors import RuntimeNotReady, SandboxError, SandboxNotRunning

__all__ = ["RuntimeNotReady", "Sandbox", "SandboxError", "SandboxNotRunning"]
