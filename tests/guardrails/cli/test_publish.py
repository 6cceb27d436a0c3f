"""`publish`: a finished audit goes into the bucket and on the topic, and nothing else does."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guardrails.results import RunStore

from ..conftest import HOME, POLICIES, Cloud, guardrails

TOPIC = f"arn:aws:sns:us-east-1:{HOME}:mail"


@pytest.fixture
def audit(cloud: Cloud, tmp_path: Path) -> Path:
    cloud.open_group(HOME, "us-east-1")
    cloud.client("s3").create_bucket(Bucket="central")
    ended = guardrails("audit", "--policies", POLICIES, "--policy", "open-ssh", "-o", tmp_path / "run",
                       "--history", "s3://central/history.db")
    assert ended.exit_code == 0, ended.output
    return tmp_path / "run"


def keys(cloud: Cloud) -> list[str]:
    return [each["Key"] for each in cloud.client("s3").list_objects_v2(Bucket="central")["Contents"]]


def test_the_files_and_the_mail(audit: Path, cloud: Cloud) -> None:
    ended = guardrails("publish", audit, "--to", "s3://central/all/reports?region=us-east-1")
    assert ended.exit_code == 0, ended.output
    with RunStore.open(audit) as store:
        started, run = str(store["started"]), str(store["run"])
    folder = f"all/reports/{started[:10].replace('-', '/')}/audit-{started[11:19].replace(':', '')}Z-{run[:8]}"
    assert ended.stdout.splitlines()[0] == f"uploaded: s3://central/{folder}"
    assert f"Report: s3://central/{folder}/report.html\n" in ended.stdout
    assert sorted(keys(cloud)) == sorted(["history.db", *(f"{folder}/{name}" for name in (
        "findings.csv", "not-seen.csv", "report.html", "report.json", "report.md", "run.db"))])
    page: Any = cloud.client("s3").get_object(Bucket="central", Key=f"{folder}/report.html")
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert page["Body"].read() == (audit / "report.html").read_bytes()


def test_trend_reads_the_shared_history(audit: Path, cloud: Cloud) -> None:
    shown = guardrails("trend", "--history", "s3://central/history.db", "--json")
    assert [each["open"] for each in json.loads(shown.stdout)] == [1]
    assert "s3://central/no.db: the history file does not exist" in guardrails(
        "trend", "--history", "s3://central/no.db").stderr


def test_a_history_that_cannot_be_used_is_found_before_the_audit(cloud: Cloud, tmp_path: Path) -> None:
    ended = guardrails("audit", "--policies", POLICIES, "-o", tmp_path / "run", "--history", "s3://nowhere/history.db")
    assert (ended.exit_code, "s3://nowhere/history.db: NoSuchBucket" in ended.stderr) == (1, True), ended.output
    assert not (tmp_path / "run").exists()


def test_a_doctor_without_a_result_is_told_and_exits_with_2(audit: Path, cloud: Cloud, tmp_path: Path) -> None:
    cloud.client("sns").create_topic(Name="mail")
    ended = guardrails("publish", audit, "--topic", TOPIC, "--doctor", tmp_path / "none.json")
    assert (ended.exit_code, ended.stdout.strip().endswith("doctor UNKNOWN")) == (2, True), ended.output
    assert "none.json: No such file" in ended.stderr


def test_what_is_refused(audit: Path, cloud: Cloud, tmp_path: Path) -> None:
    for arguments, problem in (
        (("--topic", "mail"), "mail: not the ARN of a topic"), (("--topic", TOPIC), f"{TOPIC}: NotFound"),
        (("--to", "central"), "central: not an S3 URL"), (("--to", "s3://nowhere/x"), "NoSuchBucket"),
    ):
        ended = guardrails("publish", audit, *arguments)
        assert (ended.exit_code, problem in ended.stderr) == (1, True), ended.output
    with RunStore.open(audit) as store:
        store["finished"] = ""
    ended = guardrails("publish", audit)
    assert (ended.exit_code, "the audit was interrupted" in ended.stderr) == (1, True)
    with RunStore.open(audit) as store:
        store.set_all({"finished": store["started"], "verb": "heal"})
    assert "a run of heal, not an audit" in guardrails("publish", audit).stderr
    with RunStore.open(audit) as store:
        store["verb"] = "audit"
    for file in [*audit.glob("report.*"), *audit.glob("*.csv")]:
        file.unlink()
    assert "the run has no report" in guardrails("publish", audit).stderr
    (tmp_path / "empty").mkdir()
    assert guardrails("publish", tmp_path / "empty").exit_code == 1
