"""IAM: the AWS managed policies that our policies are about exist in every account.

moto has all of AWS's managed policies, about 1,600, or none. The sandbox has all of them. In a test's process, where an
account is emptied for each case, that would be the slowest part, so there only those below exist.

Source: AWS Managed Policy Reference Guide; the documents are moto's copy of them.
"""
from __future__ import annotations

import functools
import json
from typing import Any

from moto.iam import models
from moto.iam.models import AWSManagedPolicy, IAMBackend, ManagedPolicy

NAMES = ("AWSCloudShellFullAccess", "AWSSupportAccess", "ReadOnlyAccess")


def apply() -> None:
    """Add the policies where moto has none. Once in a process."""
    original = IAMBackend._init_aws_policies

    def _init_aws_policies(backend: IAMBackend) -> list[ManagedPolicy]:
        return original(backend) or [
            AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, data)
            for name, data in _documents().items()]

    setattr(IAMBackend, "_init_aws_policies", _init_aws_policies)  # noqa: B010 - moto's classes are typed as not assignable


@functools.cache
def _documents() -> dict[str, Any]:
    everything = json.loads(models.aws_managed_policies_data)
    return {name: everything[name] for name in NAMES}
