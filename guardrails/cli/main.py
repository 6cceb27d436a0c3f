"""The command line: `guardrails VERB`; in a checkout, run.sh runs it.

The module of a verb is imported only when the verb is called: help stays fast, and an error in one verb's module does
not break the other verbs.
"""
from __future__ import annotations

import inspect
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from custom_actions.escaping import escaped
from custom_actions.settings_file import NONE, VARIABLE, TeamError

from ..collector import collect_rarely
from ..command import PLACEHOLDER, command
from ..errors import GuardrailsError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# Verb X is the command X in the file X.py. Its help line is here, so that help does not import the verbs.
VERBS = {
    "setup": "Prepare the sandbox's environment, and show what is installed and where.",
    "demo": "Show the whole product in two minutes on a laptop, without AWS.",
    "sandbox": "Run a local AWS with several accounts: start, stop, status, env, reset.",
    "init": "Make a repository for your policies: settings, accounts, exceptions, a tested policy, CI.",
    "validate": "Check policy files; each error with file, line and how to fix it.",
    "policies": "List the policies: where they are, their mode, severity and fix.",
    "diff": "Show which resources only one of two versions of the policies matches.",
    "schema": "Write a JSON schema with which an editor completes and checks policies.",
    "rules": "Write the pages about the policies in docs/ from the policies (in a checkout).",
    "coverage": "Show how much of each framework the policies cover.",
    "accounts": "Write accounts.yml from AWS Organizations.",
    "audit": "Find drift in accounts and regions, and write a risk report; change nothing.",
    "report": "Write a report again, or from what deployed functions wrote to S3.",
    "publish": "Upload a report to S3, and send what changed to an SNS topic.",
    "query": "Ask the results of many runs in SQL.",
    "trend": "Show how the score and the findings changed from run to run.",
    "heal": "Find drift, fix it, and check that it is gone.",
    "deploy": "Deploy policies as Lambda functions in the accounts.",
    "templates": "Write CloudFormation templates: topic, mailer, nightly audit, central deployment.",
    "iam": "Write the minimal IAM policies of each role, and CloudFormation templates.",
    "replay": "Show what the policies would do with a recorded event; change nothing.",
    "undeploy": "Remove deployed functions that no policy needs any more.",
    "doctor": "Check that deployed functions, and everything that they need, work.",
    "receipts": "List what fixes did: from runs, S3, and the logs of functions; change nothing.",
    "rollback": "Undo fixes with the calls in their receipts.",
    "lint": "Run the linter and the type checker (in a checkout).",
    "test": "Run the test cases of your own policies; in a checkout, all tests of this project.",
    "bench": "Measure this project against other ways to do the same work (in a checkout).",
    "completion": "Print or install the completion of this command for a shell.",
}
# click keeps the help option of a command with the names of the first context that asks for it.
HELP_OPTIONS = ["-h", "--help"]
# Other programs of the environment, which get all arguments as they are; programs.py says how each is run.
PASSED_THROUGH = {
    "custodian": "Cloud Custodian, with our filters and actions.",
    "c7n-org": "Cloud Custodian over many accounts.",
    "c7n-mailer": "Sends the notifications of policies by mail and Slack.",
    "python": "Python in this environment.",
}
COMPLETE_VARIABLE = "_GUARDRAILS_COMPLETE"
"""The environment variable with which a shell asks this program for completions."""


# They work on no policies of a team: a damaged guardrails.yml must not keep anybody from using them.
WITHOUT_SETTINGS = frozenset({"setup", "demo", "sandbox", "lint", "rules", "bench", "init", "completion"})

# They undo fixes, also where guardrails.yml is damaged.
DESPITE_SETTINGS = frozenset({"receipts", "rollback"})


class Verbs(click.Group):
    """A group of commands, each imported only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in PASSED_THROUGH:
            from .programs import passed_through

            return passed_through(cmd_name, PASSED_THROUGH[cmd_name])
        if cmd_name not in VERBS:
            return None
        module = f"{__package__}.{cmd_name}"
        try:
            verb: click.Command = getattr(import_module(module), cmd_name)
        except ModuleNotFoundError as error:
            # This error is only for the verb's own module; a missing dependency is reported as it is.
            if error.name is None or not module.startswith(error.name):
                raise
            raise GuardrailsError(
                f"{cmd_name}: {module} is missing", "check the files: git status, or install aws-guardrails again"
            ) from None
        _name_command(verb)
        return verb

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from difflib import get_close_matches

        if args[0] not in (*VERBS, *PASSED_THROUGH) and not args[0].startswith("-"):
            near = get_close_matches(args[0], VERBS, n=1)
            ctx.fail(f"No such verb: {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        name, command, rest = super().resolve_command(ctx, args)
        if name in VERBS and command and not ctx.resilient_parsing:
            if name in WITHOUT_SETTINGS:
                _choose(ctx, NONE)
            else:
                _apply_settings(ctx, name, command)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))
        with formatter.section("Other programs"):
            formatter.write_dl([(f"{name} …", text) for name, text in PASSED_THROUGH.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names of verbs and programs, and the options; without importing any verb."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=text) for name, text in {**VERBS, **PASSED_THROUGH}.items()
                 if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def main(self, *args: Any, **kwargs: Any) -> Any:
        collect_rarely()
        try:
            return super().main(*args, **{"prog_name": command(), "complete_var": COMPLETE_VARIABLE, **kwargs})
        except Exception as error:
            if isinstance(error, TeamError):
                error = GuardrailsError(error.where, error.fix)
            # The sandbox has its own errors, whose message includes how to fix them.
            if not isinstance(error, GuardrailsError) and not _is_sandbox_error(error):
                raise
            _print_error(error)
            sys.exit(error.exit_code if isinstance(error, GuardrailsError) else 1)


def _name_command(verb: click.Command) -> None:
    """Replace the placeholder in the help of a verb and its subcommands by the command that the user has."""
    verb.help = inspect.cleandoc(verb.callback.__doc__ or "").replace(PLACEHOLDER, command()) if verb.callback else None
    for each in verb.commands.values() if isinstance(verb, click.Group) else ():
        _name_command(each)


def _is_sandbox_error(error: Exception) -> bool:
    module = sys.modules.get("guardrails.sandbox.errors")
    return module is not None and isinstance(error, module.SandboxError)


def verbs() -> dict[str, click.Command]:
    """Every verb by name; imports all of them."""
    context = click.Context(main)
    return {name: command for name in VERBS if (command := main.get_command(context, name))}


def _apply_settings(ctx: click.Context, verb: str, command: click.Command) -> None:
    """Read guardrails.yml, and let its values be the defaults of the verb's options."""
    from ..paths import use_output
    from ..settings import Settings, team_settings
    from .defaults import defaults_of

    if given := ctx.params.get("settings"):
        _choose(ctx, given if given == NONE else os.path.abspath(given))
    try:
        found = team_settings(given)
        defaults = defaults_of(verb, command, found)
    except GuardrailsError as error:
        if verb not in DESPITE_SETTINGS:
            raise
        click.echo(escaped(f"guardrails.yml cannot be used, so {verb} works without it: {error.problem}"), err=True)
        _choose(ctx, NONE)
        found, defaults = Settings(), {}
    ctx.obj = found
    ctx.default_map = {verb: defaults}
    use_output(found.output)


def _choose(ctx: click.Context, settings: str) -> None:
    """Let c7n in this process and in its children use these settings, for as long as the command runs."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = settings

    def restore() -> None:
        del os.environ[VARIABLE]
        if before is not None:
            os.environ[VARIABLE] = before

    ctx.call_on_close(restore)


def _print_error(error: Exception) -> None:
    lines = [f"guardrails: {error.problem if isinstance(error, GuardrailsError) else error}"]
    if isinstance(error, GuardrailsError) and error.fix:
        lines.append(f"  {error.fix}")
    for line in lines:
        # Names from AWS and file names are in errors: their control characters must not reach the terminal.
        click.echo(escaped(line, keep="\n\t"), err=True)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": HELP_OPTIONS, "max_content_width": 100},
    no_args_is_help=False,
    invoke_without_command=True,
)
@click.version_option(package_name="aws-guardrails", prog_name="aws-guardrails")
@click.option("--settings", metavar="FILE",
              help="The team's settings, or `none`. [default: GUARDRAILS_SETTINGS, or the guardrails.yml in the "
                   "current directory or one above it]")
@click.pass_context
def main(ctx: click.Context, settings: str | None) -> None:
    """Continuous AWS security compliance with Cloud Custodian: find, fix and report drift.

    Start with `demo`; it needs no AWS account. With an account: `validate`, `audit`, then `heal` or `deploy`. The
    --help of each verb has an example.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        return
    from .talk import use_log

    use_log(ctx)
