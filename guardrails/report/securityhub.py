"""Imports findings into AWS Security Hub: each into the hub of its account and region, with that account's credentials.

Every finding of the run is sent, including unchanged ones: Security Hub deletes a finding 90 days after its last
update, so an open finding that is sent only once would disappear and look fixed. Fixed findings are archived. Checks
that did not complete send nothing, so their findings stay as they are.

Resources that passed are sent only if the caller asks for it, because there are many more of them. A fixed finding
whose resource is among them stays active, as PASSED: it is sent again in the next run.

The workflow status belongs to the customer. An exception suppresses a finding with a note of ours, and only findings
with such a note are released again: what a person has suppressed or set to NOTIFIED stays. Notes are set before the
import. A new finding gets its note with the import itself, because Security Hub needs minutes until it can be updated.

Needs securityhub:GetFindings, BatchUpdateFindings and BatchImportFindings in each account.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from ..accounts import AWS_ERRORS, Account, reason_of
from ..assessment import Assessment, counted
from ..limits import SECURITY_HUBS
from ..results import Finding, PassedCheck
from .formats.asff import PROVIDER, asff, passed, product_arn
from .formats.aws import real_region, regions_of
from .formats.rows import ReportRows

_AT_ONCE = 100
"""The limit of BatchImportFindings and BatchUpdateFindings: findings in one call."""
_NAMED_AT_MOST = 20
_CLIENT = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 8})
_OFF = ("InvalidAccess", "InvalidAccessException")
"""The error codes of an account and region where Security Hub is not enabled."""
_NO_LONGER = "No longer excepted: the exception has expired or was removed"


@dataclass(frozen=True)
class RefusedFinding:
    """A finding that Security Hub refused."""

    account: str
    region: str
    id: str
    """The finding's id in Security Hub."""
    code: str
    message: str


@dataclass(frozen=True)
class UnavailableHub:
    """A hub that cannot import, or that stopped importing."""

    account: str
    account_name: str
    region: str
    findings: int
    """The findings that it did not import."""
    reason: str


@dataclass(frozen=True)
class ImportResult:
    """The result of an import."""

    imported: int = 0
    archived: int = 0
    """The imported findings that are fixed."""
    passed: int = 0
    """The imported resources that passed, and fixed findings whose resources are among them."""
    suppressed: int = 0
    """Findings that existed, and that an exception now covers."""
    released: int = 0
    """Findings that no exception covers any longer: their workflow status is NEW again."""
    failed: tuple[RefusedFinding, ...] = ()
    closed: tuple[UnavailableHub, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether every finding was imported."""
        return not self.failed and not self.closed

    def lines(self) -> list[str]:
        """The result in sentences for the user."""
        states = f"{self.archived} of them archived" + (f", {self.passed} passed" if self.passed else "")
        total = (f"Security Hub: {counted(self.imported, 'finding')} imported ({states}); "
                 f"{self.suppressed} suppressed, {self.released} no longer suppressed")
        failures = [
            f"Security Hub: {counted(hub.findings, 'finding')} of {hub.account_name} ({hub.account}), {hub.region} "
            f"not imported: {hub.reason}" for hub in self.closed]
        failures += [f"Security Hub: {one.id} of {one.account}, {one.region} refused: {one.code}: {one.message}"
                     for one in self.failed]
        more = len(failures) - _NAMED_AT_MOST
        return [total, *failures[:_NAMED_AT_MOST], *([f"Security Hub: and {more} more failures"] if more > 0 else [])]


def import_findings(
    assessment: Assessment, accounts: Iterable[Account], *, with_passed: bool = False
) -> ImportResult:
    """Send every finding of the run to Security Hub; `accounts` are the accounts that can be reached.

    `with_passed`: send every resource that passed, too. They are read and sent in batches.

    `formats.aws.real_region` says which region a finding of the whole account goes to. A hub that is disabled or
    cannot be reached raises nothing: it is listed in the result.
    """
    ways: dict[str, Account] = {}
    for account in accounts:
        ways.setdefault(account.id, account)
    hubs: dict[tuple[str, str], _Hub] = {}

    def send(of: Finding | PassedCheck, region: str, one: dict[str, Any]) -> None:
        hub = hubs.get((of.account, region))
        if hub is None:
            hub = _Hub(of.account, of.account_name, region, ways.get(of.account))
            hubs[of.account, region] = hub
        hub.waiting.append(one)
        if len(hub.waiting) == _AT_ONCE:
            hub.flush()

    existing = assessment.fixed_and_passed if with_passed else frozenset()
    [rows] = ReportRows(assessment).readers(1)
    for row in rows:
        send(row.finding, row.region, asff(row, assessment, exists=row.finding.id in existing))
    regions = regions_of(assessment.accounts)
    for check in assessment.passed() if with_passed else ():
        region = real_region(check.region, regions.get(check.account, ()))
        for one in passed(check, assessment, region):
            send(check, region, one)
    with ThreadPoolExecutor(SECURITY_HUBS) as pool:
        # The list raises what a thread raised.
        list(pool.map(_Hub.flush, hubs.values()))
    return _result(hubs.values())


def _result(hubs: Iterable[_Hub]) -> ImportResult:
    hubs = list(hubs)
    return ImportResult(
        sum(hub.imported for hub in hubs), sum(hub.archived for hub in hubs), sum(hub.passed for hub in hubs),
        sum(hub.suppressed for hub in hubs), sum(hub.released for hub in hubs),
        tuple(failure for hub in hubs for failure in hub.failed),
        tuple(
            UnavailableHub(hub.account, hub.account_name, hub.region, hub.lost, hub.closed)
            for hub in hubs if hub.closed),
    )


@dataclass
class _Hub:
    """The Security Hub of one account and region, with the results of the import."""

    account: str
    account_name: str
    region: str
    way: Account | None
    waiting: list[dict[str, Any]] = field(default_factory=list)
    imported: int = 0
    archived: int = 0
    passed: int = 0
    suppressed: int = 0
    released: int = 0
    failed: list[RefusedFinding] = field(default_factory=list)
    lost: int = 0
    closed: str = ""
    """Why it cannot import; empty while it can."""
    _client: Any = None
    _notes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The suppressed findings of the hub: id to note."""

    def flush(self) -> None:
        """Send the waiting findings."""
        findings, self.waiting = self.waiting, []
        if not findings:
            return
        try:
            if self.way is None:
                self.closed = "the account cannot be reached"
            elif not self.closed:
                self._open(self.way)
                self._set_workflow(findings)
                self._import(findings)
        except AWS_ERRORS as error:
            self.closed = _why(error)
        if self.closed:
            self.lost += len(findings)

    def _open(self, way: Account) -> None:
        if self._client is not None:
            return
        client = way.session(self.region).client("securityhub", config=_CLIENT)
        pages = client.get_paginator("get_findings").paginate(PaginationConfig={"PageSize": 100}, Filters={
            "ProductArn": [{"Value": product_arn(self.account, self.region), "Comparison": "EQUALS"}],
            "WorkflowStatus": [{"Value": "SUPPRESSED", "Comparison": "EQUALS"}],
        })
        self._notes = {one["Id"]: one.get("Note") or {} for page in pages for one in page["Findings"]}
        self._client = client

    def _set_workflow(self, findings: Sequence[Mapping[str, Any]]) -> None:
        """Suppress the findings that an exception covers now, and release those that none covers any longer."""
        notes: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for finding in findings:
            there = self._notes.get(finding["Id"])
            ours = there is not None and there.get("UpdatedBy") == PROVIDER
            if finding["Workflow"]["Status"] == "SUPPRESSED":
                wanted = finding["Note"]["Text"]
                if there is None or (ours and there.get("Text") != wanted):
                    notes.setdefault(("SUPPRESSED", wanted), []).append(finding)
            elif ours and finding["Compliance"]["Status"] == "FAILED":
                notes.setdefault(("NEW", _NO_LONGER), []).append(finding)
        for (status, text), chosen in notes.items():
            done = self._update(chosen, status, text)
            if status == "NEW":
                self.released += done
            else:
                self.suppressed += done

    def _update(self, findings: Sequence[Mapping[str, Any]], status: str, text: str) -> int:
        """Set workflow status and note; returns the number of updated findings. Refusals go to `failed`."""
        try:
            answer = self._client.batch_update_findings(
                FindingIdentifiers=[{"Id": one["Id"], "ProductArn": one["ProductArn"]} for one in findings],
                Workflow={"Status": status}, Note={"Text": text, "UpdatedBy": PROVIDER})
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _OFF:
                raise
            # Without the permission to suppress, importing is still useful.
            self.failed += [self._failure(one["Id"], code, reason_of(error)) for one in findings]
            return 0
        self.failed += [
            self._failure(one["FindingIdentifier"]["Id"], one["ErrorCode"], one["ErrorMessage"])
            # A finding that does not exist yet is created by the import that follows, with workflow and note.
            for one in answer["UnprocessedFindings"] if one["ErrorCode"] != "FindingNotFound"]
        return len(answer["ProcessedFindings"])

    def _import(self, findings: Sequence[Mapping[str, Any]]) -> None:
        answer = self._client.batch_import_findings(Findings=findings)
        refused = {one["Id"]: one for one in answer.get("FailedFindings") or ()}
        if findings and all(one["ErrorCode"] in _OFF for one in refused.values()) and len(refused) == len(findings):
            self.closed = _OFF_HERE
            return
        self.failed += [self._failure(one["Id"], one["ErrorCode"], one["ErrorMessage"]) for one in refused.values()]
        taken = [one for one in findings if one["Id"] not in refused]
        self.imported += len(taken)
        self.archived += sum(one["RecordState"] == "ARCHIVED" for one in taken)
        self.passed += sum(
            (one["RecordState"], one["Compliance"]["Status"]) == ("ACTIVE", "PASSED") for one in taken)

    def _failure(self, identity: str, code: str, message: str) -> RefusedFinding:
        return RefusedFinding(self.account, self.region, identity, code, message)


_OFF_HERE = "Security Hub is disabled there: enable it, or exclude the region"


def _why(error: Exception) -> str:
    if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _OFF:
        return _OFF_HERE
    return reason_of(error)
