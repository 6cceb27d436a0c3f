"""Findings into AWS Security Hub: each into the hub of its own account and region, with that account's credentials.

Every finding of the run is sent, also one that has not changed: Security Hub forgets a finding 90 days after its last
update, so what was sent once and still drifts would vanish and look fixed. What was fixed is archived. What was not
seen is not sent, and stays as the hub has it.

Whether a finding is suppressed is the customer's to say. So an exception suppresses with a note of ours, and takes
back only what such a note suppressed: a person's suppression stays, and so does a person's NOTIFIED. Notes are set
before the import: a finding that is not there yet gets its first one by the import itself, and Security Hub needs
minutes to know it for an update.

Needs securityhub:GetFindings, BatchUpdateFindings and BatchImportFindings in each account.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from custom_actions.vocabulary import GLOBAL

from ..accounts import AWS_ERRORS, Account, reason_of
from ..assessment import Assessment, counted
from ..limits import SECURITY_HUBS
from .formats.asff import PROVIDER, asff, product_arn
from .formats.aws import real_region, regions_of

_AT_ONCE = 100
"""Findings that a call takes."""
_NAMED_AT_MOST = 20
_CLIENT = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 8})
_OFF = ("InvalidAccess", "InvalidAccessException")
"""What Security Hub says where it is not switched on."""
_NO_LONGER = "No longer excepted: the exception expired or was taken away"


@dataclass(frozen=True)
class Failure:
    """A finding that a hub refused."""

    account: str
    region: str
    id: str
    """The finding's id in Security Hub."""
    code: str
    message: str


@dataclass(frozen=True)
class Closed:
    """A hub that took nothing, or nothing more."""

    account: str
    account_name: str
    region: str
    findings: int
    """Those that it should have had."""
    reason: str


@dataclass(frozen=True)
class ImportResult:
    """What became of an import."""

    imported: int = 0
    archived: int = 0
    """Of those imported: the fixed ones."""
    suppressed: int = 0
    """Findings that were there and that an exception now covers."""
    released: int = 0
    """Findings that no exception covers any more: they are NEW again."""
    failed: tuple[Failure, ...] = ()
    closed: tuple[Closed, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether every finding is where it belongs."""
        return not self.failed and not self.closed

    def lines(self) -> list[str]:
        """What to tell the user."""
        said = [f"Security Hub: {counted(self.imported, 'finding')} imported, of these {self.archived} archived; "
                f"{self.suppressed} suppressed, {self.released} no longer"]
        named = [
            f"Security Hub: {counted(hub.findings, 'finding')} of {hub.account_name} ({hub.account}), {hub.region} "
            f"not imported: {hub.reason}" for hub in self.closed]
        named += [f"Security Hub: {one.id} of {one.account}, {one.region} refused: {one.code}: {one.message}"
                  for one in self.failed]
        more = len(named) - _NAMED_AT_MOST
        return said + named[:_NAMED_AT_MOST] + ([f"Security Hub: and {more} more of these"] if more > 0 else [])


def import_findings(assessment: Assessment, accounts: Iterable[Account]) -> ImportResult:
    """Send every finding of the run to Security Hub; `accounts` are those that there is a way into.

    What belongs to a whole account goes to the region where AWS has it (us-east-1 in most partitions) when the run
    names that, else to the first that it names: an organization may have closed the other. Raises nothing for a hub
    that is off or out of reach: the result names it.
    """
    ways: dict[str, Account] = {}
    for account in accounts:
        ways.setdefault(account.id, account)
    regions = regions_of(assessment.accounts)
    hubs: dict[tuple[str, str], _Hub] = {}
    for finding in assessment.findings():
        named = regions.get(finding.account, ())
        region = real_region(finding.region, named)
        if finding.region == GLOBAL and named and region not in named:
            region = named[0]
        hub = hubs.get((finding.account, region))
        if hub is None:
            hub = _Hub(finding.account, finding.account_name, region, ways.get(finding.account))
            hubs[finding.account, region] = hub
        hub.waiting.append(asff(finding, assessment.policies[finding.policy], assessment, region))
        if len(hub.waiting) == _AT_ONCE:
            hub.flush()
    with ThreadPoolExecutor(SECURITY_HUBS) as pool:
        # The list raises what a thread raised.
        list(pool.map(_Hub.flush, hubs.values()))
    return _result(hubs.values())


def _result(hubs: Iterable[_Hub]) -> ImportResult:
    hubs = list(hubs)
    return ImportResult(
        sum(hub.imported for hub in hubs), sum(hub.archived for hub in hubs), sum(hub.suppressed for hub in hubs),
        sum(hub.released for hub in hubs),
        tuple(failure for hub in hubs for failure in hub.failed),
        tuple(Closed(hub.account, hub.account_name, hub.region, hub.lost, hub.closed) for hub in hubs if hub.closed),
    )


@dataclass
class _Hub:
    """The Security Hub of one account and region, and what came of sending to it."""

    account: str
    account_name: str
    region: str
    way: Account | None
    waiting: list[dict[str, Any]] = field(default_factory=list)
    imported: int = 0
    archived: int = 0
    suppressed: int = 0
    released: int = 0
    failed: list[Failure] = field(default_factory=list)
    lost: int = 0
    closed: str = ""
    """Why it takes nothing; empty while it does."""
    _client: Any = None
    _notes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The findings that are suppressed there, with the note of each."""

    def flush(self) -> None:
        """Send what waits."""
        findings, self.waiting = self.waiting, []
        if not findings:
            return
        try:
            if self.way is None:
                self.closed = "there is no way into the account"
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
        """Suppress what an exception covers now, and take back what none covers any more."""
        notes: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
        for finding in findings:
            there = self._notes.get(finding["Id"])
            ours = there is not None and there.get("UpdatedBy") == PROVIDER
            if finding["Workflow"]["Status"] == "SUPPRESSED":
                wanted = finding["Note"]["Text"]
                if there is None or (ours and there.get("Text") != wanted):
                    notes.setdefault(("SUPPRESSED", wanted), []).append(finding)
            elif ours and finding["RecordState"] == "ACTIVE":
                notes.setdefault(("NEW", _NO_LONGER), []).append(finding)
        for (status, text), chosen in notes.items():
            done = self._update(chosen, status, text)
            if status == "NEW":
                self.released += done
            else:
                self.suppressed += done

    def _update(self, findings: Sequence[Mapping[str, Any]], status: str, text: str) -> int:
        """Set workflow and note; returns of how many. What is refused is kept with the failures."""
        try:
            answer = self._client.batch_update_findings(
                FindingIdentifiers=[{"Id": one["Id"], "ProductArn": one["ProductArn"]} for one in findings],
                Workflow={"Status": status}, Note={"Text": text, "UpdatedBy": PROVIDER})
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code in _OFF:
                raise
            # An import without the right to suppress is still worth more than none.
            self.failed += [self._failure(one["Id"], code, reason_of(error)) for one in findings]
            return 0
        self.failed += [
            self._failure(one["FindingIdentifier"]["Id"], one["ErrorCode"], one["ErrorMessage"])
            # What is not there yet is made by the import that follows, with workflow and note.
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

    def _failure(self, identity: str, code: str, message: str) -> Failure:
        return Failure(self.account, self.region, identity, code, message)


_OFF_HERE = "Security Hub is off there: switch it on, or leave the region out"


def _why(error: Exception) -> str:
    if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _OFF:
        return _OFF_HERE
    return reason_of(error)
