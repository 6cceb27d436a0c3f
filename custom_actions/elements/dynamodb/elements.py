"""What a policy sees: the action `set-kms-encryption` on `aws.dynamodb-table`."""
from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError
from c7n.actions import BaseAction
from c7n.exceptions import PolicyValidationError
from c7n.utils import local_session, type_schema

from ...aws import call, code_of, readings, reason_of
from ...fixing import Outcome, Receipt, finish, receipt_of
from ...parameters import placeholders
from .encryption import inverse, plan_encryption


class SetKmsEncryption(BaseAction):
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
    permissions = ("dynamodb:DescribeTable", "dynamodb:UpdateTable", "kms:DescribeKey", "kms:CreateGrant")

    @property
    def name(self) -> str:
        """c7n names the file of the receipts after it."""
        return str(self.type)

    def validate(self) -> SetKmsEncryption:
        key = self.data.get("key", "")
        if any(character.isspace() for character in key) and not placeholders(key):
            raise PolicyValidationError(f"{self.type}: {key!r} is no key's id, ARN or alias")
        return self

    def process(self, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Encrypt each table; returns the receipts. Raises FixIncomplete when one is left without its key."""
        client = local_session(self.manager.session_factory).client("dynamodb")
        fixed = [(table, self._encrypt(client, table["TableName"])) for table in resources]
        for _, receipt in fixed:
            level = self.log.error if receipt.outcome.needs_a_person else self.log.info
            level("%s %s: %s %s", self.type, receipt.resource, receipt.outcome, receipt.reason)
        return finish(self, fixed)

    def _encrypt(self, client: Any, name: str) -> Receipt:
        try:
            plan = plan_encryption(call(client.describe_table, TableName=name)["Table"], self.data.get("key", ""))
            if not plan:
                return self._receipt(name, Outcome.REFUSED if plan.refused else Outcome.ALREADY_OK, plan.refused)
            call(client.update_table, TableName=name, SSESpecification=plan.specification)
        except ClientError as error:
            gone = code_of(error) == "ResourceNotFoundException"
            return self._receipt(name, Outcome.REFUSED if gone else Outcome.FAILED, reason_of(error))
        try:
            for now in readings(lambda: call(client.describe_table, TableName=name)["Table"].get("SSEDescription")):
                if now:
                    return self._receipt(name, Outcome.REVERTED, added=[dict(now)])
            reason = "UpdateTable was taken, and the table shows no encryption"
        except ClientError as error:
            reason = f"could not read the table back: {reason_of(error)}"
        return self._receipt(name, Outcome.PARTIAL, reason, added=[dict(plan.specification)])

    def _receipt(
        self, name: str, outcome: Outcome, reason: str = "", added: list[dict[str, Any]] | None = None
    ) -> Receipt:
        undo = [inverse(name)] if added else []
        return receipt_of(self, name, outcome, reason=reason, added=added or [], inverse=undo)
