"""The credential report is there before anybody asks for it.

IAM makes the report on request, in seconds. c7n, which finds none, asks for it and then sleeps a fixed ten seconds,
however soon it is ready, and goes on without it when it is not. Here it is asked for before the sweep, in many
accounts at once, and only waited for as long as it takes.
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
_PATIENCE_SECONDS = 60.0
_FILTER = "credential"
_RESOURCES = ("aws.iam-user", "aws.account")
_MAX_AGE = timedelta(days=1)
"""How old a report c7n takes when the filter does not say."""
_ABSENT = ("ReportNotPresent", "ReportExpired")
_IN_PROGRESS = "ReportInProgress"
_CLIENT = Config(connect_timeout=10, read_timeout=30, retries={"mode": "standard", "max_attempts": 3})


class Report(StrEnum):
    """How an account's credential report is."""

    READY = "ready"
    LATE = "late"
    """Still being made when our patience ended; c7n waits for it in its own way."""
    REFUSED = "refused"
    """Not to be had; the policies that need it say so for themselves."""


@dataclass(frozen=True)
class Prepared:
    """One account that was prepared."""

    account: Account
    report: Report
    reason: str = ""
    """Why it was refused."""


def warm_up(work: Mapping[tuple[Account, str], Sequence[Policy]]) -> list[Prepared]:
    """See to the credential report of every account in `work` with a policy that reads it.

    `work` is what a sweep is going to run: the policies by account and region. Returns when each report is there, was
    refused, or has not come within a minute. Nothing of this is an error.
    """
    ages: dict[str, tuple[Account, timedelta]] = {}
    known: dict[int, timedelta | None] = {}
    for (account, _), policies in work.items():
        # Most targets share one list of policies; each is looked through once.
        if id(policies) not in known:
            known[id(policies)] = oldest_report(policies)
        if (age := known[id(policies)]) is not None:
            ages[account.name] = (account, min(age, ages.get(account.name, (account, age))[1]))
    with ThreadPoolExecutor(CREDENTIAL_REPORTS) as pool:
        return list(pool.map(lambda needed: _prepare(*needed), ages.values()))


def oldest_report(policies: Iterable[Policy]) -> timedelta | None:
    """How old a report may be for all of `policies`; None when none of them has one made."""
    from ..policies import type_of, walk

    ages = []
    for policy in policies:
        if policy.resource not in _RESOURCES:
            continue
        for _, entry in walk(policy.data.get("filters"), ("filters",)):
            if type_of(entry) == _FILTER and entry.get("report_generate", True):
                ages.append(timedelta(seconds=entry["report_max_age"]) if "report_max_age" in entry else _MAX_AGE)
    return min(ages, default=None)


def _prepare(account: Account, oldest: timedelta) -> Prepared:
    try:
        iam = account.session(account_region(account.regions)).client("iam", config=_CLIENT)
        return Prepared(account, ask_for_report(iam, oldest))
    except AWS_ERRORS as error:
        return Prepared(account, Report.REFUSED, reason_of(error))


def ask_for_report(
    iam: Any, oldest: timedelta, *, sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Have a report made unless there is one not older than `oldest`, and wait for it.

    `iam` is a client in the account. Raises one of AWS_ERRORS when AWS refuses.
    """
    until, pause = clock() + _PATIENCE_SECONDS, _FIRST_PAUSE_SECONDS
    wanted = not _is_there(iam, oldest)
    while wanted:
        # To ask for one that is being made, or was just made, changes nothing and tells how it is.
        if iam.generate_credential_report()["State"] == "COMPLETE":
            break
        if clock() >= until:
            return Report.LATE
        sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
    return Report.READY


def _is_there(iam: Any, oldest: timedelta) -> bool:
    try:
        made = iam.get_credential_report()["GeneratedTime"]
    except ClientError as error:
        if error.response["Error"]["Code"] in (*_ABSENT, _IN_PROGRESS):
            return False
        raise
    return bool(made >= datetime.now(UTC) - oldest)
