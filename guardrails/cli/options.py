"""Options that several verbs share."""
from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

import click

from custom_actions.vocabulary import SEVERITIES

from ..limits import SWEEPS, TARGETS_PER_SWEEP
from ..paths import POLICIES
from ..policies import Kind

Command = TypeVar("Command", bound=Callable[..., Any])

INCOMPLETE = 2
"""The exit code of a verb that could not do all of its work."""
INTERRUPTED = 130
"""The exit code after Ctrl-C."""
HISTORY = Path("output") / "history.db"

verbose_option = click.option("-v", "--verbose", is_flag=True, help="Print more, on standard error.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
wait_option = click.option(
    "--wait", is_flag=True, help="If another heal or rollback works on one of the accounts, wait until it has ended.")
policies_option = click.option(
    "--policies", "directory", type=click.Path(path_type=Path, exists=True, file_okay=False), default=POLICIES,
    metavar="DIR", help="Your own policy directory, instead of the project's policies/.",
)
output_option = click.option(
    "-o", "--output", metavar="DIR", help="The output directory; new or empty. [default: output/VERB-<UTC time>]"
)
framework_option = click.option(
    "--framework", "frameworks", multiple=True, metavar="NAME[:CONTROL]",
    help="Only policies that cover requirements of a framework (cis-aws-5.0), or some of them (cis-aws-5.0:5.*). Can "
         "be repeated.",
)
controls_option = click.option(
    "--controls", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="A directory with your own frameworks, in addition to the project's controls/. Can be repeated.",
)
exceptions_option = click.option(
    "--exceptions", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="The file of exceptions: accepted drift, with an owner and an end date. [default: exceptions.yml "
         "of the checkout, or of the current directory for an installed package, if it exists]",
)


def _history(context: click.Context, parameter: click.Parameter, value: str) -> Path | None:
    return None if value == "none" else Path(value)


history_option = click.option(
    "--history", default=str(HISTORY), show_default=True, metavar="FILE", callback=_history,
    help="The database of earlier runs, to compare with and add to; `none` to do neither.",
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
    help="html, json, csv, markdown, json-ocsf, asff, sarif, junit, or all. Can be repeated. "
         "[default: html, json, csv, markdown]",
)
securityhub_option = click.option(
    "--securityhub", is_flag=True,
    help="Import the findings into the Security Hub of each account, and archive resolved ones there.",
)
fail_on_option = click.option(
    "--fail-on", type=click.Choice(SEVERITIES), help="Exit with 1 on an open finding of this severity or higher."
)
mode_option = click.option(
    "--mode", "kinds", multiple=True, type=click.Choice([kind.value for kind in Kind]),
    help="Only policies of this mode. Can be repeated.",
)


def report_options(command: Command) -> Command:
    """--format, --securityhub and --fail-on."""
    return format_option(securityhub_option(fail_on_option(command)))


def account_options(command: Command) -> Command:
    """-c and --region."""
    command = click.option(
        "-r", "--region", "regions", multiple=True, metavar="REGION",
        help="A region, or `all`. Can be repeated. [default: the regions in accounts.yml, else the current region]",
    )(command)
    return click.option(
        "-c", "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
        help="The accounts.yml of c7n-org. [default: only the account of the current credentials]",
    )(command)


def selection_options(command: Command) -> Command:
    """--policy, --service and --severity."""
    command = click.option(
        "--severity", "severities", multiple=True, type=click.Choice(SEVERITIES),
        help="Only policies of this severity. Can be repeated."
    )(command)
    command = click.option(
        "--service", "services", multiple=True, metavar="TYPE",
        help="Only policies on this resource type (s3, iam-user), or a glob. Can be repeated.",
    )(command)
    return click.option(
        "--policy", "names", multiple=True, metavar="NAME",
        help="Only the policy with this name, or a glob. Can be repeated."
    )(command)


def concurrency_options(command: Command) -> Command:
    """--sweeps and --workers."""
    command = click.option(
        "--workers", type=click.IntRange(min=1), metavar="N",
        help="Worker processes of each c7n-org process, about 80 MB of memory each. They mostly wait for AWS; too many "
             "are throttled. [default: C7N_ORG_PARALLEL, or 4 per processor]",
    )(command)
    return click.option(
        "--sweeps", type=click.IntRange(min=1), default=SWEEPS, show_default=True, metavar="N",
        help="c7n-org processes that run at the same time, each with its own workers. A process takes at most "
             f"{TARGETS_PER_SWEEP} (account, region) pairs, so more processes speed up only larger sweeps.",
    )(command)


def refuse_options(context: click.Context, option: str, allowed: Collection[str], reason: str) -> None:
    """Raise UsageError if the command line has an option that does not fit to `option`.

    Args:
        context: the context of the verb.
        option: such as `--resume`.
        allowed: the parameters that may be set together with it.
        reason: why the others may not, and what to do.
    """
    from click.core import ParameterSource

    for parameter in context.command.params:
        if parameter.name not in allowed and \
                context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[-1]} with {option}: {reason}")


def waiting(problem: str) -> None:
    """Say why the verb waits, with `--wait`."""
    click.echo(f"{problem}: waiting", err=True)
