"""The action `change-settings` on `aws.redshift`."""
from __future__ import annotations

from ...fixing import ChangeSettings, SettingsCall, shown_by


def _pending(name: str, default: str) -> str:
    return f"not_null(PendingModifiedValues.{name}, {name}, `{default}`)"


class ChangeRedshift(ChangeSettings):
    """Change settings of a cluster, and verify the result.

    A change that Redshift has accepted counts as made. A higher AutomatedSnapshotRetentionPeriod is left as it is.

    Written because c7n's `set-public-access` and `retention` decide by what c7n has read earlier, so `retention` could
    lower the period, and because c7n only logs what AWS refuses.

    Source: Redshift's ModifyCluster and DescribeClusters, with PendingModifiedValues.

    :example:

    .. code-block:: yaml

        policies:
          - name: redshift-not-public-close
            resource: aws.redshift
            filters:
              - PubliclyAccessible: true
            actions:
              - type: change-settings
                settings: {PubliclyAccessible: false}
    """

    settings_call = SettingsCall(
        "redshift", "modify_cluster", ("ClusterIdentifier",),
        {"AutomatedSnapshotRetentionPeriod": _pending("AutomatedSnapshotRetentionPeriod", "0"),
         "PubliclyAccessible": _pending("PubliclyAccessible", "false")},
        shown_by("describe_clusters", "Clusters[0]", ClusterIdentifier="ClusterIdentifier"),
        reads=("redshift:DescribeClusters",), writes=("redshift:ModifyCluster",),
        at_least=("AutomatedSnapshotRetentionPeriod",))
