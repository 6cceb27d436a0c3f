"""Receipts in the CloudWatch logs of deployed functions.

A function logs each step of a fix before its call, and each receipt. What is in a log may be forged by everybody who
may write to it. So a receipt must agree with the place of its log: its account, its region and its policy.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.config import Config

from custom_actions.fixing import in_other_regions
from custom_actions.names import FUNCTION_PREFIX, HUB_ROLE, RESPONDER, is_group_name

from ..accounts import AWS_ERRORS, Account, reason_of
from .receipt_text import TextReceipts, parse_messages

GROUP, LOG_GROUP = "/aws/lambda/", "log group"
_FUNCTIONS = f"{GROUP}{FUNCTION_PREFIX}"
# In every receipt and every step; a plain word needs no quoting in a filter pattern.
_PATTERN = "inverse"
_CLIENT = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 8})


@dataclass(frozen=True)
class LogGroup:
    """The log group of one function."""

    account: Account
    region: str
    name: str

    def __str__(self) -> str:
        return f"{LOG_GROUP} {self.name} in {self.account.id} {self.region}"

    @property
    def function(self) -> str:
        """The name of the function that writes it."""
        return self.name.removeprefix(GROUP)


class LogReader:
    """Reads the logs of one account and region. Its constructor raises one of AWS_ERRORS."""

    def __init__(self, account: Account, region: str) -> None:
        self._account, self._region = account, region
        self._session = account.session(region)
        self._logs = self._session.client("logs", config=_CLIENT)
        self._hubs: dict[str, bool] = {}

    def groups(self, name: str = "") -> list[LogGroup]:
        """The log group `name`, or those of all our functions, also of functions that were removed since.

        Raises one of AWS_ERRORS.
        """
        pages = self._logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name or _FUNCTIONS)
        found = [each["logGroupName"] for page in pages for each in page["logGroups"]]
        return [LogGroup(self._account, self._region, each) for each in found if not name or each == name]

    def read(self, group: LogGroup, since: datetime) -> TextReceipts:
        """The receipts that the function logged since then. Raises one of AWS_ERRORS."""
        return parse_messages(self._messages(group, since))

    def _messages(self, group: LogGroup, since: datetime) -> Iterator[str]:
        # A page can be empty and not be the last: a page limits how much is searched.
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=group.name, startTime=int(since.timestamp() * 1000), filterPattern=_PATTERN)
        for page in pages:
            for event in page["events"]:
                yield event["message"]

    def disagreements(self, group: LogGroup, receipts: Iterable[Mapping[str, Any]]) -> list[str]:
        """For each receipt, how it differs from the place of its log; empty if it agrees."""
        return [self._disagreement(group, receipt) for receipt in receipts]

    def _disagreement(self, group: LogGroup, receipt: Mapping[str, Any]) -> str:
        policy = str(receipt.get("policy"))
        many = group.function == RESPONDER or is_group_name(group.function)
        if not many and not group.function.endswith(f"-{policy}"):
            return f"it is of the policy {policy}, but in the log of the function {group.function}"
        place = [str(receipt.get(name)) for name in ("account", "region")]
        if place == [group.account.id, group.region] or self._is_hub(group.function) or (
                place[0] == group.account.id and in_other_regions(receipt)):
            return ""
        return (f"it is of {' '.join(place)}, but in a log of {group.account.id} {group.region}, and "
                f"{group.function} is not known to be the function of a hub")

    def _is_hub(self, function: str) -> bool:
        """Whether the function fixes in other accounts, too. False if that cannot be read."""
        if function not in self._hubs:
            try:
                found = self._session.client("lambda", config=_CLIENT).get_function_configuration(FunctionName=function)
                self._hubs[function] = str(found.get("Role")).rpartition("/")[2] == HUB_ROLE
            except AWS_ERRORS:
                self._hubs[function] = False
        return self._hubs[function]


def read_logs(
    accounts: Iterable[Account], name: str, since: datetime
) -> Iterator[tuple[str, TextReceipts | str, list[str]]]:
    """The receipts in a log group, or in those of all our functions, in every account and region.

    Args:
        name: a log group; empty for all of our functions.
        since: older lines are not read.

    Yields for each place its name, the receipts or why it cannot be read, and the disagreement of each receipt.
    """
    for account in accounts:
        for region in account.regions:
            where = f"logs of functions in {account.id} {region}"
            try:
                reader = LogReader(account, region)
                groups = reader.groups(name)
            except AWS_ERRORS as error:
                yield where, reason_of(error), []
                continue
            for group in groups:
                try:
                    found = reader.read(group, since)
                except AWS_ERRORS as error:
                    yield str(group), reason_of(error), []
                    continue
                yield str(group), found, reader.disagreements(group, found.receipts)
