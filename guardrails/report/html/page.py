"""The page, piece by piece: the template, its style and script, and the policy that allows exactly these two."""
from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from custom_actions.vocabulary import SEVERITIES

from ...assessment import Assessment, counted, percent
from ...results import PastRun, State, Status
from .chart import Chart, ChartValue, chart, round_up
from .columns import FindingColumns, heals
from .lists import exception_rows, not_seen, worst_resources

PRINTED = 100
"""Findings that are written into the page for paper and for readers without JavaScript."""
WORST = 20
MATRIX = 60
"""Accounts whose frameworks are shown one by one; each takes the time of all frameworks."""
_SCRIPTS = ("dom.js", "model.js", "query.js", "yaml.js", "detail.js", "list.js", "page.js")
_STATES: Mapping[str, str] = {
    State.DENIED: "a permission is missing, or there was no way into the account",
    State.THROTTLED: "AWS refused calls for their number; what was read may be cut short",
    State.ERROR: "the check failed",
    State.NOT_RUN: "it was never started, or did not end",
}

# Control characters, what turns the direction of writing (a name must not look like another), half a surrogate pair.
_INVISIBLE = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")


def stream(run: Assessment) -> Iterator[str]:
    """The report in pieces, in the order in which they are to be written."""
    columns = FindingColumns(run)
    style, script = _assets()
    return _environment().get_template("report.html").generate(
        run=run,
        style=style,
        script=script,
        policy=_content_policy(style, script),
        columns=columns,
        printed=islice(run.findings(Status.OPEN), PRINTED),
        printed_at_most=PRINTED,
        worst=worst_resources(run, WORST),
        matrix=[(row, run.frameworks_of(row.key)) for row in run.by_account[:MATRIX]],
        exceptions=exception_rows(run.exceptions),
        missing=not_seen(run.missing()),
        states=_STATES,
        severities=SEVERITIES,
        statuses=list(Status),
        charts=_charts(run.trend),
    )


def _content_policy(style: str, script: str) -> str:
    """A Content-Security-Policy: no network, this script, this style, and nothing else."""
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _assets() -> tuple[Markup, Markup]:
    """The style, and the scripts as one."""
    assets = files(__package__) / "assets"
    script = "\n".join((assets / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    # They are ours, and no data is in them.
    style = Markup((assets / "report.css").read_text(encoding="utf-8"))  # noqa: S704
    return style, Markup(f'"use strict";\n{{\n{script}}}\n')  # noqa: S704


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_finalized)
    environment.filters |= {"n": _number, "when": when, "day": lambda time: time[:10], "said": _said}
    environment.globals |= {
        "bar": bar, "counted": lambda number, *words: counted(number, *words).replace(str(number), _number(number), 1),
        "percent": percent, "link": link, "heals": heals,
    }
    return environment


def _finalized(value: Any) -> Any:
    """Text that a UTF-8 file can hold, and in which a reader sees all that is there; the script does the same."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _INVISIBLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", value)


def _number(value: float) -> str:
    """`1,234`; half a point is shown, a whole one is not `1.0`."""
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:,.1f}"


def when(time: str) -> str:
    """`2026-11-24 09:00 UTC` of an ISO time."""
    return f"{time[:10]} {time[11:16]} UTC" if len(time) > 15 else time


def _said(value: str) -> str:
    """`not-run` as it is read: `Not run`."""
    return value.replace("-", " ").capitalize()


def link(**filters: str) -> str:
    """The address of the findings that pass the filters."""
    return f"#findings?{urlencode(filters)}"


def bar(parts: Iterable[tuple[str, float]]) -> list[tuple[str, float, float]]:
    """Kind, start and width, in percent, of each part that is there."""
    parts = [(kind, number) for kind, number in parts if number > 0]
    whole = sum(number for _, number in parts)
    made, start = [], 0.0
    for kind, number in parts:
        width = 100 * number / whole
        made.append((kind, round(start, 3), round(width, 3)))
        start += width
    return made


def _charts(trend: Iterable[PastRun]) -> dict[str, Chart]:
    """The score and the open findings over the runs; empty when there is nothing to compare."""
    runs = list(trend)
    if len(runs) < 2:
        return {}

    def values(of: str) -> list[ChartValue]:
        return [
            ChartValue(when(run.started), getattr(run, of), _number(int(getattr(run, of))), run.complete)
            for run in runs]

    return {
        "Score": chart(values("score"), 100),
        "Open findings": chart(values("open"), round_up(max(run.open for run in runs))),
    }
