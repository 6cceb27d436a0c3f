"""What can go wrong with the sandbox, as a caller may want to tell it apart."""
from __future__ import annotations


class SandboxError(Exception):
    """The sandbox could not do what was asked; the message says why and what to do."""


class SandboxNotRunning(SandboxError):
    """There is no sandbox in this directory."""


class RuntimeNotReady(SandboxError):
    """The environment that runs the functions could not be made."""
