"""The seam to c7n, c7n-org, boto3 and botocore: every row holds today, and what happens when one does not.

After an upgrade this file is the list of what to look at: docs/upgrading.md.
"""
from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from custom_actions.patches import seam
from custom_actions.patches.seam import PATCHES, READ, DoesNotFit, Patch, Target
from tests.custom_actions.functions.messages import DRIFT, EVENTS, group, ingress, trail_event
from tests.moto_server import Moto

ROWS = [
    *((f"patches/{patch.module}.py", target) for patch in PATCHES for target in patch.targets),
    *((read.file, target) for read in READ for target in read.targets),
]


@pytest.mark.parametrize(("file", "target"), ROWS, ids=[f"{file}: {target.path}" for file, target in ROWS])
def test_a_row_of_the_table(file: str, target: Target) -> None:
    assert target.problem() == "", f"{file} relies on it"


def test_every_file_of_the_package_is_in_the_table() -> None:
    files = {file.stem for file in Path(seam.__file__).parent.glob("*.py")} - {"__init__", "seam"}
    assert files == {patch.module for patch in PATCHES}


@pytest.mark.parametrize(("target", "problem"), [
    (Target("c7n.policy:Policy.not_there"), "does not exist"),
    (Target("c7n.not_there:x"), "cannot be imported"),
    (Target("c7n.policy:Policy.expand_variables", "(self)"), "takes (self, variables), expected (self)"),
    (Target("c7n.policy", text="no such line anywhere in it"), "does not contain"),
])
def test_what_looks_different_is_said(target: Target, problem: str) -> None:
    assert problem in target.problem()


@pytest.fixture
def broken() -> Patch:
    [patch] = (each for each in PATCHES if each.module == "parameters")
    return replace(patch, targets=(Target("c7n.policy:Policy.renamed"),))


def test_a_required_patch_that_does_not_fit_is_one_clear_error(broken: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seam, "PATCHES", (broken,))
    monkeypatch.setattr(seam, "_installed", set())
    with pytest.raises(DoesNotFit, match=r"custom_actions/patches/parameters\.py does not fit c7n 0\.9\.\d+"):
        seam.install()


def test_a_speed_up_that_does_not_fit_is_left_out(
    broken: Patch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(seam, "PATCHES", (replace(broken, required=False),))
    monkeypatch.setattr(seam, "_installed", set())
    with caplog.at_level(logging.WARNING):
        seam.install()
    assert "c7n.policy:Policy.renamed does not exist" in caplog.text


# A function's own process, with another botocore or c7n than ours: a group is reverted, or one line says why not.
_FUNCTION = """
import sys
import botocore.client, botocore.loaders, botocore.session
{change}
import json
from custom_actions import lambda_entry
print(lambda_entry.run(json.loads(sys.argv[1]), None))
"""


def run(change: str, moto: Moto, directory: Path, group_id: str) -> subprocess.CompletedProcess[str]:
    settings = {"role": "r", **EVENTS["cloudtrail"]}
    (directory / "config.json").write_text(json.dumps({
        "execution-options": {"output_dir": str(directory)},
        "policies": [{"name": "p", "resource": "aws.security-group", "mode": {"type": "cloudtrail", **settings},
                      "actions": ["revert-ingress"], **DRIFT}],
    }), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-c", _FUNCTION.format(change=change), json.dumps(trail_event(group_id))],
        capture_output=True, text=True, check=False, cwd=directory, env={**os.environ, **moto.environment()})


@pytest.mark.parametrize("change", [
    "botocore.loaders.Loader._paths = botocore.loaders.Loader.__dict__['search_paths']\n"
    "from importlib.machinery import SourceFileLoader; original = SourceFileLoader.get_source\n"
    "SourceFileLoader.get_source = lambda self, name: original(self, name).replace('_search_paths', '_paths')",
    "made = botocore.session.create_loader\n"
    "botocore.session.create_loader = lambda path=None, cache=None: made(path)",
], ids=["a private is renamed", "another signature"])
def test_a_function_fixes_also_with_another_botocore(change: str, moto: Moto, tmp_path: Path) -> None:
    group_id = group(moto, "open", "0.0.0.0/0")
    done = run(change, moto, tmp_path, group_id)
    assert done.stdout == "True\n", done.stderr
    assert "service_models.py does not fit botocore" in done.stderr
    assert ingress(moto, group_id) == []


def test_another_c7n_ends_a_function_with_one_clear_error(moto: Moto, tmp_path: Path) -> None:
    group_id = group(moto, "open", "0.0.0.0/0")
    done = run("import c7n.policy; del c7n.policy.Policy.get_variables", moto, tmp_path, group_id)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "custom_actions/patches/parameters.py does not fit c7n 0.9." in last
    assert "Policy.get_variables does not exist" in last
    assert ingress(moto, group_id) != []
