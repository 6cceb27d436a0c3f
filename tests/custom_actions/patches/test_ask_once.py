"""What is shared between the policies of a sweep, and what never is."""
from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from c7n.policy import PullMode

from custom_actions.patches import ask_once
from custom_actions.patches.ask_once import Answers
from tests.engine import load
from tests.moto_server import Moto


def client(service: str, region: str = "us-east-1") -> Any:
    """A client that is asked for its names alone; it calls nobody."""
    return boto3.client(service, region_name=region, aws_access_key_id="x", aws_secret_access_key="x")


class Cloud:
    """Answers with what it was told to, and counts."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)
        self.asked = 0

    def __call__(self, operation: str = "", parameters: Any = None) -> Any:
        answer = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetUser")


def test_a_question_is_asked_once_and_each_answer_is_a_copy() -> None:
    answers, iam, cloud = Answers(("a",)), client("iam"), Cloud({"Users": [{"UserName": "ann"}]})
    first = answers.get(iam, "ListUsers", {"MaxItems": 1, "Marker": "m"}, cloud)
    first["Users"].clear()
    assert answers.get(iam, "ListUsers", {"Marker": "m", "MaxItems": 1}, cloud) == {"Users": [{"UserName": "ann"}]}
    assert cloud.asked == 1
    answers.get(iam, "ListUsers", {"Marker": "n"}, cloud)
    answers.get(client("ec2"), "DescribeVpcs", {}, cloud)
    answers.get(client("ec2", "eu-west-1"), "DescribeVpcs", {}, cloud)
    assert cloud.asked == 4


def test_headers_of_a_response_take_no_memory() -> None:
    metadata = {"RequestId": "1", "HTTPStatusCode": 200, "RetryAttempts": 0}
    answers, cloud = Answers(("a",)), Cloud(
        {"Users": [], "ResponseMetadata": {**metadata, "HTTPHeaders": {"date": "x" * 500}}})
    for _ in range(2):
        found = answers.get(client("iam"), "ListUsers", {}, cloud)
    assert found == {"Users": [], "ResponseMetadata": metadata}
    assert cloud.asked == 1


@pytest.mark.parametrize("code", ["AccessDenied", "Throttling", "RequestLimitExceeded", "ReportInProgress"])
def test_a_refusal_is_not_kept(code: str) -> None:
    answers, iam, cloud = Answers(("a",)), client("iam"), Cloud(refused(code), {"User": {}})
    with pytest.raises(ClientError, match=code):
        answers.get(iam, "GetUser", {"UserName": "ann"}, cloud)
    assert answers.get(iam, "GetUser", {"UserName": "ann"}, cloud) == {"User": {}}


def test_a_denied_call_is_in_the_log_of_every_policy_that_makes_it(caplog: pytest.LogCaptureFixture) -> None:
    answers, s3, cloud = Answers(("a",)), client("s3"), Cloud(refused("AccessDenied"))
    for number in (1, 2):
        with pytest.raises(ClientError):
            answers.get(s3, "GetBucketVersioning", {"Bucket": "b"}, cloud)
        assert [r.getMessage() for r in caplog.records].count(
            "AccessDenied on GetBucketVersioning ('b'): the results of this policy are incomplete") == number
    with pytest.raises(ClientError):
        answers.get(s3, "GetBucketPolicy", {"Bucket": "b"}, Cloud(refused("NoSuchBucketPolicy")))
    assert len(caplog.records) == 2


def test_that_there_is_nothing_is_an_answer() -> None:
    answers, iam, cloud = Answers(("a",)), client("iam"), Cloud(refused("NoSuchEntity"), {"User": {}})
    for _ in range(2):
        with pytest.raises(ClientError, match="NoSuchEntity") as caught:
            answers.get(iam, "GetUser", {"UserName": "ann"}, cloud)
    assert cloud.asked == 1
    assert isinstance(caught.value, iam.exceptions.NoSuchEntityException)


def test_after_a_change_a_service_is_asked_again_and_others_are_not() -> None:
    answers, iam, ec2 = Answers(("a",)), client("iam"), client("ec2")
    users, vpcs = Cloud({"Users": []}), Cloud({"Vpcs": []})
    for _ in range(2):
        answers.get(iam, "ListUsers", {}, users)
        answers.get(ec2, "DescribeVpcs", {}, vpcs)
        answers.get(iam, "GenerateCredentialReport", {}, Cloud({"State": "STARTED"}))
    assert (users.asked, vpcs.asked) == (2, 1)


def test_an_answer_that_was_on_its_way_during_a_change_is_not_kept() -> None:
    answers, iam, users = Answers(("a",)), client("iam"), Cloud({"Users": []})

    def ask(operation: str, parameters: Any) -> Any:
        answers.get(iam, "DeleteUser", {"UserName": "ann"}, Cloud({}))
        return users()

    answers.get(iam, "ListUsers", {}, ask)
    answers.get(iam, "ListUsers", {}, users)
    assert users.asked == 2


@pytest.mark.parametrize(("service", "operation", "parameters"), [
    ("iam", "GetServiceLastAccessedDetails", {"JobId": "1"}),  # is asked for until the job is done
    ("logs", "GetQueryResults", {"queryId": "1"}),
    ("sts", "GetCallerIdentity", {}),  # depends on who asks
    ("s3", "GetObject", {"Bucket": "b", "Key": "k"}),  # a stream can be read once
    ("cloudwatch", "GetMetricStatistics", {"StartTime": 1}),
])
def test_some_questions_are_asked_each_time(service: str, operation: str, parameters: dict[str, Any]) -> None:
    answers, cloud = Answers(("a",)), Cloud({})
    for _ in range(2):
        answers.get(client(service), operation, parameters, cloud)
    assert cloud.asked == 2


def test_a_role_is_assumed_again_before_its_credentials_end() -> None:
    def lasting(minutes: float) -> dict[str, Any]:
        return {"Credentials": {"Expiration": datetime.now(UTC) + timedelta(minutes=minutes)}}

    for minutes, asked in ((60, 1), (16, 2)):
        answers, cloud = Answers(("a",)), Cloud(lasting(minutes))
        for _ in range(2):
            answers.get(client("sts"), "AssumeRole", {"RoleArn": "r"}, cloud)
        assert cloud.asked == asked


def test_a_client_is_made_once_for_the_same_credentials() -> None:
    answers, made = Answers(("a",)), []

    def client_of(key: str, service: str, region: str | None, config: Config | None = None) -> Any:
        session = boto3.Session(key, "x", region_name="us-east-1")

        def make() -> object:
            made.append((key, service, region))
            return object()

        return answers.client(session, service, region, config, make)

    assert client_of("a", "s3", None) is client_of("a", "s3", "us-east-1")
    patient = client_of("a", "s3", None, Config(read_timeout=200))
    assert patient is client_of("a", "s3", "us-east-1", Config(read_timeout=200))
    assert patient is not client_of("a", "s3", None)
    made.pop()
    assert len({client_of("a", "s3", None), client_of("b", "s3", None), client_of("a", "iam", None),
                client_of("a", "s3", "eu-west-1")}) == 4
    assert len(made) == 4


def test_memory_is_bounded() -> None:
    answers, cloud = Answers(("a",), limit=1000), Cloud({"Users": [{"UserName": "x" * 2000}]})
    small = Cloud({"Users": []})
    for _ in range(2):
        answers.get(client("iam"), "ListUsers", {}, cloud)
        answers.get(client("iam"), "ListGroups", {}, small)
    assert (cloud.asked, small.asked) == (2, 1)


def test_two_policies_that_read_different_things_of_the_same_buckets_both_see_them(
    moto: Moto, sent: Counter[str], tmp_path: Path
) -> None:
    moto.client("s3").create_bucket(Bucket="old")
    moto.client("s3").create_bucket(Bucket="new")
    moto.client("s3").put_bucket_versioning(Bucket="new", VersioningConfiguration={"Status": "Enabled"})
    moto.client("s3").put_bucket_policy(Bucket="old", Policy='{"Version": "2012-10-17", "Statement": []}')
    sent.clear()
    asked = (
        ("versions", {"type": "value", "key": "Versioning.Status", "value": "Enabled"}, "new"),
        ("policies", {"type": "value", "key": "Policy", "value": "not-null"}, "old"),
        ("versions-again", {"type": "value", "key": "Versioning.Status", "value": "absent"}, "old"),
    )
    for name, condition, found in asked:
        data = {"name": name, "resource": "aws.s3", "query": [{"augment-keys": "detect"}], "filters": [condition]}
        resources = load(data, tmp_path, dryrun=True).run()
        assert [bucket["Name"] for bucket in resources] == [found], name
    assert sent == {
        "ListBuckets": 1, "GetBucketTagging": 2, "GetBucketVersioning": 2, "GetBucketPolicy": 2,
    }


def test_what_may_change_is_never_answered_from_memory(moto: Moto, sent: Counter[str], tmp_path: Path) -> None:
    data = {"name": "users", "resource": "aws.iam-user"}
    assert load(data, tmp_path, dryrun=True).run() == []
    moto.client("iam").create_user(UserName="ann")
    # A run that is not dry asks anew, and so does one in another account.
    assert [user["UserName"] for user in load(data, tmp_path).run()] == ["ann"]
    assert load(data, tmp_path, dryrun=True).run() == []
    assert load(data, tmp_path, dryrun=True, account="210987654321").run() != []


def test_nothing_is_shared_where_nobody_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = PullMode.run, BaseClient._make_api_call, boto3.Session.client
    monkeypatch.delenv(ask_once.SWITCH, raising=False)
    ask_once.install()
    assert before == (PullMode.run, BaseClient._make_api_call, boto3.Session.client)
