"""Which calls may undo a fix, and whether a receipt contains only such calls.

A receipt is a file or a log line. Someone who can edit it could make `rollback` call anything. So each fix declares, in
its class attribute `inverses`, the calls that its receipts can contain, which parameter names the resource, and which
values the other parameters can have. `problem` compares a receipt with the declarations of all fixes, and calls
nothing.

A receipt is not signed. Someone who edits one can still name another resource of the same type, and have `rollback`
restore on that resource what the fix removes. So `rollback` shows every call before it makes one.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from .receipt import FORMAT, ROLLED_BACK, ROLLS_BACK, UNDID, Outcome

if TYPE_CHECKING:
    from .settings_call import SettingsCall

Receipt = Mapping[str, Any]
"""A receipt, as it is in JSON."""
Parameters = Mapping[str, Any]
Check = Callable[[Any, Receipt], bool]
"""Returns whether the value of a parameter is valid for the receipt."""
Redo = Callable[[Parameters, Receipt], tuple[str, dict[str, Any]]]
"""Returns the operation and parameters that repeat the change of a fix, given the parameters of its inverse."""

_OUTCOMES = {*Outcome, ROLLED_BACK}

_FIELDS = ("account", "region", "resource", "resource_type", "policy", "outcome", "at", "inverse")
_SAME = ("account", "region", "resource", "resource_type")
_CALL = {"service", "operation", "parameters"}
_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}")
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_LARGEST_SEQUENCE = 2**53 - 1
"""Larger numbers are not exact in every JSON parser."""


def is_resource(value: Any, receipt: Receipt) -> bool:
    """Whether the value is the receipt's resource, or the last part of its ARN."""
    resource = receipt["resource"]
    return isinstance(value, str) and value != "" and (
        value == resource or (resource.startswith("arn:") and resource.rpartition("/")[2] == value))


def is_account(value: Any, receipt: Receipt) -> bool:
    """Whether the call changes a setting of the account: no parameter names it, and the resource is the account."""
    return value is None and receipt["resource"] == receipt["account"]


def is_added(value: Any, receipt: Receipt) -> bool:
    """Whether the fix added the value: every string of it is in the receipt's `added`."""
    return _is_in(value, receipt.get("added"))


def is_removed(value: Any, receipt: Receipt) -> bool:
    """Whether the fix removed the value: every string of it is in the receipt's `removed`."""
    return _is_in(value, receipt.get("removed"))


def _is_in(value: Any, changes: Any) -> bool:
    strings = set(_strings(value))
    return bool(strings) and strings <= set(_strings(changes, keys=True))


def _strings(value: Any, *, keys: bool = False) -> Iterator[str]:
    """Every string in a JSON value; with `keys`, also those that are keys."""
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
    """Whether the value is the ARN of a topic in the receipt's account and region whose name is in `added`."""
    parts = value.split(":") if isinstance(value, str) else []
    return (
        len(parts) == 6 and parts[2:5] == ["sns", receipt["region"], receipt["account"]]
        and is_added(parts[5], receipt))


def is_listener(value: Any, receipt: Receipt) -> bool:
    """Whether the value is the ARN of a listener, or of a listener rule, of the receipt's load balancer."""
    balancer = receipt["resource"]
    return ":loadbalancer/" in balancer and isinstance(value, str) and value.startswith(tuple(
        balancer.replace(":loadbalancer/", f":{kind}/") + "/" for kind in ("listener", "listener-rule")))


def is_api(value: Any, receipt: Receipt) -> bool:
    """Whether the value is the id of the REST API in the ARN of the receipt's stage."""
    return isinstance(value, str) and value != "" and f"/restapis/{value}/stages/" in receipt["resource"]


def is_function(value: Any, receipt: Receipt) -> bool:
    """Whether the value is the name of the Lambda function in the receipt's ARN."""
    return isinstance(value, str) and value != "" and receipt["resource"].endswith(f":function:{value}")


def only_in_region(value: Any, _: Receipt) -> bool:
    """Whether the value is a string. For resources of which a region has only one: any id means the receipt's.

    Also for a new id that is not in the receipt, so that `rollback` reads the resource to compare.
    """
    return isinstance(value, str) and value != ""


def list_of_resource(value: Any, receipt: Receipt) -> bool:
    """Whether the value is a list whose only entry is the receipt's resource."""
    return isinstance(value, list) and len(value) == 1 and is_resource(value[0], receipt)


def all_removed(value: Any, receipt: Receipt) -> bool:
    """Whether the value is a list, maybe empty, of what the fix removed."""
    return isinstance(value, list) and (not value or is_removed(value, receipt))


def all_added(value: Any, receipt: Receipt) -> bool:
    """Whether the value is a list, maybe empty, of what the fix added."""
    return isinstance(value, list) and (not value or is_added(value, receipt))


def is_changed_tag(value: Any, receipt: Receipt) -> bool:
    """Whether the value is a list of one tag whose key is in the receipt's `removed` or `added`."""
    keys = {key for name in ("removed", "added") for tags in receipt.get(name) or () if isinstance(tags, Mapping)
            for key in tags}
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], Mapping) \
        and value[0].keys() == {"Key", "Value"} and value[0]["Key"] in keys


def one_key(value: Any, receipt: Receipt) -> bool:
    """Whether the value is a list of one key of a tag that is in the receipt's `removed` or `added`."""
    return isinstance(value, list) and len(value) == 1 and is_changed_tag([{"Key": value[0], "Value": ""}], receipt)


def one_id(value: Any, _: Receipt) -> bool:
    """Whether the value is a list of one id. It is not in the receipt, so `rollback` reads the resource to compare."""
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], str)


def only(**keys: Any) -> Check:
    """A check that the value is a mapping with exactly these keys, and that each has its value or passes its check."""
    def check(value: Any, receipt: Receipt) -> bool:
        return isinstance(value, Mapping) and value.keys() == keys.keys() and all(
            want(value[key], receipt) if callable(want) else value[key] == want for key, want in keys.items())

    return check


def again(operation: str, *without: str, **values: Any) -> Redo:
    """A `Redo` with another operation and the same parameters, `without` some of them and with these other `values`."""
    def redo(parameters: Parameters, _: Receipt) -> tuple[str, dict[str, Any]]:
        return operation, {**{name: each for name, each in parameters.items() if name not in without}, **values}

    return redo


def unshare(operation: str) -> Redo:
    """A `Redo` with the same operation that removes the accounts that the parameters add."""
    names = {"Add": "Remove", "ValuesToAdd": "ValuesToRemove"}

    def renamed(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {names.get(name, name): renamed(each) for name, each in value.items()}

    return lambda parameters, _: (operation, renamed(parameters))


def swapped(operation: str, one: str, other: str) -> Redo:
    """A `Redo` with the same operation, and with the values of two parameters swapped."""
    return lambda parameters, _: (operation, {**parameters, one: parameters[other], other: parameters[one]})


@dataclass(frozen=True)
class Inverse:
    """One call that the inverse of a fix can contain.

    Attributes:
        service: boto3's name of the service.
        operation: boto3's name of the operation.
        names: the parameter that names the resource; empty for a setting of the account.
        matches: how its value is compared with the receipt's resource.
        values: required parameters, each with its value or a check.
        optional: optional parameters, with any value.
        already: error codes of AWS that mean that the resource is already in the state that the call would produce.
            After a colon, an entry can have a part of the error message that must match, too.
        split: a list parameter whose entries can be sent one by one if AWS refuses the whole call.
        type: the receipt's `resource_type`; empty if it is the type of the policy's resources.
        redo: repeats the change of the fix, so that a rollback can be rolled back.
        settings_call: the declaration of the settings that the call restores, if it restores settings.
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
    settings_call: SettingsCall | None = None

    def problem(self, parameters: Parameters, receipt: Receipt) -> str:
        """What is wrong with the parameters of a call in the receipt; empty if they are valid."""
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
        """Whether an error of AWS means that the resource is already in the state that the call would produce."""
        return any(
            code == known.partition(": ")[0] and known.partition(": ")[2] in message for known in self.already)

    def parts(self, parameters: Parameters) -> list[dict[str, Any]]:
        """The parameters of the smaller calls that the call can be divided into; one entry if it cannot be divided."""
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
    """A declared call, the fix that declares it, and the resource types in the receipts of the fix."""

    action: str
    types: frozenset[str]
    inverse: Inverse
    other_regions: bool = False
    """Whether the fix may change a resource in another region than that of its policy."""


@cache
def declarations() -> tuple[Declaration, ...]:
    """The declared calls of all fixes."""
    # Imported here to avoid a circular import: the plug-in's table of elements loads every element.
    from ..plugin import elements, load, native_actions

    types: dict[Any, set[str]] = {}
    names: dict[Any, str] = {}
    for element in elements():
        if element.kind == "action":
            fix = load(element)
            types.setdefault(fix, set()).add(f"aws.{element.resource}")
            names[fix] = element.type
    own = tuple(
        Declaration(names[fix], frozenset({inverse.type} if inverse.type else of), inverse,
                    getattr(fix, "other_regions", False))
        # An action of a team need not be one of our fixes.
        for fix, of in types.items() for inverse in getattr(fix, "inverses", ()))
    return own + tuple(
        Declaration(native.type, frozenset({f"aws.{native.resource}"}), inverse)
        for native in native_actions() for inverse in native.inverses)


def inverse_of(receipt: Receipt, call: Mapping[str, Any]) -> Inverse | None:
    """The declaration with the service and operation of a call in the receipt; None if there is none."""
    action = receipt.get("action")
    for declared in declarations():
        known = declared.inverse
        if (known.service, known.operation) == (call["service"], call["operation"]) \
                and receipt["resource_type"] in declared.types and action in (None, "", declared.action):
            return known
    return None


def in_other_regions(receipt: Receipt) -> bool:
    """Whether the fix of the receipt may have changed a resource in another region than that of its policy."""
    kind = str(receipt.get("resource_type"))
    return any(each.other_regions and each.action == receipt.get("action") and kind in each.types
               for each in declarations())


def problem(receipt: Any) -> str:
    """Why `rollback` must not use a receipt; empty if it can.

    A receipt without `action` was written before the field existed. It can contain the calls of any fix of its resource
    type.
    """
    if found := _malformed(receipt):
        return found
    if ROLLS_BACK not in receipt:
        return _calls_problem(receipt, receipt["inverse"])
    # The calls of a rollback must be declared by a fix, and the inverse must be derived from these calls.
    fix = receipt[ROLLS_BACK]
    if found := _malformed(fix) or ("this receipt is also one of a rollback" if ROLLS_BACK in fix else ""):
        return f"{ROLLS_BACK}: {found}"
    if different := [name for name in _SAME if receipt[name] != fix[name]]:
        return f"{ROLLS_BACK}: {', '.join(different)} must be the same as in the receipt"
    if not isinstance(made := receipt.get(UNDID), list):
        return f"{UNDID}: must be the list of calls that the rollback made"
    if found := _calls_problem(fix, made):
        return f"{UNDID}: {found}"
    expected = redo_calls(fix, made)
    return "" if receipt["inverse"] == expected else "inverse: must be the calls that repeat the changes of the fix"


def as_read(record: Receipt) -> dict[str, Any]:
    """A receipt in the form that `rollback` reads from a file: tuples become lists, and dates become strings."""
    found: dict[str, Any] = json.loads(json.dumps(record, default=str))
    return found


def redo_calls(receipt: Receipt, made: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The calls that repeat the changes of the fix after a rollback `made` these calls, in reverse order."""
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
    if found := _identity_problem(receipt):
        return found
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


def _identity_problem(receipt: Receipt) -> str:
    """What is wrong with the fields that receipts have since format 1; receipts without them are older, and valid."""
    version = receipt.get("format", FORMAT)
    if isinstance(version, bool) or not isinstance(version, int):
        return f"format: must be a number, got {type(version).__name__}"
    if version != FORMAT:
        return f"format: this version of the project reads format {FORMAT}, but the receipt has format {version}"
    if "id" in receipt and not (isinstance(receipt["id"], str) and _ID.fullmatch(receipt["id"])):
        return f"id: {receipt['id']!r} is not an id: up to 64 letters, digits, dots, dashes and underscores"
    sequence = receipt.get("sequence", 0)
    if isinstance(sequence, bool) or not isinstance(sequence, int) or not 0 <= sequence <= _LARGEST_SEQUENCE:
        return f"sequence: {sequence!r} is not a number from 0 to {_LARGEST_SEQUENCE}"
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
