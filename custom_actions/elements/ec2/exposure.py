"""Which security-group rules let the whole world reach a port of an instance."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..security_group import LAST_PORT, Forbidden, Rule, from_policy

_PORTS = re.compile(r"(\d+)(?:-(\d+))?")


class PortsError(ValueError):
    """Ports that cannot be read; the message says which, and how right ones look."""


@dataclass(frozen=True)
class Exposure:
    """A rule of a group that opens a watched port to the world."""

    group: str
    rule: Rule

    def __str__(self) -> str:
        return f"{self.group}: {self.rule}"


def watched(ports: Iterable[int | str]) -> Forbidden:
    """What must not be open: these ports, by TCP and UDP, to every IPv4 or every IPv6 address.

    Args:
        ports: single ports and ranges, such as 22 or `5985-5986`.

    Raises PortsError.
    """
    listed = [_checked(entry) for entry in ports]
    if not listed:
        return Forbidden(())
    return Forbidden(tuple(
        rule for protocol in ("tcp", "udp") for rule in from_policy(f"{protocol} {','.join(listed)} from world")
    ))


def exposures(
    interfaces: Iterable[Sequence[str]], rules: Mapping[str, Sequence[Rule]], ports: Forbidden
) -> list[Exposure]:
    """The rules that open one of `ports` to the world, each once.

    The groups of one network interface count together: two of them may hold half of the world each.

    Args:
        interfaces: for each network interface the ids of its groups.
        rules: the ingress rules of every group.
        ports: as `watched` makes it.
    """
    found: dict[Exposure, None] = {}
    for groups in interfaces:
        offending = ports.offending(rule for group in groups for rule in rules[group])
        found |= dict.fromkeys(
            Exposure(group, rule) for group in groups for rule in rules[group] if rule in offending)
    return list(found)


def _checked(entry: int | str) -> str:
    match = _PORTS.fullmatch(str(entry).replace(" ", ""))
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not first <= last <= LAST_PORT:
        raise PortsError(f"{entry!r} is no port and no range of ports: write 22 or 5985-5986, up to {LAST_PORT}")
    return f"{first}-{last}"
