"""The archive of the workers' functions: all that they need, the same bytes each time, and nothing else."""
from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from guardrails.distributed import archive, write_archive
from guardrails.errors import GuardrailsError
from tests.cloudformation import Stack
from tests.step_functions import filled_stack

from ..conftest import HOME, guardrails


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "worker.zip"
    assert write_archive(path) < archive.LARGEST_UNZIPPED
    return path


def test_it_has_the_handler_and_what_a_worker_reads(written: Path) -> None:
    with zipfile.ZipFile(written) as file:
        names = file.namelist()
    assert names == sorted(names) and len(names) == len(set(names))
    assert {"guardrails/distributed/worker.py", "custom_actions/plugin.py", "c7n/policy.py", "c7n_org/cli.py",
            "botocore/session.py"} <= set(names)
    assert any(name.startswith("guardrails/_data/controls/") for name in names)
    assert not [name for name in names if name.endswith((".pyc", ".pth")) or name.startswith(("..", "/", "moto/"))]
    stack: Stack = filled_stack(HOME, "us-east-1")
    for function in stack.resources("AWS::Lambda::Function").values():
        assert function["Handler"].rpartition(".")[0].replace(".", "/") + ".py" in names


def test_a_worker_starts_from_the_archive_alone(written: Path, tmp_path: Path) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(written)!r}); import zipfile\n"
        f"zipfile.ZipFile({str(written)!r}).extractall({str(tmp_path)!r}); sys.path.insert(0, {str(tmp_path)!r})\n"
        "from guardrails.distributed import worker\n"
        "import c7n_org.cli, guardrails.assessment, guardrails.report.html\n"
        "from guardrails.policies import load_catalogues; assert len(load_catalogues()) > 3\n"
        "from importlib.metadata import version; assert version('aws-guardrails') and version('c7n')\n"
        "import c7n.resources.aws; from c7n.resources import load_resources; load_resources(('aws.security-group',))\n"
        "print(worker.__file__)\n")
    # -I -S: neither the environment's packages nor the checkout.
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, timeout=120,
                           cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.strip() == str(tmp_path / "guardrails" / "distributed" / "worker.py")


def test_it_has_the_same_bytes_each_time(written: Path, tmp_path: Path) -> None:
    ended = guardrails("templates", "sweep", "--archive", "-o", tmp_path / "out", "--json")
    assert ended.exit_code == 0, ended.stderr
    assert [Path(each).name for each in json.loads(ended.stdout)["files"]] == [
        "sweep.template.json", "guardrails-worker.zip"]
    assert (tmp_path / "out" / "guardrails-worker.zip").read_bytes() == written.read_bytes()
    assert guardrails("templates", "mailer", "--archive", "-o", tmp_path / "other").exit_code == 2


def test_one_that_lambda_would_not_take_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_UNZIPPED", 1000)
    with pytest.raises(GuardrailsError, match="Lambda takes 250"):
        write_archive(tmp_path / "worker.zip")
    assert not (tmp_path / "worker.zip").exists()
