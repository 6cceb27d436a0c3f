"""What an exception must look like: the rules in the data of a file or of a policy, or the first error in it."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from ..vocabulary import GLOBAL
from .rules import ANY, SSO_PATH, ExceptionRule

MAX_DAYS = 365
WARN_DAYS = 30
MANDATORY = ("policy", "account", "reason", "owner", "expires")
SELECTORS = ("resource", "name")
"""One of them is mandatory."""
TAGS = "tags"
TEXTS = ("policy", "account", "resource", "name", "reason", "owner", "expires", "region", "ticket")
KEYS = (*TEXTS, TAGS)
_SSO_ROLE, _RESERVED = "AWSReservedSSO_", "AWSReserved"
_ACCOUNT = re.compile(r"\d{12}")
_ACCOUNT_GLOB = re.compile(r"[\d*?\[\]!-]*[*?\[][\d*?\[\]!-]*")
_WILDCARDS = re.compile(r"\[!?\]?[^\]]*\]|[*?\[]")
_FEWEST = 3
"""Letters and digits that a name must have beside its wildcards."""
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
    selected = next((key for key in SELECTORS if key in entry), SELECTORS[0])
    needed = (*MANDATORY[:2], selected, *MANDATORY[2:])
    if missing := [key for key in needed if key not in entry]:
        raise InvalidExceptions(
            place, f"{' and '.join(missing)} missing", f"an exception must have {', '.join(needed)}")
    texts = {key: _text(entry[key], key, (*place, key)) for key in TEXTS if key in entry and key != "expires"}
    account = texts["account"]
    if not (_ACCOUNT.fullmatch(account) or _ACCOUNT_GLOB.fullmatch(account)):
        raise InvalidExceptions(
            (*place, "account"), f"account must be 12 digits or a glob pattern of digits, got {account!r}",
            "account: '111111111111'")
    texts.setdefault("resource", ANY)
    rule = ExceptionRule(
        expires=_day(entry["expires"], (*place, "expires")),
        tags=_tags(entry[TAGS], (*place, TAGS)) if TAGS in entry else (), **texts)
    _refuse_too_wide(rule, place)
    if rule.name:
        _refuse_unsafe_name(rule, place)
    elif rule.tags:
        raise InvalidExceptions(
            (*place, TAGS), "tags without a name would except whatever somebody tags",
            "add name, or select the resource by its id or ARN without tags")
    if _in_no_region(rule.resource) and not fnmatchcase(GLOBAL, rule.region):
        raise InvalidExceptions(
            (*place, "region"), f"{rule.resource} has no region, so region {rule.region!r} would never match it",
            f"remove region, or set it to {GLOBAL}")
    return rule


def _refuse_too_wide(rule: ExceptionRule, place: Place) -> None:
    if _is_everything(rule.policy) and _is_any_resource(rule.resource) and not rule.name:
        raise InvalidExceptions(
            (*place, "resource"), f"policy {rule.policy!r} with resource {rule.resource!r} would except everything",
            "name the policy, or the resource")
    if _SSO_ROLE in rule.resource and SSO_PATH not in rule.resource:
        raise _only_by_path((*place, "resource"), rule.resource)


def _refuse_unsafe_name(rule: ExceptionRule, place: Place) -> None:
    """Who may create a resource chooses its name, so a name counts only in one account, and for certain policies."""
    if _is_everything(rule.policy):
        raise InvalidExceptions(
            (*place, "policy"), f"an exception by name must name its policy, got {rule.policy!r}",
            "list the policies one by one, or use a pattern such as security-group-*")
    if not _ACCOUNT.fullmatch(rule.account):
        raise InvalidExceptions(
            (*place, "account"), f"an exception by name must name one account, got {rule.account!r}",
            "write an entry for each account: whoever may create resources there can choose the name")
    if sum(map(str.isalnum, _WILDCARDS.sub("", rule.name))) < _FEWEST:
        raise InvalidExceptions(
            (*place, "name"), f"name {rule.name!r} would except almost everything",
            f"it must have at least {_FEWEST} letters or digits beside its wildcards")
    if _RESERVED in rule.name and SSO_PATH not in rule.resource:
        raise _only_by_path((*place, "name"), rule.name)


def _only_by_path(place: Place, pattern: str) -> InvalidExceptions:
    return InvalidExceptions(
        place, f"{pattern!r} would also except a role of that name which anyone who may create roles can create",
        "only IAM Identity Center creates roles under its path, so name the path: "
        f"resource: arn:aws:iam::*:role/{SSO_PATH}*{_SSO_ROLE}NAME_*")


def _tags(value: Any, place: Place) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Mapping) or not value:
        raise InvalidExceptions(place, f"tags must be a mapping of keys to values, got {value!r}", "tags: {team: web}")
    for key in value:
        if not isinstance(key, str) or not key.strip():
            raise InvalidExceptions((*place, str(key)), f"the key of a tag must be a string, got {key!r}",
                                    "put it in quotes")
    return tuple((key, _text(pattern, f"the tag {key}", (*place, key))) for key, pattern in value.items())


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
