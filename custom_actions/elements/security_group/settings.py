"""The ingress settings of a policy: the schema that both elements share, and how it is read.

A list of rules, an entry of it, a port or `world-share` may be a parameter, `"{admin_ports}"`. `custodian validate`
does not fill in parameters. So a parameter that is still in braces is accepted when the policy is validated, and is an
error when the policy runs.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from c7n.exceptions import PolicyValidationError

from ...addresses import DEFAULT_SHARE, AddressError, share_of
from ...parameters import placeholders
from .baseline import Allowed, Baseline, Forbidden, PrefixLists, Required, no_lists, only_open_to_world
from .plan import Plan, Protection, plan_ingress
from .rules import PEER_KINDS, Rule, RuleError, from_policy, port_ranges

EVENT, LAST_COMPLIANT = "event", "last-compliant"
_OPEN_TO_WORLD, _FORBIDDEN = "open-to-world", "forbidden"
_EXACT: dict[str, Callable[[tuple[Rule, ...]], Baseline]] = {"required": Required, "allowed": Allowed}
_LISTS = (*_EXACT, _FORBIDDEN)
BASELINES = (*_LISTS, _OPEN_TO_WORLD)
"""The baselines that a policy contains. The other two, EVENT and LAST_COMPLIANT, are looked up."""
WORLD_SHARE = "world-share"
SHARE_SCHEMA = {"type": ["string", "number"], "default": str(DEFAULT_SHARE)}
"""A share of the internet's addresses. Sources that together cover more than this count as the whole internet."""

_PARAMETER = {"type": "string", "pattern": r"^\{[a-z][a-z0-9_]*\}$"}


def world_share(element: Any) -> Fraction:
    """The `world-share` of a filter, or the default. Raises PolicyValidationError if it is not a share."""
    try:
        return share_of(element.data.get(WORLD_SHARE, DEFAULT_SHARE))
    except AddressError as error:
        raise PolicyValidationError(f"{element.type}: {WORLD_SHARE}: {error}") from None


def _list_of(entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"oneOf": [_PARAMETER, {"type": "array", "items": entries, **more}]}


_RULES = _list_of(
    {
        "oneOf": [
            {"type": "string"},
            {
                "type": "object",
                "required": ["IpProtocol"],
                "additionalProperties": False,
                "properties": {
                    "IpProtocol": {"type": ["string", "integer"]},
                    "FromPort": {"type": "integer"},
                    "ToPort": {"type": "integer"},
                    "UserId": {"type": "string"},
                    "Description": {"type": "string"},
                    **{kind: {"type": "string"} for kind in PEER_KINDS},
                },
            },
        ]
    },
    minItems=1,
)
_PORTS = _list_of({"type": ["string", "integer"]})
_STRINGS = _list_of({"type": "string"})
_PROPERTIES = {
    **dict.fromkeys(_LISTS, _RULES),
    _OPEN_TO_WORLD: {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {"tcp": _PORTS, "udp": _PORTS},
    },
    WORLD_SHARE: SHARE_SCHEMA,
    "narrow": {"type": "boolean"},
    "protect": {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "properties": {
            "cidrs": _STRINGS,
            "descriptions": _STRINGS,
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    },
}


def schema_of(element: str, **properties: Any) -> dict[str, Any]:
    """The schema of an element. c7n's `type_schema` cannot build it: it reads `required` as JSON Schema's keyword."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["type"],
        "properties": {"type": {"enum": [element]}, **_PROPERTIES, **properties},
    }


class Settings:
    """The baseline and its options in a policy. Raises PolicyValidationError for values that cannot be read.

    Attributes:
        kind: which baseline: one of BASELINES, EVENT or LAST_COMPLIANT.
    """

    def __init__(self, element: str, data: Mapping[str, Any], *, looked_up: tuple[str, ...] = ()) -> None:
        given = [name for name in BASELINES if name in data] + ([data["baseline"]] if "baseline" in data else [])
        choices = [*BASELINES, *(f"baseline: {name}" for name in looked_up)]
        if len(given) != 1:
            raise PolicyValidationError(f"{element}: give exactly one of {', '.join(choices)}, not {given or 'none'}")
        self.element = element
        self.kind = given[0]
        self.narrow = bool(data.get("narrow"))
        if self.narrow and self.kind not in ("allowed", _FORBIDDEN, _OPEN_TO_WORLD):
            raise PolicyValidationError(
                f"{element}: narrow goes with allowed, forbidden or {_OPEN_TO_WORLD}, not with {self.kind}")
        if WORLD_SHARE in data and self.kind not in (_FORBIDDEN, _OPEN_TO_WORLD):
            raise PolicyValidationError(
                f"{element}: {WORLD_SHARE} goes with forbidden or {_OPEN_TO_WORLD}, not with {self.kind}")
        self._unfilled: set[str] = set()
        try:
            self.share = self._share(data.get(WORLD_SHARE, DEFAULT_SHARE))
            self._rules = tuple(self._read(data))
            self.protection = self._protection(data.get("protect") or {})
        except RuleError as error:
            raise PolicyValidationError(f"{element}: {self.kind}: {error}") from None

    def check_filled(self) -> None:
        """Raises PolicyValidationError when a parameter is still in braces."""
        if self._unfilled:
            names = ", ".join(f"{{{name}}}" for name in sorted(self._unfilled))
            raise PolicyValidationError(
                f"{self.element}: {names} has no value: give it a default in metadata.parameters, or a value in "
                "--vars-file or an account's vars"
            )

    def baseline(self, group_id: str, lists: PrefixLists = no_lists) -> Baseline:
        """The baseline for one group, if the policy contains it.

        Args:
            group_id: what `self` means as a source.
            lists: returns the contents of a prefix list by its id, such as `prefix_lists.PrefixListReader`. Without it,
                the contents of prefix lists are unknown, and the plan names the rules that depend on them.
        """
        self.check_filled()
        if self.kind == _OPEN_TO_WORLD:
            return Forbidden(self._rules, self.share, lists)
        rules = tuple(rule.in_group(group_id) for rule in self._rules)
        return Forbidden(rules, self.share, lists) if self.kind == _FORBIDDEN else _EXACT[self.kind](rules)

    def plan(self, rules: Iterable[Rule], baseline: Baseline) -> Plan:
        """The plan for a group with these rules."""
        return plan_ingress(rules, baseline, narrow=self.narrow, protection=self.protection)

    def _read(self, data: Mapping[str, Any]) -> Iterator[Rule]:
        if self.kind == _OPEN_TO_WORLD:
            ports = {protocol: port_ranges(self._entries(given)) for protocol, given in data[self.kind].items()}
            yield from only_open_to_world(ports).rules
        elif self.kind in _LISTS:
            entries = list(self._entries(data[self.kind]))
            # The schema checks the parameter's name, not its value. An empty `forbidden` forbids nothing.
            if not entries and not self._unfilled and self.kind != _FORBIDDEN:
                raise RuleError("the list is empty; this would remove every rule of the group")
            for entry in entries:
                yield from from_policy(entry)

    def _share(self, given: Any) -> Fraction:
        if names := placeholders(given):
            self._unfilled |= names
            return DEFAULT_SHARE
        try:
            return share_of(given)
        except AddressError as error:
            raise RuleError(f"{WORLD_SHARE}: {error}") from None

    def _entries(self, given: Any) -> Iterator[Any]:
        """The entries of a list, including those in a parameter's value. An unfilled parameter is noted and skipped."""
        if not isinstance(given, list | tuple):
            if not placeholders(given):
                raise RuleError(f"must be a list, got {given!r}")
            self._unfilled |= placeholders(given)
            return
        for entry in given:
            if isinstance(entry, list | tuple) or (isinstance(entry, str) and placeholders(entry)):
                yield from self._entries(entry)
            else:
                yield entry

    def _protection(self, data: Mapping[str, Any]) -> Protection:
        cidrs = tuple(self._entries(data.get("cidrs", ())))
        descriptions = tuple(self._entries(data.get("descriptions", ())))
        for cidr in cidrs:
            from_policy(f"all from {cidr}")
        for pattern in descriptions:
            try:
                re.compile(pattern)
            except re.error as error:
                raise RuleError(f"protect: {pattern!r} is not a regular expression: {error}") from None
        return Protection(cidrs, descriptions, dict(data.get("tags", {})))
