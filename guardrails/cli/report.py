"""`report`: the report of an audit that was run before, of what functions wrote to S3, or of c7n-org's output."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .options import (
    account_options,
    controls_option,
    exceptions_option,
    fail_on_option,
    format_option,
    framework_option,
    history_option,
    output_option,
    policies_option,
    securityhub_option,
    selection_options,
    verbose_option,
)


@click.command()
@click.argument("source")
@account_options
@selection_options
@framework_option
@policies_option
@controls_option
@exceptions_option
@history_option
@output_option
@format_option
@securityhub_option
@fail_on_option
@verbose_option
def report(
    source: str, output: str | None, formats: tuple[str, ...], fail_on: str | None, securityhub: bool, verbose: bool,
    **asked: Any,
) -> None:
    """Make the report of SOURCE again, or from what deployed functions wrote.

    SOURCE is the directory of an audit, s3://BUCKET/PREFIX to which periodic policies write, or a directory that
    c7n-org wrote. With accounts.yml (-c) an account that never wrote is named; without it nobody can know of it.
    Options that choose policies say which should have written; an audit's report has what the audit was asked.

    \b
    Example:
      ./run.sh report output/audit-20260101T120000Z --format sarif
      ./run.sh report s3://central-reports/guardrails -c accounts.yml -o output/week
    """
    from ..accounts import find_accounts, listed_accounts
    from ..assessment import assess, assess_again
    from ..paths import output_directory
    from ..results import FILE, RunStore
    from ..results import load as load_exceptions
    from ..runs import Question, collect
    from .show import publish

    place, question = Path(source), Question.of(**asked)
    earlier = (place / FILE).is_file() or place.name == FILE
    hubs = find_accounts(asked["config"], asked["regions"]).reached if securityhub else None
    target = output_directory(output, "report")
    allowed = load_exceptions(asked["exceptions"])
    if earlier:
        store = RunStore.open(place)
    else:
        store = collect(
            source, accounts=listed_accounts(asked["config"], asked["regions"]) if asked["config"] else None,
            policies=question.every, chosen={policy.name for policy in question.policies()}, target=target)
    with store:
        if earlier:
            assessment = assess_again(store, controls=asked["controls"], exceptions=allowed)
        else:
            store.change_each(allowed.apply)
            assessment = assess(
                store, controls=asked["controls"], exceptions=allowed, history=asked["history"])
        if verbose:
            click.echo(f"{assessment.asked} checks of {source}, into {target}", err=True)
        code = publish(assessment, target, formats, fail_on=fail_on, securityhub=hubs)
    raise SystemExit(code)
