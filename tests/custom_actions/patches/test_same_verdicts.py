"""A sweep that shares responses and reads in bulk finds what each policy finds that makes every call itself."""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient

from bench.audit import seed
from custom_actions.resources import UNKNOWN
from guardrails.policies import load as policies
from guardrails.policies import merged
from tests.engine import load
from tests.moto_server import REGION, Moto

IN_BULK = ("iam-", "s3")
ALL = (*IN_BULK, "account", "ebs-snapshot", "rds", "app-elb", "dynamodb", "rest-stage", "kms")
Verdict = tuple[Any, Any, str]
"""The resources that match with all that was noted on them, those that are unknown, and the error."""
Fails = Mapping[tuple[str, str], str]
"""The error codes of calls, by operation and a text of the request."""
NOTHING: Fails = {}


@pytest.fixture
def fast(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of the time would go into making clients for the policies that share none."""
    moto.share_clients(monkeypatch)


@pytest.fixture
def account(moto: Moto, fast: None, sent: Counter[str]) -> Any:
    """An account of which half drifts, with users of every kind."""
    seed(boto3.Session(region_name=REGION), 3)
    iam = moto.client("iam")
    document = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    own = iam.list_policies(Scope="Local")["Policies"][0]["Arn"]
    iam.create_user(UserName="full", Path="/eng/", PermissionsBoundary=own, Tags=[{"Key": "owner", "Value": "ann"}])
    iam.put_user_policy(UserName="full", PolicyName="inline", PolicyDocument=document)
    iam.put_group_policy(GroupName="group-0", PolicyName="inline", PolicyDocument=document)
    iam.add_user_to_group(GroupName="group-0", UserName="full")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="full")["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(
        UserName="full", SerialNumber=device, AuthenticationCode1="123456", AuthenticationCode2="654321")
    moto.client("s3").create_bucket(Bucket="abroad", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    moto.client("s3").put_bucket_tagging(
        Bucket="abroad", Tagging={"TagSet": [{"Key": "owner", "Value": "ann"}]})
    iam.generate_credential_report()
    return moto


def failing(fails: Fails, monkeypatch: pytest.MonkeyPatch) -> None:
    """These calls fail, whether responses are shared or not."""
    make = BaseClient._make_request

    def refuse(self: Any, operation: Any, request: Any, context: Any) -> Any:
        text = repr((request["url_path"], request["body"]))
        for (name, value), code in fails.items():
            if name == operation.name and value in text:
                answer = {"Error": {"Code": code, "Message": "as told"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
                raise self.exceptions.from_code(code)(answer, name)
        return make(self, operation, request, context)

    monkeypatch.setattr(BaseClient, "_make_request", refuse)


def verdicts(directory: Path, types: tuple[str, ...], *, dryrun: bool) -> dict[str, Verdict]:
    """What each policy finds. Only a dry run shares responses; without actions the other run changes nothing either."""
    found: dict[str, Verdict] = {}
    for policy in policies():
        if not policy.sweeps or not policy.resource.removeprefix("aws.").startswith(types):
            continue
        data = merged([policy], mode=False, actions=False)["policies"][0]
        output, error = directory / policy.name, ""
        output.mkdir(parents=True)
        try:
            resources = load(data, output, dryrun=dryrun).run()
        except Exception as raised:  # noqa: BLE001 - of a policy's own, as c7n-org takes it
            resources, error = [], f"{type(raised).__name__}: {raised}"
        unknown = [json.loads(file.read_text()) for file in output.rglob(UNKNOWN)]
        found[policy.name] = (plain(resources), unknown, error)
    return found


def plain(found: Any) -> Any:
    """Resources without what differs from call to call, in an order of their own."""
    if isinstance(found, Mapping):
        return {key: plain(value) for key, value in found.items()
                if key not in ("ResponseMetadata", "LatestRestorableTime") and not key.startswith("c7n:Matched")}
    if isinstance(found, list):
        return sorted(map(plain, found), key=repr)
    return found


@pytest.mark.parametrize("fails", [
    NOTHING,
    {("GetAccountAuthorizationDetails", ""): "AccessDenied"},
    {("GetAccountAuthorizationDetails", ""): "Throttling"},
    {("GetBucketPolicy", "bucket-123456789012-1"): "AccessDenied", ("ListMFADevices", "user-1"): "AccessDenied",
     ("GetPublicAccessBlock", "bucket-123456789012-2"): "AccessDenied"},
    {("GetBucketTagging", "bucket-123456789012-1"): "NoSuchBucket",
     ("GetBucketPolicy", "bucket-123456789012-1"): "NoSuchBucket", ("GetLoginProfile", "user-1"): "NoSuchEntity"},
], ids=["nothing fails", "bulk denied", "bulk throttled", "details denied", "deleted meanwhile"])
def test_verdicts_are_the_same(
    account: Moto, sent: Counter[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: Fails
) -> None:
    failing(fails, monkeypatch)
    sent.clear()
    types = IN_BULK if fails else ALL
    alone = verdicts(tmp_path / "alone", types, dryrun=False)
    made = sent.total()
    sent.clear()
    shared = verdicts(tmp_path / "shared", types, dryrun=True)
    assert shared == alone
    assert len(alone) > (20 if fails else 50)
    assert sum(bool(resources) for resources, _, _ in alone.values()) > (5 if fails else 20)
    assert any(unknown for _, unknown, _ in alone.values()) == ("AccessDenied" in fails.values() and len(fails) > 1)
    assert sent.total() < made / 3
