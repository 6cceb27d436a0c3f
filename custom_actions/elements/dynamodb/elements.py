"""The action `set-kms-encryption` on `aws.dynamodb-table`."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.utils import type_schema

from ...fixing import OTHERWISE, Fix, FixPlan, FixResult, Inverse, fix_by_plan
from ...parameters import placeholders
from .encryption import steps_of, table_of


class SetKmsEncryption(Fix):
    """Encrypt a table with a KMS key of the account instead of a key that AWS owns, and verify the result.

    `key` is the id, ARN or alias of a KMS key. By default, or when it is empty, it is `alias/aws/dynamodb`, the key
    that AWS manages, which costs only its calls. The table stays available. A table that is already encrypted with any
    KMS key is not changed, and one that is not active is refused. The receipt of each table has the call that undoes
    the fix.

    Written because c7n's `update` cannot change the encryption.

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

    schema = type_schema("set-kms-encryption", otherwise=OTHERWISE, key={"type": "string"})
    # DynamoDB calls KMS with the permissions of the caller of UpdateTable.
    inverses = (Inverse("dynamodb", "update_table", "TableName", values={"SSESpecification": {"Enabled": False}}),)
    permissions = ("dynamodb:DescribeTable", "dynamodb:UpdateTable", "kms:DescribeKey", "kms:CreateGrant")

    def validate(self) -> SetKmsEncryption:
        super().validate()
        key = self.data.get("key", "")
        if any(character.isspace() for character in key) and not placeholders(key):
            raise PolicyValidationError(f"{self.type}: key must be the id, ARN or alias of a KMS key, got {key!r}")
        return self

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Encrypt one table."""
        client, name = session.client("dynamodb"), resource["TableName"]

        def plan() -> FixPlan:
            return FixPlan(steps_of(table_of(client, name), self.data.get("key", "")))

        yield fix_by_plan(lambda service: client, plan)
