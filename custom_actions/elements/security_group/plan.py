"""The plan that brings a group's ingress to its baseline: a pure function, and the plan as data.

A plan is carried out in this order: authorise missing rules, revoke extra rules, then narrow each wide rule, whose
replacement is authorised before it closes. So traffic that the baseline allows is never interrupted.
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...addresses import block
from .baseline import Baseline, Undo, protocols, rest
from .rules import Rule

_LISTED = 3


@dataclass(frozen=True)
class Narrowing:
    """A wide rule and its replacement.

    `added` holds the replacing rules that the group does not have yet, the most important first: in a full group, the
    last ones may not fit.
    """

    wide: Rule
    added: tuple[Rule, ...]


@dataclass(frozen=True)
class Plan:
    """What to do to one group.

    Attributes:
        authorise: rules that are missing.
        revoke: rules that are extra, each with its id if the group was read from EC2.
        narrow: wide rules that lose a part.
        undecided: rules that may violate the baseline, one line each, because what they open is unknown. The plan does
            not change them, but it counts as drift: a group that cannot be evaluated is not compliant.
        refused: why nothing may be done; empty if the plan may be carried out.
        notes: further information for people.
    """

    authorise: tuple[Rule, ...] = ()
    revoke: tuple[Rule, ...] = ()
    narrow: tuple[Narrowing, ...] = ()
    undecided: tuple[str, ...] = ()
    refused: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def removed(self) -> tuple[Rule, ...]:
        """All the rules that the plan removes."""
        return (*self.revoke, *(narrowing.wide for narrowing in self.narrow))

    @property
    def added(self) -> tuple[Rule, ...]:
        """All the rules that the plan adds."""
        return (*self.authorise, *(rule for narrowing in self.narrow for rule in narrowing.added))

    def __bool__(self) -> bool:
        """Whether there is drift: something to do, something unknown, or a refusal."""
        return bool(self.removed or self.added or self.undecided or self.refused)

    def inverse(self) -> Plan:
        """The plan that restores the group as it was."""
        return Plan(authorise=self.removed, revoke=self.added)

    def after(self, rules: Iterable[Rule]) -> set[Rule]:
        """The rules once the plan has been carried out on `rules`."""
        return set(rules) - set(self.removed) | set(self.added)

    def lines(self) -> list[str]:
        """The plan for a person, a line for each step."""
        if self.refused:
            return [f"refused: {self.refused}"]
        steps = [f"authorise {rule}" for rule in self.authorise] + [f"revoke {rule}" for rule in self.revoke]
        for narrowing in self.narrow:
            steps.append(f"narrow {narrowing.wide} to {_replacement(narrowing.added)}")
        steps += [f"unknown: {line}" for line in self.undecided]
        return steps + [f"note: {note}" for note in self.notes]


def _replacement(added: Sequence[Rule]) -> str:
    """The rules that replace a wide one. More than three are counted, and listed by protocol: all have one source."""
    if len(added) <= _LISTED:
        return ", ".join(map(str, added)) or "rules that the group already has"
    source = str(added[0]).partition(" from ")[2]
    by_protocol: dict[str, list[str]] = {}
    for rule in sorted(added):
        protocol, _, ports = str(rule).partition(" from ")[0].partition(" ")
        by_protocol.setdefault(protocol, []).append(ports)
    listed = "; ".join(
        f"{protocol} {', '.join(filter(None, ports))}".rstrip() for protocol, ports in by_protocol.items())
    return f"{len(added)} rules from {source}: {listed}"


@dataclass(frozen=True)
class Protection:
    """Rules that must never be revoked, such as emergency access.

    Attributes:
        cidrs: a rule is protected if its source lies within one of these.
        descriptions: regular expressions; a rule is protected if its description matches one.
        tags: a rule is protected if it has one of these tags; an empty value matches any.
    """

    cidrs: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def reason(self, rule: Rule) -> str:
        """Why `rule` is protected; empty if it is not."""
        source = rule.block
        for cidr in self.cidrs:
            if source and block(cidr).holds(source):
                return f"its source lies in {cidr}"
        for pattern in self.descriptions:
            if re.search(pattern, rule.description):
                return f"its description matches {pattern!r}"
        for key, value in rule.tags:
            if key in self.tags and self.tags[key] in ("", value):
                return f"it has the tag {key}={value}"
        return ""


def _importance(piece: Rule) -> tuple[int, int, int]:
    """Sorts the parts of one rule: TCP first, because most services use it; HTTPS and HTTP; then the most ports."""
    protocols_first, ports_first = ("tcp", "udp", "icmp", "icmpv6"), (443, 80)
    rank = next((n for n, name in enumerate(protocols_first) if piece.protocol == name), len(protocols_first))
    service = next((n for n, port in enumerate(ports_first) if piece.from_port <= port <= piece.to_port), 2)
    return rank, service, piece.from_port - piece.to_port


def plan_ingress(
    rules: Iterable[Rule], baseline: Baseline, *, narrow: bool = False, protection: Protection | None = None
) -> Plan:
    """The plan that brings a group with these ingress rules to the baseline.

    With `narrow`, a rule that violates the baseline only in part is replaced by the rest of it, in the fewest rules.
    Without `narrow` the whole rule is revoked. A plan that would revoke a protected rule, or undo a change that is not
    fully known, is refused completely, with the reason.
    """
    current = list(rules)
    if isinstance(baseline, Undo) and baseline.unknown:
        return Plan(refused="; ".join(baseline.unknown))
    revoke: list[Rule] = []
    narrowings: list[Narrowing] = []
    notes: list[str] = list(baseline.notes) if isinstance(baseline, Undo) else []
    have = set(current)
    names = protocols([*current, *baseline.rules])
    for rule, offence in baseline.offending(current).items():
        kept, lossy = rest(rule, offence, names) if narrow else ([], False)
        if not kept:
            revoke.append(rule)
            continue
        added = tuple(sorted((piece for piece in kept if piece not in have), key=_importance))
        have.update(added)
        narrowings.append(Narrowing(rule, added))
        if lossy:
            notes.append(
                f"{rule} also allowed other IP protocols or ICMP types; EC2 rules cannot exclude a part, so these are "
                "closed too"
            )
    plan = Plan(
        tuple(baseline.missing(current)), tuple(revoke), tuple(narrowings), baseline.undecided(current),
        notes=tuple(notes))
    for rule in plan.removed:
        if protection and (why := protection.reason(rule)):
            return Plan(refused=f"{rule.rule_id or 'a rule'} ({rule}) is protected: {why}")
    return plan
