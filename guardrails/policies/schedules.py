"""How old the latest output of a policy may be before its result counts as unknown.

A function that fails or was deleted writes nothing; the only sign is that its last output gets old. An output is valid
for two intervals of its policy's schedule, so that one late start raises no alarm.
"""
from __future__ import annotations

import re
from datetime import timedelta

from .policy import Policy

DAY = timedelta(days=1)
_INTERVALS = 2
# Starting and running take minutes on AWS, so a shorter schedule still gets an hour.
_AT_LEAST = timedelta(hours=1)
_POLLS = {"One_Hour": 1, "Three_Hours": 3, "Six_Hours": 6, "Twelve_Hours": 12, "TwentyFour_Hours": 24}
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((?P<fields>.*)\)")
_WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS, _YEARS = timedelta(days=31), timedelta(days=366)
SCHEDULED = ("periodic", "schedule", "config-poll-rule")
"""The modes of c7n whose function evaluates every resource on a schedule."""


def is_scheduled(policy: Policy) -> bool:
    """Whether the policy's function evaluates every resource on a schedule, so that its output is complete."""
    return policy.mode["type"] in SCHEDULED


def good_for(policy: Policy) -> timedelta | None:
    """How old the policy's latest output may be; None for a policy that runs only once.

    Two intervals of its schedule, but at least an hour. The interval of a cron expression is a day, or the longest
    time between two of its days. A policy without a schedule counts as daily.
    """
    interval = interval_of(policy)
    return None if interval is None else max(_INTERVALS * interval, _AT_LEAST)


def interval_of(policy: Policy) -> timedelta | None:
    """The longest time between two runs of the policy; None for a policy that runs only once."""
    schedule = str(policy.mode.get("schedule") or "")
    if schedule in _POLLS:
        return timedelta(hours=_POLLS[schedule])
    if rate := _RATE.fullmatch(schedule.strip()):
        return timedelta(**{f"{rate[2]}s": int(rate[1])})
    if schedule.startswith("at("):
        return None
    if cron := _CRON.fullmatch(schedule.strip()):
        return _between_days(cron["fields"].split())
    return DAY


def _between_days(fields: list[str]) -> timedelta:
    """The longest time between two days of a cron: minutes, hours, day of month, month, day of week, year."""
    if len(fields) != 6:
        return DAY
    _, _, of_month, month, of_week, _ = fields
    if month not in ("*", "?"):
        return _YEARS
    if of_month not in ("*", "?"):
        return _MONTHS
    if of_week in ("*", "?"):
        return DAY
    days = sorted(_days(of_week))
    if not days:
        # 6L (the last Friday) and 2#2 (the second Monday) run once a month.
        return _MONTHS
    pauses = [after - before for before, after in zip(days, [*days[1:], days[0] + 7], strict=True)]
    return timedelta(days=max(pauses))


def _days(of_week: str) -> set[int]:
    """The weekdays in the fifth field of a cron, 0 for Sunday; empty if the field lists no weekdays."""
    found: set[int] = set()
    for part in of_week.upper().split(","):
        numbers = [_day(name) for name in part.split("-")]
        if None in numbers or len(numbers) > 2:
            return set()
        first, last = numbers[0] or 0, numbers[-1] or 0
        found |= {day % 7 for day in range(first, last + 1 if last >= first else last + 8)}
    return found


def _day(name: str) -> int | None:
    if name in _WEEK:
        return _WEEK.index(name)
    # AWS counts from 1 for Sunday.
    return int(name) - 1 if name.isdigit() and 1 <= int(name) <= 7 else None
