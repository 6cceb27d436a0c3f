"""One resource that cannot be read does not end the check of all others.

c7n reads the details of all resources together, and a filter gets all resources at once. The first error ends the
policy: a bucket that denies one call, or that was deleted a moment ago, hides every other bucket. With this patch, c7n
processes the resources that cause an error apart from the others (resources/unknown.py). In pull mode and in periodic
functions, each is recorded as unknown, and the policy fails after everything else has been evaluated and fixed. The
modes of AWS Config and CloudTrail do the same in functions/.

It also counts the resources that the policy looked at (resources/counts.py), because an empty result alone does not
show whether there was anything to judge. For `audit --evidence` it keeps the ids of those that passed
(resources/passed.py).

Some errors never reach a policy, because c7n goes on without the detail that it could not read. Such a resource is
unknown too.
"""
from __future__ import annotations

import functools
import os
import pickle  # nosec - of this process's own memory
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from c7n.filters.missing import Missing
from c7n.manager import ResourceManager
from c7n.policy import PullMode
from c7n.query import ChildResourceQuery, DescribeSource, QueryResourceManager
from c7n.utils import local_session

from ..aws import call, does_not_exist
from ..resources import (
    GONE,
    MARK,
    SWITCH,
    Counting,
    ResourceName,
    ResourcesUnknown,
    UnknownResources,
    collecting,
    collector_of,
    describe,
    filtered,
    keep_passed,
    marked,
    one_by_one,
    readable,
    resource_arn,
    resource_id,
)

_OWN_AUGMENT = ("emr", "emr-security-configuration", "launch-template-version")
"""The types with policies of ours whose class overrides c7n's `augment`."""


def install() -> None:
    """Replace c7n's methods. Calling it again has no effect."""
    if hasattr(ResourceManager.filter_resources, "all_together"):
        return
    _filter_resources()
    _augment()
    _children()
    _missing()
    _pull()


def _filter_resources() -> None:
    original = ResourceManager.filter_resources

    @functools.wraps(original)
    def filter_resources(self: Any, resources: Any, event: Any = None) -> Any:
        left = readable(self, resources)
        unknown = collector_of(self)
        if unknown is None:
            return original(self, left, event)
        listed, counting = left, Counting(left, unknown)
        for each in self.filters:
            if not left:
                break
            with self.ctx.tracer.subsegment(f"filter:{each.type}"):
                before, left = left, filtered(self, each, left, event)
            counting.filtered(each, before, left)
        if unknown.in_output:
            unknown.write(self.ctx.output)
            counting.counts(left).write(self.ctx.output)
            if unknown.lists is not None:
                keep_passed(
                    unknown.lists, self.ctx.output, functools.partial(_name, self), listed=listed,
                    in_scope=counting.in_scope, matched=[*left, *counting.excepted],
                    unknown={*unknown.reasons, *unknown.deleted})
        return left

    filter_resources.all_together = original  # type: ignore[attr-defined]
    ResourceManager.filter_resources = filter_resources


def _name(manager: Any, resource: Any) -> ResourceName:
    """The resource's name, as in a finding."""
    kind, config = type(manager), manager.config
    return ResourceName(
        resource_id(resource, kind), resource_arn(resource, kind, str(config.account_id), str(config.region)))


def _augment() -> None:
    original = QueryResourceManager.augment

    @functools.wraps(original)
    def augment(self: Any, resources: Any) -> Any:
        if not _reads_details(self):
            return original(self, resources)
        if self.type == "s3":
            _notice_deleted_buckets()
        return _details(self, resources, original)

    augment.all_together = original  # type: ignore[attr-defined]
    QueryResourceManager.augment = augment


def isolate(resource_class: Any) -> None:
    """The same for a resource type that reads its details in a method of its own. Calling it again has no effect."""
    original = vars(resource_class).get("augment")
    if resource_class.type not in _OWN_AUGMENT or original is None or hasattr(original, "all_together"):
        return

    @functools.wraps(original)
    def augment(self: Any, resources: Any) -> Any:
        return _details(self, resources, original)

    augment.all_together = original  # type: ignore[attr-defined]
    resource_class.augment = augment


def _details(manager: Any, resources: Any, original: Callable[[Any, Any], Any]) -> list[Any]:
    """The resources with the details that `original` reads; one whose details cannot be read is marked as unknown."""
    listed = list(resources)
    unreadable = [each for each in map(_resource_of, listed) if MARK in each]
    left = [each for each in listed if MARK not in _resource_of(each)]

    def read(some: Any) -> Any:
        # A copy: some types change a resource when they read its details, and cannot do that twice.
        copied = pickle.loads(pickle.dumps(list(some)))  # noqa: S301 # nosec - of this process's own memory
        found = original(manager, copied)
        if manager.type == "sqs":
            _notice_denied_queues(manager, some, found)
        if manager.type == "ecs-service":
            _notice_denied_services(manager, some, found)
        return found

    def failed(item: Any, error: Exception) -> None:
        unreadable.append(marked(item, type(manager), describe(error)))

    found = one_by_one(left, read, failed)
    return [*found, *unreadable]


def _notice_denied_queues(manager: Any, listed: Any, found: Any) -> None:
    """Raise the error of a queue that c7n left out, unless it was deleted: c7n only logs that a queue denies access."""
    for queue in set(listed) - {each["QueueUrl"] for each in found}:
        try:
            call(manager.get_client().get_queue_attributes, QueueUrl=queue, AttributeNames=["QueueArn"])
        except ClientError as error:
            if not does_not_exist(error):
                raise


def _notice_denied_services(manager: Any, listed: Any, found: Any) -> None:
    """Raise the error of ECS services that c7n left out, unless it is one that was deleted.

    c7n only logs that a call for the services of a cluster failed.
    """
    client = local_session(manager.session_factory).client("ecs")
    for cluster, service in set(listed) - {(each["clusterArn"], each["serviceArn"]) for each in found}:
        try:
            answer = call(client.describe_services, cluster=cluster, services=[service])
        except ClientError as error:
            # Its error has hidden others of the cluster, so each is read alone.
            if len(listed) > 1 or not does_not_exist(error):
                raise
        else:
            # Without a service, it was deleted. With one, the error was another's.
            if answer["services"] and len(listed) > 1:
                raise ResourcesUnknown(f"{service} was left out")


def _reads_details(manager: Any) -> bool:
    """Whether c7n reads more than the list; most types of EC2 need nothing else, and the list can be long."""
    kind = manager.resource_type
    return type(manager.source).augment is not DescribeSource.augment or bool(
        getattr(kind, "detail_spec", None) or getattr(kind, "batch_detail_spec", None))


def _resource_of(item: Any) -> dict[str, Any]:
    """The resource of an item that c7n has listed: some types have the parent's id beside it, some have only an id."""
    if isinstance(item, tuple):
        item = item[1]
    return item if isinstance(item, dict) else {}


def _children() -> None:
    original = ChildResourceQuery.filter

    @functools.wraps(original)
    def filter_(self: Any, resource_manager: Any, parent_ids: Any = None, **params: Any) -> Any:
        parent_type, parent_key, _ = resource_manager.resource_type.parent_spec
        parents = self.manager.get_resource_manager(parent_type)
        if parent_key in params:
            return original(self, resource_manager, parent_ids, **params)
        ids = list(parent_ids or ()) or [
            each if isinstance(each, str) else each[parents.resource_type.id]
            for each in parents.resources(augment=False)]
        if not ids:
            return []
        unreadable: list[Any] = []

        def failed(parent: str, error: Exception) -> None:
            # The call names nothing but the parent, so it is the parent that does not exist any more.
            if does_not_exist(error):
                self.manager.log.info("%s was deleted after it was listed", parent)
                return
            child = marked({}, type(self.manager), describe(error), f"{parent} ({resource_manager.type})")
            child.setdefault(resource_manager.resource_type.id, parent)
            unreadable.append((parent, child) if self.capture_parent_id else child)

        found = one_by_one(ids, lambda some: original(self, resource_manager, list(some), **params), failed)
        return [*found, *unreadable]

    filter_.all_together = original  # type: ignore[attr-defined]
    ChildResourceQuery.filter = filter_


def _notice_deleted_buckets() -> None:
    # Imported here: other functions do not load c7n's buckets.
    from c7n.resources.s3 import BucketAssembly

    original = BucketAssembly.handle_not_found
    if hasattr(original, "unnoticed"):
        return

    @functools.wraps(original)
    def handle_not_found(self: Any, bucket: dict[str, Any], method_name: str, error_code: Any = None) -> None:
        # c7n would take a bucket that was deleted for one without any settings.
        if error_code == "NoSuchBucket":
            bucket[GONE] = method_name
        original(self, bucket, method_name, error_code)

    handle_not_found.unnoticed = original  # type: ignore[attr-defined]
    BucketAssembly.handle_not_found = handle_not_found


_embedded: ContextVar[bool] = ContextVar("embedded", default=False)
"""Whether the policy inside a filter `missing` runs. It writes to the output of the policy around it."""


def _missing() -> None:
    original = Missing.process

    @functools.wraps(original)
    def process(self: Any, resources: Any, event: Any = None) -> Any:
        token = _embedded.set(True)
        try:
            return original(self, resources, event)
        finally:
            _embedded.reset(token)

    process.all_together = original  # type: ignore[attr-defined]
    Missing.process = process


def _pull() -> None:
    original = PullMode.run

    @functools.wraps(original)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _embedded.get():  # only all resources can tell that one is missing
            return original(self, *args, **kwargs)
        # A deployed function has a mode of its own, which is derived from this one.
        lists = os.environ.get(SWITCH) if type(self) is PullMode else None
        unknown = UnknownResources(in_output=True, lists=Path(lists) if lists else None)
        with collecting(self.policy.resource_manager, into=unknown):
            found = original(self, *args, **kwargs)
        unknown.raise_if_any()
        return found

    run.all_together = original  # type: ignore[attr-defined]
    PullMode.run = run
