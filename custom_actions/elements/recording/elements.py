"""What a policy sees: the filters `missing-trail` and `missing-config-rules` on `aws.account`."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call
from ...parameters import placeholders
from .traits import Traits, lacking_events, lacking_settings, lacking_status

_FLAG = {"oneOf": [{"type": "boolean"}, {"type": "string"}]}
_FLAGS = (
    "encrypted", "multi-region", "global-events", "validated", "management-events", "s3-data-events",
    "lambda-data-events",
)

_AT_WORK = ("ACTIVE", "EVALUATING", "DELETING_RESULTS")


class MissingTrail(Filter):
    """The account, when no trail of CloudTrail has all the traits together.

    A trail counts that records in this region, also one whose home is another region or which is an organization's.
    It must log and its latest delivery must have gone well; beyond that, each when it is asked for:

    * `bucket`: it delivers to this bucket; `*` and `?` stand for any text and any character.
    * `encrypted`: with a KMS key; and `kms-key`: with this one (ARN, `*` and `?` as above).
    * `multi-region`, `global-events`: it records all regions, and the services that have none.
    * `validated`: its log files can be checked for changes.
    * `management-events`, `s3-data-events`, `lambda-data-events`: it records all of them, read and write, by all its
      selectors together, basic or advanced. KMS and the RDS Data API may be left out of the management events.

    The trail that is nearest, and what it lacks, are kept on the account as `c7n:MissingTrail`. Trails are read one
    after the other, the likeliest first, until one has all; one that may not be read is an error, unless another
    has all.

    Written because `check-cloudtrail` knows neither buckets nor data events nor advanced selectors, and `missing`,
    with a policy on `aws.cloudtrail` inside, can neither leave a trait out by a parameter nor say what is missing.

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
        "missing-trail", bucket={"type": "string"}, **{"kms-key": {"type": "string"}}, **dict.fromkeys(_FLAGS, _FLAG)
    )
    permissions = ("cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors")
    annotation_key = "c7n:MissingTrail"

    def validate(self) -> MissingTrail:
        for name in _FLAGS:
            value = self.data.get(name)
            if isinstance(value, str) and not placeholders(value):
                raise PolicyValidationError(f"{self.type}: {name} is true or false, not {value!r}")
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        """The account when it has no such trail. Raises ClientError when that cannot be known."""
        wanted = Traits(**{name.replace("-", "_"): value for name, value in self.data.items() if name != "type"})
        session = local_session(self.manager.session_factory)
        trails = call(session.client("cloudtrail").describe_trails)["trailList"]
        nearest: tuple[str, list[str]] | None = None
        unread: ClientError | None = None
        for trail in sorted(trails, key=lambda trail: len(lacking_settings(trail, wanted))):
            try:
                lacking = lacking_settings(trail, wanted) + self._lacking_work(session, trail, wanted)
            except ClientError as error:
                unread = unread or error
                continue
            if not lacking:
                return []
            if nearest is None or len(lacking) < len(nearest[1]):
                nearest = trail["TrailARN"], lacking
        if unread:
            raise unread
        said = [f"nearest is {nearest[0]}, which {', '.join(nearest[1])}"] if nearest else ["there is no trail"]
        return [{**account, self.annotation_key: said} for account in resources]

    def _lacking_work(self, session: Any, trail: Mapping[str, Any], wanted: Traits) -> list[str]:
        arn = trail["TrailARN"]
        client = session.client("cloudtrail", region_name=trail.get("HomeRegion") or arn.split(":")[3])
        lacking = lacking_status(call(client.get_trail_status, Name=arn))
        if wanted.selected:
            lacking += lacking_events(call(client.get_event_selectors, TrailName=arn), wanted)
        return lacking


class MissingConfigRules(Filter):
    """The account, when AWS Config lacks one of these rules in this region, or is deleting one.

    A rule that is being evaluated, or whose results somebody has deleted, is there: AWS Config says of it for a while
    that it is not active, and it goes on working. Which are missing is kept on the account as `c7n:MissingConfigRules`.

    Written because `missing` asks for one resource, so a list of rules could not be a parameter, and does not say
    which one is missing.

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
            raise PolicyValidationError(f"{self.type}: names is a list, not {names!r}")
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        """The account when a rule is missing. Raises ClientError."""
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
