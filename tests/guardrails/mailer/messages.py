"""Messages as c7n's own `notify` makes them, and what c7n-mailer's own functions make of them."""
from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import c7n_mailer
from c7n.actions import Notify
from c7n_mailer.utils import get_rendered_jinja

from tests import engine
from tests.policies.harness import ROOT, compliance_topic

TEMPLATES = ROOT / "mailer" / "templates"
FOLDERS = [str(Path(c7n_mailer.__file__).parent / "msg-templates"), str(TEMPLATES)]
TELL = {
    "type": "notify", "to": ["security@example.com"], "subject": "Something", "template": "guardrails.html",
    "slack_template": "slack_guardrails",
    "transport": {"type": "sns", "topic": "arn:{partition}:sns:{region}:{account_id}:guardrails-compliance"},
}


def made(
    client: Callable[[str], Any], data: Mapping[str, Any], resources: Sequence[dict[str, Any]], output: Path,
    event: Mapping[str, Any] | None = None, action: Mapping[str, Any] = TELL,
) -> dict[str, Any]:
    """The message that `action` sends of `resources` when the policy `data` runs on `event`."""
    with compliance_topic(client) as messages:
        policy = engine.load(data, output)
        Notify(dict(action), policy.resource_manager).process(list(resources), event)
    [message] = messages
    return message


def rendered(message: Mapping[str, Any], template: str, recipient: str = "security") -> str:
    """What c7n-mailer sends of the message with this template."""
    asked = {**message, "action": {**message["action"], "template": template}}
    text = get_rendered_jinja(
        recipient, asked, message["resources"], logging.getLogger("mailer"), "template", "default", FOLDERS)
    assert text is not None, f"no template {template}"
    return str(text)


class Page(HTMLParser):
    """A page's tags with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.lines: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.lines.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def slack(message: Mapping[str, Any], recipient: str = "security") -> tuple[dict[str, Any], str]:
    """The Slack message within Slack's limits, and all that its sections say."""
    payload = json.loads(rendered(message, "slack_guardrails", recipient))
    blocks = payload["blocks"]
    assert len(blocks) <= 50
    said = []
    for block in blocks:
        text = block["text"]["text"]
        assert 0 < len(text) <= {"header": 150, "section": 3000}[block["type"]]
        said.append(text)
    return payload, "\n".join(said)


def three(message: Mapping[str, Any]) -> dict[str, str]:
    """What the message says as a page, as plain text, and in Slack."""
    unescaped = slack(message)[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return {
        "html": Page(rendered(message, "guardrails.html")).text, "text": rendered(message, "guardrails.txt"),
        "slack": unescaped,
    }
