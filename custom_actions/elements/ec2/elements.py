"""What a policy sees: the filters `exposed-ports` and `tag-values` on `aws.ec2`."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from c7n.exceptions import PolicyExecutionError, PolicyValidationError
from c7n.filters import Filter
from c7n.utils import chunks, local_session, type_schema

from ...aws import call
from ...parameters import placeholders
from ..security_group import Rule, from_permissions
from .exposure import PortsError, exposures, watched
from .tags import wrong_tags

_FILTER_VALUES = 200
"""How many values EC2 takes for one filter."""


class ExposedPorts(Filter):
    """Instances of which the world can reach one of the `ports`, as far as their security groups go.

    A rule offends when it opens a watched port, by TCP, UDP or as all traffic, to every IPv4 or every IPv6 address;
    a range offends when it overlaps. Which rule of which group it is, is kept on the instance as `c7n:ExposedPorts`.
    The groups of every network interface are read; one that AWS does not show makes the policy fail, for nobody
    knows then what it opens. What a prefix list contains is not looked at.

    Written because c7n's `security-group` with a JMESPath expression cannot compare a list of ports that is a
    parameter, and does not name the rule.

    :example:

    .. code-block:: yaml

        policies:
          - name: ec2-exposed
            resource: aws.ec2
            filters:
              - type: exposed-ports
                ports: [22, 3389, 5985-5986]
    """

    schema = type_schema("exposed-ports", required=["ports"], ports={
        "oneOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": ["integer", "string"]}},
        ]
    })
    permissions = ("ec2:DescribeSecurityGroups",)
    annotation_key = "c7n:ExposedPorts"

    def validate(self) -> ExposedPorts:
        ports = self.data["ports"]
        if not placeholders(ports):
            if isinstance(ports, str):
                raise PolicyValidationError(f"{self.type}: ports is a list, such as [22, 5985-5986], not {ports!r}")
            try:
                watched(ports)
            except PortsError as error:
                raise PolicyValidationError(f"{self.type}: {error}") from None
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        ports = watched(self.data["ports"])
        interfaces = {instance["InstanceId"]: list(_interfaces(instance)) for instance in resources}
        rules = self._rules({group for listed in interfaces.values() for groups in listed for group in groups})
        exposed = []
        for instance in resources:
            if found := exposures(interfaces[instance["InstanceId"]], rules, ports):
                instance[self.annotation_key] = [str(exposure) for exposure in found]
                exposed.append(instance)
        return exposed

    def _rules(self, groups: set[str]) -> dict[str, list[Rule]]:
        """The ingress rules of each group. Raises PolicyExecutionError when AWS does not show one."""
        client = local_session(self.manager.session_factory).client("ec2")
        pages = client.get_paginator("describe_security_groups")
        found: dict[str, list[Rule]] = {}
        for some in chunks(sorted(groups), _FILTER_VALUES):
            asked = {"Filters": [{"Name": "group-id", "Values": some}], "PaginationConfig": {"PageSize": 1000}}
            for page in call(lambda asked=asked: list(pages.paginate(**asked))):
                for group in page["SecurityGroups"]:
                    found[group["GroupId"]] = from_permissions(group["IpPermissions"])
        if unknown := sorted(groups - found.keys()):
            raise PolicyExecutionError(f"{self.type}: AWS does not show the security groups {', '.join(unknown)}")
        return found


def _interfaces(instance: Mapping[str, Any]) -> Iterator[list[str]]:
    """The groups of each network interface."""
    for interface in instance.get("NetworkInterfaces") or ():
        yield [group["GroupId"] for group in interface.get("Groups") or ()]


class TagValues(Filter):
    """Resources with a tag that is missing, empty, or has a value that is not allowed.

    `tags` says for each key its allowed values; `*` is any value that is not empty. A resource matches when at least
    one tag is not right; which ones, and why, is kept on it as `c7n:TagValues`.

    Written because c7n's `value` filter takes one key, so that what is required could not be one parameter.

    :example:

    .. code-block:: yaml

        policies:
          - name: ec2-tags
            resource: aws.ec2
            filters:
              - type: tag-values
                tags:
                  Environment: [Dev, Stage, Prod]
                  Owner: ["*"]
    """

    schema = type_schema("tag-values", required=["tags"], tags={
        "oneOf": [
            {"type": "string"},
            {
                "type": "object",
                "additionalProperties": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            },
        ]
    })
    permissions = ("ec2:DescribeInstances",)
    annotation_key = "c7n:TagValues"

    def validate(self) -> TagValues:
        tags = self.data["tags"]
        if not placeholders(tags) and not _is_allowed_values(tags):
            raise PolicyValidationError(
                f"{self.type}: tags is a mapping of keys to lists of texts, such as {{Owner: ['*']}}, not {tags!r}")
        return self

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        wrong = []
        for resource in resources:
            tags = {tag["Key"]: tag["Value"] for tag in resource.get("Tags") or ()}
            if reasons := wrong_tags(tags, self.data["tags"]):
                resource[self.annotation_key] = reasons
                wrong.append(resource)
        return wrong


def _is_allowed_values(tags: Any) -> bool:
    return isinstance(tags, Mapping) and all(
        isinstance(values, Sequence) and not isinstance(values, str) and values
        and all(isinstance(value, str) for value in values)
        for values in tags.values()
    )
