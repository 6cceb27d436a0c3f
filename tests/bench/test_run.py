"""`bench`: one that fails does not hide the others, and an installed package says that it has none."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench import calls, run
from bench.harness import Failed, Usage, programs, prowler
from guardrails import command
from guardrails.errors import GuardrailsError
from guardrails.policies import load

GOOD = """
from bench.harness import Benchmark, Section
def measure(options):
    made = Section("It works.")
    made.compare("", "calls", [1], [2], against="c7n")
    return made
BENCHMARK = Benchmark("{name}", "Good?", measure)
if __name__ == "__main__":
    BENCHMARK.main()
"""
BAD = """
from bench.harness import Benchmark, Failed
def measure(options):
    raise Failed("the server burns")
BENCHMARK = Benchmark("{name}", "Bad?", measure)
if __name__ == "__main__":
    BENCHMARK.main()
"""
SCRIPT = "print('42 seconds')\n"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three benchmarks in a checkout of their own: a bad one, a good one, and a script without the harness."""
    (tmp_path / "mine").mkdir()
    for name, text in {"bad": BAD, "good": GOOD, "script": SCRIPT}.items():
        (tmp_path / "mine" / f"{name}.py").write_text(text.replace("{name}", name))
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "MODULES", {each: f"mine.{each}" for each in ("bad", "good", "script", "missing")})
    monkeypatch.setattr(run, "ORDER", ("bad", "good", "script", "missing"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(run.__file__).parents[1]))
    return tmp_path / "results.md"


def test_a_benchmark_that_fails_does_not_hide_the_others(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(["--results", str(written)])
    assert ended.value.code == "failed: bad, missing"
    text = written.read_text()
    assert "## bad\n\n**failed**" in text
    assert "bad: the server burns" in text
    assert "mine/missing.py is not in this checkout" in text
    assert "| calls | c7n | 1.00 | 2.00 | 0.50 |" in text
    assert "42 seconds" in text
    assert "It works." in capsys.readouterr().out


def test_some_are_run_by_name(written: Path) -> None:
    run.main(["good", "script", "--results", str(written)])
    run.main(["good", "--results", str(written)])
    assert "section bad" not in written.read_text()


def test_an_unknown_name_is_an_error_that_lists_the_names(written: Path) -> None:
    with pytest.raises(SystemExit, match="there is no benchmark swep\n  there are: bad, good"):
        run.main(["good", "swep"])
    assert not written.exists()


def test_the_list_names_each_with_its_question(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run.main(["--list"])
    listed = capsys.readouterr().out
    assert "good       Good?\n" in listed
    assert "missing    (not in this checkout)\n" in listed


def test_the_verb_runs_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from guardrails.cli.main import main; main()", "bench", "--list"],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(run.MODULES)


def test_an_installed_package_has_no_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    from guardrails.cli.bench import bench

    monkeypatch.setattr(command, "INSTALLED", True)
    with pytest.raises(GuardrailsError, match="bench works on the source") as error:
        bench.callback((), False, ())
    assert "./run.sh bench" in error.value.fix


def test_the_table_of_equal_checks_names_policies_that_a_sweep_runs() -> None:
    sweeps = {policy.name for policy in load() if policy.sweeps}
    rows = prowler.equal_checks()
    named = [name for row in rows for name in row.policies]
    assert set(named) <= sweeps
    assert len(named) == len(set(named))
    checks = [check for row in rows for check in row.checks]
    assert len(checks) == len(set(checks))
    assert len(rows) >= 37


def test_a_check_that_fails_is_left_out_on_both_sides() -> None:
    rows = [prowler.Equal(("a", "b"), ("x", "y")), prowler.Equal(("c",), ("z",))]
    log = ['{"level": "ERROR", "message": "y -- KeyError[3]: x"}', "not JSON", '{"message": "us-east-1 -- Error: z"}']
    failed = prowler.failed_checks("\n".join(log), ["x", "y", "z"])
    assert failed == {"y"}
    assert prowler.without(rows, failed) == ([rows[1]], [rows[0]])


def test_the_least_counts_by_the_table_and_by_what_is_made_where_the_table_has_nothing() -> None:
    made = Usage(1, 1, 1, calls={"iam ListUsers": 3, "s3 GET /…?acl": 7, "new Thing": 5}, repeated={"new Thing": 2})
    fewest, unknown = calls.least({"iam ListUsers": 0, "s3 GET /…?acl": "buckets", "ec2 DescribeVpcs": 1},
                                  {"buckets": 4}, made)
    assert dict(fewest) == {"iam ListUsers": 0, "s3 GET /…?acl": 4, "ec2 DescribeVpcs": 1, "new Thing": 3}
    assert unknown == ["new Thing"]


def test_an_earlier_commit_is_checked_out_beside_this_one(tmp_path: Path) -> None:
    if subprocess.run(["git", "rev-parse", "HEAD"], cwd=programs.ROOT, capture_output=True, check=False).returncode:
        pytest.skip("this checkout has no history of Git")
    place = programs.files_of("HEAD", tmp_path)
    assert (place / "guardrails/cli/main.py").is_file()
    with pytest.raises(Failed, match="git archive no-such-commit"):
        programs.files_of("no-such-commit", tmp_path / "other")
    only = tmp_path / "only"
    only.mkdir()
    assert [path.name for path in programs.files_of("HEAD", only, "policies").iterdir()] == ["policies"]
