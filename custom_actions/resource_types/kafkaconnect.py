"""Connectors of MSK Connect. Source: Amazon MSK Connect API, ListConnectors."""
from __future__ import annotations

from c7n.query import DescribeWithResourceTags, QueryResourceManager, TypeInfo

from .registry import resource_type


@resource_type("kafka-connector")
class KafkaConnector(QueryResourceManager):
    """What copies messages into a Kafka cluster, or out of it.

    .. code-block:: yaml

        policies:
          - name: connector-not-encrypted
            resource: aws.kafka-connector
            filters:
              - type: value
                key: kafkaClusterEncryptionInTransit.encryptionType
                value: PLAINTEXT
    """

    class resource_type(TypeInfo):  # noqa: N801 - c7n's name
        service = "kafkaconnect"
        enum_spec = ("list_connectors", "connectors", None)
        arn = id = "connectorArn"
        arn_type = "connector"
        name = "connectorName"
        date = "creationTime"
        cfn_type = "AWS::KafkaConnect::Connector"
        universal_taggable = object()

    source_mapping = {"describe": DescribeWithResourceTags}  # noqa: RUF012 - as c7n has it
