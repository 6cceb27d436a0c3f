"""The action `revert-public-access`: makes a public database instance private.

Source: RDS's ModifyDBInstance. `PubliclyAccessible` takes effect at once, whatever `ApplyImmediately` says.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...fixing import OTHERWISE, Call, EventFix, FixPlan, FixResult, Inverse, Step, again, fix_by_plan
from ..native import DB_INSTANCE

NOT_YET = ("creating", "backing-up", "restoring", "starting")
"""Statuses in which RDS does not accept a modification yet."""
_OWN_INSTANCES = ("aurora", "neptune", "docdb")
"""Engines whose clusters have instances with settings of their own; others form Multi-AZ DB clusters."""


def plan_database(instance: Mapping[str, Any]) -> FixPlan:
    """Make an instance, from DescribeDBInstances, private."""
    if not instance.get("PubliclyAccessible"):
        return FixPlan()
    if (status := instance.get("DBInstanceStatus")) in NOT_YET:
        return FixPlan(cannot=f"the instance is {status}: RDS does not accept a modification now")
    name, cluster = instance["DBInstanceIdentifier"], instance.get("DBClusterIdentifier")
    if cluster and not str(instance.get("Engine", "")).startswith(_OWN_INSTANCES):
        return FixPlan(cannot=f"the instance belongs to the Multi-AZ DB cluster {cluster}, whose public access is set "
                              "when the cluster is created: restore the cluster without public access")

    def modify(public: bool) -> Call:
        return Call("rds", "modify_db_instance", {"DBInstanceIdentifier": name, "PubliclyAccessible": public})

    return FixPlan([Step(
        "make it private", modify(False), modify(True),
        removed={"PubliclyAccessible": True}, added={"PubliclyAccessible": False},
    )])


class RevertPublicAccess(EventFix):
    """Make a public database instance private, and verify the result.

    RDS does not accept a modification of an instance that is being created, restored, started or backed up. The outcome
    is then `refused`, and `otherwise` can send a notification: the instance stays public until the policy runs again.

    Written because c7n's `set-public-access` only logs such a refusal, like any other error, and ends as a success.

    :example:

    .. code-block:: yaml

        policies:
          - name: rds-public-revert
            resource: aws.rds
            mode:
              type: cloudtrail
              role: guardrails
              packages: [custom_actions]
              handler: custom_actions.lambda_entry.run
              events:
                - source: rds.amazonaws.com
                  event: ModifyDBInstance
                  ids: requestParameters.dBInstanceIdentifier
            filters:
              - PubliclyAccessible: true
            actions:
              - revert-public-access
    """

    schema = type_schema("revert-public-access", otherwise=OTHERWISE)
    inverses = (
        Inverse("rds", "modify_db_instance", "DBInstanceIdentifier", values={"PubliclyAccessible": True},
                redo=again("modify_db_instance", PubliclyAccessible=False), settings_call=DB_INSTANCE),
    )
    permissions: tuple[str, ...] = ("rds:DescribeDBInstances", "rds:ModifyDBInstance")

    def undoes_the_event(self) -> bool:
        """A public instance is made private, even when AWS refused the call of the event."""
        return False

    def fix(self, session: Any, resource: dict[str, Any], event: Mapping[str, Any]) -> Iterator[FixResult]:
        """Make the instance private."""
        client, name = session.client("rds"), resource["DBInstanceIdentifier"]

        def plan() -> FixPlan:
            [instance] = call(client.describe_db_instances, DBInstanceIdentifier=name)["DBInstances"]
            return plan_database(instance)

        yield fix_by_plan(lambda service: client, plan)
