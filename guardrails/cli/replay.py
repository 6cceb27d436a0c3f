"""`replay`: run a recorded event through the policies that subscribe to it, and show why each answers as it does."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import INCOMPLETE, exceptions_option, json_option, policies_option, talk_options
from .talk import is_verbose

if TYPE_CHECKING:
    from ..policies import PolicySources
    from ..replay import EventReplay, PlannedAction, ReplayResult


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="EVENT.json")
@click.option("-p", "--policy", "names", multiple=True, metavar="NAME",
              help="A policy's name or a glob; may be repeated. Policies that do not subscribe are then listed, too.")
@policies_option
@exceptions_option
@click.option("--vars-file", "variables", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              metavar="FILE", help="YAML with `vars`, as in accounts.yml: values for the policies in this account, "
                                   "such as its profiles.")
@click.option("--account", metavar="NUMBER", help="The event's account, if the event does not contain it.")
@click.option("-r", "--region", metavar="REGION", help="The event's region, if the event does not contain it.")
@click.option("--offline", is_flag=True, help="Do not call AWS; enough for many AWS Config items.")
@json_option()
@talk_options
def replay(
    file: Path, names: tuple[str, ...], policy_sources: PolicySources, exceptions: Path | None, variables: Path | None,
    account: str | None, region: str | None, offline: bool, as_json: bool,
) -> None:
    """Run a recorded CloudTrail or AWS Config event through the policies that subscribe to it. Changes nothing.

    EVENT.json contains an EventBridge event, a CloudTrail record, a CloudTrail file, the response of `lookup-events`,
    or an AWS Config notification, invocation or item. For each policy, it shows whether the event reaches it, which
    resources match, which filter excludes the others, and what the actions would do. AWS is read with the current
    credentials, in its present state. Exits with 2 when something is unknown.

    \b
    Example:
      {command} replay event.json
      {command} replay event.json --policy 'security-group-*' -v
      {command} replay item.json --offline
    """
    from ..policies import Selection
    from ..replay import ReplayRequest, read_events, read_variables, replay_events
    from ..results import load as load_exceptions
    from .console import print_json

    events = read_events(file)
    request = ReplayRequest(
        Selection(names).choose(policy_sources.load()), account, region, offline,
        read_variables(variables) if variables else {}, load_exceptions(exceptions).path)
    verbose = is_verbose()
    replays: list[EventReplay] = []
    for each in replay_events(events, request):
        replays.append(each)
        if not as_json:
            for line in _lines(each, every=verbose or bool(names), verbose=verbose):
                click.echo(line)
    if as_json:
        print_json([each.to_dict() for each in replays])
    raise SystemExit(0 if all(each.known for each in replays) else INCOMPLETE)


def _lines(replayed: EventReplay, *, every: bool, verbose: bool) -> Iterator[str]:
    """The result as text; `every` lists each policy that does not subscribe."""
    yield f"{replayed.event.where}: {replayed.event.title}"
    yield f"reaches {len(replayed.subscribed)} of {len(replayed.results)} policies"
    for each in replayed.subscribed:
        yield ""
        yield from _policy_lines(each, verbose=verbose)
    others = replayed.others
    if others:
        yield ""
    if every:
        for each in others:
            yield f"{each.policy.name}: not subscribed: {each.why}"
        return
    counts = Counter(_general_reason(each.why) for each in others)
    for reason, number in counts.most_common():
        yield f"{number} not subscribed: {reason}"
    if others:
        yield "-v lists them"


def _general_reason(why: str) -> str:
    """The reason without details of one policy, so that policies can be counted by reason."""
    if ", not " not in why:
        return why
    return "subscribed to another resource type" if why.startswith("resourceType") else "subscribed to other events"


def _policy_lines(each: ReplayResult, *, verbose: bool) -> Iterator[str]:
    yield f"{each.policy.name} ({each.policy.location}): {each.answer.value}"
    if each.why:
        yield f"  {_clean(each.why)}"
    for result in each.resources:
        verdict = f" {result.verdict}:" if result.verdict else ""
        matches = "matches" if result.matches else "does not match"
        yield _clean(f"  {result.resource}:{verdict} {matches}: {result.why}")
    for planned in each.planned:
        yield from _action_lines(planned, verbose=verbose)
    for unanswered in each.unanswered:
        yield _clean(f"  unknown, because it could not be read: {unanswered}")
    for note in each.notes:
        yield _clean(f"  note: {note}")


def _action_lines(planned: PlannedAction, *, verbose: bool) -> Iterator[str]:
    yield _clean(f"  would run {planned.action}")
    if planned.note:
        yield _clean(f"    {planned.note}")
    for line in planned.lines:
        yield _clean(f"    {line}")
    if verbose or not planned.lines:
        for call in planned.calls:
            yield _clean(f"    call {call.service}:{call.operation} {_shown(call.parameters)}")


def _clean(line: str) -> str:
    """The line with its control characters escaped."""
    from .console import text

    return text(line).plain


def _shown(parameters: Any) -> str:
    from ..yamlfile import flow

    return flow(dict(parameters), 500)
