"""The credential report, asked for before the sweep."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardrails.accounts.account import Account
from guardrails.policies.policy import Policy, policies_of
from guardrails.runs.credential_report import Report, ask_for_report, oldest_report, warm_up
from guardrails.yamlfile import read
from tests.engine import load
from tests.moto_server import ACCOUNT, REGION, Moto

DAY = timedelta(days=1)


class Iam:
    """A client that answers with these states in turn, and with this report, or this code instead of one."""

    def __init__(self, *states: str, age: timedelta | None = None, code: str = "ReportNotPresent") -> None:
        self.states = list(states)
        self.age = age
        self.code = code
        self.generated = 0

    def get_credential_report(self) -> dict[str, Any]:
        if self.age is None:
            raise ClientError({"Error": {"Code": self.code, "Message": ""}}, "GetCredentialReport")
        return {"GeneratedTime": datetime.now(UTC) - self.age}

    def generate_credential_report(self) -> dict[str, Any]:
        state = self.states[min(self.generated, len(self.states) - 1)]
        self.generated += 1
        return {"State": state}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.mark.parametrize(("iam", "report", "generated", "pauses"), [
    (Iam(age=timedelta(hours=23)), Report.READY, 0, []),
    (Iam("COMPLETE", age=timedelta(hours=25)), Report.READY, 1, []),
    (Iam("STARTED", "INPROGRESS", "COMPLETE"), Report.READY, 3, [0.5, 1.0]),
    (Iam("INPROGRESS", "COMPLETE", code="ReportInProgress"), Report.READY, 2, [0.5]),
    (Iam("COMPLETE", code="ReportExpired"), Report.READY, 1, []),
])
def test_a_report_is_asked_for_when_there_is_none_that_is_new_enough(
    iam: Iam, report: Report, generated: int, pauses: Sequence[float]
) -> None:
    clock = Clock()
    assert ask_for_report(iam, DAY, sleep=clock.sleep, clock=clock) is report
    assert (iam.generated, clock.pauses) == (generated, pauses)


def test_patience_ends() -> None:
    clock = Clock()
    assert ask_for_report(Iam("INPROGRESS"), DAY, sleep=clock.sleep, clock=clock) is Report.LATE
    assert 60 <= clock.now < 66


def test_a_refusal_is_raised() -> None:
    with pytest.raises(ClientError, match="AccessDenied"):
        ask_for_report(Iam(code="AccessDenied"), DAY)


def policies(tmp_path: Path, *filters: str, resource: str = "aws.iam-user") -> list[Policy]:
    file = tmp_path / "p.yml"
    file.write_text("policies:\n" + "".join(
        f"- {{name: p{number}, resource: {resource}, filters: [{text}]}}\n" for number, text in enumerate(filters)))
    return policies_of(read(file))


KEY = "type: credential, key: mfa_active, value: false"
FILTER = f"{{{KEY}}}"


@pytest.mark.parametrize(("filters", "oldest"), [
    ([FILTER], DAY),
    ([FILTER, f"{{or: [{{not: [{{{KEY}, report_max_age: 60}}]}}]}}"], timedelta(minutes=1)),
    ([f"{{{KEY}, report_generate: false}}"], None),
    (["mfa-device"], None),
])
def test_the_strictest_filter_says_how_old_a_report_may_be(
    tmp_path: Path, filters: list[str], oldest: timedelta | None
) -> None:
    assert oldest_report(policies(tmp_path, *filters)) == oldest


def test_an_element_of_that_name_on_another_type_is_another(tmp_path: Path) -> None:
    assert oldest_report(policies(tmp_path, FILTER, resource="aws.s3")) is None


def test_a_sweep_finds_the_report_ready_and_reads_it_once(moto: Moto, sent: Counter[str], tmp_path: Path) -> None:
    moto.client("iam").create_user(UserName="ann")
    # moto's reports are of 2015.
    age = f"report_max_age: {100 * 365 * 86400}"
    chosen = policies(
        tmp_path, f"{{{KEY}, {age}}}", f"{{type: credential, key: password_enabled, value: false, {age}}}")
    account = Account(ACCOUNT, "here", (REGION,))
    gone = Account("210987654321", "gone", (REGION,), {"profile": "no-such-profile"})
    prepared = {each.account.name: each for each in warm_up({(account, REGION): chosen, (gone, REGION): chosen})}
    assert prepared["here"].report is Report.READY
    assert prepared["gone"].report is Report.REFUSED
    assert "no-such-profile" in prepared["gone"].reason
    sent.clear()
    for policy in chosen:
        assert [user["UserName"] for user in load(policy.data, tmp_path, dryrun=True).run()] == ["ann"]
    assert sent == {"ListUsers": 1, "GetAccountAuthorizationDetails": 1, "GetCredentialReport": 1}
