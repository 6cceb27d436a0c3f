"""Recorded events through the policies, each in the account and region where it happened: the work of `replay`."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import GuardrailsError
from ..policies import Policy
from .dry_run import ReplayAnswer, ReplayResult, replay
from .recorded import RecordedEvent


@dataclass(frozen=True)
class ReplayRequest:
    """How events are replayed."""

    policies: Sequence[Policy]
    account: str | None = None
    """The account in which the events happened, if they do not say so."""
    region: str | None = None
    """The region in which the events happened, if they do not say so."""
    offline: bool = False
    """Whether AWS must not be called."""
    variables: Mapping[str, Any] | None = None
    """The account's `vars` of accounts.yml."""
    exceptions: Path | None = None
    """The file of exceptions in force."""


@dataclass(frozen=True)
class EventReplay:
    """One event, and its result in every policy."""

    event: RecordedEvent
    results: tuple[ReplayResult, ...]

    @property
    def known(self) -> bool:
        """Whether every policy gave an answer."""
        return all(each.answer is not ReplayAnswer.UNKNOWN for each in self.results)

    @property
    def subscribed(self) -> list[ReplayResult]:
        """The results of the policies that the event reaches."""
        return [each for each in self.results if each.subscribed]

    @property
    def others(self) -> list[ReplayResult]:
        """The results of the policies that the event does not reach."""
        return [each for each in self.results if not each.subscribed]

    def to_dict(self) -> dict[str, Any]:
        """The replay as JSON has it."""
        return {
            "event": self.event.title, "where": self.event.where,
            "policies": [each.to_dict() for each in self.results]}


def replay_events(events: Sequence[RecordedEvent], request: ReplayRequest) -> Iterator[EventReplay]:
    """Replay each event. Changes nothing.

    Raises GuardrailsError when an event's account or region is unknown, or is not that of the current credentials.
    """
    for event in events:
        account, region = _place(event, request)
        yield EventReplay(event, tuple(replay(
            event, request.policies, account=account, region=region, offline=request.offline,
            variables=request.variables, exceptions=request.exceptions)))


def read_variables(file: Path) -> dict[str, Any]:
    """The `vars` of a YAML file. Raises GuardrailsError when there are none."""
    from ..yamlfile import YamlError, read

    try:
        data = read(file).data
    except YamlError as error:
        raise GuardrailsError(f"{file}:{error.line}: {error.message}") from None
    given = data.get("vars") if isinstance(data, dict) else None
    if not isinstance(given, dict):
        raise GuardrailsError(f"{file}:1: `vars` must be a mapping", "vars: {profiles: [strict]}")
    return given


def _place(event: RecordedEvent, request: ReplayRequest) -> tuple[str, str]:
    """Account and region of the event."""
    from ..accounts import AWS_ERRORS, make_session

    region = request.region or event.region or make_session().region_name
    if not region:
        raise GuardrailsError(f"{event.where}: the event contains no region", "give it with --region")
    account = request.account or event.account
    if request.offline:
        if not account:
            raise GuardrailsError(f"{event.where}: the event contains no account", "give it with --account")
        return account, region
    try:
        current = str(make_session().client("sts", region_name=region).get_caller_identity()["Account"])
    except AWS_ERRORS as error:
        raise GuardrailsError(f"AWS cannot be accessed: {error}", "set credentials, or use --offline") from None
    if account and account != current:
        raise GuardrailsError(
            f"{event.where}: the event is of account {account}, but the current credentials are of {current}",
            "use credentials of the event's account, or --offline for an AWS Config item")
    return current, region
