"""`bench`: run the benchmarks of this project's checkout."""
from __future__ import annotations

import subprocess
import sys

import click

from ..command import checkout


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--list", "names", is_flag=True, help="Name the benchmarks, and run none.")
@click.option("--smallest", is_flag=True, help="Run each once, at its smallest size, to see that it works.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[NAME]... [OPTIONS]")
def bench(names: bool, smallest: bool, arguments: tuple[str, ...]) -> None:
    """Measure this project against other ways to do the same work, without AWS (in a checkout).

    NAME is a benchmark; the default is all of them, which takes about half an hour. With one NAME, its own options can
    follow: `bench NAME --help` lists them. Each figure is a ratio of two things that ran in turn, and is written to
    bench/results.md with the versions and the machine. Exits with 1 when a benchmark failed; the others run anyway.

    \b
    Example:
      {command} bench --list
      {command} bench sweep calls
      {command} bench sweep --help
    """
    directory = checkout("bench")
    # After the names: the runner reads names first.
    own = [*(["--list"] if names else ()), *(["--smallest"] if smallest else ())]
    done = subprocess.run([sys.executable, "-m", "bench.run", *arguments, *own], cwd=directory, check=False)
    raise SystemExit(done.returncode)
