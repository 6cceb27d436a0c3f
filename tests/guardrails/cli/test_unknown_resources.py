"""A bucket that denies a call, beside an open one: the first is named, the second is found and closed."""
from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from moto.s3.exceptions import S3AccessDeniedError
from moto.s3.responses import S3Response

from guardrails.sandbox.functions import s3_control

from ..conftest import HOME, Cloud, guardrails

POLICIES = Path(__file__).parents[3] / "policies"
NAME = "s3-bucket-public-acl"


@pytest.fixture
def buckets(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3_CONTROL", s3_control(cloud.url))
    s3 = cloud.client("s3")
    for name in ("denies", "open", "shut"):
        s3.create_bucket(Bucket=name)
    for name in ("denies", "open"):
        s3.put_bucket_acl(Bucket=name, ACL="public-read")
    original = S3Response.get_bucket_acl

    def denied(self: Any, *args: Any) -> Any:
        if self.bucket_name == "denies":
            raise S3AccessDeniedError
        return original(self, *args)

    monkeypatch.setattr(S3Response, "get_bucket_acl", denied)
    return s3


def is_closed(s3: Any, bucket: str) -> bool:
    try:
        return bool(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["IgnorePublicAcls"])
    except s3.exceptions.ClientError:
        return False


def test_an_audit_names_the_bucket_and_judges_the_others(buckets: Any, tmp_path: Path) -> None:
    result = guardrails("audit", "--policy", NAME, "--policies", POLICIES, "-o", tmp_path / "out", "--format", "all")
    assert result.exit_code == 2, result.output
    assert result.stdout.startswith("INCOMPLETE: 1 of 1 checks did not complete")
    assert "denies is unknown" in result.stdout

    report = json.loads((tmp_path / "out/report.json").read_text())
    assert not report["complete"]
    [run] = report["runs"]
    assert (run["state"], run["matched"]) == ("partial", 1)
    [unknown] = run["unknown"]
    assert unknown["resource"] == "denies"
    assert "AccessDenied" in unknown["reason"]
    assert [finding["resource"] for finding in report["findings"]] == ["open"]
    with (tmp_path / "out/not-seen.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["account"], row["policy"], row["state"], row["resource"]) == (HOME, NAME, "partial", "denies")
    for name in ("report.html", "report.md", "report.sarif", "report.junit.xml", "report.ocsf.json"):
        assert "denies" in (tmp_path / "out" / name).read_text(encoding="utf-8"), name


def test_a_heal_closes_the_open_bucket_and_does_not_touch_the_unknown_one(buckets: Any, tmp_path: Path) -> None:
    result = guardrails("heal", "--policy", NAME, "--policies", POLICIES, "-o", tmp_path / "out", "--yes")
    assert result.exit_code == 2, result.output
    assert result.stdout.startswith("INCOMPLETE: 1 of 1 findings fixed, 3 checks did not complete")
    assert "denies is unknown" in result.stdout
    assert is_closed(buckets, "open")
    assert not is_closed(buckets, "denies")

    # What is left is no finding, and no pass.
    again = guardrails("audit", "--policy", NAME, "--policies", POLICIES, "-o", tmp_path / "again")
    assert again.exit_code == 2, again.output
    report = json.loads((tmp_path / "again/report.json").read_text())
    assert not [finding for finding in report["findings"] if finding["status"] == "open"]
    [policy] = report["policies"]
    assert (policy["verdict"], policy["passed"]) == ("unknown", 0)
    verdicts = {
        requirement["verdict"] for framework in report["frameworks"] for requirement in framework["requirements"]
        if NAME in requirement["policies"]}
    assert verdicts == {"unknown"}
