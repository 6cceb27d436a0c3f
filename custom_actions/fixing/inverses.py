"""Which calls may undo a fix, and whether a receipt contains only such calls.

A receipt is a file or a log line: a person who can edit it decides what `rollback` calls. So each fix declares, as its
class attribute `inverses`, the calls that may be in its receipts, which parameter names the resource, and which values
its other parameters may have. `problem` compares a receipt with the declarations of all fixes. It calls nothing.

A receipt is not signed. Somebody who edits one can still name another resource of the same type, and ask for what the
fix of that type takes away. `rollback` shows every call before it makes one.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from .receipt import Outcome

Receipt = Mapping[str, Any]
"""A receipt as its JSON has it."""
Parameters = Mapping[str, Any]
Check = Callable[[Any, Receipt], bool]
"""Whether a parameter's value fits the receipt."""
Redo = Callable[[Parameters, Receipt], tuple[str, dict[str, Any]]]
"""The operation and parameters that make the fix's change again, from those of the inverse."""

ROLLED_BACK = "rolled-back"
"""The outcome in a receipt of `rollback` itself."""
UNDID, ROLLS_BACK = "undid", "rolls_back"
"""The keys under which a receipt of `rollback` has the calls that were made, and the receipt that they are from."""
_OUTCOMES = {*Outcome, ROLLED_BACK}

_FIELDS = ("account", "region", "resource", "resource_type", "policy", "outcome", "at", "inverse")
_SAME = ("account", "region", "resource", "resource_type")
_CALL = {"service", "operation", "parameters"}
_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")


def is_resource(value: Any, receipt: Receipt) -> bool:
    """The value is the receipt's resource, or the last part of its ARN."""
    resource = receipt["resource"]
    return isinstance(value, str) and value != "" and (
        value == resource or (resource.startswith("arn:") and resource.rpartition("/")[2] == value))


def is_account(value: Any, receipt: Receipt) -> bool:
    """A setting of the account, which no parameter names: the receipt's resource is the account."""
    return value is None and receipt["resource"] == receipt["account"]


def is_added(value: Any, receipt: Receipt) -> bool:
    """The receipt says that the fix created it: every string of the value is in its `added`."""
    return _is_in(value, receipt.get("added"))


def is_removed(value: Any, receipt: Receipt) -> bool:
    """The receipt says that the fix took it away: every string of the value is in its `removed`."""
    return _is_in(value, receipt.get("removed"))


def _is_in(value: Any, changes: Any) -> bool:
    strings = set(_strings(value))
    return bool(strings) and strings <= set(_strings(changes, keys=True))


def _strings(value: Any, *, keys: bool = False) -> Iterator[str]:
    """Every string in a JSON value, with `keys` those that are keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        if keys:
            yield from value
        for each in value.values():
            yield from _strings(each, keys=keys)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each, keys=keys)


def is_topic(value: Any, receipt: Receipt) -> bool:
    """The ARN of a topic in the receipt's account and region whose name is in `added`."""
    parts = value.split(":") if isinstance(value, str) else []
    return (
        len(parts) == 6 and parts[2:5] == ["sns", receipt["region"], receipt["account"]]
        and is_added(parts[5], receipt))


def is_listener(value: Any, receipt: Receipt) -> bool:
    """The ARN of a listener, or of a rule, of the receipt's load balancer."""
    balancer = receipt["resource"]
    return ":loadbalancer/" in balancer and isinstance(value, str) and value.startswith(tuple(
        balancer.replace(":loadbalancer/", f":{kind}/") + "/" for kind in ("listener", "listener-rule")))


def is_api(value: Any, receipt: Receipt) -> bool:
    """The id of the REST API in the ARN of the receipt's stage."""
    return isinstance(value, str) and value != "" and f"/restapis/{value}/stages/" in receipt["resource"]


def is_function(value: Any, receipt: Receipt) -> bool:
    """The name in the receipt's ARN of a Lambda function."""
    return isinstance(value, str) and value != "" and receipt["resource"].endswith(f":function:{value}")


def only_in_region(value: Any, _: Receipt) -> bool:
    """A resource of which a region has only one, so that each id or name of it is the receipt's."""
    return isinstance(value, str) and value != ""


def list_of_resource(value: Any, receipt: Receipt) -> bool:
    """A list of one entry, the receipt's resource."""
    return isinstance(value, list) and len(value) == 1 and is_resource(value[0], receipt)


def is_changed_tag(value: Any, receipt: Receipt) -> bool:
    """A list of one tag whose key is in the receipt's `removed` or `added`."""
    keys = {key for name in ("removed", "added") for tags in receipt.get(name) or () if isinstance(tags, Mapping)
            for key in tags}
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping) \
        and value[0].keys() == {"Key", "Value"} and value[0]["Key"] in keys


def one_id(value: Any, _: Receipt) -> bool:
    """A list of one id. The receipt does not have it: `rollback` reads the resource and compares it."""
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], str)


def only(**keys: Any) -> Check:
    """A mapping with exactly these keys, each with its value or a check."""
    def check(value: Any, receipt: Receipt) -> bool:
        return isinstance(value, Mapping) and value.keys() == keys.keys() and all(
            want(value[key], receipt) if callable(want) else value[key] == want for key, want in keys.items())

    return check


def again(operation: str, *without: str, **values: Any) -> Redo:
    """The same parameters with another operation, `without` some of them, and with other `values`."""
    def redo(parameters: Parameters, _: Receipt) -> tuple[str, dict[str, Any]]:
        return operation, {**{name: each for name, each in parameters.items() if name not in without}, **values}

    return redo


def unshare(operation: str) -> Redo:
    """The same operation, removing the parties that the parameters add."""
    names = {"Add": "Remove", "ValuesToAdd": "ValuesToRemove"}

    def renamed(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {names.get(name, name): renamed(each) for name, each in value.items()}

    return lambda parameters, _: (operation, renamed(parameters))


@dataclass(frozen=True)
class Inverse:
    """One call that may be in the inverse of a fix.

    Attributes:
        service: boto3's name of the service.
        operation: boto3's name of the operation.
        names: the parameter that names the resource; empty for a setting of the account.
        matches: how its value is compared with the receipt's resource.
        values: parameters that must be there, each with its value or a check.
        optional: parameters that may be there, with any value.
        already: AWS's error codes which say that the resource is as the call would make it, each alone or with a part
            of the message after a colon.
        split: a parameter that is a list whose entries can be sent one by one when AWS refuses the whole call.
        type: the receipt's `resource_type`; empty where it is the type of the policy's resources.
        redo: makes the fix's change again, so that a rollback can be rolled back.
    """

    service: str
    operation: str
    names: str = ""
    matches: Check = is_resource
    values: Mapping[str, Any] = field(default_factory=dict)
    optional: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    split: str = ""
    type: str = ""
    redo: Redo | None = None

    def problem(self, parameters: Parameters, receipt: Receipt) -> str:
        """What is wrong with a call of this operation in the receipt; empty when nothing is."""
        named = {self.names} if self.names else set()
        if unknown := sorted(set(parameters) - named - self.values.keys() - set(self.optional)):
            return f"the parameter {', '.join(unknown)} does not belong to the inverse of this fix"
        if missing := sorted((named | self.values.keys()) - set(parameters)):
            return f"the parameter {', '.join(missing)} is missing"
        value = parameters.get(self.names) if self.names else None
        if not self.matches(value, receipt):
            return f"{self.names or 'it'}: {value!r} is not the receipt's resource {receipt['resource']!r}"
        for name, want in self.values.items():
            found = parameters[name]
            if not (want(found, receipt) if callable(want) else found == want and type(found) is type(want)):
                return f"{name}: {found!r} is not a value that undoes this fix"
        return ""

    def is_already(self, code: str, message: str) -> bool:
        """Whether an error of AWS says that the resource is already as the call would make it."""
        return any(
            code == known.partition(": ")[0] and known.partition(": ")[2] in message for known in self.already)

    def parts(self, parameters: Parameters) -> list[dict[str, Any]]:
        """The parameters of the same call in smaller calls; one entry where it cannot be divided."""
        entries = parameters.get(self.split) or ()
        if self.split == "IpPermissions":
            entries = [single for entry in entries for single in _single_sources(entry)]
        return [{**parameters, self.split: [entry]} for entry in entries] or [dict(parameters)]


_SOURCES = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")


def _single_sources(permission: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """An IpPermission of EC2 as IpPermissions with one source each."""
    rest = {name: value for name, value in permission.items() if name not in _SOURCES}
    for name in _SOURCES:
        for source in permission.get(name) or ():
            yield {**rest, name: [source]}


@dataclass(frozen=True)
class Declaration:
    """A declared call, of which fix it is, and the types of resources that the receipts of the fix have."""

    action: str
    types: frozenset[str]
    inverse: Inverse


@cache
def declarations() -> tuple[Declaration, ...]:
    """What every fix declares."""
    # Imported here: the plug-in's table of elements is above this package, and loads every element.
    from ..plugin import ELEMENTS, load

    types: dict[Any, set[str]] = {}
    names: dict[Any, str] = {}
    for element in ELEMENTS:
        if element.kind == "action":
            fix = load(element)
            types.setdefault(fix, set()).add(f"aws.{element.resource}")
            names[fix] = element.type
    return tuple(
        Declaration(names[fix], frozenset({inverse.type} if inverse.type else of), inverse)
        for fix, of in types.items() for inverse in fix.inverses)


def inverse_of(receipt: Receipt, call: Mapping[str, Any]) -> Inverse | None:
    """The declaration that a call in the receipt fits by its service and operation; None without one."""
    action = receipt.get("action")
    for declared in declarations():
        known = declared.inverse
        if (known.service, known.operation) == (call["service"], call["operation"]) \
                and receipt["resource_type"] in declared.types and action in (None, "", declared.action):
            return known
    return None


def problem(receipt: Any) -> str:
    """Why `rollback` must not use a receipt; empty when it may.

    A receipt without `action` (written before the field existed) may have the calls of each fix of its resource type.
    """
    if found := _malformed(receipt):
        return found
    if ROLLS_BACK not in receipt:
        return _calls_problem(receipt, receipt["inverse"])
    # What a rollback made must be what a fix declares, and its inverse must follow from that.
    fix = receipt[ROLLS_BACK]
    if found := _malformed(fix) or ("it is of a rollback too" if ROLLS_BACK in fix else ""):
        return f"{ROLLS_BACK}: {found}"
    if different := [name for name in _SAME if receipt[name] != fix[name]]:
        return f"{ROLLS_BACK}: another {', '.join(different)} than the receipt's"
    if not isinstance(made := receipt.get(UNDID), list):
        return f"{UNDID}: must be the list of calls that the rollback made"
    if found := _calls_problem(fix, made):
        return f"{UNDID}: {found}"
    expected = redo_calls(fix, made)
    return "" if receipt["inverse"] == expected else "its inverse does not make the fix's changes again"


def as_read(record: Receipt) -> dict[str, Any]:
    """A receipt as `rollback` reads it from a file: tuples are lists, and dates are strings."""
    found: dict[str, Any] = json.loads(json.dumps(record, default=str))
    return found


def redo_calls(receipt: Receipt, made: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The calls that make the fix's changes again, after the calls `made` by a rollback; the last one first."""
    found = []
    for call in reversed(made):
        declared = inverse_of(receipt, call)
        if declared and declared.redo:
            operation, parameters = declared.redo(call["parameters"], receipt)
            found.append({"service": call["service"], "operation": operation, "parameters": parameters})
    return found


def _malformed(receipt: Any) -> str:
    if not isinstance(receipt, Mapping):
        return f"a receipt must be a JSON object, got {type(receipt).__name__}"
    if missing := [name for name in _FIELDS if name not in receipt]:
        return f"the field {', '.join(missing)} is missing"
    for name in _FIELDS[:-1]:
        if not isinstance(receipt[name], str):
            return f"{name}: must be a string, got {type(receipt[name]).__name__}"
    if not isinstance(receipt.get("action", ""), str):
        return f"action: must be a string, got {type(receipt['action']).__name__}"
    if not _ACCOUNT.fullmatch(receipt["account"]):
        return f"account: {receipt['account']!r} is not an account id of 12 digits"
    if not _REGION.fullmatch(receipt["region"]):
        return f"region: {receipt['region']!r} is not a region"
    if receipt["outcome"] not in _OUTCOMES:
        return f"outcome: {receipt['outcome']!r} is not one of {', '.join(sorted(_OUTCOMES))}"
    try:
        at = datetime.fromisoformat(receipt["at"])
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        return f"at: {receipt['at']!r} is not a time with a time zone, such as 2026-01-31T12:00:00+00:00"
    for name in ("removed", "added", "inverse"):
        if not isinstance(receipt.get(name, []), list):
            return f"{name}: must be a list, got {type(receipt[name]).__name__}"
    return ""


def _calls_problem(receipt: Receipt, calls: list[Any]) -> str:
    if calls and receipt["resource"].startswith("arn:"):
        parts = receipt["resource"].split(":", 5)
        if len(parts) < 6 or parts[4] not in ("", receipt["account"]) or parts[3] not in ("", receipt["region"]):
            return f"resource: {receipt['resource']!r} is not in the receipt's account and region"
    for call in calls:
        valid = isinstance(call, Mapping) and call.keys() == _CALL and isinstance(call["parameters"], Mapping) \
            and isinstance(call["service"], str) and isinstance(call["operation"], str)
        if not valid:
            return f"{call!r} is not a call: it must have service, operation and parameters, and nothing else"
        name = f"{call['service']}:{call['operation']}"
        declared = inverse_of(receipt, call)
        if declared is None:
            fix = f"the fix {receipt['action']}" if receipt.get("action") else "a fix"
            return f"{name} does not undo {fix} of {receipt['resource_type']}"
        if found := declared.problem(call["parameters"], receipt):
            return f"{name}: {found}"
    return ""
