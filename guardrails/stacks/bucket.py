"""A private, encrypted bucket of a stack."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .parts import TAGS


def encrypted_bucket(lifecycle: Sequence[Any]) -> dict[str, Any]:
    """The resources Bucket and BucketPolicy.

    The bucket's name is CloudFormation's choice, so nobody can create it first. The template has the parameter
    KmsKeyArn, and the condition Encrypted: whether it is given. The bucket stays when the stack is deleted.

    Args:
        lifecycle: the rules of its lifecycle.
    """
    return {
        "Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain",
                   "Properties": {
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [{"Fn::If": ["Encrypted", {
                "BucketKeyEnabled": True,
                "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Ref": "KmsKeyArn"}},
            }, {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}]},
            "VersioningConfiguration": {"Status": "Enabled"},
            "PublicAccessBlockConfiguration": dict.fromkeys((
                "BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True),
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "LifecycleConfiguration": {"Rules": list(lifecycle)},
            "Tags": TAGS,
        }},
        "BucketPolicy": {"Type": "AWS::S3::BucketPolicy", "Properties": {
            "Bucket": {"Ref": "Bucket"},
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Sid": "TLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
                "Resource": [{"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::Sub": "${Bucket.Arn}/*"}],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }]},
        }},
    }
