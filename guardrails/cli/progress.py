"""The progress bar of a sweep."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..runs import Advance, Progress
from .console import talk
from .talk import is_quiet


@contextmanager
def progress_bar(what: str, total: int, unit: str = "(account, region, policy)") -> Iterator[Advance]:
    """Show a progress bar on a terminal; nothing in a pipe or with --quiet.

    `unit` says what is counted.

    Yields the function to call with the progress.
    """
    console = talk()
    if is_quiet() or not console.is_terminal:
        yield lambda progress: None
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn(),
        bars.TextColumn("elapsed"), bars.TimeElapsedColumn(), bars.TextColumn("left"), bars.TimeRemainingColumn(),
        bars.TextColumn("throttled {task.fields[throttled]}"),
    )
    with bars.Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(f"{what} {unit}", total=total, throttled=0)

        def advance(progress: Progress) -> None:
            shown.update(task, completed=progress.started, throttled=progress.throttled)

        yield advance
