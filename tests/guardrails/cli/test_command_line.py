"""What every verb has in common: help, speed, and how an error ends."""
from __future__ import annotations

import subprocess
import sys

import click
import pytest

from guardrails.cli.main import HELP_OPTIONS, VERBS, main, verbs
from guardrails.errors import GuardrailsError

from ..conftest import guardrails


def test_no_argument_prints_help() -> None:
    result = guardrails()
    assert result.exit_code == 0
    assert all(f"\n  {verb} " in result.output for verb in VERBS)
    assert result.output == guardrails("--help").output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from guardrails.cli.main import main; "
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0; "
        "heavy = {'c7n', 'boto3', 'botocore', 'rich', 'yaml', 'moto'}; "
        "print(sorted({m.partition('.')[0] for m in sys.modules} & heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"demo", "sandbox"}))
def test_every_verb_shows_an_example(verb: str) -> None:
    result = guardrails(verb, "--help")
    assert result.exit_code == 0
    assert f"guardrails {verb}" in result.output.partition("Example:")[2]


def test_a_missing_module_takes_no_other_verb_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VERBS, "absent", "…")
    result = guardrails("absent")
    assert result.exit_code == 1
    assert "guardrails.cli.absent is missing" in result.stderr
    assert guardrails("validate", "--help").exit_code == 0


def test_a_mistyped_verb_gets_the_nearest() -> None:
    result = guardrails("adit")
    assert result.exit_code == 2
    assert "Did you mean 'audit'?" in result.stderr


def test_an_error_says_what_and_how_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise GuardrailsError("x.yml:3: it is broken", "mend it")

    monkeypatch.setattr("guardrails.policies.sources.policy_files", broken)
    result = guardrails("validate")
    assert (result.exit_code, result.stderr) == (1, "guardrails: x.yml:3: it is broken\n  mend it\n")


def test_an_error_cannot_control_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise GuardrailsError("no\x1b[2Jsuch\rfile\nline 2", "look at \u202ename")

    monkeypatch.setattr("guardrails.policies.load", refuse)
    result = guardrails("rules", "--check")
    assert result.exit_code == 1
    assert result.stderr == "guardrails: no\\x1b[2Jsuch\\rfile\nline 2\n  look at \\u202ename\n"


@pytest.mark.parametrize("width", [80, 100, 160])
def test_every_help_fits_the_terminal_and_shows_each_default(width: int) -> None:
    for verb, command in verbs().items():
        with click.Context(command, info_name=verb, parent=click.Context(main, info_name="guardrails"),
                           terminal_width=min(width, 100), help_option_names=HELP_OPTIONS) as context:
            lines = command.get_help(context).splitlines()
            unseen = [
                option.opts for option in command.params if isinstance(option, click.Option)
                and not callable(option.default) and not option.multiple and not option.is_flag
                and option.to_info_dict()["default"] is not None
                and not (option.show_default or "default" in (option.help or ""))]
        examples = lines.index("  Example:") if "  Example:" in lines else len(lines)
        for line in lines[:examples]:
            assert len(line) <= min(width, 100), f"{verb}: {line}"
        # An example is one command; it is not broken.
        assert all(len(line) <= 100 for line in lines), [line for line in lines if len(line) > 100]
        assert not unseen, f"{verb}: the help of {unseen} does not show the default"
