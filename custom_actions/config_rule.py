"""c7n's mode `config-rule`, for the notifications that c7n's own class does not survive.

`ConfigRuleMode.run` reads `configurationItem` straight away. AWS Config also sends a summary where the item is too
large for a message, and a schedule's tick; both raise KeyError there and leave the resource without a verdict. In a
deployed function `lambda_entry` puts this class in its place. The schema and the deployment stay c7n's.

Source: AWS Config's developer guide, "Example Events for AWS Config Rules".
"""
from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError
from c7n.policy import ConfigPollRuleMode, ConfigRuleMode
from c7n.utils import local_session

from .aws import call, reason_of
from .receipt import FixIncomplete

log = logging.getLogger("custodian.guardrails.config")

ITEM, OVERSIZED, SCHEDULED = (
    "ConfigurationItemChangeNotification", "OversizedConfigurationItemChangeNotification", "ScheduledNotification",
)
GONE = ("ResourceDeleted", "ResourceNotRecorded", "ResourceDeletedNotRecorded")
_ANNOTATION_LENGTH = 256


class ConfigItemUnavailable(Exception):
    """AWS Config holds no item for a resource that it announced: no verdict is possible, and none is posted."""


class ConfigRule(ConfigRuleMode):
    """A rule that gives the right evaluation for every notification that AWS Config sends to it."""

    def run(self, event: dict[str, Any], lambda_context: Any) -> Any:
        """Evaluate the resource, or every resource on a schedule's tick; returns the resources that match.

        Raises ConfigItemUnavailable when there is nothing to evaluate, and FixIncomplete after the resource was
        reported as not compliant.
        """
        notification = json.loads(event["invokingEvent"])
        kind = notification.get("messageType")
        if kind == SCHEDULED:
            log.info("a schedule's tick: every %s is evaluated", self.policy.resource_type)
            return ConfigPollRuleMode(self.policy).run(event, lambda_context)
        if not notification.get("configurationItem"):
            item = self._item(notification)
            event = {**event, "invokingEvent": json.dumps({**notification, "configurationItem": item}, default=str)}
        try:
            return super().run(event, lambda_context)
        except FixIncomplete as error:
            self._put_non_compliant(event, str(error))
            raise

    def _item(self, notification: Mapping[str, Any]) -> dict[str, Any]:
        summary = notification.get("configurationItemSummary")
        if not summary:
            raise ConfigItemUnavailable(
                f"the notification {notification.get('messageType')} carries neither an item nor its summary"
            )
        if summary["configurationItemStatus"] in GONE:
            return dict(summary)
        name = f"{summary['resourceType']} {summary['resourceId']}"
        log.info("the item of %s is too large for a message: fetched from AWS Config", name)
        client = local_session(self.policy.session_factory).client("config")
        try:
            items = call(
                client.get_resource_config_history,
                resourceType=summary["resourceType"], resourceId=summary["resourceId"], limit=1,
                laterTime=datetime.fromisoformat(summary["configurationItemCaptureTime"]),
            )["configurationItems"]
        except ClientError as error:
            raise ConfigItemUnavailable(f"{name} was not evaluated: {reason_of(error)}") from error
        if not items:
            raise ConfigItemUnavailable(f"{name} was not evaluated: AWS Config has no item of it")
        # The summary's own time: an evaluation is ordered by it.
        return {**items[0], "configurationItemCaptureTime": summary["configurationItemCaptureTime"]}

    def _put_non_compliant(self, event: Mapping[str, Any], why: str) -> None:
        item = json.loads(event["invokingEvent"])["configurationItem"]
        call(
            local_session(self.policy.session_factory).client("config").put_evaluations,
            ResultToken=event["resultToken"],
            Evaluations=[{
                "ComplianceResourceType": item["resourceType"],
                "ComplianceResourceId": item["resourceId"],
                "ComplianceType": "NON_COMPLIANT",
                "Annotation": why[:_ANNOTATION_LENGTH],
                "OrderingTimestamp": item["configurationItemCaptureTime"],
            }],
        )
