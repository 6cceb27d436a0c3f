"""What all functions of an account and region need: CloudTrail, AWS Config, and no stray functions."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from custom_actions.names import REDELIVERY_ROLE, TOPIC
from custom_actions.vocabulary import is_read

from ..command import command
from .expectations import ExpectedFunction
from .facts import Read, RegionFacts, RoleFacts, TrailFacts, Unread
from .resource_policies import wide_topic
from .roles import is_granted, trusted_services
from .verdict import HealthVerdict, broken, names, ok, some, unknown

_GLOBAL_TYPES = ("AWS::IAM::User", "AWS::IAM::Group", "AWS::IAM::Role", "AWS::IAM::Policy")


def region_verdicts(deployed: Sequence[ExpectedFunction], facts: RegionFacts) -> list[HealthVerdict]:
    """The verdicts on what the deployed functions of an account and region share."""
    found: list[HealthVerdict] = []
    if isinstance(facts.functions, Unread):
        return [unknown("functions", f"which functions are deployed: {facts.functions.reason}")]
    if waiting := [each for each in deployed if each.trail_events]:
        found.append(trail(waiting, facts.trails))
    if ruled := [each for each in deployed if each.config_type]:
        found.append(recorder(ruled, facts.recorders))
    if facts.redelivery is not None:
        found.append(redelivery(names(each for each in deployed if each.redelivers), facts.redelivery))
    for arn, attributes in facts.topics.items():
        if arn.endswith(f":{TOPIC}") and attributes:
            found.append(publishers(arn, attributes))
    found += strays(facts.strays)
    return found


def publishers(arn: str, attributes: Read[Mapping[str, Any]]) -> HealthVerdict:
    """Whether only our functions, and AWS Config's events, may publish to the compliance topic."""
    if isinstance(attributes, Unread):
        return unknown("publishers", f"{arn}: {attributes.reason}")
    if wide := wide_topic(attributes.get("Policy"), arn.split(":")[4]):
        return broken("publishers", f"the policy of the topic {TOPIC} is too wide: {'; '.join(wide)}",
                      "update the stack of compliance.template.json with Publishers=functions "
                      f"({command('templates')})")
    return ok("publishers")


def redelivery(needed_by: Sequence[str], role: RoleFacts) -> HealthVerdict:
    """Whether EventBridge Scheduler can deliver an event again to the functions of these names.

    Without it, a fix that opens or restores is refused when CloudTrail's event history is late, which is the rule.
    """
    lost = f"fixes of {some(needed_by)} cannot wait until CloudTrail's event history confirms an event, and are refused"
    remedy = ("create or update the stack of compliance.template.json; in a hub, of hub.template.json "
              f"({command('templates')})")
    name = f"the role {REDELIVERY_ROLE}"
    if isinstance(role.role, Unread):
        return unknown("redelivery", f"{name}: {role.role.reason}")
    if role.role is None:
        return broken("redelivery", f"{name} does not exist: {lost}", remedy)
    if "scheduler.amazonaws.com" not in trusted_services(role.role):
        return broken("redelivery", f"{name} does not trust scheduler.amazonaws.com: {lost}", remedy)
    if not isinstance(role.granted, Unread) and not is_granted("lambda:InvokeFunction", role.granted):
        return broken("redelivery", f"{name} does not allow lambda:InvokeFunction: {lost}", remedy)
    if isinstance(role.granted, Unread):
        return unknown("redelivery", f"whether {REDELIVERY_ROLE} allows lambda:InvokeFunction: {role.granted.reason}")
    return ok("redelivery")


def strays(found: Mapping[str, bool | Unread]) -> Iterator[HealthVerdict]:
    """The verdicts on functions of this project that no policy deploys."""
    for name, ours in found.items():
        if isinstance(ours, Unread):
            yield unknown("stray", f"whether {name} belongs to this project: {ours.reason}")
        elif ours:
            yield broken(
                "stray", f"{name} belongs to this project by its tags, but no policy deploys it", command("undeploy"))


def trail(waiting: Sequence[ExpectedFunction], trails: Sequence[TrailFacts] | Unread) -> HealthVerdict:
    """Whether a logging trail records every API call that the functions subscribe to."""
    if isinstance(trails, Unread):
        return unknown("trail", trails.reason)
    remedy = "create or fix a trail that logs read and write management events in this region"
    if not trails:
        return broken("trail", f"there is no trail here: {some(names(waiting))} never receive an event", remedy)
    missed: list[ExpectedFunction] = []
    unsure: list[ExpectedFunction] = []
    for each in waiting:
        recorded = [_is_recorded_by(trails, source, name) for source, name in each.trail_events]
        if False in recorded:
            missed.append(each)
        elif None in recorded:
            unsure.append(each)
    off = [one.name for one in trails if one.logging is False]
    if missed:
        why = f"the trail {some(off)} does not log" if off else "no trail records the API calls"
        return broken("trail", f"{why}: no events for {some(names(missed))}", remedy)
    if unsure:
        why = next((read.reason for one in trails for read in (one.logging, one.selectors)
                    if isinstance(read, Unread)), "")
        return unknown("trail", f"whether {some(names(unsure))} receive their events: {why}")
    return ok("trail")


def _is_recorded_by(trails: Sequence[TrailFacts], source: str, name: str) -> bool | None:
    """Whether any trail records the call; None when it may be a trail that could not be read."""
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
    """Whether AWS Config records the resource types that the rules evaluate."""
    if isinstance(recorders, Unread):
        return unknown("recorder", recorders.reason)
    # A recorder with a service principal records for that AWS service only.
    own = [each for each in recorders if not each.get("servicePrincipal")]
    if not own:
        return broken("recorder", f"AWS Config has no recorder: {some(names(ruled))} evaluate nothing",
                      "create a recorder and a delivery channel")
    if not any((each.get("status") or {}).get("recording") for each in own):
        return broken("recorder", f"AWS Config's recorder is off: {some(names(ruled))} evaluate nothing",
                      f"aws configservice start-configuration-recorder --configuration-recorder-name {own[0]['name']}")
    if failed := [each for each in own if str((each.get("status") or {}).get("lastStatus")).upper() == "FAILURE"]:
        status = failed[0]["status"]
        return broken("recorder", f"AWS Config's recorder fails: {status.get('lastErrorCode')} "
                      f"{status.get('lastErrorMessage') or ''}".strip(), "fix its role or its delivery channel")
    group = own[0].get("recordingGroup") or {}
    types = sorted({each.config_type for each in ruled if not _is_recorded(each.config_type, group)})
    if types:
        lost = [each for each in ruled if each.config_type in types]
        return broken("recorder", f"AWS Config does not record {some(types)}: {some(names(lost))} evaluate nothing",
                      "add the types to the recorder")
    return ok("recorder")


def _is_recorded(kind: str, group: Mapping[str, Any]) -> bool:
    if group.get("allSupported"):
        return bool(group.get("includeGlobalResourceTypes")) or kind not in _GLOBAL_TYPES
    if excluded := (group.get("exclusionByResourceTypes") or {}).get("resourceTypes"):
        return kind not in excluded
    return kind in (group.get("resourceTypes") or ())
