"""The filter `missing-log-destination` on `aws.firewall`.

Source: Network Firewall's DescribeLoggingConfiguration: the keys of a log destination are `bucketName`, `logGroup` and
`deliveryStream`; CloudWatch Logs' DescribeLogGroups; Firehose's DescribeDeliveryStream.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import absent, call
from ..s3 import bucket_exists


class MissingLogDestination(Filter):
    """Firewalls that send logs to a bucket, a log group or a Firehose stream that does not exist.

    The names are kept on the firewall as `c7n:MissingLogDestination`. A bucket of another account exists, also if it
    may not be read. One call for each firewall, and one for each destination.

    Written because c7n's `logging-config` does not look at the destinations.

    :example:

    .. code-block:: yaml

        policies:
          - name: network-firewall-log-destinations
            resource: aws.firewall
            filters:
              - missing-log-destination
    """

    schema = type_schema("missing-log-destination")
    permissions = (
        "network-firewall:DescribeLoggingConfiguration", "s3:ListBucket", "logs:DescribeLogGroups",
        "firehose:DescribeDeliveryStream")
    annotation_key = "c7n:MissingLogDestination"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        session = local_session(self.manager.session_factory)
        client = session.client("network-firewall")
        known: dict[tuple[str, str], bool] = {}
        found = []
        for firewall in resources:
            logging = call(client.describe_logging_configuration, FirewallArn=firewall["FirewallArn"])
            configured = (logging.get("LoggingConfiguration") or {}).get("LogDestinationConfigs") or []
            places = sorted({_place(each["LogDestination"]) for each in configured})
            for place in places:
                if place not in known:
                    known[place] = _exists(session, *place)
            if missing := [name for kind, name in places if not known[kind, name]]:
                firewall[self.annotation_key] = missing
                found.append(firewall)
        return found


def _place(destination: Mapping[str, str]) -> tuple[str, str]:
    """The kind of a destination and its name. Raises KeyError for a kind that is not known."""
    kind = next((each for each in ("bucketName", "logGroup") if each in destination), "deliveryStream")
    return kind, destination[kind]


def _exists(session: Any, kind: str, name: str) -> bool:
    if kind == "bucketName":
        return bucket_exists(session.client("s3"), name)
    if kind == "logGroup":
        logs = session.client("logs")
        return name in call(lambda: [
            each["logGroupName"] for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
            for each in page["logGroups"]])
    stream = session.client("firehose").describe_delivery_stream
    return absent(stream, "ResourceNotFoundException", DeliveryStreamName=name) is not None
