"""The actions `turn-on-detector` and `turn-on-protection-plan` on the account.

Source: GuardDuty's ListDetectors, GetDetector, CreateDetector, UpdateDetector and DeleteDetector. A region has one
detector.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, again, fix_by_plan, only_in_region
from .detector import plan_detector, read

ON, OFF = "ENABLED", "DISABLED"
RUNTIME, EKS_RUNTIME = "RUNTIME_MONITORING", "EKS_RUNTIME_MONITORING"
PLANS = (
    "AI_PROTECTION", "EBS_MALWARE_PROTECTION", "EKS_AUDIT_LOGS", "LAMBDA_NETWORK_LOGS", "RDS_LOGIN_EVENTS", RUNTIME,
    "S3_DATA_EVENTS",
)
"""GuardDuty's names of the protection plans."""
AGENTS = ("EC2_AGENT_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EKS_ADDON_MANAGEMENT")
"""Where GuardDuty installs the agent of Runtime Monitoring by itself."""
NEW = {"FindingPublishingFrequency": "SIX_HOURS"}
"""GuardDuty's default, named so that `rollback` sees when somebody has changed it on the new detector."""
Feature = Mapping[str, Any]


def feature_now(features: list[Feature], name: str) -> dict[str, Any]:
    """A feature of GetDetector as UpdateDetector accepts it. One that is not shown is off."""
    found: Feature = next((each for each in features if each["Name"] == name), {})
    further = [{"Name": each["Name"], "Status": each["Status"]}
               for each in found.get("AdditionalConfiguration") or () if each.get("Name")]
    return {"Name": name, "Status": found.get("Status") or OFF,
            **({"AdditionalConfiguration": further} if further else {})}


def plan_feature(detector: str, features: list[Feature], plan: str, agent: str = "") -> FixPlan:
    """Turn on a protection plan, and an agent of it. What else of the plan is set stays, and is in the call."""
    is_on = {each["Name"] for each in features if each.get("Status") == ON}
    if plan == RUNTIME and EKS_RUNTIME in is_on:
        if agent != "EKS_ADDON_MANAGEMENT":
            return FixPlan(cannot=(
                "EKS Runtime Monitoring is on, and GuardDuty refuses Runtime Monitoring beside it: turn it off first"))
        plan = EKS_RUNTIME
    before = feature_now(features, plan)
    now = {each["Name"]: each["Status"] for each in before.get("AdditionalConfiguration", ())}
    wanted = {**now, agent: ON} if agent else now
    after = {"Name": plan, "Status": ON, **(
        {"AdditionalConfiguration": [{"Name": name, "Status": status} for name, status in wanted.items()]}
        if wanted else {})}
    if agent and agent not in now:
        now = {**now, agent: OFF}
        before["AdditionalConfiguration"] = [{"Name": name, "Status": status} for name, status in now.items()]
    if before == after:
        return FixPlan()

    def update(feature: Feature) -> Call:
        return Call("guardduty", "update_detector", {"DetectorId": detector, "Features": [feature]})

    return FixPlan([Step(
        f"turn on {agent or plan}", update(after), update(before), removed={"Features": [before]},
        added={"Features": [after]}, overwrites=True)])


class TurnOnDetector(Fix):
    """Create the region's GuardDuty detector, or enable it if it is suspended, and verify the result.

    GuardDuty costs money, and turns on most protection plans of a new detector.

    Written because c7n has no action for detectors.

    :example:

    .. code-block:: yaml

        policies:
          - name: guardduty-enable
            resource: aws.account
            filters:
              - not:
                  - {type: guard-duty, Detector.Status: ENABLED}
            actions:
              - turn-on-detector
    """

    schema = type_schema("turn-on-detector", otherwise=OTHERWISE)
    inverses = (
        Inverse("guardduty", "delete_detector", "DetectorId", only_in_region,
                already=("BadRequestException: not owned by the current account",)),
        Inverse("guardduty", "update_detector", "DetectorId", only_in_region, {"Enable": False},
                redo=again("update_detector", Enable=True)),
    )
    # GuardDuty makes its role when the account has none.
    permissions: tuple[str, ...] = (
        "guardduty:ListDetectors", "guardduty:GetDetector", "guardduty:CreateDetector", "guardduty:UpdateDetector",
        "iam:CreateServiceLinkedRole")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Turn on the detector of this region."""
        guardduty = session.client("guardduty")
        found: list[str] = []

        def plan() -> FixPlan:
            detectors = read(guardduty)
            found[:] = detectors
            return plan_detector(detectors, "", NEW, lambda: found[0] if found else "")

        yield fix_by_plan(lambda service: guardduty, plan)


class TurnOnProtectionPlan(Fix):
    """Turn on a protection plan of the region's GuardDuty detector, and verify the result.

    `plan` has GuardDuty's name of the plan. `agent`, with `RUNTIME_MONITORING`, also lets GuardDuty install its agent
    there by itself. Other plans and agents stay as they are. Refused if there is no detector, or if it is suspended.

    Each plan costs money. In an organization GuardDuty may accept the change only from the delegated administrator;
    the fix then fails with the answer of GuardDuty.

    Written because c7n has no action for detectors.

    :example:

    .. code-block:: yaml

        policies:
          - name: guardduty-s3-protection-enable
            resource: aws.account
            filters:
              - type: guard-duty
                "Detector.Features[?Name=='S3_DATA_EVENTS' && Status=='ENABLED'] | [0]": absent
            actions:
              - type: turn-on-protection-plan
                plan: S3_DATA_EVENTS
    """

    schema = type_schema(
        "turn-on-protection-plan", required=["plan"], otherwise=OTHERWISE, plan={"enum": list(PLANS)},
        agent={"enum": list(AGENTS)})
    inverses = (
        Inverse("guardduty", "update_detector", "DetectorId", only_in_region, {
            "Features": lambda value, receipt: value == _removed(receipt)}),
    )
    permissions: tuple[str, ...] = (
        "guardduty:ListDetectors", "guardduty:GetDetector", "guardduty:UpdateDetector", "iam:CreateServiceLinkedRole")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Turn on the plan."""
        guardduty, wanted, agent = session.client("guardduty"), self.data["plan"], self.data.get("agent", "")

        def plan() -> FixPlan:
            detector = next((name for name, status in read(guardduty).items() if status == ON), None)
            if not detector:
                raise Refusal("GuardDuty is off: turn it on first")
            features = call(guardduty.get_detector, DetectorId=detector).get("Features") or []
            return plan_feature(detector, features, wanted, agent)

        yield fix_by_plan(lambda service: guardduty, plan)


def _removed(receipt: Mapping[str, Any]) -> Any:
    return next((each["Features"] for each in receipt.get("removed") or () if "Features" in each), None)
