"""Security Hub: each finding in its own account and region, and nothing that did not get there unsaid."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from guardrails.accounts.account import Account
from guardrails.assessment.assessment import Assessment
from guardrails.report.formats.asff import PROVIDER, finding_id
from guardrails.report.securityhub import ImportResult, _Hub, import_findings
from guardrails.results.finding import Finding, Status
from guardrails.results.store import AccountInfo
from tests.moto_server import Moto
from tests.reporting import BLUE, EAST, EXCEPTION, RED, WEST, assess, finding, group

WAYS = [Account(number, name, (EAST, WEST), {"role": f"arn:aws:iam::{number}:role/sweep"})
        for number, name in ((RED, "red"), (BLUE, "blue"))]
DATA = finding("public-bucket", "data", region="global", arn="arn:aws:s3:::data")
WEB = replace(DATA, resource="web-1", arn="arn:aws:s3:::web-1")
EXCEPTED = replace(WEB, status=Status.EXCEPTED, exception=EXCEPTION)
DAYS = tuple(f"2026-02-0{number}" for number in range(1, 7))


@pytest.fixture
def hubs(moto: Moto) -> dict[tuple[str, str], Any]:
    """A client of the hub of each account and region; all are on."""
    made = {}
    for account in WAYS:
        for region in (EAST, WEST):
            made[account.id, region] = account.session(region).client("securityhub")
            made[account.id, region].enable_security_hub()
    return made


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Any]:
    """Imports a run with these findings; each run is a day after the one before."""
    open_: list[Assessment] = []

    def imports(
        *findings: Finding, ways: list[Account] = WAYS, with_passed: bool = False, **named: Any
    ) -> ImportResult:
        at = f"{DAYS[len(open_)]}T08:00:00+00:00"
        open_.append(assess(tmp_path / at, findings, started=at, finished=at, **named))
        return import_findings(open_[-1], ways, with_passed=with_passed)

    yield imports
    for made in open_:
        made.store.close()


def there(client: Any) -> dict[str, dict[str, Any]]:
    return {one["Id"]: one for page in client.get_paginator("get_findings").paginate() for one in page["Findings"]}


def state(client: Any, of: Finding) -> tuple[str, str, str]:
    one = there(client)[finding_id(of)]
    return one["RecordState"], one["Workflow"]["Status"], one.get("Note", {}).get("UpdatedBy", "")


def test_each_goes_into_the_hub_of_its_account_and_region(hubs: dict[tuple[str, str], Any], run: Any) -> None:
    groups = [group(f"sg-{number}", RED, EAST) for number in range(230)]
    result = run(DATA, *groups, group("sg-b", BLUE, WEST))
    assert (result.imported, result.archived, result.whole) == (232, 0, True)
    assert {key: len(there(client)) for key, client in hubs.items()} == {
        (RED, EAST): 231, (RED, WEST): 0, (BLUE, EAST): 0, (BLUE, WEST): 1}
    assert result.lines() == [
        "Security Hub: 232 findings imported (0 of them archived); 0 suppressed, 0 no longer suppressed"]


def test_what_belongs_to_the_whole_account_stays_in_the_regions_of_the_run(
    hubs: dict[tuple[str, str], Any], run: Any
) -> None:
    assert run(DATA, accounts=(AccountInfo(RED, "red", (WEST,)),)).whole
    assert there(hubs[RED, WEST])[finding_id(DATA)]["ProductArn"].split(":")[3:5] == [WEST, RED]
    assert not there(hubs[RED, EAST])


def test_what_was_fixed_is_archived_and_what_was_not_sent_again_stays(
    hubs: dict[tuple[str, str], Any], run: Any
) -> None:
    run(DATA, WEB)
    result = run(replace(DATA, status=Status.FIXED))
    assert (result.imported, result.archived) == (1, 1)
    assert state(hubs[RED, EAST], DATA) == ("ARCHIVED", "NEW", "")
    assert state(hubs[RED, EAST], WEB) == ("ACTIVE", "NEW", "")
    assert there(hubs[RED, EAST])[finding_id(DATA)]["Compliance"]["Status"] == "PASSED"
    run(DATA)
    assert state(hubs[RED, EAST], DATA) == ("ACTIVE", "NEW", "")


def test_what_passed_is_sent_only_if_asked_for(hubs: dict[tuple[str, str], Any], run: Any) -> None:
    def bucket() -> tuple[str, str, str, str]:
        one = there(hubs[RED, EAST])[finding_id(DATA)]
        return (one["RecordState"], one["Compliance"]["Status"], one["Severity"]["Label"], one["Workflow"]["Status"])

    groups = [(f"sg-{number:03}", f"arn:aws:ec2:{WEST}:{RED}:security-group/sg-{number:03}") for number in range(230)]
    passed = {("public-bucket", RED, "global"): [("data", DATA.arn)], ("open-ssh", RED, WEST): groups}
    assert (run(passed=passed).imported, there(hubs[RED, EAST])) == (0, {})
    result = run(passed=passed, with_passed=True)
    assert (result.imported, result.archived, result.passed, result.whole) == (231, 0, 231, True)
    assert "231 findings imported (0 of them archived, 231 passed)" in result.lines()[0]
    assert len(there(hubs[RED, WEST])) == 230
    assert bucket() == ("ACTIVE", "PASSED", "INFORMATIONAL", "RESOLVED")
    # The drift is the same finding.
    run(DATA, passed={("open-ssh", RED, WEST): groups}, with_passed=True)
    assert bucket()[:3] == ("ACTIVE", "FAILED", "CRITICAL")
    # It is fixed: it stays active if it is sent again, and is archived if it is not.
    result = run(replace(DATA, status=Status.FIXED), passed=passed, with_passed=True)
    assert (result.imported, result.archived, result.passed) == (231, 0, 231)
    assert bucket()[:2] == ("ACTIVE", "PASSED")
    assert run(replace(DATA, status=Status.FIXED), passed=passed).archived == 1
    assert bucket()[:2] == ("ARCHIVED", "PASSED")


def test_a_pass_does_not_release_what_an_exception_suppressed(hubs: dict[tuple[str, str], Any], run: Any) -> None:
    run(EXCEPTED)
    result = run(passed={("public-bucket", RED, "global"): [("web-1", WEB.arn)]}, with_passed=True)
    assert (result.imported, result.released) == (1, 0)
    assert state(hubs[RED, EAST], WEB) == ("ACTIVE", "SUPPRESSED", PROVIDER)
    assert run(WEB).released == 1


def test_an_exception_suppresses_and_its_end_takes_that_back(hubs: dict[tuple[str, str], Any], run: Any) -> None:
    hub = hubs[RED, EAST]
    run(WEB)
    result = run(EXCEPTED, DATA)
    assert (result.suppressed, result.released, result.whole) == (1, 0, True)
    assert state(hub, WEB) == ("ACTIVE", "SUPPRESSED", PROVIDER)
    assert "expires 2026-12-31" in there(hub)[finding_id(WEB)]["Note"]["Text"]
    result = run(WEB, DATA)
    assert (result.suppressed, result.released, result.whole) == (0, 1, True)
    assert state(hub, WEB) == ("ACTIVE", "NEW", PROVIDER)


def test_a_new_excepted_finding_is_suppressed_by_its_import(hubs: dict[tuple[str, str], Any], run: Any) -> None:
    result = run(EXCEPTED)
    assert (result.imported, result.suppressed, result.whole) == (1, 0, True)
    assert state(hubs[RED, EAST], WEB) == ("ACTIVE", "SUPPRESSED", PROVIDER)
    # The same exception is not written again, another is.
    assert run(EXCEPTED).suppressed == 0
    assert run(replace(EXCEPTED, exception={**EXCEPTION, "expires": "2027-01-31"})).suppressed == 1
    assert "2027-01-31" in there(hubs[RED, EAST])[finding_id(WEB)]["Note"]["Text"]


def test_what_a_person_suppressed_stays(hubs: dict[tuple[str, str], Any], run: Any) -> None:
    run(WEB)
    hub = hubs[RED, EAST]
    one = there(hub)[finding_id(WEB)]
    hub.batch_update_findings(
        FindingIdentifiers=[{"Id": one["Id"], "ProductArn": one["ProductArn"]}], Workflow={"Status": "SUPPRESSED"},
        Note={"Text": "known", "UpdatedBy": "ann"})
    for result in (run(EXCEPTED), run(WEB)):
        assert (result.imported, result.suppressed, result.released) == (1, 0, 0)
        assert state(hub, WEB) == ("ACTIVE", "SUPPRESSED", "ann")


def test_hubs_that_are_off_or_out_of_reach_are_named(hubs: dict[tuple[str, str], Any], run: Any) -> None:
    hubs[RED, WEST].disable_security_hub()
    groups = [group(f"sg-{number}", RED, WEST) for number in range(101)]
    result = run(DATA, *groups, group("sg-b", BLUE, EAST), ways=WAYS[:1])
    assert result.imported == 1
    assert not result.whole
    closed = {(hub.account, hub.region): hub for hub in result.closed}
    assert set(closed) == {(RED, WEST), (BLUE, EAST)}
    assert (closed[RED, WEST].findings, closed[BLUE, EAST].findings) == (101, 1)
    assert "Security Hub is disabled" in closed[RED, WEST].reason
    assert "the account cannot be reached" in closed[BLUE, EAST].reason
    assert any("101 findings of red" in line and WEST in line for line in result.lines())


class Answers:
    """A hub that answers as Security Hub is documented to, where moto does not."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def __getattr__(self, name: str) -> Any:
        def call(**given: Any) -> Any:
            found = self.answers[name]
            if isinstance(found, Exception):
                raise found
            return found(given) if callable(found) else found
        return call


def flushed(answers: Answers, **changes: Any) -> _Hub:
    hub = _Hub(RED, "red", EAST, WAYS[0], _client=answers, **changes)
    hub.waiting = [
        {"Id": name, "ProductArn": "arn", "RecordState": "ACTIVE", "Compliance": {"Status": "FAILED"},
         "Workflow": {"Status": status}, "Note": {"Text": "why"}}
        for name, status in (("a", "NEW"), ("b", "SUPPRESSED"))]
    hub.flush()
    return hub


TAKES_ALL = {"FailedCount": 0, "SuccessCount": 2, "FailedFindings": []}
UPDATES_ALL = {"ProcessedFindings": [{}], "UnprocessedFindings": []}


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


def test_a_finding_that_is_refused_is_named_with_its_code() -> None:
    failed = {"FailedFindings": [{"Id": "a", "ErrorCode": "InvalidInput", "ErrorMessage": "bad"}]}
    hub = flushed(Answers(batch_import_findings=failed, batch_update_findings=UPDATES_ALL))
    assert (hub.imported, hub.closed) == (1, "")
    assert [(one.id, one.code, one.message) for one in hub.failed] == [("a", "InvalidInput", "bad")]


def test_a_hub_that_refuses_every_finding_because_it_is_off_is_off() -> None:
    failed = {"FailedFindings": [{"Id": name, "ErrorCode": "InvalidAccess", "ErrorMessage": "off"} for name in "ab"]}
    hub = flushed(Answers(batch_import_findings=failed, batch_update_findings=UPDATES_ALL))
    assert "Security Hub is disabled" in hub.closed
    assert (hub.imported, hub.lost, hub.failed) == (0, 2, [])


def test_without_the_right_to_suppress_findings_are_imported_and_it_is_said() -> None:
    hub = flushed(Answers(batch_import_findings=TAKES_ALL,
                          batch_update_findings=refusal("AccessDeniedException", "BatchUpdateFindings")))
    assert (hub.imported, hub.suppressed) == (2, 0)
    assert [(one.id, one.code) for one in hub.failed] == [("b", "AccessDeniedException")]


@pytest.mark.parametrize(("code", "failures"), [("FindingNotFound", 0), ("ConcurrentUpdateError", 1)])
def test_an_update_that_is_not_done_is_a_failure_unless_the_import_does_it(code: str, failures: int) -> None:
    unprocessed = [{"FindingIdentifier": {"Id": "b", "ProductArn": "arn"}, "ErrorCode": code, "ErrorMessage": "no"}]
    hub = flushed(Answers(batch_import_findings=TAKES_ALL, batch_update_findings={
        "ProcessedFindings": [], "UnprocessedFindings": unprocessed}))
    assert (hub.imported, len(hub.failed)) == (2, failures)


def test_a_denied_import_closes_the_hub() -> None:
    hub = flushed(Answers(batch_import_findings=refusal("AccessDeniedException", "BatchImportFindings"),
                          batch_update_findings=UPDATES_ALL))
    assert hub.closed == "AccessDeniedException on BatchImportFindings: no"
    assert hub.lost == 2


def test_the_session_is_the_accounts_own(moto: Moto) -> None:
    identity = WAYS[1].session(EAST).client("sts").get_caller_identity()["Account"]
    assert identity == BLUE != boto3.client("sts").get_caller_identity()["Account"]
