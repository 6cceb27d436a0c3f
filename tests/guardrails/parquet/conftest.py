"""Two runs as Parquet files."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guardrails.assessment.assessment import Assessment
from guardrails.parquet import add_run, parquet_place
from guardrails.results.finding import Finding
from tests.reporting import FINDINGS, assess

LATER = "2026-02-03T08:00:00+02:00"


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Assessment]:
    """A run with these findings, by its id."""
    def make(run: str, findings: Any = FINDINGS, **more: Any) -> Assessment:
        one = assess(tmp_path / run, findings, run=run, **more)
        one.store["scope"] = "all"
        return one

    return make


@pytest.fixture
def lake(tmp_path: Path, made: Callable[..., Assessment]) -> Path:
    """A directory with two runs: in the second one, a finding is gone and one is new."""
    second: list[Finding] = [*FINDINGS[:-1], replace(FINDINGS[-2], resource="bob", arn="arn:aws:iam::1:user/bob")]
    for one in (made("first"), made("second", second, started=LATER)):
        with one.store:
            add_run(one, parquet_place(tmp_path / "lake"))
    return tmp_path / "lake"
