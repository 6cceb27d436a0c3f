"""Roles of functions are divided among as few templates as CloudFormation's quotas allow."""
from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from guardrails.errors import GuardrailsError
from guardrails.stacks.iam import template


def document(characters: int) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::" + "x" * characters}]}


def written(*resources: dict[str, Any]) -> int:
    return len(json.dumps({name: role for each in resources for name, role in each.items()}, indent=1))


def test_a_template_is_full_when_the_next_role_would_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "TEMPLATE_BYTES", 9000)
    roles = {f"guard-{number:02}": document(37 * number % 900) for number in range(40)}
    made = [each["Resources"] for each in template.functions(roles)]
    assert [role["Properties"]["RoleName"] for each in made for role in each.values()] == list(roles)
    assert len(made) > 3
    for one, following in pairwise(made):
        first = next(iter(following))
        assert written(one) <= 9000 < written(one, {first: following[first]})
    # One that is as large as a template may be.
    monkeypatch.setattr(template, "TEMPLATE_BYTES", written(made[0]))
    assert list(template.functions(roles)[0]["Resources"]) == list(made[0])
    monkeypatch.setattr(template, "TEMPLATE_BYTES", written(made[0]) - 1)
    assert list(template.functions(roles)[0]["Resources"]) == list(made[0])[:-1]


def test_a_template_has_no_more_resources_than_a_stack_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "TEMPLATE_RESOURCES", 7)
    made = template.functions({f"guard-{number}": document(1) for number in range(16)})
    assert [len(each["Resources"]) for each in made] == [7, 7, 2]
    assert template.functions({}) == []


def test_a_role_that_exceeds_the_quota_is_refused() -> None:
    with pytest.raises(GuardrailsError, match=r"the role of guard-big needs \d+ characters, but AWS allows \d+"):
        template.functions({"guard-big": document(11_000)})
