"""`query`: SQL over the Parquet files of many runs."""
from __future__ import annotations

import csv
import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from .options import json_option, parquet_option, talk_options

if TYPE_CHECKING:
    from ..parquet import Answer

_DAYS = 90


def _since(context: click.Context, parameter: click.Parameter, value: str | None) -> date | None:
    if value is None:
        return datetime.now(UTC).date() - timedelta(days=_DAYS)
    if value == "all":
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a day such as 2026-11-29, or all") from None


@click.command()
@click.argument("sql", required=False)
@parquet_option("The directory, or s3://BUCKET/PREFIX, with the Parquet files.")
@click.option("--named", metavar="NAME", help="A ready query in place of SQL; --list shows them.")
@click.option("--list", "listed", is_flag=True, help="List the ready queries.")
@click.option("--since", metavar="DAY", callback=_since,
              help=f"Only runs that started on this UTC day or later; `all` for all. [default: {_DAYS} days ago]")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]),
              help="[default: table on a terminal, else csv]")
@json_option("The same as --format json.")
@talk_options
def query(
    sql: str | None, parquet: str | None, named: str | None, listed: bool, since: date | None, form: str | None,
    as_json: bool,
) -> None:
    """Ask the results of many runs in SQL: one SELECT over the tables runs, checks and findings.

    Audits write these tables with --parquet. The query can read these files and nothing else, and changes nothing. It
    needs DuckDB: pip install 'aws-guardrails[query]'.

    \b
    Example:
      {command} query --named open-by-age --parquet s3://central-reports/parquet
      {command} query "select state, count(*) from checks group by state"
      {command} query --list
    """
    from ..parquet import ask, named_queries, parquet_place
    from ..suggest import nearest
    from .console import out, print_json, say, table

    if as_json and form not in (None, "json"):
        raise click.UsageError(f"use either --json or --format {form}")
    form = "json" if as_json else form
    ready = named_queries()
    if listed:
        rows = [(one.name, one.meaning) for one in ready.values()]
        if form == "json":
            print_json([{"name": name, "meaning": meaning, "sql": ready[name].sql} for name, meaning in rows])
        else:
            out().print(table("Ready queries", ("name", "answers"), rows))
        return
    if (sql is None) == (named is None):
        raise click.UsageError("give a query in SQL, or --named NAME")
    if named is not None and named not in ready:
        raise click.UsageError(f"there is no ready query {named!r}: {nearest(named, ready, give_all=True)}")
    if not parquet:
        raise click.UsageError("name the Parquet files with --parquet, or as `parquet` in guardrails.yml")
    answer = ask(ready[named].sql if named else str(sql), parquet_place(parquet), since)
    form = form or ("table" if sys.stdout.isatty() else "csv")
    if form == "json":
        print_json([dict(zip(answer.columns, map(_plain, row), strict=True)) for row in answer.rows])
    elif form == "csv":
        _print_csv(answer)
    else:
        out().print(table("", answer.columns, [["-" if value is None else value for value in row]
                                               for row in answer.rows]))
        say(f"{len(answer.rows)} rows; {answer.runs} runs{f' since {since}' if since else ''}")


def _plain(value: Any) -> Any:
    """The value as JSON has it: times and other types as text."""
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)


def _print_csv(answer: Answer) -> None:
    from ..report import harmless

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(map(harmless, answer.columns))
    for row in answer.rows:
        writer.writerow(["" if value is None else value if isinstance(value, int | float) else harmless(value)
                         for value in row])
