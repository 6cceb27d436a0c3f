"""Which policies share a function, with `deploy --grouped`. Pure: nothing is read or changed here.

A function can run several policies if all settings that decide what it may do and how it runs are the same: mode,
role, code packages, runtime, network, dead letters, environment, tags. Timeout and memory only need to be large enough,
so they are compared by class, and the function gets the largest of its policies.

A function's name follows from these settings, and not from its policies. So it stays the same when a policy is
added, and in every account and region. Only when a group gets larger than MOST_POLICIES is it split, by a hash of the
policies' names, into parts with new names.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from c7n import mu
from c7n.utils import get_partition
from c7n.version import version

from custom_actions.functions import group_config
from custom_actions.names import FUNCTION_PREFIX, GROUP, GROUP_TAG, RESPONSE_TAG

from ..errors import GuardrailsError
from ..policies import Policy, comparable, parsed
from .blueprints import Blueprint, code

HANDLER = "custom_actions.lambda_entry.run"
MOST_POLICIES = 200
"""Policies of one function: config.json stays below a megabyte, which a cold start reads in some milliseconds."""
MOST_PACKED = 40 * 1024 * 1024
"""Bytes of an archive. Lambda accepts 50 MB in a request, and 250 MB unpacked."""
SHORT = 300
"""Seconds. A policy that may run longer is in a function of its own class."""
STANDARD_MEMORY = 512
"""MB. A policy that needs more is in a function of the next power of two."""
_LONGEST_NAME = 64
MODES = frozenset({
    "cloudtrail", "config-rule", "config-poll-rule", "periodic", "schedule", "guard-duty", "phd", "hub-finding",
    "ec2-instance-state", "asg-instance-state",
})
"""The modes that can share a function. `hub-action` makes a custom action of Security Hub besides its rule."""
_ITS_OWN = ("FunctionName", "Description", "MemorySize", "Timeout", "Tags", "Architectures")
_TAGS_OF_ONE = (RESPONSE_TAG, "custodian-info", "custodian-schedule")


@dataclass(frozen=True)
class Group:
    """The policies of one function."""

    name: str
    """The function's name."""
    members: tuple[Blueprint, ...]
    """Sorted by name."""
    leaving: tuple[Blueprint, ...] = ()
    """Policies that move to another group: the archive holds them until their triggers are switched over."""

    @property
    def mode(self) -> str:
        """The mode of all policies."""
        return str(self.members[0].policy.mode["type"])

    @property
    def prefix(self) -> str:
        """The prefix of the names of the policies' rules, as of the function's."""
        return _prefix(self.members[0].policy)

    @property
    def response(self) -> str:
        """What the function may do (tag `guardrails-response`); empty if no policy has a fix."""
        return next((str(tags[RESPONSE_TAG]) for each in self.members
                     if RESPONSE_TAG in (tags := each.policy.mode.get("tags") or {})), "")


def can_share(policy: Policy) -> bool:
    """Whether the policy can be in a group; a policy that cannot has a function of its own."""
    mode = policy.mode
    return (
        mode["type"] in MODES and mode.get("handler") == HANDLER and "member-role" not in mode
        and len(f"{_prefix(policy)}{GROUP}") + _LONGEST_REST <= _LONGEST_NAME)


_LONGEST_REST = len("ec2-instance-state-short-10240mb-12345678-16of16")


def group_names(wanted: Iterable[Blueprint]) -> dict[str, str]:
    """Policy name to the name of its group's function.

    `wanted`: every policy that could be deployed in the account and region, so that the selection changes no name.
    """
    by_base: dict[str, list[str]] = {}
    for each in wanted:
        by_base.setdefault(base_name(each), []).append(each.policy.name)
    names = {}
    for base, policies in by_base.items():
        parts = parts_of(policies)
        for number, part in enumerate(parts, start=1):
            names.update(dict.fromkeys(part, base if len(parts) == 1 else f"{base}-{number}of{len(parts)}"))
    return names


def parts_of(policies: Sequence[str], most: int = MOST_POLICIES) -> list[list[str]]:
    """The policies in 1, 2, 4, … parts of at most `most`, each policy by a hash of its name."""
    number = 1
    while True:
        parts: list[list[str]] = [[] for _ in range(number)]
        for name in policies:
            parts[int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % number].append(name)
        if max(map(len, parts)) <= most:
            return parts
        number *= 2


def groups_of(members: Iterable[Blueprint], names: Mapping[str, str]) -> list[Group]:
    """The groups of these policies; `names` is what `group_names` returns."""
    found: dict[str, list[Blueprint]] = {}
    for each in members:
        found.setdefault(names[each.policy.name], []).append(each)
    return [Group(name, tuple(sorted(listed, key=lambda each: each.policy.name)))
            for name, listed in sorted(found.items())]


def base_name(wanted: Blueprint) -> str:
    """The name of the function for policies with these settings: `custodian-group-MODE-short-HASH`."""
    function, mode = wanted.function, wanted.function.policy.data["mode"]
    memory = _memory_class(function.memory_size)
    words = [
        mode["type"], "short" if function.timeout <= SHORT else "long",
        *([f"{memory}mb"] if memory > STANDARD_MEMORY else []), _digest(settings_of(wanted), wanted)]
    return f"{_prefix(wanted.policy)}{GROUP}{'-'.join(words)}"


def settings_of(wanted: Blueprint) -> dict[str, Any]:
    """The settings that are the same for all policies of a function, besides the classes of timeout and memory."""
    function, mode = wanted.function, wanted.function.policy.data["mode"]
    return {
        **{key: value for key, value in function.get_config().items() if key not in _ITS_OWN},
        "Tags": {key: value for key, value in function.tags.items() if key not in _TAGS_OF_ONE},
        "concurrency": function.concurrency,
        "packages": sorted(function.packages or ()),
        # Each policy has its own place for its output.
        "execution-options": {key: value for key, value in (mode.get("execution-options") or {}).items()
                              if key != "output_dir"},
        "mode": mode["type"],
    }


def _digest(settings: Mapping[str, Any], wanted: Blueprint) -> str:
    """Eight characters that stand for the settings, the same in every account and region."""
    options = wanted.function.policy.options
    text = json.dumps(settings, sort_keys=True, default=str)
    for value, name in ((get_partition(options.region), "partition"), (options.region, "region"),
                        (options.account_id, "account")):
        text = text.replace(f":{value}:", f":{{{name}}}:")
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _memory_class(megabytes: int) -> int:
    memory = STANDARD_MEMORY
    while memory < megabytes:
        memory *= 2
    return min(memory, 10240)


def _prefix(policy: Policy) -> str:
    return str(policy.mode.get("function-prefix", FUNCTION_PREFIX))


class GroupFunction(mu.LambdaFunction):
    """c7n's function for a group. Its archive is made when it is asked for, and not kept."""

    def __init__(self, group: Group, settings: Mapping[str, Any]) -> None:
        super().__init__(dict(settings), None)
        self.group = group

    @property
    def architectures(self) -> list[str]:
        """That of the machine, as c7n chooses it."""
        return list(self.group.members[0].function.architectures)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "Architectures": self.architectures}

    def get_archive(self) -> Any:
        return archive_of(self.group)


def function_of(group: Group) -> GroupFunction:
    """The group's function, as c7n's LambdaManager takes it."""
    first = group.members[0].function
    tags = {key: value for key, value in first.tags.items() if key not in _TAGS_OF_ONE}
    return GroupFunction(group, {
        "name": group.name,
        "description": f"Runs the policies of the mode {group.mode} (aws-guardrails)",
        "handler": HANDLER,
        "runtime": first.runtime,
        "memory_size": max(each.function.memory_size for each in group.members),
        "timeout": max(each.function.timeout for each in group.members),
        "role": first.role or first.policy.options.assume_role,
        "tags": {
            **tags, "custodian-info": f"mode={group.mode}:version={version}", GROUP_TAG: group.mode,
            **({RESPONSE_TAG: group.response} if group.response else {})},
        "dead_letter_config": first.dead_letter_config,
        "environment": first.environment,
        "kms_key_arn": first.kms_key_arn,
        "tracing_config": first.tracing_config,
        "subnets": first.subnets,
        "security_groups": first.security_groups,
        "layers": first.layers,
        "concurrency": first.concurrency,
        "events": [],
    })


def archive_of(group: Group) -> Any:
    """c7n's archive with the code, and all policies of the group in `config.json`."""
    first = group.members[0].function
    archive = mu.PythonPackageArchive(cache_file=code(tuple(sorted(first.packages or ()))).path)
    held = sorted((*group.members, *group.leaving), key=lambda each: each.policy.name)
    archive.add_contents("config.json", group_config(
        group.name, mu.get_exec_options(first.policy.options), [each.function.policy.data for each in held],
        {each.policy.name: pattern for each in held if (pattern := event_pattern(each.function))}))
    archive.close()
    if archive.size > MOST_PACKED:
        raise GuardrailsError(
            f"the archive of {group.name} would have {archive.size // 1024**2} MB, and Lambda accepts 50 MB",
            "shorten exceptions.yml, or deploy some of its policies without --grouped")
    return archive


def event_pattern(function: Any) -> dict[str, Any] | None:
    """The pattern of a policy's event rule, with sorted lists; None for a policy that another thing starts."""
    for source in function.get_events(None):
        if isinstance(source, mu.CloudWatchEventSource):
            # c7n lists the services of a pattern in a different order each time.
            return _sorted(parsed(source.render_event_pattern()))
    return None


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return sorted(value, key=lambda each: json.dumps(comparable(each), sort_keys=True))
    return value
