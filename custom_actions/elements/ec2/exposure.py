"""Which security-group rules open a port of an instance to the world."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ...addresses import DEFAULT_SHARE
from ..security_group import LAST_PORT, Forbidden, PrefixLists, Rule, from_policy, no_lists

_PORTS = re.compile(r"(\d+)(?:-(\d+))?")


class PortsError(ValueError):
    """Ports that cannot be read. The message names them and says how to write them."""


@dataclass(frozen=True)
class Exposure:
    """A rule of a group that opens a watched port to the world."""

    group: str
    rule: Rule

    def __str__(self) -> str:
        return f"{self.group}: {self.rule}"


def watched(
    ports: Iterable[int | str], *, share: Fraction = DEFAULT_SHARE, lists: PrefixLists = no_lists
) -> Forbidden:
    """The baseline that forbids opening these ports to the world, over TCP and UDP.

    Args:
        ports: single ports and ranges, such as 22 or `5985-5986`.
        share: of the internet's addresses; more than that is the world.
        lists: returns the contents of prefix lists.

    Raises PortsError.
    """
    listed = [_checked(entry) for entry in ports]
    if not listed:
        return Forbidden((), share, lists)
    return Forbidden(tuple(
        rule for protocol in ("tcp", "udp") for rule in from_policy(f"{protocol} {','.join(listed)} from world")
    ), share, lists)


@dataclass(frozen=True)
class Exposures:
    """What the world can reach through the groups of some network interfaces.

    Attributes:
        open: the rules that open a watched port to the world.
        undecided: rules that may do so, one line each, because the contents of their prefix lists are unknown.
    """

    open: tuple[Exposure, ...] = ()
    undecided: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether the world can reach a watched port, or this is unknown."""
        return bool(self.open or self.undecided)

    def lines(self) -> list[str]:
        """A line for each rule."""
        return [*map(str, self.open), *(f"unknown: {line}" for line in self.undecided)]


def exposures(
    interfaces: Iterable[Sequence[str]], rules: Mapping[str, Sequence[Rule]], ports: Forbidden
) -> Exposures:
    """The rules that open one of `ports` to the world, each once.

    The groups of one network interface count together, because two groups may each open a port to half of the world.
    Interfaces with the same groups are evaluated once.

    Args:
        interfaces: for each network interface the ids of its groups.
        rules: the ingress rules of every group.
        ports: the result of `watched`.
    """
    found: dict[Exposure, None] = {}
    undecided: dict[str, None] = {}
    for groups in dict.fromkeys(map(tuple, interfaces)):
        together = [rule for group in groups for rule in rules[group]]
        offending = ports.offending(together)
        found |= dict.fromkeys(
            Exposure(group, rule) for group in groups for rule in rules[group] if rule in offending)
        undecided |= dict.fromkeys(ports.undecided(together))
    return Exposures(tuple(found), tuple(undecided))


def _checked(entry: int | str) -> str:
    match = _PORTS.fullmatch(str(entry).replace(" ", ""))
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not first <= last <= LAST_PORT:
        raise PortsError(f"{entry!r} is not a port or a range of ports: write 22 or 5985-5986, up to {LAST_PORT}")
    return f"{first}-{last}"
