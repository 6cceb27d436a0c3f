"""Browsers of Bedrock AgentCore, which moto lacks.

Source: AgentCore control plane API, CreateBrowser, GetBrowser and ListBrowsers. Each Region has one browser of AWS,
which ListBrowsers leaves out when it is asked for custom ones.
"""
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from moto.bedrockagentcorecontrol.exceptions import ResourceNotFoundException
from moto.bedrockagentcorecontrol.responses import BedrockAgentCoreControlResponse
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random
from moto.utilities.utils import get_partition

_KEPT = "guardrails_browsers"
"""Where a backend keeps the browsers."""
_GIVEN = ("name", "description", "executionRoleArn", "networkConfiguration", "recording", "browserSigning")
_LISTED = ("browserId", "browserArn", "name", "description", "status", "createdAt", "lastUpdatedAt")
_OF_AWS = "aws.browser.v1"


def apply() -> None:
    """Add the APIs. Once in a process."""
    for operation in (create_browser, get_browser, list_browsers):
        setattr(BedrockAgentCoreControlResponse, operation.__name__, operation)


def create_browser(request: Any) -> ActionResult:
    """A browser that is ready at once."""
    given = {name: value for name in _GIVEN if (value := request._get_param(name)) is not None}
    made = _browser(request, f"{given['name']}-{mock_random.get_random_string(10)}", "browser-custom", given)
    # An object, so that a case can set its fields (docs/policies.md).
    _kept(request)[made["browserId"]] = SimpleNamespace(**made)
    if tags := request._get_param("tags"):
        request.backend.tagger.tag_resource(
            made["browserArn"], [{"Key": key, "Value": value} for key, value in tags.items()])
    return ActionResult({name: made[name] for name in ("browserId", "browserArn", "createdAt", "status")})


def get_browser(request: Any) -> ActionResult:
    """All that is known of a browser."""
    asked = request._get_param("browserId")
    if asked == _OF_AWS:
        return ActionResult(_of_aws(request))
    if asked not in _kept(request):
        raise ResourceNotFoundException(f"Browser not found: {asked}")
    return ActionResult(vars(_kept(request)[asked]))


def list_browsers(request: Any) -> ActionResult:
    """The browsers in short: all of them, or those of one type."""
    asked = request._get_param("type")
    own = [] if asked == "SYSTEM" else [vars(each) for each in _kept(request).values()]
    found = own if asked == "CUSTOM" else [*own, _of_aws(request)]
    return ActionResult({"browserSummaries": [
        {name: each[name] for name in _LISTED if name in each} for each in found]})


def _of_aws(request: Any) -> dict[str, Any]:
    return _browser(request, _OF_AWS, "browser", {"name": _OF_AWS, "networkConfiguration": {"networkMode": "PUBLIC"}})


def _browser(request: Any, browser_id: str, kind: str, given: dict[str, Any]) -> dict[str, Any]:
    region, now = request.region, utcnow()
    owner = "aws" if kind == "browser" else request.current_account
    arn = f"arn:{get_partition(region)}:bedrock-agentcore:{region}:{owner}:{kind}/{browser_id}"
    return {**given, "browserId": browser_id, "browserArn": arn, "status": "READY", "createdAt": now,
            "lastUpdatedAt": now}


def _kept(request: Any) -> dict[str, SimpleNamespace]:
    kept: dict[str, SimpleNamespace] = request.backend.__dict__.setdefault(_KEPT, {})
    return kept
