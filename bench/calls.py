"""The calls of an audit against the least possible. `./run.sh bench calls`

The least is computed from what is in the account, by `bench/least_calls.yaml`, which states the rule.
"""
from __future__ import annotations

import argparse
import math
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import yaml

from .harness import Benchmark, Failed, Option, Section, Table, Usage, say
from .harness.account import Size, seeded
from .harness.cloud import cloud
from .harness.programs import audit

TABLE = Path(__file__).with_name("least_calls.yaml")
_PRINCIPALS_IN_A_PAGE = 1000
"""MaxItems of GetAccountAuthorizationDetails."""


def inventory(session: boto3.Session) -> dict[str, int]:
    """How many there are of what the table counts by."""
    iam, s3, elb = session.client("iam"), session.client("s3"), session.client("elbv2")

    def listed(service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        pages = session.client(service).get_paginator(operation).paginate(**arguments)
        return [each for page in pages for each in page[key]]

    buckets = [each["Name"] for each in s3.list_buckets()["Buckets"]]
    balancers = listed("elbv2", "describe_load_balancers", "LoadBalancers")
    principals = (
        len(listed("iam", "list_users", "Users")) + len(listed("iam", "list_groups", "Groups"))
        + len(listed("iam", "list_roles", "Roles")) + len(listed("iam", "list_policies", "Policies", Scope="Local")))
    return {
        "pages of principals": max(math.ceil(principals / _PRINCIPALS_IN_A_PAGE), 1),
        "users": len(iam.get_paginator("list_users").paginate().build_full_result()["Users"]),
        "buckets": len(buckets),
        "buckets with a policy": sum(1 for name in buckets if _has_policy(s3, name)),
        "APIs": len(listed("apigateway", "get_rest_apis", "items")),
        "trails": len(session.client("cloudtrail").describe_trails()["trailList"]),
        "tables": len(listed("dynamodb", "list_tables", "TableNames")),
        "load balancers": len(balancers),
        "listeners": sum(
            len(elb.describe_listeners(LoadBalancerArn=each["LoadBalancerArn"])["Listeners"]) for each in balancers),
        "keys": len(listed("kms", "list_keys", "Keys")),
        "database snapshots": len(listed("rds", "describe_db_snapshots", "DBSnapshots")),
    }


def _has_policy(s3: Any, name: str) -> bool:
    try:
        s3.get_bucket_policy(Bucket=name)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
        return False
    return True


def least(table: Mapping[str, int | str], counts: Mapping[str, int], made: Usage) -> tuple[Counter[str], list[str]]:
    """The fewest calls by operation, and the operations that the table does not have.

    Args:
        table: a number or what is counted, by operation.
        counts: how many there are of what is counted.
        made: the audit's calls; what the table does not have counts as its different calls.
    """
    found = Counter({
        operation: counts[rule] if isinstance(rule, str) else rule for operation, rule in table.items()})
    unknown = sorted(set(made.calls) - set(table))
    for operation in unknown:
        found[operation] = made.calls[operation] - made.repeated.get(operation, 0)
    return found, unknown


def measure(options: argparse.Namespace) -> Section:
    """Count the calls of one audit, and compute the least."""
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    size = Size(options.buckets, options.users, options.groups, options.others)
    with cloud() as where, tempfile.TemporaryDirectory() as name:
        seeded(where, 1, size)
        say(f"seeded {size}")
        counts = inventory(where.session())
        made = audit(where, Path(name) / "audit", "-p", options.policies)
    if not made.called:
        raise Failed("the audit made no call")
    fewest, unknown = least(table, counts, made)
    section = Section(
        f"The audit of one account with {size}, all policies. The least is computed from what is in the account: "
        "each list once, bulk reads where AWS has them (the rule is in [least_calls.yaml](least_calls.yaml)).")
    section.compare("calls.least", "calls", [made.called], [fewest.total()], against="the least possible")
    over = sorted(((made.calls.get(each, 0) - fewest[each], each) for each in {*made.calls, *fewest}), reverse=True)
    section.tables.append(Table(
        ("operation", "made", "least"),
        [[each, made.calls.get(each, 0), fewest[each]] for more, each in over[:15] if more > 0],
        "Where the audit makes more than the least"))
    if fewer := [f"{each} ({made.calls.get(each, 0)} of {fewest[each]})" for more, each in over if more < 0]:
        section.notes.append(f"Made less often than the least has it (nothing asked there): {', '.join(fewer)}.")
    if unknown:
        section.notes.append(f"Not in the table, counted as often as made with other parameters: {', '.join(unknown)}.")
    return section


BENCHMARK = Benchmark("calls", "How many calls does an audit make, against the least possible?", measure, (
    Option("users", 200, 1, "IAM users"),
    Option("buckets", 200, 1, "S3 buckets"),
    Option("groups", 300, 1, "security groups"),
    Option("policies", "*", "s3-bucket-versioning", "a glob; the least is that of all"),
    Option("others", 40, 1, "volumes; of databases, tables and so on a fifth of it"),
))

if __name__ == "__main__":
    BENCHMARK.main()
