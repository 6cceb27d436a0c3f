"""`coverage`, and catalogues of a team's own, as a user calls them."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from guardrails.paths import CONTROLS, ROOT
from tests.guardrails.conftest import guardrails

EXAMPLES = ROOT / "examples" / "controls"
POLICY = """\
policies:
  - name: {name}
    resource: aws.s3
    mode: {{type: {mode}}}
    metadata: {{{metadata}}}
"""


@pytest.fixture
def team(tmp_path: Path) -> Path:
    """A team's own catalogue beside its own policies: one for each way in which a requirement can be covered."""
    for name, mode, metadata in (
        ("swept", "periodic", 'controls: {bank: ["A"]}'),
        ("event", "cloudtrail", 'controls: {bank: ["B", "A"]}'),
        ("chosen", "periodic", 'profile: strict, controls: {bank: ["C"]}'),
    ):
        place = tmp_path / "policies"
        place.mkdir(exist_ok=True)
        (place / f"{name}.yml").write_text(POLICY.format(name=name, mode=mode, metadata=metadata), encoding="utf-8")
    (tmp_path / "controls").mkdir()
    (tmp_path / "controls" / "bank.yml").write_text(
        "title: Bank\nversion: '1'\npublisher: Bank\nsource: https://example.com\nwhole: false\nrequirements:\n"
        + "".join(f"- {{id: {name}, title: Requirement {name}, automatable: {auto}}}\n" for name, auto in (
            ("A", "true"), ("B", "true"), ("C", "true"), ("D", "true"), ("E", "false"))), encoding="utf-8")
    return tmp_path


def test_coverage_counts_apart_what_no_audit_sweeps(team: Path) -> None:
    result = guardrails("coverage", "--policies", team / "policies", "--controls", team / "controls",
                        "--framework", "bank", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)["bank"]
    numbers = ("covered", "realtime_only", "profile_only", "not_covered", "automatable", "total", "percent", "whole")
    assert [found[key] for key in numbers] == [1, 1, 1, 1, 4, 5, 25, False]
    assert {r["id"]: r["coverage"] for r in found["requirements"]} == {
        "A": "covered", "B": "realtime only", "C": "in a profile only", "D": "none", "E": "none"}
    assert found["requirements"][2]["policies"] == [
        {"name": "chosen", "mode": "periodic", "profile": "strict", "not_checked": ""}]


def test_coverage_names_policies_and_orphans(team: Path) -> None:
    options = ("--policies", team / "policies", "--controls", team / "controls", "--framework", "bank")
    shown = guardrails("coverage", *options).stdout
    assert "swept (periodic)" in shown
    assert "chosen (periodic, off: profile strict)" in shown
    assert "1 covered of 4 automatable (25 %), 0 in part only, 1 realtime only" in shown
    assert "1 in a profile only, 1 not covered; 5 in total" in shown
    assert "not the whole framework" in shown
    orphans = guardrails("coverage", *options, "--orphans").stdout
    assert "Requirement D" in orphans
    assert not [name for name in "ABCE" if f"Requirement {name}" in orphans]


def test_a_catalogue_that_names_no_policy_fails_coverage(team: Path) -> None:
    file = team / "controls" / "bank.yml"
    file.write_text(file.read_text() + '- {id: F, title: F, automatable: true, policies: ["swpt"]}\n', encoding="utf-8")
    result = guardrails("coverage", "--policies", team / "policies", "--controls", team / "controls")
    assert result.exit_code == 1
    assert "bank.yml:12: F: no policy matches swpt" in result.stderr


def test_every_framework_of_ours_is_in_the_overview() -> None:
    shown = guardrails("coverage", "--controls", EXAMPLES)
    assert shown.exit_code == 0
    assert all(f"\n{file.stem} " in shown.stdout for place in (CONTROLS, EXAMPLES) for file in place.glob("*.yml"))


def test_a_mistyped_framework_gets_the_nearest() -> None:
    result = guardrails("coverage", "--framework", "cis-aws-5")
    assert (result.exit_code, result.stderr) == (
        1, "guardrails: unknown framework cis-aws-5\n  did you mean cis-aws-5.0 or cis-aws-7.0 or cis-aws-6.0?\n")


def test_validate_knows_a_team_s_own_framework(team: Path) -> None:
    file = team / "policies" / "swept.yml"
    unknown = "unknown framework bank"
    assert unknown in guardrails("validate", "--strict", file).stdout
    assert unknown not in guardrails("validate", "--strict", file, "--controls", team / "controls").stdout


@pytest.mark.parametrize(("exposure", "wrong"), [("internet", False), ("intranet", True)])
def test_validate_knows_the_exposures(tmp_path: Path, exposure: str, wrong: bool) -> None:
    file = tmp_path / "x.yml"
    file.write_text(POLICY.format(name="x", mode="periodic", metadata=f"exposure: {exposure}"), encoding="utf-8")
    shown = guardrails("validate", "--strict", file).stdout
    assert ("unknown exposure 'intranet'" in shown) is wrong
    assert ("did you mean internet or internal?" in shown) is wrong
