"""The action `change-settings` on `aws.dms-instance`."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...aws import call
from ...errors import Refusal
from ...fixing import ChangeSettings, SettingsCall, same_names


def _described(client: Any, identity: Mapping[str, Any]) -> Mapping[str, Any]:
    found = call(client.describe_replication_instances, Filters=[
        {"Name": "replication-instance-arn", "Values": [identity["ReplicationInstanceArn"]]}])["ReplicationInstances"]
    if not found:
        raise Refusal("the replication instance no longer exists")
    instance: Mapping[str, Any] = found[0]
    return instance


class ChangeReplicationInstance(ChangeSettings):
    """Change settings of a replication instance, and verify the result. Receipts name the instance by its ARN.

    Written because c7n's `modify-instance` goes on without an error if the instance is in a state in which DMS changes
    nothing.

    Source: DMS's ModifyReplicationInstance and DescribeReplicationInstances.

    :example:

    .. code-block:: yaml

        policies:
          - name: dms-auto-minor-upgrade-enable
            resource: aws.dms-instance
            filters:
              - AutoMinorVersionUpgrade: false
            actions:
              - type: change-settings
                settings: {AutoMinorVersionUpgrade: true}
    """

    settings_call = SettingsCall(
        "dms", "modify_replication_instance", ("ReplicationInstanceArn",),
        same_names("AutoMinorVersionUpgrade", default="false"), _described,
        reads=("dms:DescribeReplicationInstances",), writes=("dms:ModifyReplicationInstance",))

    def identity(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        return {"ReplicationInstanceArn": resource["ReplicationInstanceArn"]}

    def resource_name(self, resource: Mapping[str, Any]) -> str:
        """The resource in the receipt: the call takes no other name."""
        return str(resource["ReplicationInstanceArn"])
