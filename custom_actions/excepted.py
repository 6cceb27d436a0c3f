"""The filter `excepted`, on every resource type, and how it gets into every policy.

An exception that a policy's author has to write into the policy is forgotten in the next one, and an exception that
only a report knows of does not keep a function from "fixing" what was to stay. So the plug-in itself appends this
filter to each policy that a rule of the file speaks of, when c7n fills in the policy's variables: plain `custodian`,
plain `c7n-org` and our own verbs all pass there, before they run a policy and before they deploy it. From then on the
rules are a part of the policy, and travel into the function with it.

The file is the one that the variable GUARDRAILS_EXCEPTIONS names (empty: none), else `exceptions.yml` beside the
package's directory, when it is there.
"""
from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar

from c7n.exceptions import PolicyValidationError
from c7n.filters.core import Filter
from c7n.policy import Policy
from c7n.utils import dumps, type_schema

from .exceptions import (
    FILE,
    GLOBAL,
    KEYS,
    MANDATORY,
    VARIABLE,
    ExceptionRule,
    InvalidExceptions,
    Subject,
    holds,
    parse_rule,
    read,
)
from .identity import resource_arn, resource_id
from .reach import whole_account

TYPE = "excepted"
LET_OFF = "excepted.json"
"""Beside `resources.json`: what matched and was let off, so that a report made from the output can name it."""
_PACKAGE = __package__
_HANDLER = f"{__package__}.lambda_entry.run"
_DEFAULT = Path(__file__).resolve().parents[1] / FILE


class Excepted(Filter):
    """Resources that no exception in force covers.

    Nobody writes it: the plug-in appends it to a policy, with the rules of exceptions.yml that speak of the policy and
    the account. It stands last, so that only what drifts is held against the rules. Whether a rule has ended is judged
    when the filter runs, in a deployed function too. What it lets off is logged.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-public-read
            resource: aws.s3
            filters:
              - type: public-access
                through: policy
              - type: excepted
                exceptions:
                  - policy: s3-public-read
                    account: "111111111111"
                    resource: arn:aws:s3:::public-web-*
                    reason: a web site for everybody
                    owner: web-team@example.org
                    expires: "2027-01-31"
    """

    schema: ClassVar[dict[str, Any]] = type_schema(
        TYPE, required=["exceptions"],
        exceptions={
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": list(MANDATORY),
                "properties": {key: {"type": "string"} for key in KEYS},
            },
        },
    )
    permissions = ()

    def validate(self) -> Excepted:
        """Raises PolicyValidationError when a rule is no rule, or when another filter comes after this one."""
        where = f"policy:{self.manager.data.get('name')} excepted"
        try:
            _ = self.rules
        except InvalidExceptions as error:
            raise PolicyValidationError(f"{where}: {error}") from error
        filters = self.manager.filters
        if filters and (filters[-1] is not self or any(isinstance(other, Excepted) for other in filters[:-1])):
            raise PolicyValidationError(f"{where} stands last among the filters, and once; {FILE} is the place for it")
        return self

    @functools.cached_property
    def rules(self) -> tuple[ExceptionRule, ...]:
        """The rules that it goes by. Raises InvalidExceptions."""
        return tuple(
            parse_rule(entry, ("exceptions", number)) for number, entry in enumerate(self.data["exceptions"]))

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        """The resources that no exception covers now; the others go into the policy's output, where it has one."""
        covered = [(resource, self.rule_for(resource, event) is not None) for resource in resources]
        let_off = [resource for resource, is_let_off in covered if is_let_off]
        if let_off and (output := self.manager.ctx.output) is not None:
            output.write_file(LET_OFF, dumps(let_off, indent=2))
        return [resource for resource, is_let_off in covered if not is_let_off]

    def rule_for(self, resource: Mapping[str, Any], event: Any = None) -> ExceptionRule | None:
        """The rule that covers the resource now, or None; says so in the log when there is one."""
        subject = self._subject(resource, event)
        rule = holds(self.rules, subject, datetime.now(UTC))
        if rule is not None:
            self.log.info(
                "policy:%s resource:%s is let off: %s", subject.policy, subject.arn or subject.resource, excuse(rule))
        return rule

    def _subject(self, resource: Mapping[str, Any], event: Any) -> Subject:
        manager = self.manager
        config = manager.config
        kind = type(manager)
        arn = resource_arn(resource, kind, config.account_id, config.region)
        return Subject(
            policy=str(manager.data.get("name")),
            account=str(config.account_id),
            region=GLOBAL if self._whole_account else str(config.region),
            resource=resource_id(resource, kind),
            # AWS Config's item of a stage says which API it belongs to in its ARN only.
            arn=arn or _arn_of_item(event),
        )

    @functools.cached_property
    def _whole_account(self) -> bool:
        return whole_account(self.manager.data)


def excuse(rule: ExceptionRule) -> str:
    """The rule as an annotation or a log line has it."""
    return f"Excepted until {rule.expires}: {' '.join(rule.reason.split())}"


def install() -> None:
    """Let c7n's policies take up the exceptions when they fill in variables; doing it again changes nothing."""
    original = Policy.expand_variables
    if hasattr(original, "without_exceptions"):
        return

    @functools.wraps(original)
    def expand_variables(self: Policy, variables: Any) -> None:
        # A reason may hold braces, which are no variables: the rules go in after the expansion, and out before another.
        if (before := getattr(self, "_exceptions", None)) is not None:
            self.data["filters"] = [entry for entry in self.data["filters"] if entry != before]
        original(self, variables)
        self._exceptions = _append(self, datetime.now(UTC))

    expand_variables.without_exceptions = original  # type: ignore[attr-defined]
    Policy.expand_variables = expand_variables


def file_in_force() -> Path | None:
    """The file of exceptions that holds in this process, or None."""
    given = os.environ.get(VARIABLE)
    if given is None:
        return _DEFAULT if _DEFAULT.is_file() else None
    return Path(given) if given else None


def rules_for(policy: str, account: str | None, now: datetime) -> list[ExceptionRule]:
    """The rules of the file in force that can cover what the policy finds in the account, and have not ended.

    Without an account: in any. A region is no reason to leave one out: what has a region in its ARN is shown in other
    regions, too. Raises PolicyValidationError when the file is not there, or says what must not be used: never "no
    exceptions".
    """
    path = file_in_force()
    if path is None:
        return []
    today: date = now.date()
    try:
        listed = read(path, today)
    except InvalidExceptions as error:
        raise PolicyValidationError(f"policy:{policy} {path}: {error}") from error
    return [rule for rule in listed.rules if rule.concerns(policy, account) and not rule.expired(now)]


def _append(policy: Policy, now: datetime) -> dict[str, Any] | None:
    """Append the filter with the rules that concern the policy; returns it, or None when no rule does."""
    manager = policy.resource_manager
    if policy.provider_name != "aws":
        return None
    mode = policy.data.get("mode")
    # With a member role, one function looks into many accounts, and learns from the event into which.
    account = None if (mode or {}).get("member-role") else str(policy.options.account_id)
    rules = rules_for(policy.name, account, now)
    if not rules:
        return None
    entry = {"type": TYPE, "exceptions": [rule.to_dict() for rule in rules]}
    policy.data["filters"] = [*(policy.data.get("filters") or ()), entry]
    if mode:
        # A function knows the filter only with our package and by our entry.
        mode["packages"] = [*dict.fromkeys([*(mode.get("packages") or ()), _PACKAGE])]
        mode.setdefault("handler", _HANDLER)
    # To the manager that there is: a new one would lose what c7n has just carried over to its actions.
    manager.filters.append(manager.filter_registry.factory(entry, manager))
    return entry


def _arn_of_item(event: Any) -> str:
    """The ARN in AWS Config's item, when the event carries one."""
    try:
        notification = json.loads((event or {}).get("invokingEvent") or "{}")
    except (AttributeError, TypeError, ValueError):
        return ""
    item = notification.get("configurationItem") or notification.get("configurationItemSummary") or {}
    return str(item.get("ARN") or item.get("arn") or "")
