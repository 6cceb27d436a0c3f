"""What the tests of the formats share."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guardrails.assessment.assessment import Assessment
from tests.reporting import assess


@pytest.fixture
def assessment(tmp_path: Path) -> Iterator[Assessment]:
    """The run of tests.reporting."""
    made = assess(tmp_path / "run")
    yield made
    made.store.close()
