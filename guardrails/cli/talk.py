"""How much a verb says besides its result: -v, -q, and the log lines of libraries."""
from __future__ import annotations

import logging
import sys

import click

from custom_actions.escaping import escaped

_VERBOSE, _QUIET, _HANDLER = "guardrails.verbose", "guardrails.quiet", "guardrails.log"
"""Where a command keeps the two options and the handler, in the `meta` that all its contexts share."""


class _StandardError(logging.Handler):
    """Prints log lines on what is standard error at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        # Names from AWS are in log lines: their control characters must not reach the terminal.
        print(escaped(self.format(record), keep="\n\t"), file=sys.stderr)


def use_log(context: click.Context) -> None:
    """Print warnings and errors of libraries for the rest of the command; `set_verbose` and `set_quiet` change that.

    Some libraries set the level of the root logger, or configure it if it has no handler. So the handler has a level of
    its own, and is there before they are imported.
    """
    handler = _StandardError()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.WARNING)
    context.meta[_HANDLER] = handler
    logging.root.addHandler(handler)
    context.call_on_close(lambda: logging.root.removeHandler(handler))


def set_verbose(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    """The callback of -v: also print INFO lines of libraries."""
    if value:
        context.meta[_VERBOSE] = True
        _set_level(context, logging.INFO)
        before = logging.root.level
        logging.root.setLevel(min(before, logging.INFO))
        context.call_on_close(lambda: logging.root.setLevel(before))


def set_quiet(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    """The callback of -q: print nothing but errors and questions on standard error."""
    if value:
        context.meta[_QUIET] = True
        _set_level(context, logging.ERROR)


def is_verbose() -> bool:
    """Whether the command was given -v."""
    return _has(_VERBOSE)


def is_quiet() -> bool:
    """Whether the command was given -q."""
    return _has(_QUIET)


def _has(name: str) -> bool:
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(name))


def _set_level(context: click.Context, level: int) -> None:
    handler = context.meta.get(_HANDLER)
    if handler is not None:
        handler.setLevel(level)
