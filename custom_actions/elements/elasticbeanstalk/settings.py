"""The filter `environment-setting` on `aws.elasticbeanstalk-environment`: one of the environment's options.

Source: Elastic Beanstalk's DescribeConfigurationSettings; its developer guide, "General options for all environments".
"""
from __future__ import annotations

from typing import Any

from c7n.filters import ValueFilter
from c7n.utils import local_session, type_schema

from ...aws import call


class EnvironmentSetting(ValueFilter):
    """The value of an option of the environment, compared as c7n's filter `value` does; absent if it is not set.

    One call for each environment. The value is kept on the environment as `c7n:Setting:NAMESPACE:OPTION`.

    Written because c7n has no filter for an environment's options.

    :example:

    .. code-block:: yaml

        policies:
          - name: beanstalk-managed-updates
            resource: aws.elasticbeanstalk-environment
            filters:
              - type: environment-setting
                namespace: aws:elasticbeanstalk:managedactions
                option: ManagedActionsEnabled
                op: ne
                value: "true"
    """

    schema = type_schema(
        "environment-setting", rinherit=ValueFilter.schema, required=["namespace", "option"],
        namespace={"type": "string", "pattern": "^aws:"}, option={"type": "string"})
    schema_alias = False
    permissions = ("elasticbeanstalk:DescribeConfigurationSettings",)

    def __init__(self, data: Any, manager: Any = None) -> None:
        self._annotation = f"c7n:Setting:{data['namespace']}:{data['option']}"
        super().__init__({**data, "key": f'"{self._annotation}"'}, manager)

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("elasticbeanstalk")
        for environment in resources:
            [settings] = call(lambda of=environment: client.describe_configuration_settings(
                ApplicationName=of["ApplicationName"], EnvironmentName=of["EnvironmentName"]))["ConfigurationSettings"]
            environment[self._annotation] = next((
                each.get("Value") for each in settings["OptionSettings"]
                if (each["Namespace"], each["OptionName"]) == (self.data["namespace"], self.data["option"])), None)
        return list(super().process(resources, event))
