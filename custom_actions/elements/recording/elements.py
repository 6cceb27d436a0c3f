"""The filters `missing-trail` and `missing-config-rules` on `aws.account`."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import AWS_ERRORS, call, reason_of
from ...errors import CannotRead
from ...parameters import placeholders
from .traits import Traits, lacking_events, lacking_settings, lacking_status

_FLAG = {"oneOf": [{"type": "boolean"}, {"type": "string"}]}
_FLAGS = (
    "encrypted", "multi-region", "global-events", "validated", "management-events", "s3-data-events",
    "s3-write-events", "s3-read-events", "lambda-data-events",
)

_AT_WORK = ("ACTIVE", "EVALUATING", "DELETING_RESULTS")


_BY_DEFAULT: dict[str, Any] = {"EventSelectors": [{
    "ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": [], "ExcludeManagementEventSources": []}]}
"""What a trail records that never got event selectors: CloudTrail's API reference, GetEventSelectors."""


class MissingTrail(Filter):
    """The account, when no CloudTrail trail has all the required properties.

    All trails that record in this region count, including those with another home region and those of an organization.
    A trail must be logging, and its latest delivery must have succeeded. Each of these is required when it is set:

    * `bucket`: it delivers to this bucket; `*` matches any characters, and `?` any single one.
    * `encrypted`: it is encrypted with a KMS key; `kms-key`: with this key (an ARN, with `*` and `?` as above).
    * `multi-region`, `global-events`: it records all regions, and global services.
    * `validated`: it has log file validation.
    * `management-events`, `s3-data-events`, `lambda-data-events`: its selectors together, basic or advanced, record all
      of them, read and write. Management events of KMS and of the RDS Data API may be excluded.
    * `s3-write-events`, `s3-read-events`: its selectors together record the data events of all buckets that write, or
      that read. A selector for some buckets or some event names does not count.

    AWS shows the selectors of an organization's trail to its management account only. In the other accounts, a trail
    that has never got selectors of its own (`HasCustomEventSelectors`) records management events and no data events.
    For any other one, `organization-trails` lists the trails (ARNs, with `*` and `?`) whose selectors are checked in
    the management account; a trail that is not listed is an error.

    The closest trail and what it lacks are kept on the account as `c7n:MissingTrail`. Trails are read one by one, the
    most likely first, until one has everything. A trail that cannot be read is an error, unless another one has
    everything.

    Written because `check-cloudtrail` does not know buckets, data events or advanced selectors, and `missing` with a
    policy on `aws.cloudtrail` cannot skip a property by a parameter or report what is missing.

    :example:

    .. code-block:: yaml

        policies:
          - name: cloudtrail-enabled
            resource: aws.account
            filters:
              - type: missing-trail
                bucket: "*-audit-logs"
                multi-region: true
                management-events: true
    """

    schema = type_schema(
        "missing-trail", bucket={"type": "string"}, **{
            "kms-key": {"type": "string"},
            "organization-trails": {"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]},
        }, **dict.fromkeys(_FLAGS, _FLAG)
    )
    permissions = ("cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors")
    annotation_key = "c7n:MissingTrail"

    def validate(self) -> MissingTrail:
        for name in _FLAGS:
            value = self.data.get(name)
            if isinstance(value, str) and not placeholders(value):
                raise PolicyValidationError(f"{self.type}: {name} must be true or false, got {value!r}")
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        """The account, when it has no such trail.

        Raises one of AWS_ERRORS, or CannotRead for a trail that may be the one, when this cannot be determined.
        """
        wanted = Traits(**{
            name.replace("-", "_"): value for name, value in self.data.items()
            if name not in ("type", "organization-trails")})
        session = local_session(self.manager.session_factory)
        trails = call(session.client("cloudtrail").describe_trails)["trailList"]
        nearest: tuple[str, list[str]] | None = None
        unread: CannotRead | None = None
        for trail in sorted(trails, key=lambda trail: len(lacking_settings(trail, wanted))):
            try:
                lacking = lacking_settings(trail, wanted) + self._lacking_work(session, trail, wanted)
            except (*AWS_ERRORS, CannotRead) as error:
                unread = unread or CannotRead(f"{trail['TrailARN']}: {reason_of(error)}")
                continue
            if not lacking:
                return []
            if nearest is None or len(lacking) < len(nearest[1]):
                nearest = trail["TrailARN"], lacking
        if unread:
            raise unread
        reason = f"the closest trail is {nearest[0]}, which {', '.join(nearest[1])}" if nearest else "there is no trail"
        return [{**account, self.annotation_key: [reason]} for account in resources]

    def _lacking_work(self, session: Any, trail: Mapping[str, Any], wanted: Traits) -> list[str]:
        arn = trail["TrailARN"]
        client = session.client("cloudtrail", region_name=trail.get("HomeRegion") or arn.split(":")[3])
        lacking = lacking_status(call(client.get_trail_status, Name=arn))
        if wanted.selected and (selectors := self._selectors(client, trail)) is not None:
            lacking += lacking_events(selectors, wanted)
        return lacking

    def _selectors(self, client: Any, trail: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The trail's selectors; None if the management account checks them."""
        arn = trail["TrailARN"]
        if trail.get("IsOrganizationTrail") and arn.split(":")[4] != self.manager.config.account_id:
            if any(fnmatchcase(arn, pattern) for pattern in self.data.get("organization-trails") or ()):
                return None
            if trail.get("HasCustomEventSelectors") is False:
                return _BY_DEFAULT
            raise CannotRead(
                "AWS shows the event selectors of an organization's trail to its management account only: check them "
                "there, and name the trail in organization-trails")
        found: Mapping[str, Any] = call(client.get_event_selectors, TrailName=arn)
        return found


class MissingConfigRules(Filter):
    """The account, when one of these AWS Config rules does not exist in this region, or is being deleted.

    A rule that is being evaluated, or whose results are being deleted, exists: its state is not ACTIVE for a while, but
    it continues to work. The missing rules are kept on the account as `c7n:MissingConfigRules`.

    Written because `missing` checks for one resource: it cannot take a list of rules from a parameter, and it does not
    report which one is missing.

    :example:

    .. code-block:: yaml

        policies:
          - name: config-rules-exist
            resource: aws.account
            filters:
              - type: missing-config-rules
                names: [custodian-s3-bucket-tls-only, custodian-s3-bucket-logging]
    """

    schema = type_schema(
        "missing-config-rules",
        required=["names"],
        names={"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    )
    permissions = ("config:DescribeConfigRules",)
    annotation_key = "c7n:MissingConfigRules"

    def validate(self) -> MissingConfigRules:
        names = self.data["names"]
        if isinstance(names, str) and not placeholders(names):
            raise PolicyValidationError(f"{self.type}: names must be a list, got {names!r}")
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        """The account, when a rule is missing. Raises one of AWS_ERRORS."""
        if not self.data["names"]:
            return []
        client = local_session(self.manager.session_factory).client("config")
        pages: Iterable[Any] = call(lambda: list(client.get_paginator("describe_config_rules").paginate()))
        states = {rule["ConfigRuleName"]: rule.get("ConfigRuleState") for page in pages for rule in page["ConfigRules"]}
        missing = [
            f"{name} is {states[name]}" if name in states else f"{name} does not exist"
            for name in self.data["names"] if states.get(name) not in _AT_WORK
        ]
        return [{**account, self.annotation_key: missing} for account in resources] if missing else []
