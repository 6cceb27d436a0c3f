"""Reads resources side by side in a sweep: c7n reads the details of two or three resources at once, of buckets ten.

In a sweep that shares responses (ask_once), every pool of threads of c7n and of our filters has at least THREADS. They
make the same calls, and wait for more of them at a time.

Some filters read their resources one after the other. Before such a filter runs, its calls are made here, for the
resources that it is about to check, and it finds the responses. So no call is made that the filter would not make.
Errors are left to the filter, which makes that call again; after a few errors the rest is left to it, too.
"""
from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from c7n.element import Element
from c7n.manager import ResourceManager
from c7n.utils import local_session

from ..resources import BEFORE_FILTERS
from . import ask_once

_TOO_MANY_ERRORS = 3

Resource = Mapping[str, Any]
Read = Callable[[Resource], Any]
"""Makes the calls that a filter makes for one resource."""


def install() -> None:
    """Widen the pools if responses are shared. Calling it again has no effect."""
    if not ask_once.switched_on():
        return
    for owner in (Element, ResourceManager):
        if owner.executor_factory is ThreadPoolExecutor:
            owner.executor_factory = staticmethod(pool)
    if read_ahead not in BEFORE_FILTERS:
        BEFORE_FILTERS.append(read_ahead)


@functools.wraps(ThreadPoolExecutor, updated=())
def pool(max_workers: int | None = None, *args: Any, **kwargs: Any) -> Executor:
    """A pool of threads: of THREADS at least while responses are shared."""
    if max_workers and ask_once.is_sharing():
        max_workers = max(max_workers, ask_once.THREADS)
    return ThreadPoolExecutor(max_workers, *args, **kwargs)


def _call(service: str, method: str, keys: Mapping[str, str], **fixed: str) -> Callable[[Any], Read]:
    """How to make one call for a resource; `keys` are parameters and the keys of the resource with their values."""

    def of(session: Any) -> Read:
        operation = getattr(session.client(service), method)
        return lambda resource: operation(**{name: resource[key] for name, key in keys.items()}, **fixed)

    return of


_USER = {"UserName": "UserName"}
# c7n's filters that read one resource after the other, in groups of 50.
C7N: Mapping[tuple[str, str], Callable[[Any], Read]] = {
    ("iam-user", "access-key"): _call("iam", "list_access_keys", _USER),
    ("iam-user", "ssh-key"): _call("iam", "list_ssh_public_keys", _USER),
    ("iam-user", "login-profile"): _call("iam", "get_login_profile", _USER),
    ("ebs-snapshot", "cross-account"): _call(
        "ec2", "describe_snapshot_attribute", {"SnapshotId": "SnapshotId"}, Attribute="createVolumePermission"),
    ("rds-snapshot", "cross-account"): _call(
        "rds", "describe_db_snapshot_attributes", {"DBSnapshotIdentifier": "DBSnapshotIdentifier"}),
}
"""By resource type and filter."""


def read_ahead(manager: Any, each: Any, resources: Sequence[Resource]) -> None:
    """Make the calls of a filter for its resources, several at a time, if it is one that makes them in a row.

    Of our own filters it is one that has a method `reader`, which takes a session and returns a Read.
    """
    if not ask_once.is_sharing() or len(resources) < 2:
        return
    make = getattr(each, "reader", None) or C7N.get((manager.type, each.type))
    if make is None:
        return
    read, errors, lock = make(local_session(manager.session_factory)), 0, threading.Lock()

    def attempt(resource: Resource) -> None:
        nonlocal errors
        if errors >= _TOO_MANY_ERRORS:
            return
        try:
            read(resource)
        except Exception as error:  # noqa: BLE001 - the filter has it again, and says so
            if not ask_once.is_kept(error):  # that something does not exist is a response
                with lock:
                    errors += 1

    with ThreadPoolExecutor(ask_once.THREADS) as workers:
        list(workers.map(attempt, resources))
