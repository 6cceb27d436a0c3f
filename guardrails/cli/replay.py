"""`replay`: a recorded event through the policies that subscribe to it, and why each answers as it does."""
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import INCOMPLETE, exceptions_option, policies_option, verbose_option

if TYPE_CHECKING:
    from ..replay import RecordedEvent, ReplayResult


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="EVENT.json")
@click.option("--policy", "names", multiple=True, metavar="NAME",
              help="A policy's name or a glob; may be repeated. One that does not subscribe is then named too.")
@policies_option
@exceptions_option
@click.option("--vars-file", "variables", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              metavar="FILE", help="YAML with `vars`: what accounts.yml gives the policies of the account, "
                                   "such as its profiles.")
@click.option("--account", metavar="NUMBER", help="Where it happened, if the event does not say.")
@click.option("-r", "--region", metavar="REGION", help="Where it happened, if the event does not say.")
@click.option("--offline", is_flag=True, help="Ask AWS nothing: enough for many AWS Config items.")
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
@verbose_option
def replay(
    file: Path, names: tuple[str, ...], directory: Path, exceptions: Path | None, variables: Path | None,
    account: str | None, region: str | None, offline: bool, as_json: bool, verbose: bool,
) -> None:
    """Run a recorded CloudTrail or AWS Config event through the policies that subscribe to it; change nothing.

    EVENT.json holds an EventBridge event, a CloudTrail record, a CloudTrail file, the answer of `lookup-events`, or
    an AWS Config notification, invocation or item. For each policy it says whether the event reaches it, which
    resources match, which filter drops the others, and what would be done. AWS is read with the current
    credentials, as it is now. Exits with 2 when something is unknown.

    \b
    Example:
      ./run.sh replay event.json
      ./run.sh replay event.json --policy 'security-group-*' -v
      ./run.sh replay item.json --offline
    """
    import json

    from ..policies import Selection, load
    from ..replay import read_events
    from ..replay import replay as played
    from ..results import load as load_exceptions

    events = read_events(file)
    policies = Selection(names).choose(load(directory))
    values = _variables(variables)
    held = load_exceptions(exceptions).path
    unknown = False
    told: list[dict[str, Any]] = []
    for recorded in events:
        where = _place(recorded, account, region, offline=offline)
        found = list(played(
            recorded, policies, account=where[0], region=where[1], offline=offline, variables=values,
            exceptions=held))
        unknown = unknown or any(each.answer == "unknown" for each in found)
        if as_json:
            told.append({"event": recorded.title, "where": recorded.where,
                         "policies": [each.to_dict() for each in found]})
            continue
        for line in _lines(recorded, found, every=verbose or bool(names), verbose=verbose):
            click.echo(line)
    if as_json:
        click.echo(json.dumps(told, indent=1, default=str))
    raise SystemExit(INCOMPLETE if unknown else 0)


def _variables(file: Path | None) -> dict[str, Any]:
    from ..errors import GuardrailsError
    from ..yamlfile import YamlError, read

    if file is None:
        return {}
    try:
        data = read(file).data
    except YamlError as error:
        raise GuardrailsError(f"{file}:{error.line}: {error.message}") from None
    given = data.get("vars") if isinstance(data, dict) else None
    if not isinstance(given, dict):
        raise GuardrailsError(f"{file}:1: no mapping `vars:` in it", "vars: {profiles: [strict]}")
    return given


def _place(recorded: RecordedEvent, account: str | None, region: str | None, *, offline: bool) -> tuple[str, str]:
    """Account and region of the event. Raises GuardrailsError when it is not known, or not that of the credentials."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from ..errors import GuardrailsError

    where = region or recorded.region or boto3.Session().region_name
    if not where:
        raise GuardrailsError(f"{recorded.where}: the event names no region", "name it with --region")
    wanted = account or recorded.account
    if offline:
        if not wanted:
            raise GuardrailsError(f"{recorded.where}: the event names no account", "name it with --account")
        return wanted, where
    try:
        current = str(boto3.client("sts", region_name=where).get_caller_identity()["Account"])
    except (BotoCoreError, ClientError) as error:
        raise GuardrailsError(f"AWS does not answer: {error}", "set credentials, or ask for --offline") from None
    if wanted and wanted != current:
        raise GuardrailsError(
            f"{recorded.where}: the event is of account {wanted}, the current credentials are of {current}",
            "use credentials of the account of the event, or --offline for an item of AWS Config")
    return current, where


def _lines(recorded: RecordedEvent, found: Sequence[ReplayResult], *, every: bool, verbose: bool) -> Iterator[str]:
    """The answer for a person."""
    subscribed = [each for each in found if each.subscribed]
    yield f"{recorded.where}: {recorded.title}"
    yield f"reaches {len(subscribed)} of {len(found)} policies"
    for each in subscribed:
        yield ""
        yield from _policy_lines(each, verbose=verbose)
    others = [each for each in found if not each.subscribed]
    if others:
        yield ""
    if every:
        for each in others:
            yield f"{each.policy.name}: not subscribed: {each.why}"
        return
    counts = Counter(_reason(each.why) for each in others)
    for reason, number in counts.most_common():
        yield f"{number} not subscribed: {reason}"
    if others:
        yield "-v names them"


def _reason(why: str) -> str:
    """A reason without what is special to one policy, so that policies can be counted by it."""
    if ", not " not in why:
        return why
    return "it is on another type of resource" if why.startswith("resourceType") else "it is on other events"


def _policy_lines(each: ReplayResult, *, verbose: bool) -> Iterator[str]:
    from .console import text

    def clean(line: str) -> str:
        return text(line).plain

    file, _, line = each.policy.where.rpartition(":")
    yield f"{each.policy.name} ({os.path.relpath(file)}:{line}): {each.answer.value}"
    if each.why:
        yield f"  {clean(each.why)}"
    for judged in each.resources:
        verdict = f" {judged.verdict}:" if judged.verdict else ""
        yield clean(f"  {judged.resource}:{verdict} {'matches' if judged.matches else 'does not match'}: {judged.why}")
    for planned in each.planned:
        yield clean(f"  would run {planned.action}")
        if planned.note:
            yield clean(f"    {planned.note}")
        for line in planned.lines:
            yield clean(f"    {line}")
        if verbose or not planned.lines:
            for call in planned.calls:
                yield clean(f"    call {call.service}:{call.operation} {_shown(call.parameters)}")
    for unanswered in each.unanswered:
        yield clean(f"  unknown, for it could not be read: {unanswered}")
    for note in each.notes:
        yield clean(f"  note: {note}")


def _shown(parameters: Any) -> str:
    from ..yamlfile import flow

    return flow(dict(parameters), 500)
