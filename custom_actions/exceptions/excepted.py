"""The filter `excepted`: every resource type has it, and the plug-in adds it to policies."""
from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from c7n.exceptions import PolicyValidationError
from c7n.filters.core import Filter
from c7n.utils import dumps, type_schema

from ..resources import resource_arn, resource_id, resource_name, resource_tags, whole_account
from ..vocabulary import GLOBAL
from .entries import MANDATORY, SELECTORS, TAGS, TEXTS, InvalidExceptions, parse_rule
from .rules import FILE, ExceptionRule, Subject, holds

TYPE = "excepted"
EXCEPTED = "excepted.json"
"""The file beside `resources.json` with what matched and is excepted, so that a report can list it."""


class Excepted(Filter):
    """Resources that no exception in force covers.

    You do not write this filter: the plug-in adds it to a policy, with the rules of exceptions.yml for that policy and
    account. It is the last filter, so that the rules are applied only to resources with drift. Whether a rule has
    expired is decided when the filter runs, also in a deployed function. Each excepted resource is logged.

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
                    reason: a public web site
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
                "anyOf": [{"required": [key]} for key in SELECTORS],
                "properties": {
                    **{key: {"type": "string"} for key in TEXTS},
                    TAGS: {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}},
                },
            },
        },
    )
    permissions = ()
    is_exception = True
    """For `custom_actions.resources.Counting`: what this filter drops has matched."""

    def validate(self) -> Excepted:
        """Raises PolicyValidationError when a rule is invalid, or when another filter comes after this one."""
        where = f"policy:{self.manager.data.get('name')} excepted"
        try:
            _ = self.rules
        except InvalidExceptions as error:
            raise PolicyValidationError(f"{where}: {error}") from error
        filters = self.manager.filters
        if filters and (filters[-1] is not self or any(isinstance(other, Excepted) for other in filters[:-1])):
            raise PolicyValidationError(f"{where}: must be the last filter, and the only one of its type; use {FILE}")
        return self

    @functools.cached_property
    def rules(self) -> tuple[ExceptionRule, ...]:
        """The rules in the policy. Raises InvalidExceptions."""
        return tuple(
            parse_rule(entry, ("exceptions", number)) for number, entry in enumerate(self.data["exceptions"]))

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        """The resources that no exception covers now; the others are written to the policy's output, if it has one."""
        covered = [(resource, self.rule_for(resource, event) is not None) for resource in resources]
        excepted = [resource for resource, is_covered in covered if is_covered]
        if excepted and (output := self.manager.ctx.output) is not None:
            output.write_file(EXCEPTED, dumps(excepted, indent=2))
        return [resource for resource, is_covered in covered if not is_covered]

    def rule_for(self, resource: Mapping[str, Any], event: Any = None) -> ExceptionRule | None:
        """The rule that covers the resource now, or None. A rule that covers it is logged."""
        subject = self._subject(resource, event)
        rule = holds(self.rules, subject, datetime.now(UTC))
        if rule is not None:
            self.log.info(
                "policy:%s resource:%s is excepted: %s", subject.policy, subject.arn or subject.resource, excuse(rule))
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
            # Only the ARN in AWS Config's item of a stage says which API the stage belongs to.
            arn=arn or _arn_of_item(event),
            name=resource_name(resource, kind),
            tags=resource_tags(resource),
        )

    @functools.cached_property
    def _whole_account(self) -> bool:
        return whole_account(self.manager.data)


def excuse(rule: ExceptionRule) -> str:
    """The rule as text for an annotation or a log line."""
    return f"Excepted until {rule.expires}: {' '.join(rule.reason.split())}"


def _arn_of_item(event: Any) -> str:
    """The ARN in AWS Config's item; empty when the event contains none."""
    try:
        notification = json.loads((event or {}).get("invokingEvent") or "{}")
    except (AttributeError, TypeError, ValueError, RecursionError):
        return ""
    item = notification.get("configurationItem") or notification.get("configurationItemSummary") or {}
    return str(item.get("ARN") or item.get("arn") or "")
