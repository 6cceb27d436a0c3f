"""Options that several verbs share."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from .paths import POLICIES
from .policies import SEVERITIES, Kind

Command = TypeVar("Command", bound=Callable[..., Any])

verbose_option = click.option("-v", "--verbose", is_flag=True, help="Say more, on standard error.")
yes_option = click.option("--yes", is_flag=True, help="Go ahead without asking.")
policies_option = click.option(
    "--policies", "directory", type=click.Path(path_type=Path, exists=True, file_okay=False), default=POLICIES,
    metavar="DIR", help="A policy directory of your own, instead of the project's policies/.",
)
output_option = click.option(
    "-o", "--output", metavar="DIR", help="Where the report goes; new or empty. [default: output/VERB-<UTC time>]"
)
controls_option = click.option(
    "--controls", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="Frameworks of your own, besides the project's controls/; may be repeated.",
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
