"""Every policy that looks at a state (config-rule, periodic): its bad, good and absent cases, and its fix."""
from __future__ import annotations

from pathlib import Path

import pytest

from guardrails.cases.completeness import incomplete
from guardrails.cases.state import check_state
from tests.moto_server import Moto

from .harness import cases, failures, loaded, policies

STATE = ("config-rule", "periodic")
NAMES = [name for name, (mode, _) in policies().items() if mode in STATE]


@pytest.mark.parametrize("name", NAMES)
def test_policy(name: str, moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All cases of one policy, and that each of its filters is needed for them to pass."""
    moto.share_clients(monkeypatch)
    own = [case for case in cases(*STATE) if case.policy["name"] == name]
    assert own and loaded()[name].data["filters"]
    assert not failures(check_state(loaded()[name], own, moto, tmp_path))


def test_every_policy_has_a_bad_a_good_and_an_absent_case() -> None:
    listed = cases("config-rule", "periodic", "realtime")
    for name, policy in loaded().items():
        own = [case for case in listed if case.policy["name"] == name]
        assert list(incomplete(policy, own)) == []
        for kind in ("match", "passes", "absent"):  # also of a policy without filters
            assert any(getattr(case, kind) for case in own), f"{name} has no case with {kind}"
