"""Where nothing is said to be open without TLS, a model of IAM refuses every single request over plain HTTP.

The model is written apart from the code: it looks at one request at a time, and matches patterns by `fnmatch`.
"""
from __future__ import annotations

import itertools
import json
from fnmatch import fnmatchcase
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from custom_actions.elements.s3.transport import open_without_tls

ARN = "arn:aws:s3:::bucket"
ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:DeleteBucketPolicy")
RESOURCES = (ARN, f"{ARN}/a", f"{ARN}/logs/2026/a.txt", f"{ARN}/*")
PRINCIPALS = ("anonymous", "arn:aws:iam::123456789012:root")
REQUESTS = tuple(itertools.product(PRINCIPALS, ACTIONS, RESOURCES))


def one_or_more(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=3)


CONDITIONS = st.dictionaries(
    st.sampled_from(["Bool", "BoolIfExists", "StringEquals", "Null"]),
    st.dictionaries(
        st.sampled_from(["aws:SecureTransport", "aws:securetransport", "s3:TlsVersion"]),
        one_or_more("true", "false", False), min_size=1, max_size=2,
    ), max_size=2,
)
STATEMENTS = st.fixed_dictionaries({
    "Effect": st.sampled_from(["Deny", "Deny", "Allow"]),
    "Principal": st.sampled_from(["*", {"AWS": "*"}, {"AWS": ["*"]}, {"AWS": PRINCIPALS[1]}]),
    "Action": one_or_more("s3:*", "*", "S3:*", "s3:Get*", "s3:PutObject"),
    "Resource": one_or_more(ARN, f"{ARN}*", f"{ARN}/*", f"{ARN}/logs/*", f"{ARN}/?", "*", "arn:aws:s3:::other/*"),
    "Condition": CONDITIONS | st.just({"Bool": {"aws:SecureTransport": "false"}}),
})


def listed(value: Any) -> list[str]:
    return [str(each).lower() if isinstance(each, bool) else each for each in (
        value if isinstance(value, list) else [value])]


def holds(condition: dict[str, Any]) -> bool:
    """Whether a condition holds of plain HTTP: aws:SecureTransport is false, and there is no TLS version."""
    seen = {"aws:securetransport": "false"}
    for operator, keys in condition.items():
        for key, wanted in keys.items():
            value = seen.get(key.lower())
            if operator == "Null":
                if str(value is None).lower() not in listed(wanted):
                    return False
            elif value is None:
                if operator != "BoolIfExists":
                    return False
            elif value not in listed(wanted):
                return False
    return True


def refuses(statement: dict[str, Any], principal: str, action: str, resource: str) -> bool:
    who = statement["Principal"]
    named = listed(who["AWS"] if isinstance(who, dict) else who)
    return (
        statement["Effect"] == "Deny"
        and ("*" in named or principal in named)
        and any(fnmatchcase(action.lower(), pattern.lower()) for pattern in listed(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
        and holds(statement["Condition"])
    )


@given(st.lists(STATEMENTS, max_size=3))
@example([{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [ARN, f"{ARN}/*"],
           "Condition": {"Bool": {"aws:SecureTransport": "false"}}}])
def test_nothing_open_means_every_plain_request_is_refused(found: list[dict[str, Any]]) -> None:
    left = open_without_tls(json.dumps({"Statement": found}), ARN)
    for principal, action, resource in REQUESTS:
        part = "the bucket" if resource == ARN else "its objects"
        if part not in left:
            assert any(refuses(statement, principal, action, resource) for statement in found), (
                principal, action, resource)
