"""JSON that is nested too deeply for Python's parser is an ordinary error wherever others can write it."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from custom_actions import lambda_entry
from custom_actions.elements.apigateway import document as api
from custom_actions.elements.iam import documents as iam
from custom_actions.exceptions import excepted
from guardrails.errors import GuardrailsError
from guardrails.replay.recorded import read_events
from guardrails.runs.accounting import receipts_in
from guardrails.runs.collected_run import Unreadable, read_metadata
from guardrails.runs.receipt_sources import read_receipts

DEEP = "[" * 200_000 + "]" * 200_000
OPEN = '{"a":' * 200_000


@pytest.mark.parametrize("text", [DEEP, OPEN, json.dumps({"invokingEvent": DEEP}), json.dumps({"invokingEvent": "x"}),
                                  json.dumps({"Records": [{"Sns": {"Message": DEEP}}]}),
                                  json.dumps({"Events": [{"CloudTrailEvent": OPEN}]})])
@pytest.mark.parametrize("read", [read_events, lambda path: read_receipts([path])], ids=["replay", "rollback"])
def test_files(tmp_path: Path, read: Callable[[Path], Any], text: str) -> None:
    file = tmp_path / "f.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(GuardrailsError, match=r"f\.json"):
        read(file)


@pytest.mark.parametrize("text", [DEEP, OPEN])
def test_what_functions_wrote_to_s3(text: str) -> None:
    with pytest.raises(Unreadable):
        read_metadata(text.encode())
    assert list(receipts_in(text.encode())) == []


@pytest.mark.parametrize("text", [DEEP, OPEN])
def test_messages_and_documents(text: str) -> None:
    assert list(lambda_entry.messages({"Records": [{"Sns": {"Message": text}}]})) == [{"unreadable": text}]
    assert excepted._arn_of_item({"invokingEvent": text}) == ""
    with pytest.raises(api.PolicyError):
        api._parse(text)
    with pytest.raises(iam.DocumentError):
        iam.parse(text)
