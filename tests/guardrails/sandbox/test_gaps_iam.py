"""What moto lacks of IAM, as AWS documents it."""
from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from guardrails.sandbox.backdate import backdate
from tests.moto_server import ACCOUNT, REGION, Moto

DOCUMENT = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})


@pytest.fixture
def iam(moto: Moto) -> Any:
    return moto.client("iam")


@pytest.fixture
def boundary(iam: Any) -> str:
    return str(iam.create_policy(PolicyName="boundary", PolicyDocument=DOCUMENT)["Policy"]["Arn"])


def boundary_of(iam: Any, user: str) -> Any:
    return iam.get_user(UserName=user)["User"].get("PermissionsBoundary")


def test_a_user_gets_a_boundary_and_loses_it(iam: Any, boundary: str) -> None:
    iam.create_user(UserName="u")
    assert boundary_of(iam, "u") is None
    iam.put_user_permissions_boundary(UserName="u", PermissionsBoundary=boundary)
    assert boundary_of(iam, "u") == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary}
    [listed] = iam.list_users()["Users"]
    assert "PermissionsBoundary" not in listed
    [detail] = iam.get_account_authorization_details(Filter=["User"])["UserDetailList"]
    assert detail["PermissionsBoundary"] == boundary_of(iam, "u")
    iam.delete_user_permissions_boundary(UserName="u")
    assert boundary_of(iam, "u") is None


def test_a_user_can_be_made_with_a_boundary(iam: Any, boundary: str) -> None:
    made = iam.create_user(UserName="u", PermissionsBoundary=boundary)["User"]
    assert made["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    assert boundary_of(iam, "u") == made["PermissionsBoundary"]


def test_what_is_not_there_is_refused(iam: Any, boundary: str) -> None:
    missing = "arn:aws:iam::123456789012:policy/none"
    iam.create_user(UserName="u")
    for call, parameters in (
        (iam.put_user_permissions_boundary, {"UserName": "u", "PermissionsBoundary": missing}),
        (iam.put_user_permissions_boundary, {"UserName": "nobody", "PermissionsBoundary": boundary}),
        (iam.create_user, {"UserName": "v", "PermissionsBoundary": missing}),
        (iam.delete_user_permissions_boundary, {"UserName": "nobody"}),
        (iam.get_user, {"UserName": "v"}),
    ):
        with pytest.raises(ClientError) as refused:
            call(**parameters)
        assert refused.value.response["Error"]["Code"].startswith("NoSuchEntity")


def test_ids_tell_their_kind(iam: Any, boundary: str) -> None:
    found = {
        "AIDA": iam.create_user(UserName="u")["User"]["UserId"],
        "AGPA": iam.create_group(GroupName="g")["Group"]["GroupId"],
        "ANPA": iam.get_policy(PolicyArn=boundary)["Policy"]["PolicyId"],
    }
    for prefix, id_ in found.items():
        assert re.fullmatch(f"{prefix}[A-Z2-7]{{17}}", id_)


def test_a_key_that_was_used_says_so(moto: Moto, iam: Any) -> None:
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    unused = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
    assert "LastUsedDate" not in unused
    boto3.client(
        "sts", region_name="us-east-1", endpoint_url=moto.endpoint,
        aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
    ).get_caller_identity()
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("sts", "us-east-1")


def test_a_credential_report_is_of_the_time_at_which_it_was_asked_for(moto: Moto, iam: Any) -> None:
    with pytest.raises(ClientError, match="ReportNotPresent"):
        iam.get_credential_report()
    start = datetime.now(UTC).replace(microsecond=0)
    assert iam.generate_credential_report()["State"] == "STARTED"
    first = iam.get_credential_report()["GeneratedTime"]
    assert start <= first <= datetime.now(UTC)
    iam.create_user(UserName="later")
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    report = iam.get_credential_report()
    assert report["GeneratedTime"] == first and b"later" in report["Content"]
    backdate("iam.credential_report", 0.2, account=ACCOUNT, region=REGION)
    assert first - iam.get_credential_report()["GeneratedTime"] > timedelta(hours=4)
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.get_credential_report()["GeneratedTime"] >= first


def test_the_credential_report_has_the_root_user(iam: Any) -> None:
    def root() -> dict[str, str]:
        content = iam.get_credential_report()["Content"].decode()
        [row] = [row for row in csv.DictReader(io.StringIO(content)) if row["user"] == "<root_account>"]
        return row

    iam.create_user(UserName="someone")
    iam.generate_credential_report()
    unused = root()
    assert unused["arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert unused["password_enabled"] == "not_supported" and unused["password_last_used"] == "no_information"
    assert unused["access_key_1_active"] == unused["access_key_2_active"] == "false"
    assert unused["access_key_1_last_used_date"] == unused["cert_2_last_rotated"] == "N/A"
    backdate("iam.root_password_last_used", 3, account=ACCOUNT, region=REGION)
    backdate("iam.root_key_2_last_used", 2, account=ACCOUNT, region=REGION)
    used = root()
    day = (datetime.now(UTC) - timedelta(days=3)).strftime("%Y-%m-%d")
    assert used["password_last_used"].startswith(day)
    assert used["access_key_2_active"] == "true" and used["access_key_2_last_used_date"] > used["password_last_used"]
    assert used["access_key_1_active"] == "false" and used["cert_1_active"] == "false"


def test_policies_in_bulk_have_names_and_ids_and_documents_are_encoded_everywhere(iam: Any) -> None:
    document = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a%20b/*"}]}
    made = iam.create_policy(PolicyName="own", PolicyDocument=json.dumps(document))["Policy"]
    [shown] = iam.get_account_authorization_details(Filter=["LocalManagedPolicy"])["Policies"]
    assert {key: shown[key] for key in ("PolicyName", "PolicyId", "Arn")} == {
        key: made[key] for key in ("PolicyName", "PolicyId", "Arn")}
    version = iam.get_policy_version(PolicyArn=made["Arn"], VersionId="v1")["PolicyVersion"]
    assert version["Document"] == document == shown["PolicyVersionList"][0]["Document"]


def test_a_policy_counts_as_a_boundary(iam: Any, boundary: str) -> None:
    def count() -> int:
        [policy] = iam.list_policies(Scope="Local")["Policies"]
        return int(policy["PermissionsBoundaryUsageCount"])

    assert count() == 0
    iam.create_user(UserName="u", PermissionsBoundary=boundary)
    iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}", PermissionsBoundary=boundary)
    assert count() == 2
