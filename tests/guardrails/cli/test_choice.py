"""Choosing findings by number, range and policy."""
from __future__ import annotations

import pytest

from guardrails.cli.choice import chosen
from guardrails.results.finding import Finding

FINDINGS = [
    Finding(account="1", account_name="a", region="r", policy=policy, resource_type="aws.s3", resource=str(number),
            arn="", severity="low", title="", response="stop")
    for number, policy in enumerate(("s3-one", "s3-one", "s3-two", "ec2-one", "12"), 1)]


@pytest.mark.parametrize(("answer", "numbers"), [
    ("", ""), ("n", ""), (" No ", ""), ("y", "12345"), ("YES", "12345"), ("2", "2"), ("4,1", "14"), ("1-3", "123"),
    ("1-2 2-3, 5", "1235"), ("s3-one", "12"), ("s3-*,5", "1235"), ("*", "12345"),
])
def test_an_answer_selects(answer: str, numbers: str) -> None:
    assert "".join(finding.resource for finding in chosen(answer, FINDINGS)) == numbers


@pytest.mark.parametrize("answer", ["0", "6", "3-1", "1-6", "1,x", "y,1", "s4-*", "-1", "1--2", "99999999999999999999"])
def test_an_answer_that_is_not_clear_selects_nothing(answer: str) -> None:
    with pytest.raises(ValueError, match=r"numbered from 1 to 5|not y, n, a number"):
        chosen(answer, FINDINGS)
