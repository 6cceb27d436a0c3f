"""An account with nothing but defaults passes nothing about databases, file systems and trails."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from custom_actions.resources import COUNTS

from ..conftest import Cloud, guardrails

POLICIES = Path(__file__).parents[3] / "policies"
# Databases, file systems and trails.
SERVICES = ("rds", "rds-cluster", "rds-snapshot", "dynamodb-table", "efs", "cloudtrail")
ENCRYPTED = "rds-storage-encrypted"


def audit(output: Path, *more: Any) -> tuple[dict[str, Any], str]:
    """The JSON report, and what the terminal shows."""
    result = guardrails("audit", "--policies", POLICIES, "-o", output, *more)
    assert result.exit_code == 0, result.output
    return json.loads((output / "report.json").read_text()), result.stdout


def verdicts(report: dict[str, Any], only: str = "") -> dict[str, tuple[str, int | None]]:
    """Requirement to verdict and number of resources in scope: of those that a policy of the run covers, or `only` one.
    """
    ran = {each["name"] for each in report["policies"] if each["verdict"] != "skipped"}
    return {
        f"{framework['name']} {each['id']}": (each["verdict"], each["resources_in_scope"])
        for framework in report["frameworks"] for each in framework["requirements"]
        if (each["policies"] == [only] if only else ran & set(each["policies"]))}


def test_nothing_about_databases_file_systems_and_trails_passes(cloud: Cloud, tmp_path: Path) -> None:
    services = [word for each in SERVICES for word in ("--service", each)]
    report, shown = audit(tmp_path / "out", *services, "--format", "all")
    found = verdicts(report)
    assert found["cis-aws-5.0 2.2.1"] == found["cis-aws-5.0 2.3.1"] == found["cis-aws-5.0 3.2"] == (
        "nothing-to-judge", 0)
    # `unknown` are those that policies of other services cover, too.
    assert {verdict for verdict, _ in found.values()} == {"nothing-to-judge", "unknown"}
    assert {policy["verdict"] for policy in report["policies"]} == {"nothing-to-judge", "skipped"}
    assert report["score"]["judged"] == 0
    assert "passed" not in shown
    empty = [policy for policy in report["policies"] if policy["verdict"] == "nothing-to-judge"]
    assert f"{len(empty)} completed checks had nothing to judge" in shown
    [framework] = [each for each in report["frameworks"] if each["name"] == "cis-aws-5.0"]
    assert (framework["percentage"], framework["judged"]) == (None, 0)
    cases = (tmp_path / "out/report.junit.xml").read_text()
    assert cases.count("nothing to judge: no resource in scope") == len(empty)
    assert "Nothing to judge" in (tmp_path / "out/report.html").read_text()


def database(cloud: Cloud, name: str, *, encrypted: bool) -> None:
    cloud.client("rds").create_db_instance(
        DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
        StorageEncrypted=encrypted)


def test_one_good_database_passes_and_one_bad_of_two_fails(cloud: Cloud, tmp_path: Path) -> None:
    database(cloud, "good", encrypted=True)
    report, shown = audit(tmp_path / "good", "--policy", ENCRYPTED)
    assert set(verdicts(report, ENCRYPTED).values()) == {("passed", 1)}
    assert "0 of 1 open, 1 passed" in shown
    assert report["score"]["shown"] == 100

    database(cloud, "bad", encrypted=False)
    report, shown = audit(tmp_path / "bad", "--policy", ENCRYPTED)
    assert set(verdicts(report, ENCRYPTED).values()) == {("failed", 2)}
    assert "1 of 2 open, 1 passed" in shown
    [policy] = report["policies"]
    assert policy["resources"] == {
        "listed": 2, "in_scope": 2, "out_of_scope": 0, "open": 1, "excepted": 0, "passed": 1, "unknown": 0}
    [run] = report["runs"]
    assert run["resources"] == {"listed": 2, "in_scope": 2, "out_of_scope": 0, "passed": 1}


def test_an_output_without_counts_is_judged_as_before(cloud: Cloud, tmp_path: Path) -> None:
    """That of plain c7n, or of a function of an earlier version."""
    audit(tmp_path / "out", "--policy", ENCRYPTED)
    [counts] = (tmp_path / "out/c7n-org").rglob(COUNTS)
    source = counts.parents[3]
    with_counts = guardrails("report", source, "--policies", POLICIES, "-o", tmp_path / "with")
    assert with_counts.exit_code == 0, with_counts.output
    assert "nothing to judge" in with_counts.stdout
    counts.unlink()
    without = guardrails("report", source, "--policies", POLICIES, "-o", tmp_path / "without")
    assert without.exit_code == 0, without.output
    report = json.loads((tmp_path / "without/report.json").read_text())
    assert [policy["verdict"] for policy in report["policies"]] == ["passed"]
    assert [policy["resources"] for policy in report["policies"]] == [None]
    assert set(verdicts(report, ENCRYPTED).values()) == {("passed", None)}
    counts.write_text('{"listed": -1}')
    broken = guardrails("report", source, "--policies", POLICIES, "-o", tmp_path / "broken")
    assert broken.exit_code == 2
    assert f"its output is incomplete: {COUNTS}" in broken.stdout
