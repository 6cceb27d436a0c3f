"""The region of what belongs to the whole account: the same in ASFF, OCSF, SARIF and the import into Security Hub."""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from guardrails.assessment.assessment import Assessment
from guardrails.report.formats import write
from guardrails.report.formats.aws import real_region
from guardrails.report.formats.sarif import FINGERPRINT
from guardrails.results.store import AccountInfo
from tests.reporting import EAST, FINDINGS, LOCKED, RED, WEST

BUCKET = next(one for one in FINDINGS if one.resource == "data")


@pytest.mark.parametrize(("region", "regions", "expected"), [
    (WEST, (EAST,), WEST), ("global", (), EAST), ("global", (WEST, EAST), EAST), ("global", (WEST,), WEST),
    ("global", ("us-gov-east-1", "us-gov-west-1"), "us-gov-west-1"), ("global", ("us-gov-east-1",), "us-gov-east-1"),
    ("global", ("cn-northwest-1",), "cn-northwest-1"),
])
def test_global_is_a_region_of_the_run(region: str, regions: Sequence[str], expected: str) -> None:
    assert real_region(region, regions) == expected


@pytest.mark.parametrize(("regions", "expected"), [((WEST,), WEST), ((WEST, EAST), EAST)])
def test_every_format_names_the_same_region(
    assessment: Assessment, tmp_path: Path, regions: tuple[str, ...], expected: str
) -> None:
    made = replace(assessment, accounts=(AccountInfo(RED, "red", regions), AccountInfo(LOCKED, "locked", regions)))
    paths = write(("asff", "json-ocsf", "sarif"), made, tmp_path)
    asff, ocsf, sarif = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    [one] = [each for each in asff if each["Id"].endswith(BUCKET.id)]
    assert one["Resources"][0]["Region"] == expected
    assert one["ProductArn"].split(":")[3] == expected
    [event] = [each for each in ocsf if each["finding_info"]["uid"] == BUCKET.id]
    assert (event["cloud"]["region"], event["resources"][0]["region"]) == (expected, expected)
    # A check that did not complete is reported in the same region.
    missing = [
        each["cloud"]["region"] for each in ocsf
        if each["unmapped"].get("state") and each["unmapped"]["region"] == "global"
        and each["cloud"]["account"]["uid"] == LOCKED]
    assert missing
    assert set(missing) == {expected}
    [result] = [
        each for each in sarif["runs"][0]["results"] if each["partialFingerprints"][FINGERPRINT] == BUCKET.id]
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == BUCKET.arn
