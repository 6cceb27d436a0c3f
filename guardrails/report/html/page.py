"""Renders the page in pieces: the template, its style and script, and a Content-Security-Policy for exactly these."""
from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from custom_actions.vocabulary import SHOWN_SEVERITIES

from ...assessment import Assessment, counted, finding_groups, percent
from ...results import PastRun, State, Status
from ..fix_command import heals
from ..formats.rows import ReportRow
from .chart import Chart, ChartValue, chart, round_up
from .columns import FindingColumns
from .judged import LISTED, judged_policies
from .lists import exception_rows, not_seen, worst_resources
from .side_files import SideFiles, writing

IN_ONE_FILE = 50_000
"""Findings up to which the page is one file."""
PRINTED = 100
"""Rows of findings in the page's HTML, for print and for readers without JavaScript."""
WORST = 20
MATRIX = 60
"""Accounts in the table of frameworks by account; each costs an evaluation of all frameworks."""
_STYLES = ("report.css", "print.css")
_SCRIPTS = (
    "dom.js", "side_files.js", "model.js", "query.js", "yaml.js", "commands.js", "links.js", "csv.js", "detail.js",
    "list.js", "page.js")
_ACCOUNTS_ON_COVER = 20
_NOT_SEEN_ON_COVER = 6
_TITLED_ON_PAPER = 110
"""The requirements that fit on one page with their titles; of a longer framework, the page has the ids."""
_SMALL_ON_PAPER = 75
"""The requirements from which the print is smaller."""
_STATES: Mapping[str, str] = {
    State.PARTIAL: "Some resources could not be read, and are unknown; all others were checked.",
    State.DENIED: "A permission is missing, or the account could not be reached.",
    State.THROTTLED: "AWS rejected calls because there were too many, so the result may be partial.",
    State.ERROR: "The check failed with an error.",
    State.NOT_RUN: "The check did not start, or did not end.",
}

# Control characters, characters that change the direction of text (no name can imitate another), half surrogate pairs.
_INVISIBLE = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")


def pieces(run: Assessment, rows: Iterable[ReportRow], path: Path) -> Iterator[str]:
    """The report at `path` in pieces, in their order; of a large run, details are in files beside it.

    Findings are read and written in blocks, so memory does not grow with what they hold.
    """
    [(number,)] = run.store.rows("select count(*) from findings")
    with writing(path, wanted=number > IN_ONE_FILE) as beside:
        yield from _pieces(run, rows, beside)


def _pieces(run: Assessment, rows: Iterable[ReportRow], beside: SideFiles | None) -> Iterator[str]:
    columns = FindingColumns(run, rows, beside)
    style, script = _assets()
    return _environment().get_template("report.html").generate(
        run=run,
        style=style,
        script=script,
        policy=_content_policy(style, script, loads=beside is not None),
        beside=beside,
        columns=columns,
        printed=islice(finding_groups(run.store, Status.OPEN), PRINTED),
        printed_at_most=PRINTED,
        accounts_on_cover=_ACCOUNTS_ON_COVER,
        not_seen_on_cover=_NOT_SEEN_ON_COVER,
        titled_on_paper=_TITLED_ON_PAPER,
        small_on_paper=_SMALL_ON_PAPER,
        selection=_selection(run.request),
        worst=worst_resources(run, WORST),
        matrix=[(row, run.frameworks_of(row.key)) for row in run.by_account[:MATRIX]],
        resource_words={row.policy.name: row.resources.words for row in run.by_policy if row.asked},
        judged=judged_policies(run),
        listed_at_most=LISTED,
        exceptions=exception_rows(run.exceptions),
        missing=not_seen(run.missing()),
        states=_STATES,
        severities=SHOWN_SEVERITIES,
        statuses=list(Status),
        charts=_charts(run.trend),
    )


def _selection(request: Mapping[str, Any]) -> str:
    """The options that selected policies and accounts, in words; empty if nothing was selected."""
    choice = request.get("choice") or {}
    named = (
        ("policy", request.get("names")), ("not policy", request.get("excluded")), ("service", request.get("services")),
        ("severity", request.get("severities")), ("framework", request.get("frameworks")),
        ("account", choice.get("names")), ("not account", choice.get("without")), ("tag", choice.get("tags")))
    return "; ".join(f"{word} {', '.join(values)}" for word, values in named if values)


def _content_policy(style: str, script: str, *, loads: bool) -> str:
    """A Content-Security-Policy that allows this script and this style only, and no network.

    `loads`: the script may load others: the files beside the page. No other script, of the page's data or in them, may.
    """
    more = " 'strict-dynamic'" if loads else ""
    return (
        f"default-src 'none'; script-src {_hash(script)}{more}; style-src {_hash(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _assets() -> tuple[Markup, Markup]:
    """The style, and all scripts joined to one."""
    assets = files(__package__) / "assets"
    script = "\n".join((assets / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    # Files of this project, without any data: safe to mark as HTML.
    style = Markup("\n".join((assets / name).read_text(encoding="utf-8") for name in _STYLES))  # noqa: S704
    return style, Markup(f'"use strict";\n{{\n{script}}}\n')  # noqa: S704


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_finalized)
    environment.filters |= {"n": _number, "when": when, "day": lambda time: time[:10], "title_of": _title_of}
    environment.globals |= {
        "bar": bar, "counted": lambda number, *words: counted(number, *words).replace(str(number), _number(number), 1),
        "percent": percent, "link": link, "heals": heals,
    }
    return environment


def _finalized(value: Any) -> Any:
    """Text that can be written as UTF-8, with invisible characters shown as codes; the script does the same."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _INVISIBLE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", value)


def _number(value: float) -> str:
    """`1,234`, `0.5`, and `1` instead of `1.0`."""
    return f"{value:,.0f}" if value == int(value) or value >= 100 else f"{value:,.1f}"


def when(time: str) -> str:
    """`2026-11-24 09:00 UTC` of an ISO time."""
    return f"{time[:10]} {time[11:16]} UTC" if len(time) > 15 else time


def _title_of(value: str) -> str:
    """`Not run` for `not-run`."""
    return value.replace("-", " ").capitalize()


def link(**filters: str) -> str:
    """The address in this page that shows the findings with these filters."""
    return f"#findings?{urlencode(filters)}"


def bar(parts: Iterable[tuple[str, float]]) -> list[tuple[str, float, float]]:
    """Kind, start and width in percent of each part that is above 0."""
    parts = [(kind, number) for kind, number in parts if number > 0]
    whole = sum(number for _, number in parts)
    pieces, start = [], 0.0
    for kind, number in parts:
        width = 100 * number / whole
        pieces.append((kind, round(start, 3), round(width, 3)))
        start += width
    return pieces


def _charts(trend: Iterable[PastRun]) -> dict[str, Chart]:
    """Charts of the score and the open findings; empty for fewer than two runs."""
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
