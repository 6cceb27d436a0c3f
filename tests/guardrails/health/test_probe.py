"""The event of --fire: it matches the rule, and says that nothing has happened."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.functions.probe import PROBE_PREFIX, PROBE_SOURCE, probe_in
from guardrails.health.facts import Unread
from guardrails.health.probe import ProbeUnfit, answer, probe
from guardrails.health.verdict import HealthState
from guardrails.policies.event_pattern import mismatches

from .test_checks import wanted

RESTART = "cloudtrail-logging-restart"
PATTERN = {"source": [{"prefix": "aws."}, PROBE_SOURCE], "detail-type": ["AWS API Call via CloudTrail"], "detail": {
    "eventSource": ["cloudtrail.amazonaws.com"], "eventName": ["StopLogging", "DeleteTrail"]}}


@pytest.mark.parametrize("detail", [
    {}, {"requestParameters": {"name": [{"prefix": "prod-"}]}}, {"awsRegion": [{"anything-but": ["us-east-1"]}]},
    {"responseElements": [{"exists": True}], "sourceIPAddress": [{"exists": False}]},
])
def test_the_event_matches_and_tells_of_a_refused_call(detail: Any) -> None:
    pattern = {**PATTERN, "detail": {**PATTERN["detail"], **detail}}
    made = probe(wanted(RESTART), pattern, {})
    event = {"source": PROBE_SOURCE, "detail-type": made.detail_type, "detail": made.detail}
    assert list(mismatches(pattern, event)) == []
    assert made.detail["errorCode"] == made.marker
    assert probe_in(event) == made.marker
    assert made.marker.startswith(PROBE_PREFIX)


@pytest.mark.parametrize(("pattern", "variables", "why"), [
    ({**PATTERN, "source": ["aws.cloudtrail"]}, {}, "source"), ({"detail": {}}, {}, "detail-type"),
    ({**PATTERN, "source": [{"prefix": "aws."}]}, {}, "source"), ({**PATTERN, "resources": ["x"]}, {}, "resources"),
    ({**PATTERN, "detail": {"errorCode": [{"exists": False}]}}, {}, "errorCode"),
    ({**PATTERN, "detail": {"size": [{"numeric": [">", 1]}]}}, {}, "detail.size"),
    (PATTERN, {"C7N_SKIP_ERR_EVENT": "no"}, "rejected calls"),
])
def test_what_cannot_be_fired_safely_is_not_fired(pattern: Any, variables: Any, why: str) -> None:
    with pytest.raises(ProbeUnfit, match=why):
        probe(wanted(RESTART), pattern, variables)


@pytest.mark.parametrize(("said", "last", "state"), [
    (["probe m: received", "probe m: p is ready; nothing was done"], False, HealthState.OK),
    (["Skipping failed operation: m"], False, HealthState.OK), ([], True, HealthState.BROKEN), ([], False, None),
    (["probe m: received"], False, None), (["probe m: received"], True, HealthState.BROKEN),
    (Unread("AccessDenied"), False, HealthState.UNKNOWN),
])
def test_what_the_log_says(said: Any, last: bool, state: HealthState | None) -> None:
    verdict = answer("m", said, last=last, seconds=1)
    assert (verdict.state if verdict else None) == state
