"""A sweep loads the resource types that it needs, and any other as soon as a filter needs it."""
from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from c7n.resources import load_available, load_resources
from c7n.resources.aws import AWS
load_available()
print(len(list(AWS.resources.keys())), "s3" in AWS.resources, "rds" in AWS.resources)
print("public-access" in AWS.resources.get("s3").filter_registry if "s3" in AWS.resources else None)
load_resources(["aws.rds"])
print("rds" in AWS.resources, "scope" in AWS.resources.get("rds").filter_registry)
"""


def loaded(types: str) -> list[list[str]]:
    environment = {**os.environ, "GUARDRAILS_RESOURCE_TYPES": types}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.parametrize(("types", "few"), [
    ("aws.s3,aws.iam-user", True), ("aws.s3,aws.there-is-no-such-type", True), ("", False), ("gcp.bucket", False),
])
def test_only_the_named_types_are_loaded_where_all_are_asked_for(types: str, few: bool) -> None:
    (number, s3, rds), [filters], later = loaded(types)
    assert (int(number) < 40, s3, rds) == (few, "True", str(not few))
    assert filters == "True"
    assert later == ["True", "True"]
