"""The command line: `guardrails VERB`, which `./run.sh VERB` hands over to.

A verb's module is imported when the verb is called, so that help stays fast and a broken or missing part of the
project never takes the other verbs with it.
"""
from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from .errors import GuardrailsError

# Verb: where its command is, and its line in the help (here, so that help imports no verb).
VERBS = {
    "setup": ("guardrails.setup:setup", "Make what the first use would make, and say what is there."),
    "demo": ("guardrails.demo:demo", "The whole product in three minutes, on a laptop, with no AWS."),
    "sandbox": ("guardrails.sandbox.cli:sandbox", "A local AWS of several accounts: start, stop, status, env, reset."),
    "validate": ("guardrails.validate:validate", "Check every policy file; each error with file, line and remedy."),
    "diff": ("guardrails.policydiff:diff", "Which resources two versions of the policies match otherwise."),
    "schema": ("guardrails.editor:schema", "Write a JSON schema, for completion and checks in an editor."),
    "rules": ("guardrails.rules:rules", "Write docs/rules.md: every policy, and the old rules that it replaces."),
    "coverage": ("guardrails.coverage:coverage", "How much of each framework the policies cover, and what not."),
    "accounts": ("guardrails.organization:accounts", "Write accounts.yml from AWS Organizations."),
    "audit": ("guardrails.audit:audit", "Sweep accounts and regions, change nothing, write a risk report."),
    "report": ("guardrails.report:report", "The report again, or from what deployed functions wrote to S3."),
    "trend": ("guardrails.trend:trend", "How the score and the findings went over the runs."),
    "heal": ("guardrails.heal:heal", "Run the fixes of what an audit finds, and check that it is fixed."),
    "deploy": ("guardrails.deploy:deploy", "Put policies to work in the accounts, as Lambda functions."),
    "templates": ("guardrails.templates.command:templates", "Topic, mailer, and a central deployment: CloudFormation."),
    "iam": ("guardrails.iam.command:iam", "The least that each role must be allowed: JSON, CloudFormation."),
    "replay": ("guardrails.replay:replay", "Run a recorded event through the policies that subscribe to it; dry."),
    "undeploy": ("guardrails.undeploy:undeploy", "Remove functions of policies that are gone, and what starts them."),
    "doctor": ("guardrails.doctor:doctor", "Is what is deployed alive? Each function, and all that it needs."),
    "rollback": ("guardrails.rollback:rollback", "Take a fix back, from its receipt."),
    "test": ("guardrails.checks:test", "Run the linter, the type checker and the tests."),
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
        module, _, name = VERBS[cmd_name][0].partition(":")
        try:
            command: click.Command = getattr(import_module(module), name)
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
            formatter.write_dl([(verb, line) for verb, (_, line) in VERBS.items()])
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
            sys.exit(1)


def _is_sandbox_error(error: Exception) -> bool:
    module = sys.modules.get("guardrails.sandbox.errors")
    return module is not None and isinstance(error, module.SandboxError)


def _complain(error: Exception) -> None:
    if isinstance(error, GuardrailsError):
        click.echo(f"guardrails: {error.what}", err=True)
        if error.mend:
            click.echo(f"  {error.mend}", err=True)
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
