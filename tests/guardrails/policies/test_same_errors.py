"""`validate` finds what `custodian validate` finds: the benchmark's mistakes, without its number of policies."""
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from guardrails.paths import ROOT


def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_validate", ROOT / "bench" / "validate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_both_call_the_same_files_wrong(tmp_path: Path) -> None:
    script = bench()
    assert script.generate(tmp_path, 1) >= 1
    script.seed(tmp_path)
    files = sorted(tmp_path.rglob("*.yml"))
    mine, theirs = script.ours(files, tmp_path / "ours"), script.custodian(files, tmp_path / "theirs")
    assert mine.wrong == theirs.wrong
    right = {Path(file).name for file in map(str, files) if file not in mine.wrong}
    assert right == {"no-mistake.yml", "acm.yml"}
