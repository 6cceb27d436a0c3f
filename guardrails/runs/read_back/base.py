"""What a comparison of a resource with a call of a receipt says, and what the comparisons of all services share."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from custom_actions.fixing import SETTINGS, SettingsCall, contains

_LONGEST_FIX, _CLOCKS_DIFFER = timedelta(hours=1), timedelta(minutes=5)
"""How long before or after the time in its receipt a fix can have created something."""
Parameters = Mapping[str, Any]
Receipt = Mapping[str, Any]


class Comparison(StrEnum):
    """The state of a resource, compared with one call that would undo a fix."""

    AS_FIXED = "as the fix left it"
    BACK = "as it was before"
    CHANGED = "changed since the fix"
    OTHER = "not the receipt's resource"
    UNREADABLE = "cannot be read"
    UNKNOWN = "cannot be compared"


@dataclass(frozen=True)
class Observation:
    """A comparison, with the difference or the reason in words."""

    comparison: Comparison
    detail: str = ""


Read = Callable[[Any, Parameters, Receipt], Observation]
"""Takes boto3's client of the service, the parameters of the call, and the receipt of the fix. Raises AWS_ERRORS."""
Reads = Mapping[tuple[str, str], Read]
"""By boto3's names of service and operation."""
AS_FIXED, BACK = Observation(Comparison.AS_FIXED), Observation(Comparison.BACK)


def changed(detail: str) -> Observation:
    """The resource has changed since the fix."""
    return Observation(Comparison.CHANGED, detail)


def differs(now: Any) -> Observation:
    """The resource has changed since the fix: its state is now `now`."""
    return changed(f"it is {now or 'not set'}")


def two_states(*, back: bool) -> Observation:
    """For a setting that has two states only. `back`: whether it is now in the state from before the fix."""
    return BACK if back else AS_FIXED


def several(there: list[str], gone: list[str], *, back: bool) -> Observation:
    """The comparison of several entries, of which some exist. `back`: whether they existed before the fix."""
    if not gone:
        return BACK if back else AS_FIXED
    if not there:
        return AS_FIXED if back else BACK
    return changed(f"existing: {', '.join(there)}; missing: {', '.join(gone)}")


def added_to(receipt: Receipt, **named: Any) -> Iterator[Mapping[str, Any]]:
    """The entries in the receipt's `added` that have these values."""
    for each in receipt.get("added") or ():
        if isinstance(each, Mapping) and all(each.get(name) == value for name, value in named.items()):
            yield each


def merged(receipt: Receipt, side: str = "added") -> dict[str, Any]:
    """All entries of the receipt's `added` (or another `side`) as one: a fix that makes several changes has several."""
    return {name: value for each in receipt.get(side) or () for name, value in each.items()}


def setting(read: Callable[[Any, Parameters], Any], before: Callable[[Parameters], Any], name: str) -> Read:
    """Compares a setting.

    Args:
        read: reads it; empty if it is not set.
        before: its value in the parameters of the call.
        name: its name in `added` of the receipt.
    """
    def compare(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
        now = read(client, parameters)
        if now == before(parameters):
            return BACK
        added = [change[name] for change in receipt.get("added") or () if name in change]
        return AS_FIXED if any(contains(now, each) for each in added) else differs(now)

    return compare


def created(
    now: Mapping[str, Any] | None, wanted: Sequence[Mapping[str, Any]], what: str, *, unset: Sequence[str] = ()
) -> Observation:
    """Compares something that the fix created, and that the call deletes.

    Args:
        now: what is there; None if it does not exist.
        wanted: what the fix may have created: only these settings are compared.
        what: its name in messages.
        unset: settings that are not set unless they are in `wanted`.
    """
    if now is None:
        return BACK
    if not wanted:
        return Observation(Comparison.OTHER, f"{what} exists, but the fix of the receipt did not create it")
    given = [{**dict.fromkeys(unset), **each} for each in wanted]
    if any(contains(now, each) for each in given):
        return AS_FIXED
    names = sorted({name for each in given for name, value in each.items() if not contains(now.get(name), value)})
    return changed(f"{what} has other settings: {', '.join(f'{name} is {now.get(name)}' for name in names)}")


def made_by(made: datetime, receipt: Receipt) -> bool:
    """Whether something that was created at `made` can have been created by the fix of the receipt."""
    fixed = datetime.fromisoformat(receipt["at"])
    return fixed - _LONGEST_FIX <= made <= fixed + _CLOCKS_DIFFER


def _parties(answer: Any) -> set[str]:
    """All values in a list of permissions: account ids, `all`, and ARNs of organizations."""
    return {str(value) for each in answer for value in (each.values() if isinstance(each, Mapping) else [each])}


def shared(now: Any, wanted: Any) -> Observation:
    """Compares with whom something is shared: `now`, and `wanted`, those that the call adds. Both as AWS has them."""
    present, parties = _parties(now), sorted(_parties(wanted))
    return several(
        [f"shared with {each}" for each in parties if each in present],
        [f"shared with {each}" for each in parties if each not in present], back=True)


def tags(read: Callable[[Any, Parameters], Mapping[str, str]], *, sets: bool) -> Read:
    """Compares one tag. `sets`: whether the call sets it; if not, it removes it."""
    def compare(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
        [given] = parameters.get("Tags") or [{"Key": parameters["TagKeys"][0]}]
        now = read(client, parameters).get(given["Key"])
        before = given["Value"] if sets else None
        if now == before:
            return BACK
        added = [change[given["Key"]] for change in receipt.get("added") or () if given["Key"] in change]
        return AS_FIXED if now in (added or [None]) else differs(now)

    return compare


def settings_of(known: SettingsCall) -> Read:
    """Compares the settings that a call restores."""
    def compare(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
        before = known.settings_of(parameters)
        now = known.now(client, known.identity_of(parameters), list(before))
        if contains(now, before):
            return BACK
        added = {name: value for each in receipt.get("added") or ()
                 for name, value in each.get(SETTINGS, each).items()}
        # Exactly: a rollback would also take back what somebody has raised since, although it is as good for the fix.
        return AS_FIXED if contains(now, {name: added[name] for name in before}) else differs(now)

    return compare
