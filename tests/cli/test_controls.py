"""Framework catalogues: every requirement once."""
from __future__ import annotations

from pathlib import Path

import pytest

from guardrails.controls import load_catalogues
from guardrails.errors import GuardrailsError


def test_each_requirement_has_an_id_of_its_own() -> None:
    assert {"1.1", "1.10", "1.2", "1.20"} <= load_catalogues()["cis-aws-5.0"]


def test_a_repeated_id_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bank.yml").write_text("- {id: '1.1', title: a}\n- {id: 1.10, title: b}\n", encoding="utf-8")
    with pytest.raises(GuardrailsError, match=r"the id 1\.1 stands for two requirements"):
        load_catalogues(tmp_path)
