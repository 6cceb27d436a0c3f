"""Options that several verbs share."""
from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from custom_actions.vocabulary import SEVERITIES, SHOWN_SEVERITIES

from ..accounts import AccountChoice
from ..paths import output_root
from ..policies import Kind, PackChoice, PolicySources
from .talk import set_quiet, set_verbose

if TYPE_CHECKING:
    from ..settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

INCOMPLETE = 2
"""The exit code of a verb that could not do all of its work."""
INTERRUPTED = 130
"""The exit code after Ctrl-C."""

yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
wait_option = click.option(
    "--wait", is_flag=True, help="If another heal or rollback works on one of the accounts, wait until it has ended.")
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
    help="The file of exceptions: accepted drift, with an owner and an end date. [default: that of "
         "guardrails.yml, else exceptions.yml of the checkout, or of the current directory for an installed package, "
         "if it exists]",
)


def talk_options(command: Command) -> Command:
    """-v and -q, for every verb that prints something besides its result; `cli.talk` says which was given."""
    return click.option(
        "-v", "--verbose", is_flag=True, expose_value=False, callback=set_verbose,
        help="Print more, on standard error; also what libraries log.",
    )(click.option(
        "-q", "--quiet", is_flag=True, expose_value=False, callback=set_quiet,
        help="Print only errors and questions on standard error.",
    )(command))


def json_option(more: str = "") -> Callable[[Command], Command]:
    """--json, for every verb with a result; the command gets it as `as_json`. `more`: what else it does there."""
    return click.option(
        "--json", "as_json", is_flag=True,
        help=f"Print the result as one JSON document; docs/commands.md has the keys.{f' {more}' if more else ''}")


def policies_option(command: Command) -> Command:
    """--policies and --pack; the command gets both as `policy_sources`."""

    @wraps(command)
    def wrapped(*arguments: Any, directories: tuple[Path, ...], packs: tuple[str, ...], **options: Any) -> Any:
        return command(*arguments, policy_sources=_sources(directories, packs), **options)

    return cast(Command, click.option(
        "--policies", "directories", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False),
        metavar="DIR", help="A directory of policies. Can be repeated. [default: the sources in guardrails.yml, else "
                            "the shipped policies]",
    )(click.option(
        "--pack", "packs", multiple=True, metavar="NAME",
        help="A pack of shipped policies (aws-guardrails), with or without --policies. Can be repeated.",
    )(wrapped)))


def _sources(directories: Sequence[Path], packs: Sequence[str]) -> PolicySources:
    """The sources that the command line names; else those of the settings."""
    settings = team_settings()
    if not directories and not packs:
        return settings.sources
    return replace(
        settings.sources, packs=tuple(map(PackChoice, packs)),
        directories=tuple(str(directory.absolute()) for directory in directories), part=settings.file is not None)


def team_settings() -> Settings:
    """The settings of this command; those of no file outside of a command."""
    from ..settings import Settings

    context = click.get_current_context(silent=True)
    found = context.find_object(Settings) if context else None
    return found or Settings()


def _history(context: click.Context, parameter: click.Parameter, value: str) -> str | None:
    return None if value == "none" else value


history_option = click.option(
    "--history", default=lambda: str(output_root() / "history.db"), metavar="FILE", callback=_history,
    help="The database of earlier runs, to compare with and add to: a file, or s3://BUCKET/KEY, which several machines "
         "can share. `none` to do neither. [default: history.db in the output directory]",
)


def parquet_option(help_text: str) -> Callable[[Command], Command]:
    """--parquet: where the Parquet files of runs are."""
    return click.option("--parquet", metavar="PLACE", help=help_text)


write_parquet_option = parquet_option(
    "Also write the run as Parquet files into this directory, or s3://BUCKET/PREFIX, for `query`, Athena and others.")


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
securityhub_passed_option = click.option(
    "--securityhub-passed", is_flag=True,
    help="With --securityhub, import the resources that passed too. The audit must have run with --evidence.",
)
fail_on_option = click.option(
    "--fail-on", type=click.Choice(SEVERITIES),
    help="Exit with 1 on an open finding of this severity or higher, or of a policy without a severity."
)
mode_option = click.option(
    "--mode", "kinds", multiple=True, type=click.Choice([kind.value for kind in Kind]),
    help="Only policies of this mode. Can be repeated.",
)


owner_tag_option = click.option(
    "--owner-tag", "owner_tags", multiple=True, metavar="KEY",
    help="The key of a tag that names a resource's owner, in any case. Can be repeated; the first one counts first. "
         "[default: owner, team, contact]")


def report_options(command: Command) -> Command:
    """--format, --securityhub, --securityhub-passed, --fail-on and --owner-tag."""
    return format_option(securityhub_option(securityhub_passed_option(fail_on_option(owner_tag_option(command)))))


def account_options(command: Command) -> Command:
    """-c, --region, and c7n-org's selectors; the command gets these as `choice`."""

    @wraps(command)
    def wrapped(
        *arguments: Any, account_names: tuple[str, ...], without_accounts: tuple[str, ...],
        account_tags: tuple[str, ...], **options: Any,
    ) -> Any:
        choice = AccountChoice(_separated(account_names), _separated(without_accounts), account_tags)
        return command(*arguments, choice=choice, **options)

    for option in (
        click.option(
            "--profile", metavar="NAME", expose_value=False, callback=_use_profile,
            help="The profile of your AWS configuration to use, in place of credentials in the environment."),
        click.option("-t", "--tags", "account_tags", multiple=True, metavar="TAG",
                     help="Only accounts that have this tag in accounts.yml. Can be repeated; each must be there."),
        click.option("--not-accounts", "without_accounts", multiple=True, metavar="NAME",
                     help="Leave out the account with this name or id, or a glob. Can be repeated."),
        click.option("-a", "--accounts", "--account", "account_names", multiple=True, metavar="NAME",
                     help="Only the account with this name or id, or a glob. Can be repeated."),
    ):
        wrapped = option(wrapped)
    return cast(Command, _config_and_region(wrapped))


def _separated(values: Sequence[str]) -> tuple[str, ...]:
    """The values, with commas separating several in one, as in c7n-org."""
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def _use_profile(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    """Let this process and its children use a profile. Keys in the environment would take precedence over it."""
    if value:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            os.environ.pop(name, None)
        os.environ["AWS_PROFILE"] = value


def _config_and_region(command: Any) -> Any:
    command = click.option(
        "-r", "--region", "regions", multiple=True, metavar="REGION",
        help="A region, or `all`. Can be repeated. [default: the regions in accounts.yml, else the current region]",
    )(command)
    return click.option(
        "-c", "--config", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
        help="The accounts.yml of c7n-org. [default: that of guardrails.yml, else only the account of the current "
             "credentials]",
    )(command)


def policy_names_option(command: Command) -> Command:
    """-p/--policy for verbs that take names of policies as arguments: both are `names`."""

    @wraps(command)
    def wrapped(*arguments: Any, names: tuple[str, ...], more_names: tuple[str, ...], **options: Any) -> Any:
        return command(*arguments, names=(*names, *more_names), **options)

    return cast(Command, click.option(
        "-p", "--policy", "more_names", multiple=True, metavar="NAME",
        help="As the argument: only the policy with this name, or a glob. Can be repeated.")(wrapped))


def selection_options(command: Command) -> Command:
    """--policy, --exclude-policy, --service and --severity."""
    command = click.option(
        "--exclude-policy", "excluded", multiple=True, metavar="NAME",
        help="Leave out the policy with this name, or a glob. Can be repeated."
    )(command)
    command = click.option(
        "--severity", "severities", multiple=True, type=click.Choice(SHOWN_SEVERITIES),
        help="Only policies of this severity, in general or in any account. Can be repeated."
    )(command)
    command = click.option(
        "--service", "services", multiple=True, metavar="TYPE",
        help="Only policies on this resource type (s3, iam-user), or a glob. Can be repeated.",
    )(command)
    return click.option(
        "-p", "--policy", "names", multiple=True, metavar="NAME",
        help="Only the policy with this name, or a glob. Can be repeated."
    )(command)


def concurrency_options(command: Command) -> Command:
    """--workers; also --sweeps, of earlier versions, which does nothing."""
    command = click.option(
        "--workers", type=click.IntRange(min=1), metavar="N",
        help="How many (account, region) pairs are worked on at the same time, each by a process. They mostly wait for "
             "AWS; too many are throttled. [default: C7N_ORG_PARALLEL, or 4 per processor]",
    )(command)
    return click.option(
        "--sweeps", type=click.IntRange(min=1), hidden=True, expose_value=False, callback=_no_sweeps)(command)


def _no_sweeps(context: click.Context, parameter: click.Parameter, value: int | None) -> None:
    if value is not None:
        click.echo("--sweeps has no effect any more: all accounts share the workers, see --workers", err=True)


def refuse_options(context: click.Context, option: str, allowed: Collection[str], reason: str) -> None:
    """Raise UsageError if the command line has an option that does not fit to `option`.

    Args:
        context: the context of the verb.
        option: such as `--resume`.
        allowed: the parameters that may be set together with it.
        reason: why the others may not, and what to do.

    What only changes the output (--verbose, --quiet, --json) is always allowed.
    """
    from click.core import ParameterSource

    for parameter in context.command.params:
        if parameter.name not in {*allowed, "verbose", "quiet", "as_json"} and \
                context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[-1]} with {option}: {reason}")


def waiting(problem: str) -> None:
    """Say why the verb waits, with `--wait`."""
    from .console import say

    say(f"{problem}: waiting")
