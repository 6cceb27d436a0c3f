"""Browsers of Bedrock AgentCore. Source: AgentCore control plane API, CreateBrowser, GetBrowser, ListBrowsers."""
from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.moto_server import ACCOUNT, REGION, Moto


def test_a_browser_is_created_listed_and_read(moto: Moto) -> None:
    client = moto.client("bedrock-agentcore-control")

    def listed(**asked: Any) -> list[str]:
        return [each["browserId"] for each in client.list_browsers(**asked)["browserSummaries"]]

    assert listed() == listed(type="SYSTEM") == ["aws.browser.v1"]
    assert listed(type="CUSTOM") == []
    recording = {"enabled": True, "s3Location": {"bucket": "b", "prefix": "p"}}
    made = client.create_browser(
        name="ours", networkConfiguration={"networkMode": "PUBLIC"}, recording=recording, tags={"team": "web"})
    assert made["browserArn"] == f"arn:aws:bedrock-agentcore:{REGION}:{ACCOUNT}:browser-custom/{made['browserId']}"
    assert listed(type="CUSTOM") == [made["browserId"]]
    assert set(listed()) == {made["browserId"], "aws.browser.v1"}
    found = client.get_browser(browserId=made["browserId"])
    assert (found["networkConfiguration"], found["recording"]) == ({"networkMode": "PUBLIC"}, recording)
    assert client.list_tags_for_resource(resourceArn=made["browserArn"])["tags"] == {"team": "web"}
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.get_browser(browserId="other-1234567890")
