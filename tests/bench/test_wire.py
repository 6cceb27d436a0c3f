"""What a request asks: service, operation and account's key."""
from __future__ import annotations

import pytest

from bench.harness.proxy import Limit, throttled
from bench.harness.wire import read_request


def signed(service: str, **more: str) -> dict[str, str]:
    return {"authorization": f"AWS4-HMAC-SHA256 Credential=AKIA1/20260101/eu-west-1/{service}/aws4_request, "
                             "SignedHeaders=host, Signature=0", **more}


FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(("service", "method", "path", "query", "headers", "body", "name", "protocol"), [
    ("dynamodb", "POST", "/", "", {"x-amz-target": "DynamoDB_20120810.ListTables"}, b"{}",
     "dynamodb ListTables", "json"),
    ("iam", "POST", "/", "", FORM, b"Action=ListUsers&Version=2010-05-08", "iam ListUsers", "query"),
    ("s3", "GET", "/", "", {}, b"", "s3 GET /", "rest"),
    ("s3", "GET", "/logs", "acl", {}, b"", "s3 GET /…?acl", "rest"),
    ("s3", "PUT", "/logs/key", "", {}, b"Action=ListUsers", "s3 PUT /…/…", "rest"),
    ("s3", "GET", "/v20180820/configuration/publicAccessBlock", "", {}, b"",
     "s3 GET /…/configuration/publicAccessBlock", "rest"),
    ("apigateway", "GET", "/restapis/abcdefgh/stages", "", {}, b"", "apigateway GET /restapis/…/stages", "rest"),
    ("lambda", "GET", "/2015-03-31/functions/one/configuration", "", {}, b"",
     "lambda GET /…/functions/one/configuration", "rest"),
])
def test_a_request_is_named_by_service_and_operation(
    service: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes, name: str, protocol: str,
) -> None:
    asked = read_request(method, path, query, signed(service, **headers), body)
    assert asked
    assert (asked.name, asked.protocol, asked.key, asked.region) == (name, protocol, "AKIA1", "eu-west-1")


def test_a_request_without_a_signature_is_not_one_to_aws() -> None:
    assert read_request("POST", "/moto-api/reset", "", {}, b"") is None


def test_a_limit_lets_a_burst_through_and_then_its_rate() -> None:
    limit = Limit(10, now=0)
    assert [limit.take(0) for _ in range(11)] == [True] * 10 + [False]
    assert [limit.take(0.1), limit.take(0.1)] == [True, False]
    assert [limit.take(100) for _ in range(11)] == [True] * 10 + [False]


@pytest.mark.parametrize("service", ["ec2", "iam", "s3", "dynamodb", "lambda"])
def test_a_refusal_is_what_botocore_takes_for_throttling(service: str) -> None:
    """The codes are those that botocore itself retries as throttling."""
    from botocore.retries.standard import ThrottledRetryableChecker

    forms = {"dynamodb": ({"x-amz-target": "X.List"}, b"{}"), "ec2": (FORM, b"Action=Describe"),
             "iam": (FORM, b"Action=List")}
    headers, body = forms.get(service, ({}, b""))
    asked = read_request("POST", "/", "", signed(service, **headers), body)
    assert asked
    status, answer, content = throttled(asked)
    assert status >= 400
    known = ThrottledRetryableChecker()._THROTTLED_ERROR_CODES
    assert any(code.encode() in content or code == answer.get("x-amzn-errortype") for code in known)
