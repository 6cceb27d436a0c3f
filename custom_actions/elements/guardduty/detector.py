"""The action `revert-detector`: enables or recreates a GuardDuty detector, with its earlier features.

Source: GuardDuty's CreateDetector, UpdateDetector, DeleteDetector, GetDetector and ListDetectors. A region has one
detector.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from c7n.utils import type_schema

from ...aws import AWS_ERRORS, call, detail_of, earlier_named, reason_of
from ...fixing import (
    OTHERWISE,
    Call,
    EventFix,
    FixPlan,
    FixResult,
    Inverse,
    Record,
    Step,
    Subject,
    again,
    fix_by_plan,
    only_in_region,
)

CREATE, UPDATE, DELETE = "CreateDetector", "UpdateDetector", "DeleteDetector"

SETTLED = timedelta(minutes=15)
"""How old an UpdateDetector must be to count as intended: a more recent one may be a step of the same attack."""

LOST = (
    "filters, trusted IP lists, threat lists, members and the publishing destination were deleted with the old "
    "detector: a person must set them again"
)


def plan_detector(
    detectors: Mapping[str, str], event: str, settings: Mapping[str, Any], made: Callable[[], str] = str
) -> FixPlan:
    """Create the missing detector, or enable the existing one.

    Args:
        detectors: the status (ENABLED, DISABLED) of the region's detectors, by id.
        event: the name of the event.
        settings: CreateDetector's parameters from the event history.
        made: returns the id of the detector that was read last. The inverse uses it when the response to
            CreateDetector is lost: a region has one detector, so it is the one that the call created.
    """
    if not detectors:
        def delete(answer: Mapping[str, Any]) -> Call | None:
            detector = answer.get("DetectorId") or made()
            return Call("guardduty", "delete_detector", {"DetectorId": detector}) if detector else None

        wanted = {**settings, "Enable": True}
        notes = [LOST] if settings else [LOST, "its settings are in no event: created with GuardDuty's defaults"]
        return FixPlan([Step(
            "create a detector", Call("guardduty", "create_detector", wanted), delete, added=wanted,
        )], notes=notes if event == DELETE else ())

    def update(detector: str, enable: bool) -> Call:
        return Call("guardduty", "update_detector", {"DetectorId": detector, "Enable": enable})

    return FixPlan([
        Step(f"enable {detector}", update(detector, True), update(detector, False),
             removed={"status": "DISABLED"}, added={"status": "ENABLED"})
        for detector, status in detectors.items() if status != "ENABLED"
    ])


def settings_of(detector: str, record: Record, earlier: Iterable[Record]) -> dict[str, Any]:
    """CreateDetector's parameters for the detector that `record` deleted; empty when the history does not have them.

    Args:
        earlier: the CreateDetector and UpdateDetector events before it, newest first.

    Values of a later UpdateDetector take precedence, unless it is more recent than `SETTLED`.
    """
    limit = datetime.fromisoformat(record["eventTime"]) - SETTLED
    features: dict[str, Mapping[str, Any]] = {}
    settings: dict[str, Any] = {}
    for change in earlier:
        request = change.get("requestParameters") or {}
        made = change["eventName"] == CREATE
        if made and (change.get("responseElements") or {}).get("detectorId") != detector:
            continue
        if not made and (request.get("detectorId") != detector or datetime.fromisoformat(change["eventTime"]) > limit):
            continue
        for name, parameter in (("findingPublishingFrequency", "FindingPublishingFrequency"), ("tags", "Tags")):
            if request.get(name):
                settings.setdefault(parameter, request[name])
        for feature in request.get("features") or ():
            features.setdefault(feature["name"], feature)
        if made:
            settings.setdefault("Enable", True)
            break
    if features:
        settings["Features"] = [_feature(feature) for feature in features.values()]
    return settings


def _feature(feature: Mapping[str, Any]) -> dict[str, Any]:
    """A feature of a CloudTrail record, in the spelling of CreateDetector."""
    further = [
        {"Name": each["name"], "Status": each["status"]} for each in feature.get("additionalConfiguration") or ()
    ]
    more = {"AdditionalConfiguration": further} if further else {}
    return {"Name": feature["name"], "Status": feature["status"], **more}


class RevertDetector(EventFix):
    """Enable or recreate the region's GuardDuty detector, and verify the result.

    For policies in mode `cloudtrail`, on `account`:

    * UpdateDetector that suspends the detector: it is enabled.
    * DeleteDetector: a detector is created, with the features and the frequency from CloudTrail's event history (90
      days), or else with GuardDuty's defaults. The receipt lists what cannot be restored on a new detector.

    The receipt has who made the change, and the calls that undo the fix.

    Written because c7n has no resource type for detectors, and its account filter `guard-duty` has no fix.

    :example:

    .. code-block:: yaml

        policies:
          - name: guardduty-detector-revert
            resource: aws.account
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: guardduty.amazonaws.com
                  event: DeleteDetector
                  ids: recipientAccountId
            actions:
              - revert-detector
    """

    schema = type_schema("revert-detector", otherwise=OTHERWISE)
    inverses = (
        Inverse("guardduty", "delete_detector", "DetectorId", only_in_region, type="aws.guardduty-detector",
                already=("BadRequestException: not owned by the current account",)),
        Inverse("guardduty", "update_detector", "DetectorId", only_in_region, {"Enable": False},
                type="aws.guardduty-detector", redo=again("update_detector", Enable=True)),
    )
    permissions: tuple[str, ...] = (
        "guardduty:ListDetectors", "guardduty:GetDetector", "guardduty:CreateDetector", "guardduty:UpdateDetector",
        "cloudtrail:LookupEvents",
    )
    events = (UPDATE, DELETE)

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Enable or recreate the detector of this region."""
        record = detail_of(event)
        request = record.get("requestParameters") or {}
        if record["eventName"] == UPDATE and request.get("enable") is not False:
            self.log.info("%s: %s did not suspend the detector", self.type, UPDATE)
            return
        guardduty, detector = session.client("guardduty"), str(request.get("detectorId") or "")
        notes: list[str] = []
        settings: list[dict[str, Any]] = []

        def known() -> dict[str, Any]:
            if not settings:
                settings.append(self._known(session, detector, record, notes))
            return settings[0]

        found: list[str] = []

        def plan() -> FixPlan:
            detectors = read(guardduty)
            found[:] = detectors
            return plan_detector(
                detectors, record["eventName"], {} if detectors else known(), lambda: found[0] if found else "")

        fixed = Subject(detector, "aws.guardduty-detector").fix(lambda: fix_by_plan(lambda service: guardduty, plan))
        yield replace(fixed, notes=[*fixed.notes, *notes])

    def _known(self, session: Any, detector: str, record: Record, notes: list[str]) -> dict[str, Any]:
        try:
            return settings_of(
                detector, record, earlier_named(session.client("cloudtrail"), (CREATE, UPDATE), record))
        except AWS_ERRORS as error:
            # A detector with the defaults is better than none.
            notes.append(f"the event history could not be read: {reason_of(error)}")
            return {}


def read(guardduty: Any) -> dict[str, str]:
    """The status of each detector of the region, by id."""
    pages = call(lambda: list(guardduty.get_paginator("list_detectors").paginate()))
    return {
        detector: str(call(guardduty.get_detector, DetectorId=detector)["Status"])
        for page in pages for detector in page["DetectorIds"]
    }
