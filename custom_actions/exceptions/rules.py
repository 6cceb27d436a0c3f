"""Exceptions: drift that somebody answers for, until a day.

A team must be able to say "this one stays, we know, until March" without switching a policy off, and nobody may be
able to say "all of it, for ever". So an exception names a policy, an account and a resource, has an owner and a
reason, and ends. It goes by ids and ARNs alone: who may tag a resource must not be able to exempt it.

What is decided here is decided alike for an audit, for a fix, and inside a deployed function: it depends on the
rules, the resource and the time, and on nothing else. Whether a rule is in force is asked each time, for a function
that was deployed in January must no longer honour what ended in February.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..vocabulary import GLOBAL
from ..yaml_limits import BYTES, events_too_large, nodes_too_large

FILE = "exceptions.yml"
VARIABLE = "GUARDRAILS_EXCEPTIONS"
"""The environment variable that names the file; empty: no exception holds."""
MAX_DAYS = 365
WARN_DAYS = 30
MANDATORY = ("policy", "account", "resource", "reason", "owner", "expires")
OPTIONAL = ("region", "ticket")
KEYS = (*MANDATORY, *OPTIONAL)
_ACCOUNT = re.compile(r"\d{12}")
_ACCOUNT_GLOB = re.compile(r"[\d*?\[\]!-]*[*?\[][\d*?\[\]!-]*")
# Of unlike kinds: what matches them all is no choice.
_UNLIKE = tuple(
    tuple(f"arn:{partition}:{rest}" for rest in ("s3:::b", "ec2:eu-west-1:012345678901:vpc/v", "iam::123456789012:u"))
    for partition in ("aws", "aws-cn", "aws-us-gov")
)

Place = tuple[str | int, ...]


class InvalidExceptions(ValueError):
    """A list of exceptions that must not be used: a part of it read wrongly would exempt what nobody meant."""

    def __init__(self, place: Place, problem: str, fix: str = "") -> None:
        """`place` leads to the entry, or to the value in it; `problem` is wrong with it; `fix` is what to do."""
        super().__init__(problem)
        self.place = place
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        """The place, counted from 1, and what is wrong there."""
        entry = f"exception {self.place[1] + 1}: " if len(self.place) > 1 and isinstance(self.place[1], int) else ""
        return f"{entry}{self.problem}" + (f" ({self.fix})" if self.fix else "")


@dataclass(frozen=True)
class Subject:
    """One resource that a policy matched: what a rule is held against."""

    policy: str
    account: str
    """12 digits."""
    region: str
    """Where the policy ran; `global` for what belongs to the whole account."""
    resource: str
    """The id by which AWS knows it."""
    arn: str
    """Empty when it has none."""

    @property
    def home(self) -> str:
        """The region that the ARN names, else where the policy ran: a multi-region trail is shown in every region."""
        parts = self.arn.split(":", 5)
        return (len(parts) == 6 and parts[3]) or self.region


@dataclass(frozen=True)
class ExceptionRule:
    """One exception. `policy`, `account`, `region` and `resource` are globs, and case counts."""

    policy: str
    account: str
    resource: str
    """Compared with the ARN and with the id."""
    reason: str
    owner: str
    expires: date
    """The last day on which it holds, in UTC."""
    region: str = "*"
    ticket: str = ""

    def expired(self, now: datetime) -> bool:
        """Whether its last day is over at `now`, which knows its time zone."""
        return now.astimezone(UTC).date() > self.expires

    def days_left(self, now: datetime) -> int:
        """Days after today on which it still holds; negative when it is over."""
        return (self.expires - now.astimezone(UTC).date()).days

    def covers(self, subject: Subject) -> bool:
        """Whether it speaks of the resource; whether it is still in force is another question."""
        return (
            fnmatchcase(subject.policy, self.policy)
            and fnmatchcase(subject.account, self.account)
            and fnmatchcase(subject.home, self.region)
            and any(fnmatchcase(name, self.resource) for name in (subject.arn, subject.resource) if name)
        )

    def concerns(self, policy: str, account: str | None) -> bool:
        """Whether it can cover anything of this policy in this account, or without one in any account."""
        return fnmatchcase(policy, self.policy) and (account is None or fnmatchcase(account, self.account))

    def to_dict(self) -> dict[str, str]:
        """The rule as a file, a policy or a report has it; what was left out is left out."""
        made = {
            "policy": self.policy, "account": self.account, "region": self.region, "resource": self.resource,
            "reason": self.reason, "owner": self.owner, "ticket": self.ticket, "expires": self.expires.isoformat(),
        }
        if self.region == "*":
            del made["region"]
        if not self.ticket:
            del made["ticket"]
        return made


@dataclass(frozen=True)
class ExceptionList:
    """What a file says."""

    rules: Sequence[ExceptionRule] = ()
    """Those that have ended, too."""
    max_days: int = MAX_DAYS
    """The furthest end that is allowed, from the day on which the file is read."""
    warn_days: int = WARN_DAYS
    """From when on a rule is said to be about to end."""
    places: Sequence[Place] = field(default=(), compare=False)
    """Where in the data each rule stands."""


def holds(rules: Iterable[ExceptionRule], subject: Subject, now: datetime) -> ExceptionRule | None:
    """The first rule in force at `now` that covers the resource, or None."""
    return next((rule for rule in rules if rule.covers(subject) and not rule.expired(now)), None)


def parse(data: Any, today: date) -> ExceptionList:
    """What the data of a file says; no data is no exception. Raises InvalidExceptions for the first thing wrong."""
    if data is None:
        return ExceptionList()
    if not isinstance(data, Mapping):
        raise InvalidExceptions((), "it is no mapping", "exceptions: [...]")
    _only(data, ("exceptions", "max_days", "warn_days"), ())
    days = {}
    for name, default in (("max_days", MAX_DAYS), ("warn_days", WARN_DAYS)):
        days[name] = data.get(name, default)
        if isinstance(days[name], bool) or not isinstance(days[name], int) or days[name] < 0:
            raise InvalidExceptions((name,), f"{name} is {days[name]!r}, which is no number of days")
    listed = data.get("exceptions")
    if listed is None:
        listed = []
    if not isinstance(listed, list):
        raise InvalidExceptions(("exceptions",), "exceptions is no list")
    rules = []
    for number, entry in enumerate(listed):
        place = ("exceptions", number)
        rule = parse_rule(entry, place)
        if (rule.expires - today).days > days["max_days"]:
            raise InvalidExceptions(
                (*place, "expires"), f"expires {rule.expires} is more than {days['max_days']} days away",
                f"the furthest day is {today + timedelta(days=days['max_days'])}; max_days in the file sets it")
        rules.append(rule)
    return ExceptionList(
        tuple(rules), days["max_days"], days["warn_days"], tuple(("exceptions", n) for n in range(len(rules))))


def parse_rule(entry: Any, place: Place = ()) -> ExceptionRule:
    """One entry. Raises InvalidExceptions, which leads to what is wrong from `place` on."""
    if not isinstance(entry, Mapping):
        raise InvalidExceptions(place, f"{entry!r} is no mapping", f"it has {', '.join(KEYS)}")
    _only(entry, KEYS, place)
    missing = [key for key in MANDATORY if key not in entry]
    if missing:
        raise InvalidExceptions(place, f"{' and '.join(missing)} missing", f"it must have {', '.join(MANDATORY)}")
    texts = {key: _text(entry[key], key, (*place, key)) for key in KEYS if key in entry and key != "expires"}
    account = texts["account"]
    if not (_ACCOUNT.fullmatch(account) or _ACCOUNT_GLOB.fullmatch(account)):
        raise InvalidExceptions((*place, "account"), f"account {account!r} is neither 12 digits nor a glob of digits",
                                "account: '111111111111'")
    rule = ExceptionRule(expires=_day(entry["expires"], (*place, "expires")), **texts)
    if _is_everything(rule.policy) and _is_any_resource(rule.resource):
        raise InvalidExceptions(
            (*place, "resource"), f"policy {rule.policy!r} and resource {rule.resource!r} except everything",
            "name the policy, or the resource")
    if _in_no_region(rule.resource) and not fnmatchcase(GLOBAL, rule.region):
        raise InvalidExceptions(
            (*place, "region"), f"{rule.resource} is in no region, so region {rule.region!r} would never match it",
            f"leave region out, or write {GLOBAL}")
    return rule


def read(path: Path, today: date) -> ExceptionList:
    """The exceptions of a file.

    Raises InvalidExceptions when it cannot be read, is no YAML, gives a key twice, or says what must not be used.
    """
    try:
        stamp = path.stat()
    except OSError as error:
        raise InvalidExceptions((), f"it cannot be read: {error.strerror}") from None
    # A run asks once for each policy, account and region.
    return _read(path, stamp.st_mtime_ns, stamp.st_size, today)


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int, _size: int, today: date) -> ExceptionList:
    # Not at the head: a function has no PyYAML, and reads no file.
    import yaml

    class Loader(yaml.SafeLoader):
        """Refuses a key that is given twice, of which YAML would quietly take the last."""

    def mapping(loader: Loader, node: yaml.MappingNode) -> dict[Any, Any]:
        loader.flatten_mapping(node)
        made: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = loader.construct_object(key_node, deep=True)
            if key in made:
                raise InvalidExceptions((), f"line {key_node.start_mark.line + 1}: the key {key!r} is given twice")
            made[key] = loader.construct_object(value_node, deep=True)
        return made

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        if path.stat().st_size > BYTES:
            raise InvalidExceptions((), f"it is too large: the limit is {BYTES} bytes")
        text = path.read_text(encoding="utf-8")
        deep = events_too_large(yaml.parse(text, Loader=yaml.SafeLoader))
        loader = Loader("" if deep else text)
        root = loader.get_single_node()
        if found := deep or (root is not None and nodes_too_large(root)) or None:
            raise InvalidExceptions((), f"line {found[1]}: {found[0]}")
        data = None if root is None else loader.construct_document(root)
    except (OSError, UnicodeDecodeError, TypeError) as error:
        raise InvalidExceptions((), f"it cannot be read: {error}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        if isinstance(error, InvalidExceptions):
            raise
        raise InvalidExceptions((), f"it is not YAML: {' '.join(str(error).split())}") from None
    return parse(data, today)


def _only(given: Mapping[Any, Any], known: Sequence[str], place: Place) -> None:
    for key in given:
        if key not in known:
            raise InvalidExceptions((*place, str(key)), f"there is no {key!r}", f"known: {', '.join(known)}")


def _text(value: Any, key: str, place: Place) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise InvalidExceptions(place, f"{key} is empty")
    if not isinstance(value, str):
        # Unquoted, YAML reads 012345678901 as another number.
        raise InvalidExceptions(place, f"{key} {value!r} is no text", "put it in quotes")
    return value.strip()


def _day(value: Any, place: Place) -> date:
    if isinstance(value, str):
        with suppress(ValueError):
            value = date.fromisoformat(value)
    if isinstance(value, datetime) or not isinstance(value, date):
        raise InvalidExceptions(place, f"expires {value!r} is no date", "expires: 2027-01-31")
    return value


def _is_everything(glob: str) -> bool:
    return not glob.strip("*?")


def _in_no_region(glob: str) -> bool:
    """Whether it is the ARN of a bucket, or of something in IAM; an account's own settings may be of one region."""
    parts = glob.split(":", 5)
    return len(parts) == 6 and parts[0] == "arn" and not parts[3] and parts[5] != "root"


def _is_any_resource(glob: str) -> bool:
    return _is_everything(glob) or any(all(fnmatchcase(arn, glob) for arn in arns) for arns in _UNLIKE)
