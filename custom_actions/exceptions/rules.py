"""Exceptions: drift that an owner accepts until a date.

A team must be able to accept one finding until March without switching a policy off. Nobody must be able to accept
everything for ever. So an exception names a policy, an account and a resource, has an owner and a reason, and expires.
It matches ids and ARNs only: permission to tag a resource must not be enough to exempt it.

An audit, a fix and a deployed function decide in the same way: by the rules, the resource and the time, and by nothing
else. Whether a rule is in force is decided at each run, because a function that was deployed in January must not apply
a rule that expired in February.
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
"""The environment variable that names the file; empty means no exceptions."""
MAX_DAYS = 365
WARN_DAYS = 30
MANDATORY = ("policy", "account", "resource", "reason", "owner", "expires")
OPTIONAL = ("region", "ticket")
KEYS = (*MANDATORY, *OPTIONAL)
_SSO_ROLE, _SSO_PATH = "AWSReservedSSO_", "aws-reserved/sso.amazonaws.com/"
_ACCOUNT = re.compile(r"\d{12}")
_ACCOUNT_GLOB = re.compile(r"[\d*?\[\]!-]*[*?\[][\d*?\[\]!-]*")
# ARNs of different resource types: a pattern that matches all of them selects nothing in particular.
_UNLIKE = tuple(
    tuple(f"arn:{partition}:{rest}" for rest in ("s3:::b", "ec2:eu-west-1:012345678901:vpc/v", "iam::123456789012:u"))
    for partition in ("aws", "aws-cn", "aws-us-gov")
)

Place = tuple[str | int, ...]


class InvalidExceptions(ValueError):
    """A list of exceptions that is not used, because a misread entry could exempt resources by mistake."""

    def __init__(self, place: Place, problem: str, fix: str = "") -> None:
        """`place`: the path to the entry or value; `problem`: what is wrong; `fix`: how to correct it."""
        super().__init__(problem)
        self.place = place
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        """The number of the entry, from 1, and what is wrong with it."""
        entry = f"exception {self.place[1] + 1}: " if len(self.place) > 1 and isinstance(self.place[1], int) else ""
        return f"{entry}{self.problem}" + (f" ({self.fix})" if self.fix else "")


@dataclass(frozen=True)
class Subject:
    """One resource that a policy matched, to be compared with the rules."""

    policy: str
    account: str
    """12 digits."""
    region: str
    """The region in which the policy ran; `global` for resources of the whole account."""
    resource: str
    """Its id in AWS."""
    arn: str
    """Empty when it has none."""

    @property
    def home(self) -> str:
        """The region in the ARN, or else the one in which the policy ran: every region lists a multi-region trail."""
        parts = self.arn.split(":", 5)
        return (len(parts) == 6 and parts[3]) or self.region


@dataclass(frozen=True)
class ExceptionRule:
    """One exception. `policy`, `account`, `region` and `resource` are case-sensitive glob patterns."""

    policy: str
    account: str
    resource: str
    """Compared with the ARN and with the id."""
    reason: str
    owner: str
    expires: date
    """The last day on which it applies, in UTC."""
    region: str = "*"
    ticket: str = ""

    def expired(self, now: datetime) -> bool:
        """Whether its last day is over at `now`, a time with a time zone."""
        return now.astimezone(UTC).date() > self.expires

    def days_left(self, now: datetime) -> int:
        """The days left after today; negative when it has expired."""
        return (self.expires - now.astimezone(UTC).date()).days

    def covers(self, subject: Subject) -> bool:
        """Whether it matches the resource, expired or not."""
        return (
            fnmatchcase(subject.policy, self.policy)
            and fnmatchcase(subject.account, self.account)
            and fnmatchcase(subject.home, self.region)
            and any(fnmatchcase(name, self.resource) for name in (subject.arn, subject.resource) if name)
        )

    def concerns(self, policy: str, account: str | None) -> bool:
        """Whether it can match a finding of this policy in this account; in any account when None."""
        return fnmatchcase(policy, self.policy) and (account is None or fnmatchcase(account, self.account))

    def to_dict(self) -> dict[str, str]:
        """The rule as data for a file, a policy or a report, without the optional fields that are not set."""
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
    """The contents of a file of exceptions."""

    rules: Sequence[ExceptionRule] = ()
    """Expired ones too."""
    max_days: int = MAX_DAYS
    """The maximum number of days from today, the day of reading, until an exception expires."""
    warn_days: int = WARN_DAYS
    """The number of days before its end from which a rule is reported as about to expire."""
    places: Sequence[Place] = field(default=(), compare=False)
    """The path to each rule in the data."""


def holds(rules: Iterable[ExceptionRule], subject: Subject, now: datetime) -> ExceptionRule | None:
    """The first rule in force at `now` that covers the resource, or None."""
    return next((rule for rule in rules if rule.covers(subject) and not rule.expired(now)), None)


def parse(data: Any, today: date) -> ExceptionList:
    """The exceptions in the data of a file; None means no exceptions. Raises InvalidExceptions for the first error."""
    if data is None:
        return ExceptionList()
    if not isinstance(data, Mapping):
        raise InvalidExceptions((), "the top level must be a mapping", "exceptions: [...]")
    _only(data, ("exceptions", "max_days", "warn_days"), ())
    days = {}
    for name, default in (("max_days", MAX_DAYS), ("warn_days", WARN_DAYS)):
        days[name] = data.get(name, default)
        if isinstance(days[name], bool) or not isinstance(days[name], int) or days[name] < 0:
            raise InvalidExceptions((name,), f"{name} must be a number of days, got {days[name]!r}")
    listed = data.get("exceptions")
    if listed is None:
        listed = []
    if not isinstance(listed, list):
        raise InvalidExceptions(("exceptions",), "exceptions must be a list")
    rules = []
    for number, entry in enumerate(listed):
        place = ("exceptions", number)
        rule = parse_rule(entry, place)
        if (rule.expires - today).days > days["max_days"]:
            raise InvalidExceptions(
                (*place, "expires"), f"expires {rule.expires} is more than {days['max_days']} days away",
                f"the latest date is {today + timedelta(days=days['max_days'])}; max_days in the file sets it")
        rules.append(rule)
    return ExceptionList(
        tuple(rules), days["max_days"], days["warn_days"], tuple(("exceptions", n) for n in range(len(rules))))


def parse_rule(entry: Any, place: Place = ()) -> ExceptionRule:
    """The rule in an entry. Raises InvalidExceptions, whose place begins with `place`."""
    if not isinstance(entry, Mapping):
        raise InvalidExceptions(place, f"an exception must be a mapping, got {entry!r}", f"with {', '.join(KEYS)}")
    _only(entry, KEYS, place)
    missing = [key for key in MANDATORY if key not in entry]
    if missing:
        raise InvalidExceptions(
            place, f"{' and '.join(missing)} missing", f"an exception must have {', '.join(MANDATORY)}")
    texts = {key: _text(entry[key], key, (*place, key)) for key in KEYS if key in entry and key != "expires"}
    account = texts["account"]
    if not (_ACCOUNT.fullmatch(account) or _ACCOUNT_GLOB.fullmatch(account)):
        raise InvalidExceptions(
            (*place, "account"), f"account must be 12 digits or a glob pattern of digits, got {account!r}",
            "account: '111111111111'")
    rule = ExceptionRule(expires=_day(entry["expires"], (*place, "expires")), **texts)
    if _is_everything(rule.policy) and _is_any_resource(rule.resource):
        raise InvalidExceptions(
            (*place, "resource"), f"policy {rule.policy!r} with resource {rule.resource!r} would except everything",
            "name the policy, or the resource")
    if _SSO_ROLE in rule.resource and _SSO_PATH not in rule.resource:
        raise InvalidExceptions(
            (*place, "resource"),
            f"{rule.resource!r} would also except a role of that name which anyone who may create roles can create",
            "only IAM Identity Center creates roles under its path, so name the path: "
            f"arn:aws:iam::*:role/{_SSO_PATH}*{_SSO_ROLE}NAME_*")
    if _in_no_region(rule.resource) and not fnmatchcase(GLOBAL, rule.region):
        raise InvalidExceptions(
            (*place, "region"), f"{rule.resource} has no region, so region {rule.region!r} would never match it",
            f"remove region, or set it to {GLOBAL}")
    return rule


def read(path: Path, today: date) -> ExceptionList:
    """The exceptions in a file.

    Raises InvalidExceptions when it cannot be read, is not YAML, has a duplicate key, or has an invalid exception.
    """
    try:
        stamp = path.stat()
    except OSError as error:
        raise InvalidExceptions((), f"it cannot be read: {error.strerror}") from None
    # A run reads it for each policy, account and region.
    return _read(path, stamp.st_mtime_ns, stamp.st_size, today)


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int, _size: int, today: date) -> ExceptionList:
    # Imported here: a deployed function has no PyYAML, and reads no file.
    import yaml

    class Loader(yaml.SafeLoader):
        """Rejects duplicate keys, of which YAML would silently use the last."""

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
            raise InvalidExceptions((*place, str(key)), f"unknown key {key!r}", f"known keys: {', '.join(known)}")


def _text(value: Any, key: str, place: Place) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise InvalidExceptions(place, f"{key} is empty")
    if not isinstance(value, str):
        # Unquoted, YAML reads 012345678901 as another number.
        raise InvalidExceptions(place, f"{key} must be a string, got {value!r}", "put it in quotes")
    return value.strip()


def _day(value: Any, place: Place) -> date:
    if isinstance(value, str):
        with suppress(ValueError):
            value = date.fromisoformat(value)
    if isinstance(value, datetime) or not isinstance(value, date):
        raise InvalidExceptions(place, f"expires must be a date, got {value!r}", "expires: 2027-01-31")
    return value


def _is_everything(glob: str) -> bool:
    return not glob.strip("*?")


def _in_no_region(glob: str) -> bool:
    """Whether it is the ARN of a bucket or an IAM resource. Not the account's ARN: its settings may be regional."""
    parts = glob.split(":", 5)
    return len(parts) == 6 and parts[0] == "arn" and not parts[3] and parts[5] != "root"


def _is_any_resource(glob: str) -> bool:
    return _is_everything(glob) or any(all(fnmatchcase(arn, glob) for arn in arns) for arns in _UNLIKE)
