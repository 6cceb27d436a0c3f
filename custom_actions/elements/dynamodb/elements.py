"""What a policy sees: the action `set-kms-encryption` on `aws.dynamodb-table`."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError
from c7n.utils import type_schema

from ...aws import call, code_of, reason_of
from ...errors import Refusal
from ...fixing import Fix, FixPlan, FixResult, Inverse, fix_by_plan
from ...parameters import placeholders
from .encryption import steps_of


class SetKmsEncryption(Fix):
    """Encrypt a table with a KMS key of the account in place of one that AWS owns.

    `key` is a KMS key's id, ARN or alias; without it, or with an empty one, it is `alias/aws/dynamodb`, which AWS
    manages, and which costs the calls only. The table stays in use meanwhile. A table that has a KMS key already,
    whichever, is left alone. It is read before and after, and each ends in a receipt with the call that takes it
    back; a table that is not active is refused.

    Written because c7n's `update` has no encryption.

    :example:

    .. code-block:: yaml

        policies:
          - name: dynamodb-table-encrypted
            resource: aws.dynamodb-table
            filters:
              - type: value
                key: SSEDescription.Status
                op: not-in
                value: [ENABLED, ENABLING, UPDATING]
            actions:
              - set-kms-encryption
    """

    schema = type_schema("set-kms-encryption", key={"type": "string"})
    # DynamoDB asks KMS in the name of who calls UpdateTable.
    inverses = (Inverse("dynamodb", "update_table", "TableName", values={"SSESpecification": {"Enabled": False}}),)
    permissions = ("dynamodb:DescribeTable", "dynamodb:UpdateTable", "kms:DescribeKey", "kms:CreateGrant")

    def validate(self) -> SetKmsEncryption:
        key = self.data.get("key", "")
        if any(character.isspace() for character in key) and not placeholders(key):
            raise PolicyValidationError(f"{self.type}: {key!r} is no key's id, ARN or alias")
        return self

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Encrypt one table."""
        client, name = session.client("dynamodb"), resource["TableName"]

        def plan() -> FixPlan:
            try:
                table = call(client.describe_table, TableName=name)["Table"]
            except ClientError as error:
                if code_of(error) == "ResourceNotFoundException":
                    raise Refusal(reason_of(error)) from error
                raise
            return FixPlan(steps_of(table, self.data.get("key", "")))

        yield fix_by_plan(lambda service: client, plan)
