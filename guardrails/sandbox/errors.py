"""The errors of the sandbox."""
from __future__ import annotations


class SandboxError(Exception):
    """The sandbox failed to do something. The message says why and what to do."""


class SandboxNotRunning(SandboxError):
    """No sandbox runs in this directory."""


class RuntimeNotReady(SandboxError):
    """The Python environment of the functions could not be created."""
