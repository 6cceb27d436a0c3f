"""The command line: `guardrails VERB`, which `./run.sh VERB` hands over to.

A verb's module is imported when the verb is called, so that help stays fast and a broken or missing part of the
project never takes the other verbs with it.
"""
from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from ..errors import GuardrailsError

# Each verb is the command of that name in the file of that name; its line of the help stands here, so that help
# imports no verb.
VERBS = {
    "setup": "Make what the first use would make, and say what is there.",
    "demo": "The whole product in three minutes, on a laptop, with no AWS.",
    "sandbox": "A local AWS of several accounts: start, stop, status, env, reset.",
    "validate": "Check every policy file; each error with file, line and remedy.",
    "diff": "Which resources two versions of the policies match otherwise.",
    "schema": "Write a JSON schema, for completion and checks in an editor.",
    "rules": "Write docs/rules.md: every policy, and the old rules that it replaces.",
    "coverage": "How much of each framework the policies cover, and what not.",
    "accounts": "Write accounts.yml from AWS Organizations.",
    "audit": "Sweep accounts and regions, change nothing, write a risk report.",
    "report": "The report again, or from what deployed functions wrote to S3.",
    "trend": "How the score and the findings went over the runs.",
    "heal": "Run the fixes of what an audit finds, and check that it is fixed.",
    "deploy": "Put policies to work in the accounts, as Lambda functions.",
    "templates": "Topic, mailer, and a central deployment: CloudFormation.",
    "iam": "The least that each role must be allowed: JSON, CloudFormation.",
    "replay": "Run a recorded event through the policies that subscribe to it; dry.",
    "undeploy": "Remove functions of policies that are gone, and what starts them.",
    "doctor": "Is what is deployed alive? Each function, and all that it needs.",
    "rollback": "Take a fix back, from its receipt.",
    "lint": "Run the linter and the type checker.",
    "test": "Run the linter, the type checker and the tests.",
}
# run.sh hands these over before Python starts; the help names them.
HANDED_OVER = {
    "custodian …": "Cloud Custodian itself, with our filters and actions.",
    "c7n-org …": "Cloud Custodian over many accounts.",
    "c7n-mailer …": "Sends what policies tell, by mail and Slack.",
    "python …": "The environment's Python.",
}


class Verbs(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = f"{__package__}.{cmd_name}"
        try:
            command: click.Command = getattr(import_module(module), cmd_name)
        except ModuleNotFoundError as error:
            # Only the verb's own module may be missing; a missing dependency is an error with its own name.
            if error.name is None or not module.startswith(error.name):
                raise
            raise GuardrailsError(f"{cmd_name}: this checkout has no {module}", "is it complete? git status") from None
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from difflib import get_close_matches

        if args[0] not in VERBS and not args[0].startswith("-"):
            near = get_close_matches(args[0], VERBS, n=1)
            ctx.fail(f"No such verb: {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))
        with formatter.section("Handed over unchanged (./run.sh only)"):
            formatter.write_dl(list(HANDED_OVER.items()))

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().main(*args, **kwargs)
        except Exception as error:
            # The sandbox's errors are its own, and say what to do in their message.
            if not isinstance(error, GuardrailsError) and not _is_sandbox_error(error):
                raise
            _complain(error)
            sys.exit(error.exit_code if isinstance(error, GuardrailsError) else 1)


def _is_sandbox_error(error: Exception) -> bool:
    module = sys.modules.get("guardrails.sandbox.errors")
    return module is not None and isinstance(error, module.SandboxError)


def _complain(error: Exception) -> None:
    if isinstance(error, GuardrailsError):
        click.echo(f"guardrails: {error.problem}", err=True)
        if error.fix:
            click.echo(f"  {error.fix}", err=True)
    else:
        click.echo(f"guardrails: {error}", err=True)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    no_args_is_help=False,
    invoke_without_command=True,
)
@click.version_option(package_name="aws-guardrails", prog_name="aws-guardrails")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Continuous AWS security compliance on Cloud Custodian: drift is found, reverted and reported.

    Start with `demo`; it needs no AWS. In an account: `validate`, `audit`, then `heal` or `deploy`. Each verb has
    a --help with an example.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
