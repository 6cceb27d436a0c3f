"""The action `change-settings` on `aws.athena-work-group`."""
from __future__ import annotations

from ...fixing import ChangeSettings, Form, SettingsCall, shown_by


class ChangeWorkGroup(ChangeSettings):
    """Turn the query metrics of a workgroup on or off, and verify the result.

    Written because c7n's `update` needs a description, which not every workgroup has, does not verify the result, and
    writes no receipt.

    Source: Athena's UpdateWorkGroup and GetWorkGroup.

    :example:

    .. code-block:: yaml

        policies:
          - name: athena-workgroup-metrics-enable
            resource: aws.athena-work-group
            filters:
              - {type: value, key: Configuration.PublishCloudWatchMetricsEnabled, op: ne, value: true}
            actions:
              - type: change-settings
                settings: {PublishCloudWatchMetricsEnabled: true}
    """

    settings_call = SettingsCall(
        "athena", "update_work_group", ("WorkGroup",),
        {"PublishCloudWatchMetricsEnabled": "not_null(PublishCloudWatchMetricsEnabled, `false`)"},
        shown_by("get_work_group", "WorkGroup.Configuration", WorkGroup="WorkGroup"),
        reads=("athena:GetWorkGroup",), writes=("athena:UpdateWorkGroup",), form=Form(within="ConfigurationUpdates"))
