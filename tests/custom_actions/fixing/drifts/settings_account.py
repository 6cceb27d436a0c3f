"""Services and settings of the account that are off."""
from __future__ import annotations

from typing import Any

from tests.moto_server import ACCOUNT

from ..cloud import Cloud
from ..faults import Drift, State
from .native import or_none
from .scenarios import ONE_A_REGION, ONE_AN_ACCOUNT, drifts, pulled


def _detectors(cloud: Cloud, action: Any) -> Drift:
    guardduty = cloud.client("guardduty")

    def state() -> State:
        found = [guardduty.get_detector(DetectorId=each) for each in guardduty.list_detectors()["DetectorIds"]]
        return {ACCOUNT: [[each["Status"], sorted(
            [feature["Name"], agent["Name"] if agent else "", (agent or feature)["Status"]]
            for feature in each["Features"] for agent in (None, *feature.get("AdditionalConfiguration", ()))
            if (agent or feature)["Status"] == "ENABLED")] for each in found]}

    def wrong(found: list[Any]) -> set[str]:
        if len(found) != 1 or found[0][0] != "ENABLED":
            return {"off"}
        wanted = action.get("agent") or action.get("plan") if isinstance(action, dict) else None
        return {"plan"} if wanted and not any(wanted in each for each in found[0][1]) else set()

    return Drift(pulled("account", action), [ACCOUNT], state, wrong, alone=ONE_A_REGION)


@drifts("account", "turn-on-detector", "none")
def no_detector(cloud: Cloud) -> Drift:
    return _detectors(cloud, "turn-on-detector")


@drifts("account", "turn-on-detector", "suspended")
def suspended(cloud: Cloud) -> Drift:
    cloud.client("guardduty").create_detector(Enable=False)
    return _detectors(cloud, "turn-on-detector")


@drifts("account", "turn-on-protection-plan", "plan")
def plan(cloud: Cloud) -> Drift:
    cloud.client("guardduty").create_detector(Enable=True, Features=[{"Name": "RDS_LOGIN_EVENTS", "Status": "ENABLED"}])
    return _detectors(cloud, {"type": "turn-on-protection-plan", "plan": "S3_DATA_EVENTS"})


@drifts("account", "turn-on-protection-plan", "agent")
def agent(cloud: Cloud) -> Drift:
    cloud.client("guardduty").create_detector(Enable=True, Features=[
        {"Name": "RUNTIME_MONITORING", "Status": "ENABLED", "AdditionalConfiguration": [
            {"Name": "EC2_AGENT_MANAGEMENT", "Status": "ENABLED"}]}])
    return _detectors(cloud, {
        "type": "turn-on-protection-plan", "plan": "RUNTIME_MONITORING", "agent": "EKS_ADDON_MANAGEMENT"})


def _macie(cloud: Cloud) -> Drift:
    macie = cloud.client("macie2")

    def state() -> State:
        return {ACCOUNT: (or_none(macie.get_macie_session) or {}).get("status")}

    return Drift(pulled("account", "turn-on-macie"), [ACCOUNT], state,
                 lambda status: set() if status == "ENABLED" else {"off"}, alone=ONE_A_REGION)


@drifts("account", "turn-on-macie", "off")
def macie_off(cloud: Cloud) -> Drift:
    cloud.client("macie2").disable_macie()
    return _macie(cloud)


@drifts("account", "turn-on-macie", "paused")
def macie_paused(cloud: Cloud) -> Drift:
    cloud.client("macie2").enable_macie(status="PAUSED")
    return _macie(cloud)


@drifts("account", "turn-on-inspector-scan")
def inspector(cloud: Cloud) -> Drift:
    client = cloud.client("inspector2")

    def state() -> State:
        [found] = client.batch_get_account_status(accountIds=[ACCOUNT])["accounts"]
        return {ACCOUNT: {name: each["status"] for name, each in found["resourceState"].items()}}

    return Drift(
        pulled("account", {"type": "turn-on-inspector-scan", "scan": "lambdaCode"}), [ACCOUNT], state,
        lambda found: {name for name in ("lambda", "lambdaCode") if found[name] != "ENABLED"}, alone=ONE_A_REGION)


@drifts("account", "set-missing-contact")
def contact(cloud: Cloud) -> Drift:
    client = cloud.client("account")

    def state() -> State:
        return {ACCOUNT: or_none(client.get_alternate_contact, AlternateContactType="SECURITY")}

    return Drift(
        pulled("account", {"type": "set-missing-contact", "contact": "SECURITY", "name": "Ann", "title": "Lead",
                           "email": "security@example.com", "phone": "1"}),
        [ACCOUNT], state, lambda found: set() if found else {"no contact"}, alone=ONE_AN_ACCOUNT)
