"""The action `encrypt-stream` on `aws.kinesis` and `aws.firehose`.

Both services answer at once and encrypt within seconds to minutes. Firehose shows a status for this time. Kinesis only
shows that the stream is being updated.

Source: Kinesis's StartStreamEncryption, StopStreamEncryption and DescribeStreamSummary; Firehose's
StartDeliveryStreamEncryption, StopDeliveryStreamEncryption and DescribeDeliveryStream.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, fix_by_plan

AWS_KEY = "alias/aws/kinesis"
"""The key that AWS manages for Kinesis."""
_OWNED = {"KeyType": "AWS_OWNED_CMK"}
_SOON = "the stream is encrypted within seconds to minutes"


class _EncryptStream(Fix):
    """Encrypt one stream; a subclass has the calls of its service."""

    service: str
    plan: Callable[[Any, str, bool], FixPlan]

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Encrypt one stream."""
        client, name = session.client(self.service), self.resource_name(resource)
        planned: list[FixPlan] = []

        def plan() -> FixPlan:
            planned.append(type(self).plan(client, name, bool(planned)))
            return planned[-1]

        yield fix_by_plan(lambda service: client, plan)


def plan_data_stream(stream: Mapping[str, Any], *, again: bool) -> FixPlan:
    """Plan to encrypt a stream of DescribeStreamSummary.

    `again`: it was planned before, so an update that runs is the encryption. Raises Refusal during another update.
    """
    name, status = stream["StreamName"], stream["StreamStatus"]
    if stream.get("EncryptionType") == "KMS" or (again and status == "UPDATING"):
        return FixPlan()
    if status != "ACTIVE":
        raise Refusal(f"the stream is {status}; only an ACTIVE stream can be changed")
    given = {"StreamName": name, "EncryptionType": "KMS", "KeyId": AWS_KEY}
    return FixPlan([Step(
        "encrypt the stream", Call("kinesis", "start_stream_encryption", given),
        Call("kinesis", "stop_stream_encryption", given), added={"EncryptionType": "KMS", "KeyId": AWS_KEY},
        note=_SOON, overwrites=True)])


def plan_delivery_stream(stream: Mapping[str, Any]) -> FixPlan:
    """Plan to encrypt a stream of DescribeDeliveryStream. Raises Refusal if it cannot be changed now."""
    name, encryption = stream["DeliveryStreamName"], stream.get("DeliveryStreamEncryptionConfiguration") or {}
    if encryption.get("Status") in ("ENABLED", "ENABLING"):
        return FixPlan()
    if stream["DeliveryStreamStatus"] != "ACTIVE" or encryption.get("Status") == "DISABLING":
        raise Refusal("the stream is being created, deleted or changed")
    if stream["DeliveryStreamType"] != "DirectPut":
        raise Refusal("Firehose does not encrypt what comes from another stream: encrypt that stream")
    named = {"DeliveryStreamName": name}
    return FixPlan([Step(
        "encrypt the stream", Call("firehose", "start_delivery_stream_encryption", {
            **named, "DeliveryStreamEncryptionConfigurationInput": _OWNED}),
        Call("firehose", "stop_delivery_stream_encryption", named), added={"Encryption": _OWNED},
        note=_SOON, overwrites=True)])


class EncryptDataStream(_EncryptStream):
    """Encrypt a data stream with the key that AWS manages for Kinesis, and verify the result.

    The stream stays available. Producers and consumers of other accounts cannot use this key, so they lose access. The
    calls of KMS cost money. A stream that is being updated is refused.

    Written because c7n's `encrypt` skips streams that are not active without a word, does not verify the result, and
    writes no receipt.

    :example:

    .. code-block:: yaml

        policies:
          - name: kinesis-encryption-enable
            resource: aws.kinesis
            filters:
              - {type: value, key: EncryptionType, op: ne, value: KMS}
            actions:
              - encrypt-stream
    """

    service = "kinesis"
    schema = type_schema("encrypt-stream", otherwise=OTHERWISE)
    inverses = (Inverse("kinesis", "stop_stream_encryption", "StreamName", values={
        "EncryptionType": "KMS", "KeyId": AWS_KEY}),)
    permissions = ("kinesis:DescribeStreamSummary", "kinesis:StartStreamEncryption", "kms:DescribeKey")

    @staticmethod
    def plan(client: Any, name: str, again: bool) -> FixPlan:
        found = call(client.describe_stream_summary, StreamName=name)["StreamDescriptionSummary"]
        return plan_data_stream(found, again=again)


class EncryptDeliveryStream(_EncryptStream):
    """Encrypt a delivery stream with a key that AWS owns, and verify the result.

    This costs nothing, needs no permission of those who use the stream, and the stream stays available. Only streams
    that take records themselves (`DirectPut`) can be encrypted. A stream that is being changed is refused.

    Written because c7n has no action for it.

    :example:

    .. code-block:: yaml

        policies:
          - name: firehose-encrypted
            resource: aws.firehose
            filters:
              - DeliveryStreamType: DirectPut
            actions:
              - encrypt-stream
    """

    service = "firehose"
    schema = type_schema("encrypt-stream", otherwise=OTHERWISE)
    inverses = (Inverse("firehose", "stop_delivery_stream_encryption", "DeliveryStreamName"),)
    permissions = ("firehose:DescribeDeliveryStream", "firehose:StartDeliveryStreamEncryption")

    @staticmethod
    def plan(client: Any, name: str, again: bool) -> FixPlan:
        found = call(client.describe_delivery_stream, DeliveryStreamName=name)["DeliveryStreamDescription"]
        return plan_delivery_stream(found)
