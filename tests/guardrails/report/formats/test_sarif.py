"""SARIF: valid, with what an uploader shows."""
from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from sarif_pydantic.sarif import Notification, Sarif, Suppression

from guardrails.assessment.assessment import Assessment
from guardrails.report.formats.sarif import FINGERPRINT, _physical, pieces
from guardrails.results.finding import Status
from tests.reporting import POLICIES, assess, text_of

# Of the standard, and not in the model, which takes anything that it does not know.
NOT_IN_MODEL = {"suppressions", "baselineState", "toolExecutionNotifications"}


def written(assessment: Assessment) -> dict[str, Any]:
    text = text_of(pieces, assessment)
    found: dict[str, Any] = json.loads(text)
    return found


def unknown(model: Any) -> Iterator[str]:
    """The keys that the model does not know, at any depth; property bags are free."""
    if isinstance(model, BaseModel):
        yield from model.model_extra or ()
        for name in type(model).model_fields:
            yield from unknown(getattr(model, name))
    elif isinstance(model, list):
        for item in model:
            yield from unknown(item)


def test_it_is_valid_and_holds_nothing_unknown(assessment: Assessment) -> None:
    found = written(assessment)
    assert set(unknown(Sarif.model_validate(found))) <= NOT_IN_MODEL
    [run] = found["runs"]
    for one in run["invocations"][0]["toolExecutionNotifications"]:
        assert not set(unknown(Notification.model_validate(one)))
    for result in run["results"]:
        for one in result["suppressions"]:
            assert not set(unknown(Suppression.model_validate(one)))


def test_results_are_the_findings(assessment: Assessment) -> None:
    [run] = written(assessment)["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} == {name for name, policy in POLICIES.items() if policy.audited}
    assert [result["partialFingerprints"][FINGERPRINT] for result in run["results"]] == [
        one.id for one in assessment.findings()]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    by = {result["locations"][0]["logicalLocations"][0]["name"]: result for result in run["results"]}
    assert by["data"]["locations"][0] == {
        "physicalLocation": {
            "artifactLocation": {"uri": "policies/config-rule/public-bucket.yml"}, "region": {"startLine": 7}},
        "logicalLocations": [{"name": "data", "fullyQualifiedName": "arn:aws:s3:::data", "kind": "resource"}],
    }
    assert (by["data"]["level"], by["ann"]["level"]) == ("error", "warning")
    assert {name: result["baselineState"] for name, result in by.items() if name in ("data", "gone", "sg-1")} == {
        "data": "new", "gone": "absent", "sg-1": "unchanged"}
    assert {name for name, result in by.items() if result["suppressions"]} == {"web-1"}
    assert by["web-1"]["suppressions"][0]["justification"] == "a public web site"


def test_a_finding_that_came_back_is_new_and_without_history_nothing_is(
    assessment: Assessment, tmp_path: Path
) -> None:
    back = next(one for one in assessment.findings(Status.OPEN) if one.resource == "sg-1")
    reopened = replace(assessment, reopened=frozenset({back.id}))
    results = written(reopened)["runs"][0]["results"]
    states = {result["partialFingerprints"][FINGERPRINT]: result["baselineState"] for result in results}
    assert states[back.id] == "new"
    alone = assess(tmp_path / "alone", [replace(back, first_seen="", last_seen="")])
    assert not any("baselineState" in result for result in written(alone)["runs"][0]["results"])
    alone.store.close()


def test_an_incomplete_run_was_not_successful(assessment: Assessment) -> None:
    [invocation] = written(assessment)["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    missing = invocation["toolExecutionNotifications"]
    assert {(one["properties"]["account"], one["properties"]["region"], policy)
            for one in missing for policy in one["properties"]["policies"]} == {
        (check.account, check.region, check.policy) for check in assessment.checks(missing=True)}
    assert all(one["level"] == "error" and one["properties"]["reason"] in one["message"]["text"] for one in missing)


@pytest.mark.parametrize(("location", "uri", "line"), [
    ("policies/a b.yml:3", "policies/a%20b.yml", 3), ("/tmp/p/x.yml:12", "file:///tmp/p/x.yml", 12),
    ("policies/x.yml", "policies/x.yml", None), ("p/x.yml:0", "p/x.yml%3A0", None),
])
def test_the_place_is_the_policys_line(location: str, uri: str, line: int | None) -> None:
    found = _physical(location)["physicalLocation"]
    assert found["artifactLocation"] == {"uri": uri}
    assert found.get("region") == ({"startLine": line} if line else None)


def test_a_policy_without_a_file_has_no_place() -> None:
    assert _physical("") == {}
