"""How old a policy's newest answer may be, before what it says is no longer known.

A function that fails, or that somebody has deleted, writes nothing: all that tells of it is that its last answer gets
old. An answer is good for two of its policy's intervals, so that one late start is no alarm.
"""
from __future__ import annotations

import re
from datetime import timedelta

from .policy import Policy

DAY = timedelta(days=1)
_INTERVALS = 2
# A start, and the run itself, take minutes on AWS; a shorter schedule is not measured closer.
_AT_LEAST = timedelta(hours=1)
_POLLS = {"One_Hour": 1, "Three_Hours": 3, "Six_Hours": 6, "Twelve_Hours": 12, "TwentyFour_Hours": 24}
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((?P<fields>.*)\)")
_WEEK = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS, _YEARS = timedelta(days=31), timedelta(days=366)
SCHEDULED = ("periodic", "schedule", "config-poll-rule")
"""c7n's modes whose function looks at everything, by the clock."""


def is_scheduled(policy: Policy) -> bool:
    """Whether the policy's function looks at every resource by the clock, so that its output is a whole answer."""
    return policy.mode["type"] in SCHEDULED


def good_for(policy: Policy) -> timedelta | None:
    """How old the policy's newest answer may be; None when it is to run once only.

    Two intervals of its schedule, and an hour at least. A cron's interval is a day, or the longest pause between the
    days that it names. A policy without a schedule is taken for a daily one.
    """
    interval = interval_of(policy)
    return None if interval is None else max(_INTERVALS * interval, _AT_LEAST)


def interval_of(policy: Policy) -> timedelta | None:
    """How far apart the policy's runs are at most; None when it is to run once only."""
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
        # The last Friday (6L), the second Monday (2#2): once a month.
        return _MONTHS
    pauses = [after - before for before, after in zip(days, [*days[1:], days[0] + 7], strict=True)]
    return timedelta(days=max(pauses))


def _days(of_week: str) -> set[int]:
    """The days that a cron's fifth field names, 0 for Sunday; none when it is in a form that names no weekdays."""
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
    # AWS counts from 1, Sunday.
    return int(name) - 1 if name.isdigit() and 1 <= int(name) <= 7 else None
