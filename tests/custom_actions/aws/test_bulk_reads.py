"""Answers from bulk reads equal those of single reads, and an incomplete bulk read answers nothing."""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.iam.models import AWSManagedPolicy, iam_backends

from custom_actions.aws.bulk_reads import ANSWERED, DETAILS, USER, IamInBulk, Incomplete, all_details
from custom_actions.aws.bulk_reads import list_buckets as buckets_of
from tests.moto_server import ACCOUNT, REGION, Moto

STAR = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# Characters that IAM escapes in the URL-encoded documents of its answers.
ODD = {"Version": "2012-10-17", "Statement": [{
    "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a%20b/ü+&=?/${aws:username}/*"}]}
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
OF_AWS = "arn:aws:iam::aws:policy/SecurityAudit"


def seed(iam: Any) -> None:
    """Users, groups, roles and policies with and without everything that an answer may have."""
    own = iam.create_policy(PolicyName="own", Path="/team/", PolicyDocument=json.dumps(STAR))["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=own, PolicyDocument=json.dumps(ODD), SetAsDefault=True)
    iam.create_policy(PolicyName="unused", PolicyDocument=json.dumps(ODD), Description="for nobody")
    for group in ("empty", "developers"):
        iam.create_group(GroupName=group, Path=f"/{group}/")
    iam.put_group_policy(GroupName="developers", PolicyName="inline", PolicyDocument=json.dumps(ODD))
    iam.attach_group_policy(GroupName="developers", PolicyArn=own)
    iam.create_user(UserName="bare")
    iam.create_user(
        UserName="ann@example.com", Path="/eng/", PermissionsBoundary=own, Tags=[{"Key": "owner", "Value": "ann"}])
    iam.create_access_key(UserName="ann@example.com")
    iam.create_login_profile(UserName="ann@example.com", Password="Correct-horse-1")
    for name in ("one", "two"):
        iam.put_user_policy(UserName="ann@example.com", PolicyName=name, PolicyDocument=json.dumps(ODD))
    iam.create_role(RoleName="bare", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.create_role(
        RoleName="full", Path="/app/", AssumeRolePolicyDocument=json.dumps(TRUST), Description="of the app",
        MaxSessionDuration=7200, PermissionsBoundary=own, Tags=[{"Key": "owner", "Value": "ann"}])
    iam.put_role_policy(RoleName="full", PolicyName="inline", PolicyDocument=json.dumps(STAR))
    for arn in (own, OF_AWS):
        iam.attach_user_policy(UserName="ann@example.com", PolicyArn=arn)
        iam.attach_role_policy(RoleName="full", PolicyArn=arn)
    for group in ("developers", "empty"):
        iam.add_user_to_group(GroupName=group, UserName="ann@example.com")


def reads(iam: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Every read of a single resource that the bulk answer answers."""
    for kind, listing in (("User", iam.list_users), ("Group", iam.list_groups), ("Role", iam.list_roles)):
        for entry in listing()[f"{kind}s"]:
            one = {f"{kind}Name": entry[f"{kind}Name"]}
            yield f"List{kind}Policies", one
            yield f"ListAttached{kind}Policies", one
            if kind != "Group":
                yield f"Get{kind}", one
            if kind == "User":
                yield "ListGroupsForUser", one
            for name in getattr(iam, f"list_{kind.lower()}_policies")(**one)["PolicyNames"]:
                yield f"Get{kind}Policy", {**one, "PolicyName": name}
    for policy in iam.list_policies(Scope="Local")["Policies"]:
        for version in iam.list_policy_versions(PolicyArn=policy["Arn"])["Versions"]:
            yield "GetPolicyVersion", {"PolicyArn": policy["Arn"], "VersionId": version["VersionId"]}


LISTS = {"ListUsers": {}, "ListGroups": {}, "ListRoles": {}, "ListPolicies": {"Scope": "Local"}}


class Sender:
    """Makes calls, and counts them. `fails` says with which error a call ends, before its answer is known."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.sent: Counter[str] = Counter()
        self.fails: list[str] = []
        self.page: int | None = None

    def __call__(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        self.sent[operation] += 1
        if operation == DETAILS and self.fails:
            raise ClientError({"Error": {"Code": self.fails.pop(0), "Message": "no"}}, operation)
        answer = self._client._make_api_call(operation, dict(parameters))
        return self._paged(answer, parameters) if operation == DETAILS and self.page else answer

    def _paged(self, answer: Any, parameters: Mapping[str, Any]) -> Any:
        """A page of an answer, as IAM cuts it; moto does not."""
        assert self.page is not None
        start = int(parameters.get("Marker", 0))
        for key in ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"):
            more = len(answer[key]) > start + self.page
            answer[key] = answer[key][start:start + self.page]
            if more:
                answer.update(IsTruncated=True, Marker=str(start + self.page))
        return answer


@pytest.fixture
def iam(moto: Moto) -> Any:
    """IAM, with policies of AWS and of the account."""
    backend = iam_backends[ACCOUNT]["aws"]
    # moto would load all of AWS's policies, which takes seconds.
    one = AWSManagedPolicy.from_data("SecurityAudit", ACCOUNT, REGION, {
        "DefaultVersionId": "v1", "Path": "/", "Document": STAR,
        "CreateDate": "2026-01-01T00:00:00+00:00", "UpdateDate": "2026-01-01T00:00:00+00:00"})
    backend.aws_managed_policies.append(one)
    backend.managed_policies[one.arn] = one
    client = moto.client("iam")
    seed(client)
    return client


def listed(iam: Any, bulk: IamInBulk) -> None:
    for operation, parameters in LISTS.items():
        bulk.notice(operation, iam._make_api_call(operation, parameters))


def plain(answer: Any) -> Any:
    """An answer without what differs from call to call; lists are in an order of their own.

    moto leaves out IsTruncated in some answers that AWS says are complete.
    """
    if isinstance(answer, Mapping):
        return {key: plain(value) for key, value in answer.items()
                if key != "ResponseMetadata" and (key, value) != ("IsTruncated", False)}
    if isinstance(answer, list):
        return sorted(map(plain, answer), key=repr)
    return answer


@pytest.mark.parametrize("page", [None, 1])
def test_the_answers_equal_those_of_single_reads(iam: Any, page: int | None) -> None:
    bulk, sender = IamInBulk(), Sender(iam)
    sender.page = page
    listed(iam, bulk)
    seen = Counter[str]()
    for operation, parameters in reads(iam):
        assert plain(bulk.answer(operation, parameters, sender)) == plain(
            iam._make_api_call(operation, parameters)), (operation, parameters)
        seen[operation] += 1
    assert seen.keys() == ANSWERED
    assert sender.sent == {DETAILS: 4 if page is None else 8}


def test_what_it_does_not_know_is_read_singly(iam: Any) -> None:
    bulk, sender = IamInBulk(), Sender(iam)
    assert bulk.answer("GetUser", {"UserName": "bare"}, sender) is None  # nobody has listed the users
    assert not sender.sent
    listed(iam, bulk)
    iam.create_user(UserName="late")
    for operation, parameters in (
        ("GetUser", {"UserName": "late"}), ("GetUser", {"UserName": "nobody"}), ("GetUser", {}),
        ("ListUserPolicies", {"UserName": "bare", "MaxItems": 1}), ("ListAccessKeys", {"UserName": "bare"}),
        ("GetUserPolicy", {"UserName": "bare", "PolicyName": "none"}),
        ("GetPolicyVersion", {"PolicyArn": OF_AWS, "VersionId": "v1"}),
    ):
        assert bulk.answer(operation, parameters, sender) is None, (operation, parameters)


def test_a_user_who_was_deleted_or_created_again_is_read_singly(iam: Any) -> None:
    bulk, sender = IamInBulk(), Sender(iam)
    iam.create_user(UserName="gone")
    listed(iam, bulk)
    for name in ("gone", "bare"):
        iam.delete_user(UserName=name)
    iam.create_user(UserName="bare")
    for name in ("gone", "bare"):
        assert bulk.answer("GetUser", {"UserName": name}, sender) is None
        assert bulk.answer("ListUserPolicies", {"UserName": name}, sender) is None
    assert sender.sent == {DETAILS: 1}


def test_where_it_is_denied_everything_is_read_singly(iam: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    bulk, sender = IamInBulk(), Sender(iam)
    sender.fails = ["AccessDenied"]
    listed(iam, bulk)
    for _ in range(3):
        assert bulk.answer("GetUser", {"UserName": "bare"}, sender) is None
    assert sender.sent == {DETAILS: 1}
    [record] = caplog.records
    assert record.levelname == "INFO"
    assert "GetAccountAuthorizationDetails for UserDetailList is not usable, each is read singly" in record.message
    assert "AccessDenied" in record.message


def test_after_throttling_it_is_asked_a_few_times_more(iam: Any) -> None:
    bulk, sender = IamInBulk(), Sender(iam)
    sender.fails = ["Throttling", "ThrottlingException"]
    listed(iam, bulk)
    answers = [bulk.answer("GetRole", {"RoleName": "bare"}, sender) for _ in range(4)]
    assert [answer is None for answer in answers] == [True, True, False, False]
    assert sender.sent == {DETAILS: 3}
    sender.fails = ["Throttling"] * 5
    assert [bulk.answer("GetUser", {"UserName": "bare"}, sender) for _ in range(5)] == [None] * 5
    assert sender.sent == {DETAILS: 6}


def test_a_page_that_fails_makes_the_whole_unusable(iam: Any) -> None:
    for last in ("AccessDenied", "cut short"):
        bulk, sender = IamInBulk(), Sender(iam)
        sender.page = 1
        listed(iam, bulk)

        def send(operation: str, parameters: Mapping[str, Any], last: str = last, sender: Sender = sender) -> Any:
            if "Marker" not in parameters:
                return sender(operation, parameters)
            if last == "cut short":
                return {**sender(operation, parameters), "IsTruncated": True, "Marker": None}
            raise ClientError({"Error": {"Code": last, "Message": "no"}}, operation)

        for name in ("bare", "ann@example.com"):
            assert bulk.answer("GetUser", {"UserName": name}, send) is None


def test_markers_that_repeat_are_not_followed_forever() -> None:
    page = {"UserDetailList": [], "IsTruncated": True, "Marker": "m"}
    with pytest.raises(Incomplete):
        list(all_details(USER, lambda operation, parameters: page))


def test_what_is_too_large_is_read_singly(iam: Any) -> None:
    bulk, sender = IamInBulk(limit=1500), Sender(iam)
    listed(iam, bulk)
    for number in range(4):
        iam.put_user_policy(UserName="bare", PolicyName=f"{number}", PolicyDocument=json.dumps(ODD))
    for _ in range(2):
        assert bulk.answer("GetUser", {"UserName": "bare"}, sender) is None
    assert bulk.answer("ListGroupPolicies", {"GroupName": "empty"}, sender) == {
        "PolicyNames": [], "IsTruncated": False}
    assert sender.sent == {DETAILS: 2}


def test_a_list_of_buckets_tells_their_locations_and_nothing_else(moto: Moto) -> None:
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="here")
    s3.create_bucket(Bucket="there", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    answer, locations = buckets_of(s3._make_api_call)
    assert plain(answer) == plain(s3.list_buckets())
    assert locations == {
        name: s3.get_bucket_location(Bucket=name)["LocationConstraint"] for name in ("here", "there")}


def test_without_regions_in_the_list_there_are_no_locations() -> None:
    answer, locations = buckets_of(lambda operation, parameters: {"Buckets": [{"Name": "b"}]})
    assert (answer, locations) == ({"Buckets": [{"Name": "b"}]}, {})
