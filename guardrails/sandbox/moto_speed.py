"""Makes moto do some work once instead of for every request or account. Its responses stay the same.

A new account has 1600 managed policies, and 1300 images in each region: made one by one as moto makes them, the first
call to IAM or EC2 takes a quarter of a second, in every account of every test.
"""
from __future__ import annotations

import copy
import functools
from typing import Any

from moto import backends
from moto.core import responses
from moto.ec2 import utils as ec2_utils
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.iam.models import IAMBackend, ManagedPolicy
from moto.moto_api._internal import mock_random


def apply() -> None:
    """Apply all changes, once in a process and after any change to managed policies."""
    _list_services_once()
    _list_operations_once()
    _draw_ids_at_once()
    _make_managed_policies_once()
    _look_only_at_the_groups_of_a_filter()


def _list_services_once() -> None:
    """moto lists its own directory for each request, to learn which services there are."""
    services = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: services


def _list_operations_once() -> None:
    """moto lists a service's operations for each request, from all members of the class that answers."""
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)


def _draw_ids_at_once() -> None:
    """moto generates EC2 ids letter by letter, and each image also has a volume and a snapshot with an id."""

    def random_resource_id(size: int = 8) -> str:
        return f"{mock_random.getrandbits(4 * size):0{size}x}"

    ec2_utils.random_resource_id = random_resource_id


def _look_only_at_the_groups_of_a_filter() -> None:
    """moto copies the rules of every group, and then drops those of other groups than the ones in the filter."""
    original = SecurityGroupBackend.describe_security_group_rules

    def describe(backend: Any, sg_rule_ids: list[str], filters: dict[str, list[str]]) -> Any:
        ids = filters.get("group-id") or ()
        if ids and not any(character in group_id for group_id in ids for character in "*?"):
            every = backend.groups
            backend = copy.copy(backend)
            backend.groups = {vpc: {each: groups[each] for each in ids if each in groups}
                              for vpc, groups in every.items()}
        return original(backend, sg_rule_ids, filters)

    SecurityGroupBackend.describe_security_group_rules = describe  # type: ignore[method-assign, assignment]


def _make_managed_policies_once() -> None:
    """AWS's policies are read from their file for each account. They are the same in all, on AWS their ids too."""
    original = IAMBackend._init_aws_policies
    made: dict[str, list[ManagedPolicy]] = {}

    def init_aws_policies(backend: IAMBackend) -> list[ManagedPolicy]:
        if not made.get(backend.region_name):
            made[backend.region_name] = original(backend)
        return [_of_account(policy, backend.account_id) for policy in made[backend.region_name]]

    IAMBackend._init_aws_policies = init_aws_policies  # type: ignore[method-assign, assignment]


def _of_account(policy: ManagedPolicy, account: str) -> ManagedPolicy:
    """The policy in one account: the attachments are the account's own, the document is shared."""
    own = copy.copy(policy)
    own.account_id = account
    own.versions, own.tags = list(policy.versions), dict(policy.tags)
    return own
