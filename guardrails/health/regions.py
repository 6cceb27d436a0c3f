"""What the functions of an account and region need together: CloudTrail, AWS Config, and no strangers among them."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from custom_actions.vocabulary import is_read

from .expectations import ExpectedFunction
from .facts import RegionFacts, TrailFacts, Unread
from .verdict import HealthVerdict, broken, names, ok, some, unknown

_GLOBAL_TYPES = ("AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::Role", "AWS::IAM::Policy")


def region_verdicts(deployed: Sequence[ExpectedFunction], facts: RegionFacts) -> list[HealthVerdict]:
    """What the deployed functions of an account and region need together."""
    found: list[HealthVerdict] = []
    if isinstance(facts.functions, Unread):
        return [unknown("functions", f"which are deployed: {facts.functions.reason}")]
    if waiting := [each for each in deployed if each.trail_events]:
        found.append(trail(waiting, facts.trails))
    if ruled := [each for each in deployed if each.config_type]:
        found.append(recorder(ruled, facts.recorders))
    found += strays(facts.strays)
    return found


def strays(found: Mapping[str, bool | Unread]) -> Iterator[HealthVerdict]:
    """Functions of ours that no policy stands for."""
    for name, ours in found.items():
        if isinstance(ours, Unread):
            yield unknown("stray", f"whether {name} is ours: {ours.reason}")
        elif ours:
            yield broken("stray", f"{name} is ours by its tags, and no policy stands for it", "./run.sh undeploy")


def trail(waiting: Sequence[ExpectedFunction], trails: Sequence[TrailFacts] | Unread) -> HealthVerdict:
    """Whether a trail that logs tells EventBridge of every call that the functions wait for."""
    if isinstance(trails, Unread):
        return unknown("trail", trails.reason)
    mend = "a trail that logs management events, write and read, in this region"
    if not trails:
        return broken("trail", f"no trail here: no event ever comes to {some(names(waiting))}", mend)
    deaf: list[ExpectedFunction] = []
    unsure: list[ExpectedFunction] = []
    for each in waiting:
        told = [_tells(trails, source, name) for source, name in each.trail_events]
        if False in told:
            deaf.append(each)
        elif None in told:
            unsure.append(each)
    off = [one.name for one in trails if one.logging is False]
    if deaf:
        why = f"the trail {some(off)} does not log" if off else "no trail records its calls"
        return broken("trail", f"{why}: no event comes to {some(names(deaf))}", mend)
    if unsure:
        why = next((read.reason for one in trails for read in (one.logging, one.selectors)
                    if isinstance(read, Unread)), "")
        return unknown("trail", f"whether events come to {some(names(unsure))}: {why}")
    return ok("trail")


def _tells(trails: Sequence[TrailFacts], source: str, name: str) -> bool | None:
    """Whether any trail records the call; None when a trail that could not be read may."""
    answers = [_records(one, source, name) for one in trails]
    return True if True in answers else None if None in answers else False


def _records(one: TrailFacts, source: str, name: str) -> bool | None:
    if one.logging is False:
        return False
    if isinstance(one.logging, Unread) or isinstance(one.selectors, Unread):
        return None
    read_only = is_read(name)
    basic = one.selectors.get("EventSelectors") or ()
    advanced = one.selectors.get("AdvancedEventSelectors") or ()
    return any(_basic(each, source, read_only=read_only) for each in basic) or any(
        _advanced(each, source, read_only=read_only) for each in advanced)


def _basic(selector: Mapping[str, Any], source: str, *, read_only: bool) -> bool:
    wanted = ("All", "ReadOnly" if read_only else "WriteOnly")
    return bool(
        selector.get("IncludeManagementEvents", True) and selector.get("ReadWriteType", "All") in wanted
        and source not in (selector.get("ExcludeManagementEventSources") or ()))


def _advanced(selector: Mapping[str, Any], source: str, *, read_only: bool) -> bool:
    values = {"eventCategory": "Management", "readOnly": str(read_only).lower(), "eventSource": source}
    for field in selector.get("FieldSelectors") or ():
        value = values.get(str(field.get("Field")))
        if value is None:
            return False
        if "Equals" in field and value not in field["Equals"]:
            return False
        if value in (field.get("NotEquals") or ()):
            return False
    return True


def recorder(ruled: Sequence[ExpectedFunction], recorders: Sequence[Mapping[str, Any]] | Unread) -> HealthVerdict:
    """Whether AWS Config records what the rules judge."""
    if isinstance(recorders, Unread):
        return unknown("recorder", recorders.reason)
    # Those that a service of AWS keeps for itself record for it alone.
    own = [each for each in recorders if not each.get("servicePrincipal")]
    if not own:
        return broken("recorder", f"AWS Config has no recorder: nothing is judged by {some(names(ruled))}",
                      "make a recorder and a delivery channel")
    if not any((each.get("status") or {}).get("recording") for each in own):
        return broken("recorder", f"AWS Config's recorder is off: nothing is judged by {some(names(ruled))}",
                      f"aws configservice start-configuration-recorder --configuration-recorder-name {own[0]['name']}")
    if failed := [each for each in own if str((each.get("status") or {}).get("lastStatus")).upper() == "FAILURE"]:
        status = failed[0]["status"]
        return broken("recorder", f"AWS Config's recorder fails: {status.get('lastErrorCode')} "
                      f"{status.get('lastErrorMessage') or ''}".strip(), "mend its role or its delivery channel")
    group = own[0].get("recordingGroup") or {}
    types = sorted({each.config_type for each in ruled if not _is_recorded(each.config_type, group)})
    if types:
        lost = [each for each in ruled if each.config_type in types]
        return broken("recorder", f"AWS Config does not record {some(types)}: nothing is judged by "
                      f"{some(names(lost))}", "add the types to the recorder")
    return ok("recorder")


def _is_recorded(kind: str, group: Mapping[str, Any]) -> bool:
    if group.get("allSupported"):
        return bool(group.get("includeGlobalResourceTypes")) or kind not in _GLOBAL_TYPES
    if excluded := (group.get("exclusionByResourceTypes") or {}).get("resourceTypes"):
        return kind not in excluded
    return kind in (group.get("resourceTypes") or ())
