"""What the tests of the formats share."""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guardrails.assessment.assessment import Assessment
from tests.reporting import EAST, RED, WEST, assess

PASSED = {
    # `data` is open, and `gone` is fixed: the first has not passed, and the second is among the findings already.
    ("public-bucket", RED, "global"): [(name, f"arn:aws:s3:::{name}") for name in ("data", "gone", "good", "=good")],
    ("open-ssh", RED, WEST): [("sg-9", f"arn:aws:ec2:{WEST}:{RED}:security-group/sg-9")],
    # Without an ARN, the region is a part of the identity.
    ("volume-encryption", RED, EAST): [("volumes", "")], ("volume-encryption", RED, WEST): [("volumes", "")],
}


@pytest.fixture
def assessment(tmp_path: Path) -> Iterator[Assessment]:
    """The run of tests.reporting."""
    made = assess(tmp_path / "run")
    yield made
    made.store.close()


@pytest.fixture
def evidence(tmp_path: Path) -> Iterator[Assessment]:
    """The same run, with the ids of PASSED."""
    made = assess(tmp_path / "evidence", passed=PASSED)
    yield made
    made.store.close()
