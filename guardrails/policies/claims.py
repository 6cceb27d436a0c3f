"""The controls that a policy claims to check: which, how much of each, and with which parameters.

An entry of `metadata.controls` is the id of a control, or a mapping:

    controls:
      cis-aws-5.0:
        - "1.15"
        - {id: "1.7", when: {password_min_length: {min: 14}}}
      aws-fsbp:
        - {id: IAM.7, parts: [password-length]}
        - {id: EC2.19, partial: does not look at groups that no instance uses}

`parts` names the parts of the control (in its catalogue) that the policy checks; without it the policy checks all of
them. `partial` says in words what the policy does not check; such a claim never makes a requirement pass. `when` says
with which values of parameters the claim is true: an account that weakens a parameter loses the claim, and not the
check.
"""
from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_CLAIM = ("id", "parts", "partial", "when")
_LIMITS = ("min", "max", "within", "includes")
HOW = '"1.7", or {id: "1.7", partial: what it does not check, when: {parameter: {min: 14}}}'
"""How to write an entry of `metadata.controls`."""


@dataclass(frozen=True)
class Claim:
    """One control that a policy checks."""

    framework: str
    id: str
    partial: str = ""
    """What the policy does not check of the control, or of the parts; empty if it checks all of it."""
    when: Mapping[str, Any] = field(default_factory=dict)
    """Parameter to the condition for its value."""
    parts: tuple[str, ...] = ()
    """The parts of the control that the policy checks; empty for all of them."""

    def holds(self, parameters: Mapping[str, Any]) -> bool:
        """Whether the claim is true with these values of the policy's parameters."""
        return all(name in parameters and _fits(parameters[name], wanted) for name, wanted in self.when.items())


def claims_of(metadata: Mapping[str, Any]) -> list[Claim]:
    """The claims in a policy's metadata. Entries that are not valid are left out; `validate` reports them."""
    found = []
    controls = metadata.get("controls")
    for framework, entries in (controls.items() if isinstance(controls, Mapping) else ()):
        for entry in entries if isinstance(entries, list) else ():
            if not isinstance(entry, Mapping):
                found.append(Claim(str(framework), str(entry)))
            elif "id" in entry:
                when, parts = entry.get("when"), entry.get("parts")
                found.append(Claim(
                    str(framework), str(entry["id"]), str(entry.get("partial") or ""),
                    when if isinstance(when, Mapping) else {},
                    tuple(map(str, parts)) if isinstance(parts, list) else ()))
    return found


def partial_claims(claims: Iterable[Claim], parameters: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Framework to control to what is missing, for the claims that are partial or not true with these parameters."""
    found: dict[str, dict[str, str]] = {}
    for claim in claims:
        missing = claim.partial if claim.holds(parameters) else f"the control asks for {_words(claim.when)}"
        if missing:
            found.setdefault(claim.framework, {})[claim.id] = missing
    return found


def claimed_parts(claims: Iterable[Claim]) -> dict[str, dict[str, list[str]]]:
    """Framework to control to the parts that the policy checks, for the claims that name parts."""
    found: dict[str, dict[str, list[str]]] = {}
    for claim in claims:
        if claim.parts:
            found.setdefault(claim.framework, {})[claim.id] = list(claim.parts)
    return found


def problems(
    entry: Any, parameters: Mapping[str, Any], parts: Collection[str] = ()
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """What is wrong with one entry of `metadata.controls`: the keys to the place, the problem, and how to fix it.

    Args:
        entry: the entry.
        parameters: the defaults of the policy's parameters.
        parts: the names of the control's parts in its catalogue.
    """
    if isinstance(entry, str):
        return
    if not isinstance(entry, Mapping):
        yield (), f"the control {entry!r} must be a string", f'quote it: "{entry}"'
        return
    for key in entry:
        if key not in _CLAIM:
            yield (str(key),), f"unknown key {key} in a control", f"write {HOW}"
    if not isinstance(entry.get("id"), str):
        yield ("id",), f"the id of a control must be a string, got {entry.get('id')!r}", f"write {HOW}"
    if "partial" in entry and not (isinstance(entry["partial"], str) and entry["partial"].strip()):
        yield ("partial",), "partial must say what the policy does not check", "partial: does not look at …"
    if "parts" in entry:
        yield from _part_problems(entry["parts"], parts)
    if "when" not in entry:
        return
    when = entry["when"]
    if not isinstance(when, Mapping) or not when:
        yield ("when",), "when must be a mapping of parameters to conditions", "when: {password_min_length: {min: 14}}"
        return
    for name, wanted in when.items():
        yield from _condition_problems(str(name), wanted, parameters)


def _part_problems(named: Any, parts: Collection[str]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    if not isinstance(named, list) or not named or not all(isinstance(name, str) for name in named):
        yield ("parts",), f"parts must be a list of names, got {named!r}", "parts: [password-length]"
        return
    for name in named:
        if name not in parts:
            yield ("parts",), f"the control has no part {name}", (
                f"its parts: {', '.join(parts)}" if parts else "add `parts` to the control in its catalogue")
    if parts and set(named) >= set(parts):
        yield ("parts",), "the policy checks every part", "remove `parts`"


def _condition_problems(
    name: str, wanted: Any, parameters: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], str, str]]:
    if name not in parameters:
        yield ("when", name), f"when: the policy has no parameter {name}", "use a parameter of the same file"
        return
    if isinstance(wanted, Mapping) and (not wanted or any(key not in _LIMITS for key in wanted)):
        yield ("when", name), f"when: unknown condition {dict(wanted)!r}", f"use a value, or {', '.join(_LIMITS)}"
        return
    try:
        _fits(parameters[name], wanted)
    except TypeError as error:
        yield ("when", name), f"when: the condition does not fit the default {parameters[name]!r}: {error}", (
            "use min and max for numbers, within and includes for lists")


def _fits(value: Any, wanted: Any) -> bool:
    """Whether a parameter's value meets its condition. Raises TypeError if they cannot be compared."""
    if not isinstance(wanted, Mapping):
        return bool(value == wanted)
    if "min" in wanted and value < wanted["min"]:
        return False
    if "max" in wanted and value > wanted["max"]:
        return False
    if "within" in wanted and not set(_items(value)) <= set(_items(wanted["within"])):
        return False
    return not ("includes" in wanted and not set(_items(value)) >= set(_items(wanted["includes"])))


def _words(when: Mapping[str, Any]) -> str:
    """`password_min_length min 14, mfa true`."""
    def words(wanted: Any) -> str:
        if isinstance(wanted, Mapping):
            return " and ".join(f"{key} {limit}" for key, limit in wanted.items())
        return str(wanted).lower() if isinstance(wanted, bool) else str(wanted)

    return ", ".join(f"{name} {words(wanted)}" for name, wanted in when.items())


def _items(value: Any) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r} is not a list")
    return value
