"""Generating IAM credential reports before a sweep needs them.

IAM generates the report on request, within seconds. If there is none, c7n requests it, always sleeps ten seconds, and
continues without it if it is not ready by then. Here it is requested before the sweep, in many accounts at the same
time, and the wait ends as soon as it is ready.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from ..accounts import AWS_ERRORS, Account, account_region, reason_of
from ..limits import CREDENTIAL_REPORTS
from ..policies import Policy

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 5.0
_TIMEOUT_SECONDS = 60.0
_FILTER = "credential"
_RESOURCES = ("aws.iam-user", "aws.account")
_MAX_AGE = timedelta(days=1)
"""The age up to which c7n accepts a report if the filter does not set one."""
_ABSENT = ("ReportNotPresent", "ReportExpired")
_IN_PROGRESS = "ReportInProgress"
_CLIENT = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 3})


class Report(StrEnum):
    """The state of an account's credential report."""

    READY = "ready"
    LATE = "late"
    """Not ready within a minute; then c7n itself waits for it."""
    REFUSED = "refused"
    """AWS refused it; the policies that need it report the error themselves."""


@dataclass(frozen=True)
class AccountReport:
    """The credential report of one account."""

    account: Account
    report: Report
    reason: str = ""
    """Why AWS refused it."""


def warm_up(work: Mapping[tuple[Account, str], Sequence[Policy]]) -> list[AccountReport]:
    """Have the credential report generated in every account with a policy that reads it.

    Args:
        work: the policies that a sweep is about to run, by account and region.

    Returns when every report is ready, refused, or not ready within a minute. None of these raises an error.
    """
    ages: dict[str, tuple[Account, timedelta]] = {}
    known: dict[int, timedelta | None] = {}
    for (account, _), policies in work.items():
        # Most targets share one list of policies; each list is searched once.
        if id(policies) not in known:
            known[id(policies)] = oldest_report(policies)
        if (age := known[id(policies)]) is not None:
            ages[account.name] = (account, min(age, ages.get(account.name, (account, age))[1]))
    with ThreadPoolExecutor(CREDENTIAL_REPORTS) as pool:
        return list(pool.map(lambda needed: _prepare(*needed), ages.values()))


def oldest_report(policies: Iterable[Policy]) -> timedelta | None:
    """How old a report may be for all of `policies`; None if none of them needs one."""
    from ..policies import type_of, walk

    ages = []
    for policy in policies:
        if policy.resource not in _RESOURCES:
            continue
        for _, entry in walk(policy.data.get("filters"), ("filters",)):
            if type_of(entry) == _FILTER and entry.get("report_generate", True):
                ages.append(timedelta(seconds=entry["report_max_age"]) if "report_max_age" in entry else _MAX_AGE)
    return min(ages, default=None)


def _prepare(account: Account, oldest: timedelta) -> AccountReport:
    try:
        iam = account.session(account_region(account.regions)).client("iam", config=_CLIENT)
        return AccountReport(account, ask_for_report(iam, oldest))
    except AWS_ERRORS as error:
        return AccountReport(account, Report.REFUSED, reason_of(error))


def ask_for_report(
    iam: Any, oldest: timedelta, *, sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Have a report generated unless there is one that is not older than `oldest`, and wait for it.

    `iam` is an IAM client in the account. Raises one of AWS_ERRORS if AWS refuses.
    """
    until, pause = clock() + _TIMEOUT_SECONDS, _FIRST_PAUSE_SECONDS
    missing = not _exists(iam, oldest)
    while missing:
        # A request for a report that is in progress, or was just generated, only returns its state.
        if iam.generate_credential_report()["State"] == "COMPLETE":
            break
        if clock() >= until:
            return Report.LATE
        sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
    return Report.READY


def _exists(iam: Any, oldest: timedelta) -> bool:
    try:
        made = iam.get_credential_report()["GeneratedTime"]
    except ClientError as error:
        if error.response["Error"]["Code"] in (*_ABSENT, _IN_PROGRESS):
            return False
        raise
    return bool(made >= datetime.now(UTC) - oldest)
