"""What passed, as a run's file has it: each pair of resource and policy once, and nothing that has not passed."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from guardrails.errors import GuardrailsError
from guardrails.results.finding import Status
from guardrails.results.passed import PassedOutput
from tests.reporting import EAST, RED, WEST, Passed, assess, checks, finding, with_passed

NORTH = "eu-north-1"
"""A region that the run does not cover."""


def trail(region: str) -> tuple[str, str]:
    return ("main", f"arn:aws:cloudtrail:{region}:{RED}:trail/main")


def passed(directory: Path, found: Passed, **more: object) -> list[tuple[str, str, str]]:
    made = assess(directory, passed=found, **{"findings": [], **more})
    with made.store:
        return [(check.policy, check.region, one.arn) for check in made.passed() for one in check.resources]


def test_a_resource_passes_in_its_home_region(tmp_path: Path) -> None:
    both: Passed = {("open-ssh", RED, region): [trail(WEST)] for region in (EAST, WEST)}
    assert passed(tmp_path / "a", both) == [("open-ssh", WEST, trail(WEST)[1])]
    # Its home saw it violate the policy, or did not see it.
    of = finding("open-ssh", "main", region=WEST, arn=trail(WEST)[1])
    assert passed(tmp_path / "b", both, findings=[of]) == []
    assert passed(tmp_path / "c", {("open-ssh", RED, EAST): [trail(WEST)]}) == []


def test_a_resource_without_a_home_in_the_run_passes_once(tmp_path: Path) -> None:
    both: Passed = {("open-ssh", RED, region): [trail(NORTH)] for region in (EAST, WEST)}
    assert passed(tmp_path / "a", both) == [("open-ssh", WEST, trail(NORTH)[1])]
    of = finding("open-ssh", "main", region=EAST, arn=trail(NORTH)[1], status=Status.EXCEPTED)
    assert passed(tmp_path / "b", both, findings=[of]) == []


def test_policies_are_apart(tmp_path: Path) -> None:
    bucket = ("b", "arn:aws:s3:::b")
    found: Passed = {("public-bucket", RED, "global"): [bucket], ("user-mfa", RED, "global"): [bucket]}
    of = finding("public-bucket", "b", region="global", arn=bucket[1])
    assert passed(tmp_path, found, findings=[of]) == [("user-mfa", "global", bucket[1])]


def test_a_check_that_runs_again_replaces_what_it_has(tmp_path: Path) -> None:
    key = ("user-mfa", RED, "global")
    made = assess(tmp_path, [], passed={key: [("ann", ""), ("bob", "")]})
    [row] = [row for row in checks() if (row.policy, row.account, row.region) == key]
    with made.store as store:
        store.add([(with_passed(row, {key: [("bob", "")]}, tmp_path), [])])
        assert [[one.resource for one in check.resources] for check in made.passed()] == [["bob"]]
        # All other checks that ran do not say how many resources passed.
        others = f"those of {made.totals['ran'] - 1} checks are not known"
        assert f"evidence: the ids of 1 passed resource are kept; {others}" in made.notes()
        store.add([(replace(row, state="denied"), [])])
        assert list(made.passed("user-mfa")) == []


def test_a_list_that_is_gone_when_it_is_stored_is_an_error(tmp_path: Path) -> None:
    key = ("user-mfa", RED, "global")
    made = assess(tmp_path, [], passed={})
    [row] = [row for row in checks() if (row.policy, row.account, row.region) == key]
    row = with_passed(row, {key: [("ann", "")]}, tmp_path)
    assert isinstance(row.passed, PassedOutput)
    row.passed.file.unlink()
    with made.store as store, pytest.raises(GuardrailsError, match="No such file"):
        store.add([(row, [])])
