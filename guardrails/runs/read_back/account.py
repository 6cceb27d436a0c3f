"""Compares what fixes change in the settings of an account: Macie, Inspector, analyzers, and alternate contacts.

Source: Macie's GetMacieSession and GetAutomatedDiscoveryConfiguration, Inspector's BatchGetAccountStatus, IAM Access
Analyzer's GetAnalyzer, and Account Management's GetAlternateContact.
"""
from __future__ import annotations

from typing import Any

from custom_actions.aws import absent
from custom_actions.elements.account import contact_of
from custom_actions.elements.inspector import TYPES, states_of
from custom_actions.elements.macie import unless_off

from .base import (
    AS_FIXED,
    BACK,
    Comparison,
    Observation,
    Parameters,
    Reads,
    Receipt,
    added_to,
    created,
    differs,
    made_by,
    merged,
    several,
    two_states,
)


def _new_macie(client: Any, _: Parameters, receipt: Receipt) -> Observation:
    """Disabling Macie deletes all its settings, so it must be the one that the fix enabled."""
    found = unless_off(client.get_macie_session)
    if not found:
        return BACK
    if not made_by(found["createdAt"], receipt):
        return Observation(
            Comparison.OTHER, f"Macie was enabled at {found['createdAt']}, but the receipt is of {receipt['at']}")
    return created(found, [merged(receipt)], "Macie")


def _macie(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    status = unless_off(client.get_macie_session).get("status")
    if status == parameters["status"]:
        return BACK
    return AS_FIXED if status == merged(receipt).get("status") else differs(status)


def _discovery(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    status = unless_off(client.get_automated_discovery_configuration).get("status")
    return two_states(back=status == parameters["status"]) if status else differs(status)


def _scans(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    [account] = parameters["accountIds"]
    states = states_of(client, account)
    on = {TYPES[scan]: state in ("ENABLED", "ENABLING") for scan, state in states.items()}
    wanted = parameters["resourceTypes"]
    return several([each for each in wanted if on[each]], [each for each in wanted if not on[each]], back=False)


def _new_contact(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    return created(
        contact_of(client, parameters["AlternateContactType"]), [merged(receipt)], "the alternate contact")


def _new_analyzer(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
    """Deleting an analyzer deletes its findings, so it must be the one that the fix created."""
    name = parameters["analyzerName"]
    answer = absent(client.get_analyzer, "ResourceNotFoundException", analyzerName=name)
    if not answer:
        return BACK
    found = answer["analyzer"]
    if not made_by(found["createdAt"], receipt):
        return Observation(
            Comparison.OTHER, f"the analyzer {name} was created at {found['createdAt']}, but the receipt is of "
            f"{receipt['at']}")
    return created(found, [{"type": each["type"]} for each in added_to(receipt, analyzerName=name)],
                   f"the analyzer {name}")


ACCOUNT: Reads = {
    ("accessanalyzer", "delete_analyzer"): _new_analyzer,
    ("macie2", "disable_macie"): _new_macie,
    ("macie2", "update_macie_session"): _macie,
    ("macie2", "update_automated_discovery_configuration"): _discovery,
    ("inspector2", "disable"): _scans,
    ("account", "delete_alternate_contact"): _new_contact,
}
