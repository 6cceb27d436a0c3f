"""The action `change-settings` on `aws.sqs`."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...aws import call
from ...errors import Refusal
from ...fixing import ChangeSettings, Form, SettingsCall, same_names


def _attributes(client: Any, identity: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = call(
        client.get_queue_attributes, **identity, AttributeNames=["All"]).get("Attributes") or {}
    if found.get("KmsMasterKeyId"):
        # A queue has one kind of encryption, so the call would replace the key.
        raise Refusal("the queue is encrypted with a key of KMS")
    return found


class ChangeQueue(ChangeSettings):
    """Turn encryption with keys of SQS on or off, and verify the result.

    A queue that is encrypted with a key of KMS is refused: a queue has one kind of encryption.

    Written because c7n's `set-encryption` does not verify the result, writes no receipt, and only logs the errors of
    AWS.

    Source: SQS's SetQueueAttributes and GetQueueAttributes.

    :example:

    .. code-block:: yaml

        policies:
          - name: sqs-queue-encryption-enable
            resource: aws.sqs
            filters:
              - {type: value, key: KmsMasterKeyId, value: empty}
            actions:
              - type: change-settings
                settings: {SqsManagedSseEnabled: "true"}
    """

    settings_call = SettingsCall(
        "sqs", "set_queue_attributes", ("QueueUrl",), same_names("SqsManagedSseEnabled", default='"false"'),
        _attributes, reads=("sqs:GetQueueAttributes",), writes=("sqs:SetQueueAttributes",),
        form=Form(within="Attributes"))
