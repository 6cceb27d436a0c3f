"""Options that several verbs share."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from custom_actions.vocabulary import SEVERITIES

from ..paths import POLICIES
from ..policies import Kind

Command = TypeVar("Command", bound=Callable[..., Any])

INCOMPLETE = 2
"""The exit code of a verb that did not get to the end of what it was asked."""
HISTORY = Path("output") / "history.db"

verbose_option = click.option("-v", "--verbose", is_flag=True, help="Say more, on standard error.")
yes_option = click.option("--yes", is_flag=True, help="Go ahead without asking.")
policies_option = click.option(
    "--policies", "directory", type=click.Path(path_type=Path, exists=True, file_okay=False), default=POLICIES,
    metavar="DIR", help="A policy directory of your own, instead of the project's policies/.",
)
output_option = click.option(
    "-o", "--output", metavar="DIR", help="Where the report goes; new or empty. [default: output/VERB-<UTC time>]"
)
framework_option = click.option(
    "--framework", "frameworks", multiple=True, metavar="NAME[:CONTROL]",
    help="Only policies that stand for a framework's requirements (cis-aws-5.0), or some of them (cis-aws-5.0:5.*); "
         "may be repeated.",
)
controls_option = click.option(
    "--controls", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="Frameworks of your own, besides the project's controls/; may be repeated.",
)
exceptions_option = click.option(
    "--exceptions", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="Drift that somebody answers for, with an end. [default: the project's exceptions.yml, when it is there]",
)


def _history(context: click.Context, parameter: click.Parameter, value: str) -> Path | None:
    return None if value == "none" else Path(value)


history_option = click.option(
    "--history", default=str(HISTORY), show_default=True, metavar="FILE", callback=_history,
    help="What earlier runs found; `none` keeps and compares nothing.",
)


def _formats(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    from ..report import FORMATS

    chosen = tuple(dict.fromkeys(value)) or ("html", "json", "csv", "markdown")
    if "all" in chosen:
        return tuple(FORMATS)
    for name in chosen:
        if name not in FORMATS:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(FORMATS)}, all")
    return chosen


format_option = click.option(
    "--format", "formats", multiple=True, metavar="NAME", callback=_formats,
    help="html, json, csv, markdown, json-ocsf, asff, sarif, junit, or all; may be repeated. "
         "[default: html, json, csv, markdown]",
)
securityhub_option = click.option(
    "--securityhub", is_flag=True,
    help="Import the findings into Security Hub of each account; resolved ones are archived there.",
)
fail_on_option = click.option(
    "--fail-on", type=click.Choice(SEVERITIES), help="Exit with 1 on an open finding this severe, or worse."
)
mode_option = click.option(
    "--mode", "kinds", multiple=True, type=click.Choice([kind.value for kind in Kind]),
    help="Only policies of this mode; may be repeated.",
)


def account_options(command: Command) -> Command:
    """-c and --region."""
    command = click.option(
        "-r", "--region", "regions", multiple=True, metavar="REGION",
        help="A region, or `all`; may be repeated. [default: the account's in accounts.yml, else the current one]",
    )(command)
    return click.option(
        "-c", "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
        help="accounts.yml of c7n-org. [default: the account of the current credentials]",
    )(command)


def selection_options(command: Command) -> Command:
    """--policy, --service and --severity."""
    command = click.option(
        "--severity", "severities", multiple=True, type=click.Choice(SEVERITIES), help="May be repeated."
    )(command)
    command = click.option(
        "--service", "services", multiple=True, metavar="TYPE",
        help="A resource type (s3, iam-user) or a glob of it; may be repeated.",
    )(command)
    return click.option(
        "--policy", "names", multiple=True, metavar="NAME", help="A policy's name or a glob; may be repeated."
    )(command)
