"""The file in docs/exceptions.md can be used as it stands."""
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from guardrails.paths import ROOT
from guardrails.policies.policy import load as load_policies
from guardrails.results.exceptions import load


def test_the_example_is_a_file_of_exceptions_and_its_policies_exist(tmp_path: Path) -> None:
    _, _, rest = (ROOT / "docs/exceptions.md").read_text(encoding="utf-8").partition("```yaml\n")
    file = tmp_path / "exceptions.yml"
    file.write_text(rest.partition("```")[0], encoding="utf-8")
    found = load(file, now=datetime(2026, 11, 24, tzinfo=UTC))
    assert len(found.rules) == 3
    state = found.state([], [], [policy.name for policy in load_policies()])
    assert not state.misnamed
    assert [entry.rule.policy for entry in state.expiring] == ["security-group-*"]
    assert found.rules[2].selects == "name k8s-*, tag elbv2.k8s.aws/cluster=blue"
