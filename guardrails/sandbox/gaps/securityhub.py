"""Security Hub: the checks and protected fields of an import, filters, and BatchUpdateFindings.

moto imports into a hub that is off, lets an import overwrite what belongs to the customer, answers GetFindings with
everything, and lacks BatchUpdateFindings.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from moto.securityhub import urls
from moto.securityhub.exceptions import InvalidInputException, SecurityHubClientError
from moto.securityhub.models import Finding, SecurityHubBackend
from moto.securityhub.responses import SecurityHubResponse

from ..moto_fixes import replaces

_AT_MOST = 100
_CUSTOMERS = ("Note", "UserDefinedFields", "VerificationState", "Workflow")
"""Fields that an import sets only when it creates the finding."""
_UPDATABLE = (
    "Note", "Severity", "VerificationState", "Confidence", "Criticality", "Types", "UserDefinedFields", "Workflow",
    "RelatedFindings",
)
_FIELDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "Id": lambda finding: finding["Id"],
    "ProductArn": lambda finding: finding["ProductArn"],
    "RecordState": lambda finding: finding["RecordState"],
    "WorkflowStatus": lambda finding: finding["Workflow"]["Status"],
    "NoteUpdatedBy": lambda finding: finding.get("Note", {}).get("UpdatedBy", ""),
}
"""The supported filters of GetFindings; any other filter is an error."""


def apply() -> None:
    """Apply the changes, once in the server's process."""
    _fix_import()
    _filter()
    _add_update()


def _fix_import() -> None:
    @replaces(SecurityHubBackend, "batch_import_findings")
    def batch_import(
        backend: Any, findings: list[dict[str, Any]]
    ) -> tuple[int, int, list[dict[str, Any]]]:
        _needs_hub(backend)
        if len(findings) > _AT_MOST:
            raise InvalidInputException("BatchImportFindings", f"at most {_AT_MOST} findings")
        failed = [
            {"Id": finding["Id"], "ErrorCode": "InvalidInput", "ErrorMessage": wrong}
            for finding in findings if (wrong := _import(backend, finding))
        ]
        return len(failed), len(findings) - len(failed), failed


def _import(backend: Any, new: dict[str, Any]) -> str:
    """Import a finding; returns what is wrong with it, or nothing."""
    if new["AwsAccountId"] != backend.account_id:
        return "AwsAccountId must match the account that calls with the default product ARN"
    if not new["Resources"]:
        return "a finding has at least one resource"
    old = _find(backend, new)
    if old is None:
        defaults = {"Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE"}
        backend.findings.append(Finding(new["Id"], {**defaults, **new}))
        return ""
    if datetime.fromisoformat(new["UpdatedAt"]) <= datetime.fromisoformat(old["UpdatedAt"]):
        return ""  # an older update is accepted, and has no effect
    comes_back = old["RecordState"] == "ARCHIVED" and new.get("RecordState") == "ACTIVE"
    old.update({key: value for key, value in new.items() if key not in _CUSTOMERS})
    if comes_back and old["Workflow"]["Status"] in ("NOTIFIED", "RESOLVED"):
        old["Workflow"] = {"Status": "NEW"}
    return ""


def _filter() -> None:
    original = SecurityHubBackend.get_findings

    @replaces(SecurityHubBackend, "get_findings")
    def get_findings(backend: Any, filters: Mapping[str, Any] | None = None, **named: Any) -> Any:
        _needs_hub(backend)
        everything = backend.findings
        try:
            backend.findings = [one for one in everything if _matches(one.data, filters or {})]
            return original(backend, filters=filters, **named)
        finally:
            backend.findings = everything


def _matches(finding: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    """Whether a finding passes: the fields are ANDed, the values of one field ORed."""
    for field, wanted in filters.items():
        if field not in _FIELDS:
            raise InvalidInputException("GetFindings", f"the sandbox cannot filter by {field}")
        if not any(_compares(_FIELDS[field](finding), one) for one in wanted):
            return False
    return True


def _compares(value: str, wanted: Mapping[str, str]) -> bool:
    if wanted["Comparison"] == "EQUALS":
        return value == wanted["Value"]
    if wanted["Comparison"] == "PREFIX":
        return value.startswith(wanted["Value"])
    raise InvalidInputException("GetFindings", f"the sandbox cannot compare by {wanted['Comparison']}")


def _add_update() -> None:
    urls.url_paths["{0}/findings/batchupdate$"] = SecurityHubResponse.dispatch

    def batch_update_findings(call: Any) -> str:
        backend = call.securityhub_backend
        _needs_hub(backend)
        body = json.loads(call.body)
        identifiers = body["FindingIdentifiers"]
        if len(identifiers) > _AT_MOST:
            raise InvalidInputException("BatchUpdateFindings", f"at most {_AT_MOST} findings")
        done, not_done = [], []
        for identifier in identifiers:
            finding = _find(backend, identifier)
            if finding is None:
                not_done.append({
                    "FindingIdentifier": identifier, "ErrorCode": "FindingNotFound",
                    "ErrorMessage": "Finding Not Found"})
            else:
                # UpdatedAt is the provider's, and stays.
                finding.update({key: body[key] for key in _UPDATABLE if key in body})
                done.append(identifier)
        return json.dumps({"ProcessedFindings": done, "UnprocessedFindings": not_done})

    SecurityHubResponse.batch_update_findings = batch_update_findings  # type: ignore[attr-defined]


def _find(backend: Any, identifier: Mapping[str, Any]) -> dict[str, Any] | None:
    return next((
        one.data for one in backend.findings
        if (one.data["Id"], one.data["ProductArn"]) == (identifier["Id"], identifier["ProductArn"])), None)


def _needs_hub(backend: Any) -> None:
    if not backend.enabled:
        raise SecurityHubClientError(
            "InvalidAccessException", f"Account {backend.account_id} is not subscribed to AWS Security Hub")
