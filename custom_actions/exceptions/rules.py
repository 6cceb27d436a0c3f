"""Exceptions: drift that an owner accepts until a date.

A team must be able to accept one finding until March without switching a policy off. Nobody must be able to accept
everything for ever. So an exception names a policy, an account and a resource, has an owner and a reason, and expires.
It selects resources by id or ARN. Where ids change all the time it may select them by name instead, in one account
and for named policies. Tags only narrow a name: permission to tag a resource must not be enough to exempt it.

An audit, a fix and a deployed function decide in the same way: by the rules, the resource and the time, and by nothing
else. Whether a rule is in force is decided at each run, because a function that was deployed in January must not apply
a rule that expired in February.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from typing import Any

FILE = "exceptions.yml"
VARIABLE = "GUARDRAILS_EXCEPTIONS"
"""The environment variable that names the file; empty means no exceptions."""
ANY = "*"
SSO_PATH = "aws-reserved/sso.amazonaws.com/"
"""The path of the roles of IAM Identity Center. IAM lets nobody else create roles under it."""


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
    name: str = ""
    """Its name in AWS, not its tag Name. Empty when it has none, or when it is unknown: no rule by name covers it."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Its tags; empty when they are unknown: no rule with tags covers it."""

    @property
    def home(self) -> str:
        """The region in the ARN, or else the one in which the policy ran: every region lists a multi-region trail."""
        parts = self.arn.split(":", 5)
        return (len(parts) == 6 and parts[3]) or self.region


@dataclass(frozen=True)
class ExceptionRule:
    """One exception. `policy`, `account`, `region`, `resource` and `name` are case-sensitive glob patterns."""

    policy: str
    account: str
    resource: str
    """Compared with the ARN and with the id; `*` in a rule that selects by name alone."""
    reason: str
    owner: str
    expires: date
    """The last day on which it applies, in UTC."""
    region: str = ANY
    ticket: str = ""
    name: str = ""
    """Compared with the resource's name; empty for any resource, with or without a name."""
    tags: tuple[tuple[str, str], ...] = ()
    """Keys, each with a glob pattern for the value. The resource must have all of these tags."""

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
            and (SSO_PATH not in self.resource or _is_of_identity_center(subject.arn))
            and (not self.name or (subject.name != "" and fnmatchcase(subject.name, self.name)))
            and all(key in subject.tags and fnmatchcase(subject.tags[key], value) for key, value in self.tags)
        )

    def may_cover(self, subject: Subject) -> bool:
        """Whether it matches a resource whose name and tags are unknown, for some name and some tags."""
        return replace(self, name="", tags=()).covers(subject)

    def concerns(self, policy: str, account: str | None) -> bool:
        """Whether it can match a finding of this policy in this account; in any account when None."""
        return fnmatchcase(policy, self.policy) and (account is None or fnmatchcase(account, self.account))

    @property
    def selects(self) -> str:
        """Which resources it selects, for a table or a sentence: `sg-1`, or `name k8s-*, tag team=web`."""
        by_name = [f"name {self.name}", *(f"tag {key}={value}" for key, value in self.tags)] if self.name else []
        return ", ".join([*([] if self.name and self.resource == ANY else [self.resource]), *by_name])

    def to_dict(self) -> dict[str, Any]:
        """The rule as data for a file, a policy or a report, without the optional fields that are not set."""
        made: dict[str, Any] = {
            "policy": self.policy, "account": self.account, "region": self.region, "resource": self.resource,
            "name": self.name, "tags": dict(self.tags),
            "reason": self.reason, "owner": self.owner, "ticket": self.ticket, "expires": self.expires.isoformat(),
        }
        unset = {"region": ANY, "name": "", "tags": {}, "ticket": "", **({"resource": ANY} if self.name else {})}
        return {key: value for key, value in made.items() if key not in unset or value != unset[key]}


def holds(rules: Iterable[ExceptionRule], subject: Subject, now: datetime) -> ExceptionRule | None:
    """The first rule in force at `now` that covers the resource, or None."""
    return next((rule for rule in rules if rule.covers(subject) and not rule.expired(now)), None)


def _is_of_identity_center(arn: str) -> bool:
    """Whether the path of the role begins with Identity Center's: `/x:role/aws-reserved/…` is anyone's."""
    return arn.partition(":role/")[2].startswith(SSO_PATH)
