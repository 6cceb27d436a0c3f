"""moto's server in the test process: one account, fast to reset, and its backends can be edited (dates)."""
from __future__ import annotations

import logging
from typing import Any

import boto3
import requests
from moto.server import ThreadedMotoServer

from guardrails.sandbox import moto_fixes
from guardrails.sandbox.functions import s3_control

ACCOUNT, REGION = "123456789012", "us-east-1"


class Moto:
    """A moto server on a free port of 127.0.0.1, and boto3 clients that talk to it."""

    def __init__(self) -> None:
        moto_fixes.apply()
        # A line for each request would bury what a failed test says.
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.server.start()
        host, port = self.server.get_host_and_port()
        self.endpoint = f"http://{host}:{port}"
        self._clients: dict[str, Any] = {}

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use this server, and nothing of the user's."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_ENDPOINT_URL_S3_CONTROL": s3_control(self.endpoint),
            "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "test", "AWS_MAX_ATTEMPTS": "1",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """A boto3 client; one for each service, for making one takes longer than most calls.

        `service@region` is one of another region.
        """
        if service not in self._clients:
            name, _, region = service.partition("@")
            self._clients[service] = boto3.client(
                name, region_name=region or REGION,
                endpoint_url=s3_control(self.endpoint) if name == "s3control" else self.endpoint,
                aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="test",
            )
        return self._clients[service]

    def reset(self) -> None:
        """As empty as a new account."""
        requests.post(f"{self.endpoint}/moto-api/reset", timeout=30).raise_for_status()
