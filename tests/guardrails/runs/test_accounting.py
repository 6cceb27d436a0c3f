"""Run accounting: only complete output counts as run; everything else gets a state and a reason."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guardrails.accounts.account import Account
from guardrails.policies.policy import Policy
from guardrails.results.state import State
from guardrails.results.store import UnknownResource
from guardrails.runs.accounting import Check, account_for, unreached
from guardrails.yamlfile import YamlFile

RED = Account("111111111111", "red", ("us-east-1",))
NOW = "2026-01-01 00:00:00,000"


def policy(name: str, **extra: Any) -> Policy:
    return Policy({"name": name, "resource": "aws.s3", **extra}, YamlFile(Path("p.yml"), {}, None), 0)


def wrote(
    root: Path, name: str, *, resources: str | None = "[]", metadata: bool = True, log: str = "",
    unknown: str | None = None,
) -> None:
    directory = root / "red" / "us-east-1" / name
    directory.mkdir(parents=True)
    if resources is not None:
        (directory / "resources.json").write_text(resources)
    if metadata:
        (directory / "metadata.json").write_text("{}")
    if unknown is not None:
        (directory / "unknown.json").write_text(unknown)
    (directory / "custodian-run.log").write_text(log)


def started(name: str) -> str:
    return f"{NOW}: c7n_org:DEBUG Running policy:{name} account:red region:us-east-1\n"


def account(tmp_path: Path, log: str, *names: str, **extra: Any) -> list[Check]:
    work = {(RED, "us-east-1"): tuple(policy(name, **extra) for name in names)}
    return account_for(work, log, tmp_path)


def test_complete_output_has_run(tmp_path: Path) -> None:
    wrote(tmp_path, "one", resources=json.dumps([{"Name": "b"}]))
    (check,) = account(tmp_path, started("one"), "one")
    assert (check.state, check.reason, len(check.resources)) == (State.RAN, "", 1)


@pytest.mark.parametrize(("output", "log", "state", "reason"), [
    ({"resources": '[{"Name": '}, "", State.ERROR, "incomplete"),
    ({"metadata": False}, "", State.NOT_RUN, "did not finish"),
    # Killed while it wrote its resources: that is the reason, not the cut file.
    ({"resources": "", "metadata": False}, "", State.NOT_RUN, "did not finish"),
    ({"resources": None, "log": f"{NOW} - custodian.output - ERROR - Error while executing policy\n"
      "Traceback (most recent call last):\n  File x\nbotocore.exceptions.ClientError: An error occurred "
      "(UnauthorizedOperation) when calling DescribeVolumes\n"}, "", State.DENIED, "DescribeVolumes"),
    # c7n logs the denied call and continues with fewer resources, so an empty result does not mean that there are none.
    ({"log": f"{NOW} - custodian.filters - WARNING - AccessDenied on x\n"}, "", State.DENIED,
     "could not read everything"),
    ({"log": f"{NOW} - custodian.resources.rds - ERROR - Rate exceeded\n"}, "", State.THROTTLED,
     "could not read everything"),
    ({"log": f"{NOW} - custodian.s3 - WARNING - Bucket: b unable to invoke method: get_bucket_policy error: Connect "
      "timeout\n"}, "", State.ERROR, "could not read everything"),
    ({"log": f"{NOW} - custodian.filters - WARNING - a harmless remark\n"}, "", State.RAN, ""),
    ({"resources": '[{"c7n:DeniedMethods": ["get_bucket_acl"]}]'}, "", State.DENIED, "single resources"),
    ({}, f"{NOW}: c7n_org:ERROR Exception running policy:one account:red region:us-east-1 error:boom\n",
     State.ERROR, "boom"),
    # Credentials that end half way: what came after was not seen.
    ({"resources": None}, f"{NOW}: c7n_org:ERROR Exception running policy:one account:red region:us-east-1 error:An "
     "error occurred (ExpiredToken) when calling the ListBuckets operation: The provided token has expired.\n",
     State.DENIED, "ExpiredToken"),
    # A throttled list that c7n would have reported as nothing found.
    ({}, f"{NOW}: c7n_org:ERROR Exception running policy:one account:red region:us-east-1 error:An error occurred "
     "(ThrottlingException) when calling the DescribeTrails operation: Rate exceeded\n", State.THROTTLED, "Throttling"),
])
def test_output_that_is_not_whole_has_not_run(
    tmp_path: Path, output: dict[str, Any], log: str, state: State, reason: str
) -> None:
    wrote(tmp_path, "one", **output)
    (check,) = account(tmp_path, started("one") + log, "one")
    assert check.state is state
    assert reason in check.reason


UNREACHABLE = 'Could not connect to the endpoint URL: "https://{}/"'


@pytest.mark.parametrize(("region", "endpoint", "service"), [
    ("cn-north-1", "macie2.cn-north-1.amazonaws.com.cn", "macie2"),
    ("cn-north-1", "email.cn-north-1.amazonaws.com.cn", "ses"),
    ("us-gov-west-1", "appsync.us-gov-west-1.amazonaws.com", "appsync"),
    # botocore has no list of this service's regions.
    ("eu-south-2", "bedrock-agentcore-control.eu-south-2.amazonaws.com", "bedrock-agentcore-control"),
    ("us-gov-west-1", "bedrock-agentcore-control.us-gov-west-1.amazonaws.com", "bedrock-agentcore-control"),
    ("us-east-1", "bedrock-agentcore-control.us-east-1.amazonaws.com", ""),
    # Offered there, so the network is at fault; a service or region that botocore does not know; another host.
    ("cn-north-1", "ec2.cn-north-1.amazonaws.com.cn", ""),
    ("eu-west-1", "nosuch.eu-west-1.amazonaws.com", ""),
    ("xx-nowhere-1", "ec2.xx-nowhere-1.amazonaws.com", ""),
    ("cn-north-1", "macie2.cn-north-1.example.com", ""),
    # The endpoint of another region than the check's.
    ("us-east-1", "macie2.cn-north-1.amazonaws.com.cn", ""),
])
def test_a_service_that_aws_does_not_offer_in_a_region_is_skipped(
    tmp_path: Path, region: str, endpoint: str, service: str
) -> None:
    check = failed(tmp_path, region, UNREACHABLE.format(endpoint))
    if service:
        assert (check.state, check.reason) == (State.SKIPPED, f"AWS does not offer {service} in {region}")
    else:
        assert check.state is State.ERROR and endpoint in check.reason


@pytest.mark.parametrize("text", ["ValidationError: {}", "tag {}: invalid", "{} is no name", "{}\""])
def test_a_name_that_reads_like_such_an_error_skips_nothing(tmp_path: Path, text: str) -> None:
    error = text.format(UNREACHABLE.format("macie2.cn-north-1.amazonaws.com.cn"))
    assert failed(tmp_path, "cn-north-1", error).state is State.ERROR


def failed(tmp_path: Path, region: str, error: str) -> Check:
    """The check of a policy that ended with an error in a region."""
    where = f"policy:one account:red region:{region}"
    log = f"{NOW}: c7n_org:DEBUG Running {where}\n{NOW}: c7n_org:ERROR Exception running {where} error:{error}\n"
    (check,) = account_for({(RED, region): (policy("one"),)}, log, tmp_path)
    return check


UNREAD = json.dumps([{"resource": "b", "reason": "GetBucketAcl: AccessDenied: no"}])
ENDED = (f"{NOW}: c7n_org:ERROR Exception running policy:one account:red region:us-east-1 "
         "error:resources unknown: b: GetBucketAcl: AccessDenied: no\n")


def test_one_unknown_resource_is_named_and_the_others_are_judged(tmp_path: Path) -> None:
    denied = f"{NOW} - custodian.guardrails.ask_once - WARNING - AccessDenied on GetBucketAcl ('b')\n"
    wrote(tmp_path, "one", resources=json.dumps([{"Name": "open"}]), log=denied, unknown=UNREAD)
    (check,) = account(tmp_path, started("one") + ENDED, "one")
    assert (check.state, check.reason) == (State.PARTIAL, "resources unknown: b: GetBucketAcl: AccessDenied: no")
    assert [resource["Name"] for resource in check.resources] == ["open"]
    assert check.unknown == (UnknownResource("b", "GetBucketAcl: AccessDenied: no"),)


@pytest.mark.parametrize(("output", "log", "state", "reason"), [
    # Another error than the unknown resources ended it.
    ({"unknown": UNREAD}, ENDED.replace("resources unknown: b", "boom"), State.DENIED, "boom"),
    ({"unknown": UNREAD, "metadata": False}, "", State.NOT_RUN, "did not finish"),
    *(({"unknown": broken}, "", State.ERROR, "unknown.json: ") for broken in ("[", "7", "[7]", '[{"resource": 1}]')),
])
def test_a_list_of_unknown_resources_excuses_nothing_else(
    tmp_path: Path, output: dict[str, Any], log: str, state: State, reason: str
) -> None:
    wrote(tmp_path, "one", **output)
    (check,) = account(tmp_path, started("one") + log, "one")
    assert check.state is state
    assert reason in check.reason


def test_what_c7n_org_gave_up_on_is_not_run_and_can_be_run_again(tmp_path: Path) -> None:
    wrote(tmp_path, "one")
    log = (
        started("one") + started("two")
        + f"{NOW}: c7n_org:WARNING Access denied api:ListBuckets policy:two account:red region:us-east-1\n"
    )
    one, two, three = checks = account(tmp_path, log, "one", "two", "three")
    assert (one.state, two.state, three.state) == (State.RAN, State.DENIED, State.NOT_RUN)
    assert two.reason == "AccessDenied on ListBuckets"
    assert "gave up on this account and region: AccessDenied on ListBuckets in two" in three.reason
    assert [[p.name for p in found] for found in unreached(checks, log).values()] == [["three"]]


def test_a_killed_worker_is_named_though_c7n_org_ends_well(tmp_path: Path) -> None:
    wrote(tmp_path, "one")
    log = started("one") + started("two") + (
        f"{NOW}: c7n_org:WARNING Error running policy in red @ us-east-1 exception: A process in the process pool was "
        f"terminated abruptly\n{NOW}: c7n_org:INFO Policy resource counts Counter()\n"
    )
    checks = account(tmp_path, log, "one", "two", "three")
    assert [check.state for check in checks] == [State.RAN, State.NOT_RUN, State.NOT_RUN]
    assert all("terminated abruptly" in check.reason for check in checks[1:])
    assert not unreached(checks, log)


def test_conditions_that_do_not_hold_are_skipped_not_missing(tmp_path: Path) -> None:
    (check,) = account(tmp_path, started("one"), "one", conditions=[{"region": "eu-west-1"}])
    assert check.state is State.SKIPPED
    assert not check.state.missing
    (unknown,) = account(tmp_path, started("two"), "two")
    assert unknown.state is State.NOT_RUN


def test_a_run_that_said_nothing_ran_nothing(tmp_path: Path) -> None:
    (check,) = account(tmp_path, "Traceback\nModuleNotFoundError: No module named 'x'\n", "one")
    assert check.state is State.NOT_RUN
    assert "No module named 'x'" in check.reason
