"""What a policy uses: the filters `exposed-ports` and `tag-values` on `aws.ec2`."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from c7n.exceptions import PolicyExecutionError, PolicyValidationError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import filtered
from ...parameters import placeholders
from ...ports import ADMIN
from ..security_group import SHARE_SCHEMA, WORLD_SHARE, PrefixListReader, Rule, from_permissions, world_share
from .exposure import PortsError, exposures, watched
from .tags import wrong_tags


class ExposedPorts(Filter):
    """Instances whose security groups open one of the `ports` to the world.

    Without `ports`, the filter checks the ports that never serve the public, `ADMIN` in `custom_actions/ports.py`.

    A port is open if the rules of a network interface's groups together open it to the world, over TCP, UDP or as all
    traffic: their sources cover more than `world-share` (default 1/256) of the internet's IPv4 or IPv6 addresses. One
    rule for 0.0.0.0/0 is enough, and so are its two halves, or many blocks. A prefix list counts by its contents. The
    rules that would have to be removed are stored on the instance as `c7n:ExposedPorts`.

    An instance also matches if AWS does not show the contents of a prefix list on a watched port; the line then begins
    with `unknown`. If AWS does not show a group, the instance is unknown.

    Why not c7n's `security-group` with a JMESPath expression: it cannot compare a list of ports that is a parameter,
    does not add up rules, and does not name the rule.

    :example:

    .. code-block:: yaml

        policies:
          - name: ec2-exposed
            resource: aws.ec2
            filters:
              - type: exposed-ports
                ports: [22, 3389, 5985-5986]
    """

    schema = type_schema("exposed-ports", ports={
        "oneOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": ["integer", "string"]}},
        ]
    }, **{WORLD_SHARE: SHARE_SCHEMA})
    permissions = ("ec2:DescribeSecurityGroups", "ec2:GetManagedPrefixListEntries")
    annotation_key = "c7n:ExposedPorts"

    def validate(self) -> ExposedPorts:
        ports = self._ports()
        if not placeholders(ports):
            if isinstance(ports, str):
                raise PolicyValidationError(f"{self.type}: ports must be a list such as [22, 5985-5986], got {ports!r}")
            try:
                watched(ports)
            except PortsError as error:
                raise PolicyValidationError(f"{self.type}: {error}") from None
        if not placeholders(self.data.get(WORLD_SHARE)):
            world_share(self)
        return self

    def _ports(self) -> Any:
        return self.data.get("ports", [service.ports for service in ADMIN])

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        lists = PrefixListReader(lambda: local_session(self.manager.session_factory).client("ec2"))
        ports = watched(self._ports(), share=world_share(self), lists=lists)
        interfaces = {instance["InstanceId"]: list(_interfaces(instance)) for instance in resources}
        rules = self._rules({group for listed in interfaces.values() for groups in listed for group in groups})
        exposed = []
        for instance in resources:
            if found := exposures(interfaces[instance["InstanceId"]], rules, ports):
                instance[self.annotation_key] = found.lines()
                exposed.append(instance)
        return exposed

    def _rules(self, groups: set[str]) -> dict[str, list[Rule]]:
        """The ingress rules of each group. Raises PolicyExecutionError when AWS does not show one."""
        client = local_session(self.manager.session_factory).client("ec2")
        listed = filtered(client, "describe_security_groups", "SecurityGroups", "group-id", groups,
                          PaginationConfig={"PageSize": 1000})
        found = {group["GroupId"]: from_permissions(group["IpPermissions"]) for group in listed}
        if unknown := sorted(groups - found.keys()):
            raise PolicyExecutionError(f"{self.type}: AWS does not show the security groups {', '.join(unknown)}")
        return found


def _interfaces(instance: Mapping[str, Any]) -> Iterator[list[str]]:
    """The groups of each network interface."""
    for interface in instance.get("NetworkInterfaces") or ():
        yield [group["GroupId"] for group in interface.get("Groups") or ()]


class TagValues(Filter):
    """Resources with a tag that is missing, empty, or has a value that is not allowed.

    `tags` lists the allowed values of each key; `*` allows any value that is not empty. A resource matches if at least
    one tag is wrong. The wrong tags and the reasons are stored on it as `c7n:TagValues`.

    Why not c7n's `value` filter: it takes one key, so the required tags could not be one parameter.

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
                f"{self.type}: tags must map keys to lists of strings, such as {{Owner: ['*']}}, got {tags!r}")
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
