"""The report: honest numbers, and names from AWS that are text and nothing else."""
from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from custom_actions.resources.matched_values import evidence
from guardrails.assessment.assessment import Assessment
from guardrails.cli.show import exit_code, show
from guardrails.results.finding import Status, in_order
from tests.reporting import BLUE, EAST, LOCKED, RED, WEST, assess, checks, finding, group

EVIL = "x|[bold red]y[/]<script>\n# z\x1b[2J"


def printed(made: Assessment) -> str:
    stream = io.StringIO()
    show(made, Console(file=stream, width=200, highlight=False))
    return stream.getvalue()


def test_an_incomplete_run_says_so_first_and_unknown_is_not_passed(tmp_path: Path) -> None:
    made = assess(tmp_path)
    first, second = printed(made).splitlines()[:2]
    # One denied in blue, and all five of the account that there was no way into; one was skipped.
    assert first == "INCOMPLETE: 5 of 15 checks did not complete (3 accounts, 2 regions)"
    # Over what was seen: what was denied is in no percentage.
    assert second == (
        "6 open findings (1 critical, 3 high, 1 medium, 1 low), 1 excepted; 5 of 10 completed checks passed (50 %)")
    rows = {row.policy.name: row for row in made.by_policy}
    assert {name: row.verdict for name, row in rows.items()} == dict.fromkeys(
        ("public-bucket", "open-ssh", "user-mfa", "volume-encryption"), "failed")
    assert (rows["user-mfa"].seen, rows["user-mfa"].asked, rows["user-mfa"].passed) == (1, 3, 0)
    assert {(row.account, row.region, row.state) for row in made.missing()} == {
        (BLUE, "global", "denied"), (LOCKED, "global", "denied"), (LOCKED, EAST, "denied")}
    assert "AccessDenied on ListUsers" in printed(made)
    assert "1 realtime policy not audited" in printed(made)


def test_no_finding_is_not_passed_where_something_was_not_seen(tmp_path: Path) -> None:
    clean = assess(tmp_path, findings=())
    assert {row.verdict for row in clean.by_policy} == {"unknown"}
    assert not clean.complete
    assert clean.score.value < 100
    seen = [replace(check, state="ran") for check in checks()]
    whole = assess(tmp_path / "whole", findings=(), rows=seen)
    assert {row.verdict for row in whole.by_policy} == {"passed"}
    assert whole.complete
    assert whole.score.value == 100
    off = assess(tmp_path / "off", findings=(), rows=[replace(check, state="skipped") for check in checks()])
    assert {row.verdict for row in off.by_policy} == {"skipped"}
    assert "%" not in off.second_line()


def test_the_numbers_of_accounts_and_services_add_up(tmp_path: Path) -> None:
    made = assess(tmp_path)
    by_account = {row.key: row for row in made.by_account}
    assert dict(by_account[RED].open) == {"critical": 1, "high": 2, "medium": 1, "low": 1}
    assert by_account[RED].excepted == 1
    assert by_account[LOCKED].seen == 0
    assert by_account[LOCKED].score.value == 0
    assert "could not assume" in by_account[LOCKED].reason
    for rows in (made.by_account, made.by_service):
        assert sum(row.asked for row in rows) == made.asked
        assert sum(row.seen for row in rows) == made.seen
        assert sum(sum(row.open.values()) for row in rows) == made.count(Status.OPEN)
    assert [thing.policy for thing in made.riskiest(2)] == ["public-bucket", "open-ssh"]


def test_names_are_text_in_the_terminal(tmp_path: Path) -> None:
    shown = printed(assess(tmp_path, findings=[group(EVIL, RED, WEST)]))
    assert "[bold red]y[/]<script>" in shown
    assert "\x1b[2J" not in shown


def test_an_id_is_the_same_in_every_run_and_of_nothing_else() -> None:
    one = finding("user-mfa", "ann", region="global", arn=f"arn:aws:iam::{RED}:user/ann")
    assert one.id == replace(one, status=Status.FIXED, evidence={}, region="x", last_seen="later").id
    others = [replace(one, account=BLUE), replace(one, policy="open-ssh"), replace(one, arn=""), one]
    assert len({other.id for other in others}) == len(others)


def test_a_check_that_is_written_again_is_in_place_of_the_first(tmp_path: Path) -> None:
    made = assess(tmp_path)
    check = next(check for check in checks() if check.policy == "open-ssh" and check.account == RED)
    made.store.add([(replace(check, matched=1), [group("sg-9", RED, EAST)])])
    assert [f.resource for f in made.findings() if f.policy == "open-ssh" and f.account == RED] == ["sg-9"]
    # What was taken for fixed and is there again is open.
    made.store.update([group("sg-7", RED, EAST, status=Status.FIXED)])
    made.store.add([(check, [group("sg-7", RED, EAST)])])
    assert [(f.resource, f.status) for f in made.findings() if f.account == RED and f.policy == "open-ssh"] == [
        ("sg-7", Status.OPEN)]


def test_a_resource_of_several_regions_is_written_once_in_its_own(tmp_path: Path) -> None:
    made = assess(tmp_path, findings=())
    trail = group("sg-1", RED, WEST)
    here, there = (
        next(c for c in checks() if (c.policy, c.account, c.region) == ("open-ssh", RED, region))
        for region in (EAST, WEST))
    for order in ((here, there), (there, here)):
        for check in order:
            made.store.add([(check, [replace(trail, region=check.region)])])
        assert [(f.resource, f.region) for f in made.findings()] == [("sg-1", WEST)]


def test_one_resource_seen_in_two_regions_is_one_finding_at_home() -> None:
    arn = "arn:aws:cloudtrail:eu-west-1:111111111111:trail/all"
    trail = finding("volume-encryption", "b", arn=arn)
    other = finding("volume-encryption", "c")
    found = in_order([trail, replace(trail, region="eu-west-1"), other, replace(other, region="x")])
    assert [(f.resource, f.region) for f in found] == [("b", "eu-west-1"), ("c", "us-east-1"), ("c", "x")]


def test_evidence_is_what_matched() -> None:
    resource = {
        "Encrypted": False, "Size": 8, "A": {"B": [1]}, "Tags": [{"Key": "env", "Value": "prod"}],
        "c7n:MatchedFilters": ["Encrypted", "A.B[0]", "tag:env", "no(such"], "c7n:IngressPlan": ["x" * 6000],
    }
    found = evidence(resource)
    assert {key: found[key] for key in ("Encrypted", "A.B[0]", "tag:env", "no(such")} == {
        "Encrypted": False, "A.B[0]": 1, "tag:env": "prod", "no(such": None,
    }
    assert len(found["c7n:IngressPlan"][0]) < 2000
    assert "Size" not in found


@pytest.mark.parametrize(("complete", "severities", "fail_on", "code"), [
    (True, ["critical"], None, 0), (True, ["high"], "high", 1), (True, ["medium"], "high", 0),
    (True, [], "info", 0), (False, [], None, 2), (False, ["critical"], "low", 2),
])
def test_exit_code(complete: bool, severities: list[str], fail_on: str | None, code: int) -> None:
    assert exit_code(complete=complete, severities=severities, fail_on=fail_on) == code
