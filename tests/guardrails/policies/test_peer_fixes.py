"""docs/fixes.md: what other tools fix is fixed here, and can be undone, or the page says why not."""
from __future__ import annotations

from pathlib import Path

import pytest

from guardrails.errors import GuardrailsError
from guardrails.policies import FIXES_PAGE, fixed_here, load, load_peer_fixes, peer_fixes_page
from guardrails.policies.peer_fixes import FixedHere, without_inverse

CANNOT_BE_UNDONE = {
    # AWS does not show a password.
    ("aws.iam-user", "delete"),
    # A new group has another id.
    ("aws.security-group", "delete"),
}


def found() -> list[FixedHere]:
    return fixed_here(load_peer_fixes(), load())


def test_each_control_is_fixed_or_the_page_says_why_not() -> None:
    assert [each.control.where for each in found() if bool(each.policies) == bool(each.control.because)] == []


def test_at_least_110_controls_are_fixed() -> None:
    assert sum(bool(each.policies) for each in found()) >= 110


def test_what_fixes_a_control_can_be_undone() -> None:
    lost = {(policy.resource, action) for each in found() for policy in each.policies
            for action in without_inverse(policy)}
    assert lost <= CANNOT_BE_UNDONE


def test_the_page_is_up_to_date_and_notes_profiles() -> None:
    page = FIXES_PAGE.read_text(encoding="utf-8")
    assert page == peer_fixes_page()
    assert "`ec2-imdsv2-require` (profile `require-imdsv2`)" in page


@pytest.mark.parametrize(("row", "problem"), [
    ("{id: S3.1}", "not a row"),
    ("{id: S3.1, by: [asr], else: 1}", "not a row"),
    ("{id: S3.1, by: [nobody]}", "unknown tool nobody"),
    ("{id: S3.1, by: [asr], title: Another title}", "S3.1 needs one title"),
    ("{id: Own.1, by: [asr]}", "Own.1 needs one title"),
    ("{id: S3.1, by: [asr]}\n  - {id: S3.1, by: [asr]}", "S3.1 is at"),
])
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, row: str, problem: str) -> None:
    path = tmp_path / "fixes.yml"
    path.write_text(f"fixes:\n  - {row}\n", encoding="utf-8")
    with pytest.raises(GuardrailsError, match=rf"fixes\.yml:\d: {problem}"):
        load_peer_fixes(path)


def test_a_policy_that_only_alerts_is_no_fix(tmp_path: Path) -> None:
    path = tmp_path / "fixes.yml"
    path.write_text("fixes:\n  - {id: Own.1, by: [asr], title: t, policies: [rds-not-public]}\n", encoding="utf-8")
    with pytest.raises(GuardrailsError, match="no policy rds-not-public changes AWS"):
        fixed_here(load_peer_fixes(path), load())
