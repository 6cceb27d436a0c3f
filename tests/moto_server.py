"""moto's server in the test process: one account, fast to reset, and its backends can be edited (dates)."""
from __future__ import annotations

import boto3
import pytest
from botocore.httpsession import URLLib3Session

from guardrails.sandbox.local_account import ACCOUNT, REGION
from guardrails.sandbox.local_aws import LocalAws

__all__ = ["ACCOUNT", "REGION", "Moto"]


class Moto(LocalAws):
    """A moto server, which a test's process uses as long as the test lasts."""

    def connect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hand this process's requests to the server without a socket."""
        monkeypatch.setattr(URLLib3Session, "send", self.without_socket(URLLib3Session.send))

    def share_clients(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let all sessions share their clients, those of earlier tests too: making one takes longer than most calls.

        For tests whose sessions differ in endpoint, region and credentials only.
        """
        monkeypatch.setattr(boto3.Session, "client", self.sharing_clients(boto3.Session.client))
