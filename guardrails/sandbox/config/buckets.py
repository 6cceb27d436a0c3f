"""Buckets: a short configuration, and everything else in a supplementary configuration with its own spelling."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from .spelling import spelled, tags_of, timestamp

TYPE = "AWS::S3::Bucket"
Json = dict[str, Any]

_PERMISSIONS = {
    "FULL_CONTROL": "FullControl", "WRITE": "Write", "WRITE_ACP": "WriteAcp", "READ": "Read", "READ_ACP": "ReadAcp",
}


def listed(s3: Any, region: str) -> Iterator[Json]:
    """The buckets that lie in `region`."""
    for bucket in s3.list_buckets()["Buckets"]:
        if (s3.get_bucket_location(Bucket=bucket["Name"])["LocationConstraint"] or "us-east-1") == region:
            yield bucket


def described(s3: Any, bucket: Json) -> tuple[Json, Json]:
    """The item's configuration and supplementary configuration. The bucket gets its tags, too."""
    name = bucket["Name"]
    acl = s3.get_bucket_acl(Bucket=name)
    owner = {"displayName": acl["Owner"].get("DisplayName"), "id": acl["Owner"]["ID"]}
    supplementary: Json = {
        # Text in the item: AWS Config encodes this one twice.
        "AccessControlList": json.dumps({
            "grantSet": None, "grantList": [_grant(grant) for grant in acl["Grants"]], "owner": owner,
            "isRequesterCharged": False,
        }, separators=(",", ":")),
        "IsRequesterPaysEnabled": _ask(s3.get_bucket_request_payment, name).get("Payer") == "Requester",
    }
    for key, (call, spell) in _PARTS.items():
        part = spell(_ask(getattr(s3, call), name))
        if part is not None:
            supplementary[key] = part
    tagging = supplementary.get("BucketTaggingConfiguration")
    bucket["Tags"] = tagging["tagSets"][0]["tags"] if tagging else {}
    return {"name": name, "creationDate": timestamp(bucket["CreationDate"]), "owner": owner}, supplementary


def _ask(call: Callable[..., Json], name: str) -> Json:
    """What a bucket's sub-resource is; empty when it has none."""
    try:
        return call(Bucket=name)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code != "NoSuchBucket" and (code.startswith("NoSuch") or code.endswith("NotFoundError")):
            return {}
        raise


def _grant(grant: Json) -> Json:
    grantee = grant["Grantee"]
    who = grantee["URI"].rpartition("/")[2] if grantee["Type"] == "Group" else {
        "id": grantee.get("ID"), "displayName": grantee.get("DisplayName"),
    }
    return {"grantee": who, "permission": _PERMISSIONS[grant["Permission"]]}


def _policy(found: Json) -> Json:
    return {"policyText": found.get("Policy")}


def _logging(found: Json) -> Json:
    enabled = found.get("LoggingEnabled", {})
    return {"destinationBucketName": enabled.get("TargetBucket"), "logFilePrefix": enabled.get("TargetPrefix")}


def _versioning(found: Json) -> Json:
    delete = found.get("MFADelete")
    return {
        "status": found.get("Status", "Off"), "isMfaDeleteEnabled": None if delete is None else delete == "Enabled",
    }


def _acceleration(found: Json) -> Json:
    return {"status": found.get("Status")}


def _tagging(found: Json) -> Json | None:
    return {"tagSets": [{"tags": tags_of(found["TagSet"])}]} if found.get("TagSet") else None


def _encryption(found: Json) -> Json | None:
    if not found:
        return None
    return {"rules": [
        {
            "applyServerSideEncryptionByDefault": {
                "sseAlgorithm": rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
                "kmsMasterKeyID": rule["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID"),
            },
            "bucketKeyEnabled": rule.get("BucketKeyEnabled", False),
        }
        for rule in found["ServerSideEncryptionConfiguration"]["Rules"]
    ]}


def _public_access(found: Json) -> Json | None:
    return spelled(found["PublicAccessBlockConfiguration"], {}) if found else None


def _notification(found: Json) -> Json:
    types = {
        "TopicConfigurations": ("TopicConfiguration", "TopicArn", "topicARN"),
        "QueueConfigurations": ("QueueConfiguration", "QueueArn", "queueARN"),
        "LambdaFunctionConfigurations": ("LambdaConfiguration", "LambdaFunctionArn", "functionARN"),
    }
    return {"configurations": {
        entry["Id"]: {
            "type": kind, spelling: entry[arn], "events": entry["Events"], "filter": {"s3KeyFilter": {"filterRules": [
                {"name": rule["Name"], "value": rule["Value"]} for rule in entry["Filter"]["Key"]["FilterRules"]
            ]}} if entry.get("Filter") else None,
        }
        for key, (kind, arn, spelling) in types.items() for entry in found.get(key, ())
    }}


def _website(found: Json) -> Json | None:
    if not found:
        return None
    redirect = found.get("RedirectAllRequestsTo")
    conditions = ("keyPrefixEquals", "httpErrorCodeReturnedEquals")
    targets = ("protocol", "hostName", "replaceKeyPrefixWith", "replaceKeyWith", "httpRedirectCode")
    rules = [spelled(rule, {}) for rule in found.get("RoutingRules", ())]
    return {
        "indexDocumentSuffix": found.get("IndexDocument", {}).get("Suffix"),
        "errorDocument": found.get("ErrorDocument", {}).get("Key"),
        "redirectAllRequestsTo": {
            "hostName": redirect["HostName"], "protocol": redirect.get("Protocol"),
        } if redirect else None,
        "routingRules": [
            {
                "condition": {key: rule.get("condition", {}).get(key) for key in conditions},
                "redirect": {key: rule.get("redirect", {}).get(key) for key in targets},
            } for rule in rules
        ],
    }


def _replication(found: Json) -> Json | None:
    if not found:
        return None
    configuration = found["ReplicationConfiguration"]
    return {"roleARN": configuration.get("Role"), "rules": {
        rule["ID"]: {
            "status": rule.get("Status", ""), "prefix": rule.get("Prefix", ""), "destinationConfig": {
                "bucketARN": rule["Destination"]["Bucket"], "storageClass": rule["Destination"].get("StorageClass"),
            },
        } for rule in configuration["Rules"]
    }}


def _lifecycle(found: Json) -> Json | None:
    return {"rules": [_lifecycle_rule(rule) for rule in found["Rules"]]} if found else None


def _lifecycle_rule(rule: Json) -> Json:
    expiration = rule.get("Expiration", {})
    abort = rule.get("AbortIncompleteMultipartUpload")
    predicate = _predicate(rule.get("Filter") or {})
    return {
        "id": rule["ID"],
        "status": rule["Status"],
        "prefix": rule.get("Prefix"),
        "expirationInDays": expiration.get("Days", -1),
        "expirationDate": spelled(expiration.get("Date"), {}),
        "expiredObjectDeleteMarker": expiration.get("ExpiredObjectDeleteMarker", False),
        "noncurrentVersionExpirationInDays": rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
        "transitions": [spelled(transition, {}) for transition in rule.get("Transitions", ())] or None,
        "noncurrentVersionTransitions": [
            {"days": transition["NoncurrentDays"], "storageClass": transition["StorageClass"]}
            for transition in rule.get("NoncurrentVersionTransitions", ())
        ] or None,
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": abort["DaysAfterInitiation"]} if abort else None,
        "filter": {"predicate": predicate} if predicate else None,
    }


def _predicate(found: Json) -> Json | None:
    if "And" in found:
        prefix = [{"Prefix": found["And"]["Prefix"]}] if found["And"].get("Prefix") else []
        parts = [*prefix, *({"Tag": tag} for tag in found["And"].get("Tags", ()))]
        return {"type": "LifecycleAndOperator", "operands": [_predicate(part) for part in parts]}
    if "Tag" in found:
        return {"type": "LifecycleTagPredicate", "tag": spelled(found["Tag"], {})}
    if found.get("Prefix"):
        return {"type": "LifecyclePrefixPredicate", "prefix": found["Prefix"]}
    return None


_PARTS: dict[str, tuple[str, Callable[[Json], Json | None]]] = {
    "BucketPolicy": ("get_bucket_policy", _policy),
    "BucketLoggingConfiguration": ("get_bucket_logging", _logging),
    "BucketVersioningConfiguration": ("get_bucket_versioning", _versioning),
    "BucketAccelerateConfiguration": ("get_bucket_accelerate_configuration", _acceleration),
    "BucketTaggingConfiguration": ("get_bucket_tagging", _tagging),
    "BucketNotificationConfiguration": ("get_bucket_notification_configuration", _notification),
    "BucketLifecycleConfiguration": ("get_bucket_lifecycle_configuration", _lifecycle),
    "BucketReplicationConfiguration": ("get_bucket_replication", _replication),
    "BucketWebsiteConfiguration": ("get_bucket_website", _website),
    "PublicAccessBlockConfiguration": ("get_public_access_block", _public_access),
    "ServerSideEncryptionConfiguration": ("get_bucket_encryption", _encryption),
}
"""By the key of the supplementary configuration: what asks for it, and what spells it; None leaves the key out."""
