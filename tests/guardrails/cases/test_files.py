"""Case files: what is read, and what is wrong in them, with file and line."""
from __future__ import annotations

from pathlib import Path

import pytest

from guardrails.cases import read_cases
from guardrails.errors import GuardrailsError

POLICIES = {"buckets": {"name": "buckets", "resource": "aws.s3"}}


def test_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(
        "buckets:\n- {case: one, make: [], match: [a], pass: [b], not-applicable: [b]}\n")
    (tmp_path / "b.yml").write_text("# none yet\n")
    (tmp_path / "c.yml").write_text("buckets:\n- {case: two, make: [], vars: {days: 3}}\n")
    found = read_cases(sorted(tmp_path.glob("*.yml")), POLICIES)
    one, two = found["buckets"]
    assert (one.name, one.match, one.passes, one.outside) == ("one", ["a"], ["b"], ["b"])
    assert (two.vars, two.where, two.policy) == ({"days": 3}, f"{tmp_path}/c.yml:2", POLICIES["buckets"])


@pytest.mark.parametrize(("text", "line", "problem", "fix"), [
    ("bucket: []", 1, "bucket: these cases belong to none of your policies", "did you mean buckets?"),
    ("buckets: {case: x}", 1, "must be a list of cases", "docs/policies.md"),
    ("- buckets", 1, "the top level must be a mapping", "docs/policies.md"),
    ("buckets:\n- {make: []}", 2, "a case needs a text `case`", "docs/policies.md"),
    ("buckets:\n- just a text", 2, "a case needs a text `case`", "docs/policies.md"),
    ("buckets:\n- case: x\n  make: []\n  matches: [a]", 4, "unknown key matches of a case", "did you mean match"),
    ("buckets:\n- case: x\n  make: []\n  match: a", 4, "match must be a list, got 'a'", "docs/policies.md"),
    ("buckets:\n- case: x\n  make: []\n  vars: [a]", 4, "vars must be a mapping, got ['a']", "docs/policies.md"),
    ("buckets: [", 1, "invalid YAML", "fix the YAML"),
])
def test_what_is_wrong(tmp_path: Path, text: str, line: int, problem: str, fix: str) -> None:
    file = tmp_path / "a.yml"
    file.write_text(text)
    with pytest.raises(GuardrailsError) as error:
        read_cases([file], POLICIES)
    assert error.value.problem.startswith(f"{file}:{line}: ") and problem in error.value.problem
    assert fix in error.value.fix
