"""Answers to reads of single resources, from calls that return many resources at once.

| reads of single resources | answered from |
|---|---|
| IAM: GetUser, GetRole, List…Policies, ListAttached…Policies, Get…Policy of users, groups and roles, ListGroupsForUser, GetPolicyVersion | GetAccountAuthorizationDetails |
| S3: GetBucketLocation | ListBuckets, whose answer has the region of each bucket if it is asked for pages |

An answer is what AWS returns to the single read. GetAccountAuthorizationDetails lacks PasswordLastUsed of a user, and
description and session duration of a role, so GetUser and GetRole also need the entry of ListUsers or ListRoles, which
c7n reads first. Nothing is answered for what is not in the bulk answer, or has another id there: it is read singly.

A bulk answer counts only if all of its pages were read. If AWS refuses it, the resources are read singly.

Source: the IAM API's GetAccountAuthorizationDetails, UserDetail, GroupDetail, RoleDetail, ManagedPolicyDetail; the S3
API's ListBuckets ("BucketRegion … if the request contains at least one valid parameter, it is included").
"""  # noqa: E501 - a table
from __future__ import annotations

import logging
import pickle  # nosec - of this process's own memory
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .calls import AWS_ERRORS, code_of, reason_of

log = logging.getLogger("custodian.guardrails.bulk_reads")

Send = Callable[[str, Mapping[str, Any]], Any]
"""Makes a call: an operation and its parameters. Returns the response, and raises one of AWS_ERRORS."""

DETAILS = "GetAccountAuthorizationDetails"
_MOST_ENTRIES = 1000
_MOST_BUCKETS = 10_000
_LIMIT_BYTES = 64 * 2**20
_ATTEMPTS = 3
_LATER = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "ServiceFailure", "ServiceUnavailable", "InternalError")
_PROTOCOL = pickle.HIGHEST_PROTOCOL


class Incomplete(Exception):
    """A bulk answer whose next page cannot be asked for."""


@dataclass(frozen=True)
class Kind:
    """One kind of what IAM's bulk answer contains.

    Attributes:
        filter: its name in the call's `Filter`.
        details: the key of its entries in the answer.
        parameter: the parameter, and the key of an entry, that names it.
        id: the key of an entry that no later entry of the same name has.
        listing: the operation that lists the kind, and the key of the entries in its answer.
    """

    filter: str
    details: str
    parameter: str
    id: str
    listing: tuple[str, str]


USER = Kind("User", "UserDetailList", "UserName", "UserId", ("ListUsers", "Users"))
GROUP = Kind("Group", "GroupDetailList", "GroupName", "GroupId", ("ListGroups", "Groups"))
ROLE = Kind("Role", "RoleDetailList", "RoleName", "RoleId", ("ListRoles", "Roles"))
POLICY = Kind("LocalManagedPolicy", "Policies", "Arn", "PolicyId", ("ListPolicies", "Policies"))
_KINDS = (USER, GROUP, ROLE, POLICY)
_LISTINGS = {kind.listing[0]: kind for kind in _KINDS}

Entry = Mapping[str, Any]
_Lookup = Callable[[Kind, str], "Entry | None"]


def _get_user(details: Entry, listed: Entry, parameters: Entry, lookup: _Lookup) -> Any:
    return {"User": {**listed, **_unless_empty(details, "PermissionsBoundary", "Tags")}}


def _get_role(details: Entry, listed: Entry, parameters: Entry, lookup: _Lookup) -> Any:
    return {"Role": {
        **listed, **_unless_empty(details, "PermissionsBoundary", "Tags"),
        "RoleLastUsed": details.get("RoleLastUsed", {})}}


def _inline_names(key: str) -> Callable[..., Any]:
    def answer(details: Entry, listed: Entry, parameters: Entry, lookup: _Lookup) -> Any:
        return {"PolicyNames": [policy["PolicyName"] for policy in details.get(key, ())], "IsTruncated": False}

    return answer


def _inline(key: str, name: str) -> Callable[..., Any]:
    def answer(details: Entry, listed: Entry, parameters: Entry, lookup: _Lookup) -> Any:
        for policy in details.get(key, ()):
            if policy["PolicyName"] == parameters["PolicyName"]:
                return {name: details[name], "PolicyName": policy["PolicyName"],
                        "PolicyDocument": policy["PolicyDocument"]}
        return None

    return answer


def _attached(details: Entry, listed: Entry, parameters: Entry, lookup: _Lookup) -> Any:
    return {"AttachedPolicies": list(details.get("AttachedManagedPolicies", ())), "IsTruncated": False}


def _groups(details: Entry, listed: Entry, parameters: Entry, lookup: _Lookup) -> Any:
    found = [lookup(GROUP, name) for name in details.get("GroupList", ())]
    keys = ("Path", "GroupName", "GroupId", "Arn", "CreateDate")
    if not all(found):
        return None
    return {"Groups": [{key: group[key] for key in keys} for group in found if group], "IsTruncated": False}


def _version(details: Entry, listed: Entry, parameters: Entry, lookup: _Lookup) -> Any:
    for version in details.get("PolicyVersionList", ()):
        if version["VersionId"] == parameters["VersionId"] and "Document" in version:
            return {"PolicyVersion": dict(version)}
    return None


@dataclass(frozen=True)
class _Read:
    """A read of a single resource: its kind, all parameters that it may have, and how it is answered."""

    kind: Kind
    parameters: frozenset[str]
    answer: Callable[..., Any]


def _reads() -> Iterator[tuple[str, _Read]]:
    for kind in (USER, GROUP, ROLE):
        key, one = f"{kind.filter}PolicyList", frozenset({kind.parameter})
        yield f"List{kind.filter}Policies", _Read(kind, one, _inline_names(key))
        yield f"ListAttached{kind.filter}Policies", _Read(kind, one, _attached)
        yield f"Get{kind.filter}Policy", _Read(kind, one | {"PolicyName"}, _inline(key, kind.parameter))
    yield "GetUser", _Read(USER, frozenset({"UserName"}), _get_user)
    yield "GetRole", _Read(ROLE, frozenset({"RoleName"}), _get_role)
    yield "ListGroupsForUser", _Read(USER, frozenset({"UserName"}), _groups)
    yield "GetPolicyVersion", _Read(POLICY, frozenset({"PolicyArn", "VersionId"}), _version)


_READS: Mapping[str, _Read] = dict(_reads())
ANSWERED = frozenset(_READS)
"""The operations of IAM on single resources that the bulk answer answers."""


@dataclass
class _Known:
    """What is known of one kind: entries by name, pickled, which takes a third of the memory of objects."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    listed: dict[str, bytes] = field(default_factory=dict)
    details: dict[str, bytes] | None = None
    attempts: int = _ATTEMPTS


class IamInBulk:
    """IAM's answers for one account. The details of a kind are read when a first entry of its list is read singly."""

    def __init__(self, limit: int = _LIMIT_BYTES) -> None:
        self._known = {kind: _Known() for kind in _KINDS}
        self._left = limit

    def notice(self, operation: str, answer: Entry) -> None:
        """Take the entries of a list that was read."""
        if kind := _LISTINGS.get(operation):
            known = self._known[kind]
            for entry in answer.get(kind.listing[1], ()):
                known.listed[entry[kind.parameter]] = pickle.dumps(entry, _PROTOCOL)

    def answer(self, operation: str, parameters: Mapping[str, Any], send: Send) -> Any:
        """The response to the read of a single resource, or None if it must be read singly."""
        read = _READS.get(operation)
        if read is None or parameters.keys() != read.parameters:
            return None
        name = str(parameters["PolicyArn" if read.kind is POLICY else read.kind.parameter])
        listed = self._known[read.kind].listed.get(name)
        if listed is None:
            return None
        entry = pickle.loads(listed)  # noqa: S301 # nosec - of this process's own memory
        details = self._details(read.kind, name, send)
        if details is None or details.get(read.kind.id) != entry[read.kind.id]:
            return None
        return read.answer(details, entry, parameters, lambda kind, other: self._details(kind, other, send))

    def _details(self, kind: Kind, name: str, send: Send) -> Entry | None:
        known = self._known[kind]
        with known.lock:
            if known.details is None and known.attempts:
                self._read(kind, known, send)
        found = (known.details or {}).get(name)
        return None if found is None else pickle.loads(found)  # noqa: S301 # nosec

    def _read(self, kind: Kind, known: _Known, send: Send) -> None:
        known.attempts -= 1
        found: dict[str, bytes] = {}
        try:
            for entry in all_details(kind, send):
                found[entry[kind.parameter]] = packed = pickle.dumps(entry, _PROTOCOL)
                self._left -= len(packed)
                if self._left < 0:
                    raise Incomplete(f"more than {_LIMIT_BYTES >> 20} MiB")
        except (*AWS_ERRORS, Incomplete) as error:
            self._left += sum(map(len, found.values()))
            if not any(word in code_of(error) for word in _LATER):
                known.attempts = 0
            # Not a warning: what is read singly is complete, and would be reported as incomplete.
            log.info("iam:%s for %s is not usable, each is read singly: %s", DETAILS, kind.details, reason_of(error))
        else:
            known.details = found


def all_details(kind: Kind, send: Send) -> Iterator[Entry]:
    """All entries of a kind of GetAccountAuthorizationDetails.

    Raises one of AWS_ERRORS, and Incomplete if AWS says that there is more and not how to ask for it.
    """
    parameters: dict[str, Any] = {"Filter": [kind.filter], "MaxItems": _MOST_ENTRIES}
    markers = set()
    while True:
        page = send(DETAILS, parameters)
        yield from page[kind.details]
        if not page.get("IsTruncated"):
            return
        marker = page.get("Marker")
        if not marker or marker in markers:
            raise Incomplete(f"a page of {DETAILS} is truncated and has no new marker")
        markers.add(marker)
        parameters = {**parameters, "Marker": marker}


def list_buckets(send: Send) -> tuple[Any, dict[str, str | None]]:
    """The response to ListBuckets without parameters, and the location constraint of each bucket that S3 tells.

    Raises one of AWS_ERRORS.
    """
    # Without a parameter S3 returns no regions. More buckets than this need pages in any case.
    answer = send("ListBuckets", {"MaxBuckets": _MOST_BUCKETS})
    locations: dict[str, str | None] = {}
    for bucket in answer.get("Buckets", ()):
        region = bucket.pop("BucketRegion", None)
        if region:
            # GetBucketLocation has no value for the first region.
            locations[bucket["Name"]] = None if region == "us-east-1" else region
    return answer, locations


def _unless_empty(details: Entry, *keys: str) -> dict[str, Any]:
    """The keys that the answer to a single read has only if there is something."""
    return {key: details[key] for key in keys if details.get(key)}
