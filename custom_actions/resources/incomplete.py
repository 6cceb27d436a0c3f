"""Details that c7n leaves out of a resource without an error, because the call for them was denied or not answered.

A filter would take a missing detail for a setting that does not exist. So a resource without a detail that the policy
needs is unknown. A detail that no filter of the policy looks at does not matter.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

DENIED = "c7n:DeniedMethods"
"""Where c7n lists the S3 calls that were denied, by the name of boto3's method."""
# What c7n's actions on buckets take from the bucket and write back.
_WRITTEN_BACK: Mapping[str, str] = {
    "set-statements": "Policy", "remove-statements": "Policy", "remove-website-hosting": "Website",
    "delete-global-grants": "Acl", "set-replication": "Replication", "configure-lifecycle": "Lifecycle",
}

Missing = Callable[[Mapping[str, Any]], str]


def missing_details(manager: Any) -> Missing:
    """A function that says which detail a resource lacks that the policy of the manager needs; empty if none."""
    if getattr(manager, "source_type", "") == "describe":
        kind = getattr(manager, "type", "")
        if kind == "s3":
            return _of_bucket(manager)
        if kind == "kms-key":
            return _of_key
    return lambda resource: ""


def _of_key(key: Mapping[str, Any]) -> str:
    # The list has only the ids; c7n adds the ARN when DescribeKey is denied.
    return "DescribeKey: AccessDenied" if "KeyArn" in key and "KeyState" not in key else ""


def _of_bucket(manager: Any) -> Missing:
    from c7n.resources.s3 import S3_AUGMENT_TABLE, BucketAssembly

    needed = _needed(manager, [row[1] for row in S3_AUGMENT_TABLE])
    read = {*BucketAssembly(manager).detect_augment_fields(), "Location", "Tags"}
    methods = {key: method for method, key, *_ in S3_AUGMENT_TABLE if key in needed & read}

    def missing(bucket: Mapping[str, Any]) -> str:
        absent = [method for key, method in methods.items() if key not in bucket]
        denied = [method for method in absent if method in bucket.get(DENIED, ())]
        return ", ".join(
            f"{method}: {'AccessDenied' if method in denied else 'no answer'}" for method in absent)

    return missing


def _needed(manager: Any, keys: Iterable[str]) -> set[str]:
    """The details of a bucket that the filters look at, and that the actions write back."""
    words = {key: re.compile(rf"\b{key}\b") for key in keys}
    # The region of a bucket decides to which endpoint its other calls go.
    found = {"Location"}
    for each in manager.iter_filters():
        text = json.dumps(each.data, default=str)
        if DENIED in text:
            return set()  # the policy itself is about denied calls
        if type(each).__module__.startswith(__name__.partition(".")[0]) or each.type in ("and", "or", "not"):
            continue  # our filters read again what is missing
        if each.type == "value":
            found |= {key for key, word in words.items() if word.search(text) or (key == "Tags" and '"tag:' in text)}
        else:
            found |= words.keys()
    return found | {_WRITTEN_BACK[each.type] for each in manager.actions if each.type in _WRITTEN_BACK}
