"""`audit --evidence`: of each check, the ids of what passed, and of nothing else."""
from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
from moto.s3.exceptions import S3AccessDeniedError
from moto.s3.responses import S3Response

from custom_actions.resources import PASSED, SWITCH
from guardrails.results.store import RunStore
from guardrails.sandbox.functions import s3_control
from guardrails.yamlfile import dump

from ..conftest import BLUE, HOME, RED, REGIONS, Cloud, guardrails, role


def policy(name: str, resource: str, *filters: dict[str, Any] | str) -> dict[str, Any]:
    return {
        "name": name, "resource": resource, "filters": list(filters),
        "metadata": {"title": f"About {name}", "severity": "high", "response": "none", "controls": {}, "replaces": [],
                     "rationale": "Because.", "fix": ""},
        "mode": {"type": "periodic", "schedule": "rate(1 day)", "runtime": "python3.12",
                 "role": "arn:aws:iam::{account_id}:role/guardrails"}}


BUCKETS = policy(
    "bucket-acl", "aws.s3",
    {"type": "scope", "filters": [{"type": "value", "key": "Name", "op": "glob", "value": "in-*"}]}, "global-grants")
GROUPS = policy("open-ssh", "aws.security-group", {"type": "ingress", "Ports": [22], "Cidr": {"value": "0.0.0.0/0"}})
TRAILS = policy("trail-is-multi-region", "aws.cloudtrail", {"IsMultiRegionTrail": False})
EXCEPTIONS = f"""
exceptions:
  - policy: bucket-acl
    account: "{HOME}"
    resource: arn:aws:s3:::in-excepted
    reason: a public web site
    owner: web@example.org
    expires: 2027-01-31
"""


def policies(directory: Path, *chosen: dict[str, Any]) -> Path:
    (directory / "periodic").mkdir(parents=True)
    (directory / "periodic/one.yml").write_text(dump({"policies": chosen}))
    return directory


def passed(run: Path) -> dict[tuple[str, str, str], list[str]]:
    """Account, region and policy to what passed, as the JSON report has it."""
    found = json.loads((run / "report.json").read_text())["passed"]
    return {(check["account"], check["region"], check["policy"]): [one["resource"] for one in check["resources"]]
            for check in found}


@pytest.fixture
def buckets(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """One bucket of each kind; and the options of an audit of them."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3_CONTROL", s3_control(cloud.url))
    s3 = cloud.client("s3")
    for name in ("in-denied", "in-open", "in-excepted", "in-good", "out-good"):
        s3.create_bucket(Bucket=name)
    for name in ("in-denied", "in-open", "in-excepted"):
        s3.put_bucket_acl(Bucket=name, ACL="public-read")
    original = S3Response.get_bucket_acl

    def denied(self: Any, *args: Any) -> Any:
        if self.bucket_name == "in-denied":
            raise S3AccessDeniedError
        return original(self, *args)

    monkeypatch.setattr(S3Response, "get_bucket_acl", denied)
    exceptions = tmp_path / "exceptions.yml"
    exceptions.write_text(EXCEPTIONS)
    return ["--policies", policies(tmp_path / "policies", BUCKETS), "--exceptions", exceptions]


def test_only_what_was_read_and_complies_is_kept(buckets: list[Any], tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = guardrails("audit", *buckets, "--evidence", "-o", out, "--format", "all")
    assert result.exit_code == 2, result.output
    report = json.loads((out / "report.json").read_text())
    [run] = report["runs"]
    assert (run["state"], run["matched"], run["resources"]["passed"]) == ("partial", 2, 1)
    assert {one["resource"]: one["status"] for one in report["findings"]} == {
        "in-open": "open", "in-excepted": "excepted"}
    [check] = report["passed"]
    assert {key: check[key] for key in ("account", "region", "policy")} == {
        "account": HOME, "region": "global", "policy": "bucket-acl"}
    [one] = check["resources"]
    assert (one["resource"], one["arn"]) == ("in-good", "arn:aws:s3:::in-good")
    assert "evidence: the ids of 1 passed resource are kept" in result.stdout

    with (out / "passed.csv").open(newline="") as file:
        assert [(row["id"], row["resource"], row["service"]) for row in csv.DictReader(file)] == [
            (one["id"], "in-good", "s3")]
    events = {each["finding_info"]["uid"]: each for each in json.loads((out / "report.ocsf.json").read_text())}
    assert (events[one["id"]]["status_code"], events[one["id"]]["severity"]) == ("PASS", "Informational")
    assert [each["status_code"] for each in events.values()].count("PASS") == 1
    found = {each["Id"]: each for each in json.loads((out / "report.asff.json").read_text())}
    assert [key for key, each in found.items() if each["Compliance"]["Status"] == "PASSED"] == [
        f"aws-guardrails/{one['id']}"]
    lists = out / "c7n-org/resource-lists"
    for path in (lists, *lists.iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path
    assert len(list(lists.iterdir())) == 1

    # The finding that the bucket has once it is open has the same id.
    again = guardrails("report", out, "-o", tmp_path / "again", "--format", "csv")
    assert (tmp_path / "again/passed.csv").exists(), again.output


def test_what_is_opened_later_has_the_id_that_it_passed_with(buckets: list[Any], cloud: Cloud, tmp_path: Path) -> None:
    def ids(run: str) -> tuple[dict[str, str], dict[str, str]]:
        guardrails("audit", *buckets, "--evidence", "-o", tmp_path / run)
        report = json.loads((tmp_path / run / "report.json").read_text())
        return ({one["resource"]: one["id"] for one in report["findings"] if one["status"] != "fixed"},
                {one["resource"]: one["id"] for check in report["passed"] for one in check["resources"]})

    open_before, passed_before = ids("before")
    cloud.client("s3").put_bucket_acl(Bucket="in-good", ACL="public-read")
    cloud.client("s3").put_bucket_acl(Bucket="in-open", ACL="private")
    open_after, passed_after = ids("after")
    assert open_after["in-good"] == passed_before["in-good"]
    assert passed_after == {"in-open": open_before["in-open"]}


def test_without_the_option_nothing_is_kept(
    buckets: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, str(tmp_path))  # of an outer process
    out = tmp_path / "out"
    result = guardrails("audit", *buckets, "-o", out)
    assert json.loads((out / "report.json").read_text())["passed"] is None
    assert "evidence" not in result.stdout
    assert not (out / "passed.csv").exists()
    assert list(out.rglob(PASSED)) == []
    assert not (out / "c7n-org/resource-lists").exists()


def test_a_resource_is_kept_where_it_is_and_a_multi_region_trail_once(cloud: Cloud, tmp_path: Path) -> None:
    config = tmp_path / "accounts.yml"
    config.write_text("accounts:\n" + "".join(
        f"- {{name: {name}, account_id: '{number}', role: '{role(number)}', regions: [{', '.join(REGIONS)}]}}\n"
        for name, number in (("red", RED), ("blue", BLUE))))
    opened = cloud.open_group(RED, "eu-west-1")
    cloud.client("s3", RED).create_bucket(Bucket="logs")
    cloud.client("cloudtrail", RED).create_trail(Name="main", S3BucketName="logs", IsMultiRegionTrail=True)
    cloud.client("cloudtrail", RED).start_logging(Name="main")
    chosen = policies(tmp_path / "policies", GROUPS, TRAILS)
    result = guardrails("audit", "-c", config, "--policies", chosen, "--evidence", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = passed(tmp_path / "out")
    assert found.pop((RED, "us-east-1", "trail-is-multi-region")) == [f"arn:aws:cloudtrail:us-east-1:{RED}:trail/main"]
    assert found.pop((RED, "eu-west-1", "trail-is-multi-region")) == []
    groups = {
        (account, region, "open-ssh"): {
            group["GroupId"] for group in cloud.client("ec2", account, region).describe_security_groups()[
                "SecurityGroups"]} - {opened}
        for account in (RED, BLUE) for region in REGIONS}
    assert {key: set(ids) for key, ids in found.items() if ids} == groups
    assert all(groups.values())


def test_a_resumed_audit_keeps_the_choice(cloud: Cloud, tmp_path: Path) -> None:
    chosen = policies(tmp_path / "policies", GROUPS)
    out = tmp_path / "out"
    guardrails("audit", "--policies", chosen, "--evidence", "-o", out)
    before = passed(out)
    assert before[HOME, "us-east-1", "open-ssh"]
    with RunStore.open(out) as store:
        store._connection.execute("update checks set state = 'not-run'")
        store._connection.execute("delete from passed")
        store._connection.commit()
    result = guardrails("audit", "--resume", out)
    assert result.exit_code == 0, result.output
    assert passed(out) == before
    assert guardrails("audit", "--resume", out, "--evidence").exit_code == 2


def test_a_run_without_evidence_has_nothing_to_send(cloud: Cloud, tmp_path: Path) -> None:
    chosen = policies(tmp_path / "policies", GROUPS)
    guardrails("audit", "--policies", chosen, "-o", tmp_path / "out")
    refused = guardrails("report", tmp_path / "out", "--securityhub", "--securityhub-passed", "-o", tmp_path / "again")
    assert refused.exit_code == 1
    assert "the ids of the resources that passed were not kept" in refused.output
    for more in ([], ["--resume", tmp_path / "out"]):
        assert "needs --securityhub, and an audit with --evidence" in guardrails(
            "audit", "--securityhub", "--securityhub-passed", *more).output
    assert guardrails("report", tmp_path / "out", "--securityhub-passed").exit_code == 2


@pytest.mark.parametrize("damage", [
    lambda file, lists: file.write_text("[]"),
    lambda file, lists: file.write_text(file.read_text().replace('"list": "', '"list": "../../')),
    lambda file, lists: file.write_text(json.dumps({**json.loads(file.read_text()), "number": 5000})),
    lambda file, lists: next(lists.iterdir()).unlink(),
    lambda file, lists: next(lists.iterdir()).write_bytes(b"\x1f\x8b" + bytes(99)),
])
def test_damaged_output_is_no_evidence(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Any
) -> None:
    """The check ends as `error`, and nothing passes."""
    from guardrails.runs import accounting

    original = accounting.Output.read.__func__  # type: ignore[attr-defined]

    def damaged(cls: Any, directory: Path) -> Any:
        damage(directory / PASSED, directory.parents[3] / "resource-lists")
        return original(cls, directory)

    monkeypatch.setattr(accounting.Output, "read", classmethod(damaged))
    result = guardrails(
        "audit", "--policies", policies(tmp_path / "policies", GROUPS), "--evidence", "-o", tmp_path / "out")
    assert result.exit_code == 2, result.output
    report = json.loads((tmp_path / "out/report.json").read_text())
    [run] = report["runs"]
    assert (run["state"], run["resources"]) == ("error", None)
    assert f"its output is incomplete: {PASSED}: " in run["reason"]
    assert report["passed"] == []


def test_a_check_that_was_denied_passes_nothing(
    buckets: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*args: Any) -> Any:
        raise S3AccessDeniedError

    monkeypatch.setattr(S3Response, "get_bucket_acl", denied)
    guardrails("audit", *buckets, "--evidence", "-o", tmp_path / "out")
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert [run["state"] for run in report["runs"]] == ["denied"]
    assert report["passed"] == []
    assert list((tmp_path / "out").rglob(PASSED)) == []


def test_a_run_of_the_earlier_format_is_refused(cloud: Cloud, tmp_path: Path) -> None:
    out = tmp_path / "out"
    guardrails("audit", "--policies", policies(tmp_path / "policies", GROUPS), "-o", out)
    with RunStore.open(out) as store:
        store["format"] = 3
        store._connection.execute("drop table passed")
        store._connection.execute("drop table resource_lists")
        store._connection.commit()
    refused = guardrails("report", out, "-o", tmp_path / "again")
    assert refused.exit_code == 1
    assert "written by another version of guardrails: format 3, not 4" in refused.output
    assert os.listdir(out)
