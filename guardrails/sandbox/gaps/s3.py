"""S3: what makes a bucket policy public, all grants of an ACL, MFA delete, EventBridge, and the regions of buckets."""
from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from typing import Any

from moto.core.responses import ActionResult
from moto.s3 import responses
from moto.s3.models import FakeAcl, FakeGrant
from moto.s3.responses import S3Response

from ..moto_fixes import replaces

_FIXED = frozenset({
    "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount", "aws:userid",
    "aws:principalorgid", "aws:principalarn", "aws:principalaccount", "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "s3:dataaccesspointarn", "s3:dataaccesspointaccount",
})
_EQUALS = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})
_WIDEST = {4: 8, 6: 32}
"""The shortest prefix of a source address that S3 accepts as a restriction."""


def apply() -> None:
    """Apply the changes, once in the server's process."""
    _fix_policy_status()
    _show_every_grant()
    _keep_mfa_delete()
    _list_regions()
    _show_eventbridge()


def _fix_policy_status() -> None:
    """A condition keeps a statement for everyone from being public when it holds S3 to fixed values.

    moto takes any condition for such a one: a policy for everyone who uses TLS was not public to it.
    Source: S3's user guide, "The meaning of public".
    """

    @replaces(responses, "bucket_policy_is_public")
    def bucket_policy_is_public(policy: bytes | str) -> bool:
        found = json.loads(policy).get("Statement") or []
        return any(
            statement.get("Effect") == "Allow" and _for_everyone(statement)
            and not any(
                _restricts(operator.lower(), key.lower(), values if isinstance(values, list) else [values])
                for operator, keys in (statement.get("Condition") or {}).items() for key, values in keys.items()
            )
            for statement in ([found] if isinstance(found, Mapping) else found)
        )


def _for_everyone(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal", "*")  # with NotPrincipal it is all but some
    named = principal.get("AWS", []) if isinstance(principal, Mapping) else principal
    return "*" in (named if isinstance(named, list) else [named])


def _restricts(operator: str, key: str, values: list[str]) -> bool:
    if key == "aws:sourceip":
        return operator == "ipaddress" and all(_narrow(value) for value in values)
    return key in _FIXED and operator in _EQUALS and not any("*" in value or "${" in value for value in values)


def _narrow(value: str) -> bool:
    network = ipaddress.ip_network(value, strict=False)
    return (network.is_private and network.prefixlen > 0) or network.prefixlen >= _WIDEST[network.version]


def _show_every_grant() -> None:
    """Each permission of each grantee is a grant; moto shows the first of each, so `public-read-write` only read."""
    original = S3Response._acl_to_dict

    def acl_to_dict(acl: Any) -> dict[str, Any]:
        singly = [
            FakeGrant([grantee], [permission])
            for grant in acl.grants for grantee in grant.grantees for permission in grant.permissions
        ]
        shown: dict[str, Any] = original(FakeAcl(grants=singly))
        return shown

    replaces(S3Response, "_acl_to_dict")(staticmethod(acl_to_dict))


def _keep_mfa_delete() -> None:
    """MFA delete is kept and shown. The MFA code in the call is not checked, because there are no devices."""
    original_put = S3Response._bucket_response_put

    @replaces(S3Response, "_bucket_response_put")
    def put(call: Any, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        answer = original_put(call, request, bucket_name, querystring)
        if "versioning" in querystring:
            asked = re.search(r"<MfaDelete>(Enabled|Disabled)</MfaDelete>", call.body.decode())
            if asked:
                call.backend.get_bucket(bucket_name).mfa_delete = asked.group(1)
        return answer

    @replaces(S3Response, "get_bucket_versioning")
    def get_bucket_versioning(call: Any) -> Any:
        bucket = call.backend.get_bucket(call.bucket_name)
        call.data["Action"] = "GetBucketVersioning"
        shown = {"Status": bucket.versioning_status, "MFADelete": getattr(bucket, "mfa_delete", None)}
        return call.serialized(ActionResult(shown))


def _list_regions() -> None:
    """A list of buckets has their regions, and comes in pages, if the call has a parameter.

    Source: the S3 API's ListBuckets: BucketRegion, MaxBuckets, ContinuationToken.
    """

    @replaces(S3Response, "all_buckets")
    def all_buckets(call: Any) -> Any:
        call.data["Action"] = "ListAllMyBuckets"
        call._authenticate_and_authorize_s3_action()
        most, after = call._get_param("max-buckets"), call._get_param("continuation-token")
        prefix, region = call._get_param("prefix"), call._get_param("bucket-region")
        left = call.backend.list_buckets(prefix=prefix, bucket_region=region, max_buckets=None)
        if paged := any(value is not None for value in (most, after, prefix, region)):
            left = sorted((each for each in left if not after or each.name > after), key=lambda each: each.name)
        page = left[:int(most or 10_000)]
        shown = [{"Name": each.name, "CreationDate": each.creation_date_ISO8601,
                  **({"BucketRegion": each.region_name} if paged else {})} for each in page]
        call.data["Action"] = "ListBuckets"
        return call.serialized(ActionResult({
            "Owner": {"ID": "bcaf1ffd86f41161ca5fb16fd081034f", "DisplayName": "webfile"}, "Buckets": shown,
            **({"ContinuationToken": page[-1].name} if len(page) < len(left) else {}),
        }))


def _show_eventbridge() -> None:
    """A bucket that sends its events to EventBridge says so, with an empty element. moto keeps it and does not show it.

    Source: the S3 API's GetBucketNotificationConfiguration: EventBridgeConfiguration.
    """
    original = S3Response.get_bucket_notification
    end, element = "</NotificationConfiguration>", "<EventBridgeConfiguration></EventBridgeConfiguration>"

    @replaces(S3Response, "get_bucket_notification")
    def get_bucket_notification(call: Any) -> Any:
        status, headers, body = original(call)
        found = call.backend.get_bucket_notification_configuration(call.bucket_name)
        if found is None or found.event_bridge is None:
            return status, headers, body
        text = body.decode() if isinstance(body, bytes) else body
        # Without other receivers the element is empty.
        text = f"{text[:-2]}>{end}" if text.endswith("/>") else text
        return status, headers, text.replace(end, element + end)
