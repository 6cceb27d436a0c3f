"""`completion`: the script with which a shell completes this command, printed or installed."""
from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from ..command import CHECKOUT_COMMAND, VARIABLE, program
from ..paths import write_text

SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "guardrails"
# In a checkout the command is run.sh. bash completes a command by its path, so another project's run.sh would match
# too: the function looks whether it is ours, and never runs it.
_RUN_SH = """
_guardrails_run_sh_completion() {{
    [ "$1" -ef {run_sh} ] && _guardrails_completion {program} "${{@:2}}"
}}
complete -o nosort -F _guardrails_run_sh_completion {command}
"""


def script(shell: str, run_sh: Path | None) -> str:
    """click's script for the shell.

    Args:
        shell: one of SHELLS.
        run_sh: the run.sh to complete as well, or None; only bash can.
    """
    from click.shell_completion import get_completion_class

    from .main import COMPLETE_VARIABLE, main

    found = get_completion_class(shell)
    assert found is not None, shell
    text = found(main, {}, _PROGRAM, COMPLETE_VARIABLE).source()
    if run_sh is not None and shell == "bash":
        text += _RUN_SH.format(
            command=CHECKOUT_COMMAND, run_sh=shlex.quote(str(run_sh)), program=shlex.quote(str(program(_PROGRAM))))
    return text


def place(shell: str) -> tuple[Path, str]:
    """Where the shell looks for a completion of this user, and what else it needs."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return {
        "bash": (data / "bash-completion" / "completions" / _PROGRAM,
                 "bash loads it when the package bash-completion is installed; if not, add to ~/.bashrc: source {}"),
        "zsh": (data / "zsh" / "site-functions" / f"_{_PROGRAM}",
                "add to ~/.zshrc, before compinit: fpath+=({})"),
        "fish": (config / "fish" / "completions" / f"{_PROGRAM}.fish", "fish loads it by itself"),
    }[shell]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.option("--install", is_flag=True, help="Write it where the shell looks for completions, and say where.")
def completion(shell: str, install: bool) -> None:
    """Print the script with which a shell completes verbs and options of `guardrails`.

    --install writes it to your own completions and changes no other file; it prints what is left to do. From run.sh,
    the script for bash completes run.sh of this checkout too.

    \b
    Example:
      {command} completion zsh --install
      source <({command} completion bash)
    """
    started_by = os.environ.get(VARIABLE)
    text = script(shell, Path(started_by).resolve() if started_by else None)
    if not install:
        click.echo(text)
        return
    path, note = place(shell)
    write_text(path, text, shared=True)
    click.echo(f"written: {path}")
    click.echo(note.format(shlex.quote(str(path.parent if shell == "zsh" else path))), err=True)
    if started_by and shell == "bash":
        click.echo(f"for {CHECKOUT_COMMAND}, add to ~/.bashrc in any case: source {shlex.quote(str(path))}", err=True)
