"""Files that would fill the memory, stop the process or take minutes end in one clear error."""
from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from custom_actions.yaml_limits import BYTES, SCALAR
from guardrails.paths import CONTROLS, POLICIES, ROOT
from guardrails.yamlfile import YamlError, read
from tests.guardrails.conftest import guardrails

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40))
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}], k{i}: 1}}\n" for i in range(1, 40))
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3000))
LARGE = {
    "aliases": (LAUGHS, "expand to too many values", 6),
    "merge keys": (MERGES, "expand to too many values", 15),
    "one long text many times": (
        f"a: &a {'x' * 900_000}\nb: [{', '.join(['*a'] * 1000)}]", "expand to too many values", 2),
    "an alias in itself": ("a: 1\nb: &b [*b]", "an alias contains itself", 2),
    "a merge of itself": ("a: &a\n  <<: *a\n", "an alias contains itself", 1),
    "open brackets": ("[" * 200_000, "nested deeper than 100 levels", 1),
    "brackets": ("\n" + "[" * 900 + "]" * 900, "nested deeper than 100 levels", 2),
    "dashes": ("- " * 100_000, "nested deeper than 100 levels", 1),
    "keys in keys": ("? " * 100_000, "nested deeper than 100 levels", 1),
    "indentation": ("".join(f"{' ' * i}a:\n" for i in range(3000)), "nested deeper than 100 levels", 101),
    "a chain of aliases": (CHAIN, "nested deeper than 100 levels when aliases are resolved", 101),
    "a long text": (f"a: 1\nb: {'x' * (SCALAR + 1)}", "the limit is 1000000", 2),
    "a long file": ("a: 1\n" * (BYTES // 5 + 1), "too large: the limit is 8000000 bytes", 1),
    "many values": ("".join(f"k{i}: v\n" for i in range(300_000)), "more than 500000 values", 250_000),
    "digits": (f"a: {'9' * 6000}", "invalid YAML", 1),
    "base 60": (f"a: {':'.join(['1'] * 400)}.5", "invalid YAML", 1),
    "a control character": ("a: \x01", "invalid YAML", 1),
}


@pytest.mark.parametrize(("text", "said", "line"), LARGE.values(), ids=LARGE)
def test_what_is_too_large_is_one_error(tmp_path: Path, text: str, said: str, line: int) -> None:
    file = tmp_path / "f.yml"
    file.write_text(text, encoding="utf-8")
    began = time.process_time()
    with pytest.raises(YamlError, match=said) as raised:
        read(file)
    # Far above what it takes, and far below the minutes, or the crash, that it took.
    assert time.process_time() - began < 5
    assert abs(raised.value.line - line) <= 1


def test_what_is_large_and_honest_is_read(tmp_path: Path) -> None:
    """10,000 accounts, and anchors that each policy of a file uses."""
    file = tmp_path / "f.yml"
    file.write_text("".join(
        f"- {{account_id: '{i:012}', name: n{i}, regions: &r{i} [eu-west-1, us-east-1], role: r, vars: {{x: *r{i}}}}}\n"
        for i in range(10_000)), encoding="utf-8")
    assert len(read(file).data) == 10_000
    for path in [*POLICIES.rglob("*.yml"), *CONTROLS.rglob("*.yml"), *(ROOT / "tests").rglob("*.yml")]:
        read(path)


def test_a_repeated_key_is_an_error_as_before(tmp_path: Path) -> None:
    file = tmp_path / "f.yml"
    file.write_text("a: 1\nb: 2\na: 3\n", encoding="utf-8")
    with pytest.raises(YamlError, match="duplicate key 'a'") as raised:
        read(file)
    assert raised.value.line == 3


@pytest.mark.parametrize("text", [LAUGHS, MERGES, "[" * 200_000], ids=["aliases", "merge keys", "brackets"])
@pytest.mark.parametrize("command", [
    ("validate", "bomb.yml"),
    ("audit", "-c", "bomb.yml", "-o", "out"),
    ("coverage", "--policies", "."),
], ids=["validate", "accounts.yml", "policies"])
def test_every_file_that_a_verb_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bomb.yml").write_text(text, encoding="utf-8")
    began = time.process_time()
    result = guardrails(*command)
    assert result.exit_code == 1, result.output
    assert "expand to too many values" in result.output or "nested deeper" in result.output
    assert "Traceback" not in result.output
    assert time.process_time() - began < 5


def test_plain_custodian_ends_with_an_error_for_such_exceptions(tmp_path: Path) -> None:
    (tmp_path / "bomb.yml").write_text(LAUGHS, encoding="utf-8")
    (tmp_path / "p.yml").write_text(json.dumps({"policies": [{"name": "p", "resource": "aws.s3"}]}), encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).parent / "custodian", "run", "-s", "out", "--region", "us-east-1", "p.yml"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120, env={
            "GUARDRAILS_EXCEPTIONS": str(tmp_path / "bomb.yml"), "AWS_ACCESS_KEY_ID": "x", "PYTHONPATH": str(ROOT),
            "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"})
    assert done.returncode != 0
    assert "expand to too many values" in done.stderr
