"""What a policy uses: filters on `aws.s3` that c7n lacks, or whose c7n version treats a denied call as compliant."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.resources.s3 import get_region
from c7n.utils import get_partition, local_session, type_schema

from ...aws import absent, call
from ...parameters import placeholders
from . import encryption, public, transport
from .document import statements
from .read import block_of, known_policy, policy_of

Bucket = dict[str, Any]
_PARALLEL = 5
_LIST_OR_PLACEHOLDER = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


class BucketFilter(Filter):
    """A filter that calls S3 for each bucket, several at once, each in its own region.

    Errors of S3 are raised: a bucket that could not be checked is not compliant.
    """

    annotation_key: str

    def process(self, resources: list[Bucket], event: Any = None) -> list[Bucket]:
        """The buckets for which `find` returns something; the result is stored on them."""
        session = local_session(self.manager.session_factory)
        # Created here, because sessions are not thread-safe.
        clients = {region: session.client("s3", region_name=region) for region in set(map(get_region, resources))}
        find = self.finder(session)
        with self.executor_factory(max_workers=_PARALLEL) as workers:
            found = list(workers.map(lambda bucket: find(clients[get_region(bucket)], bucket), resources))
        matched = []
        for bucket, problems in zip(resources, found, strict=True):
            if problems:
                bucket[self.annotation_key] = problems
                matched.append(bucket)
        return matched

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        """The function that checks one bucket, with a client of its region, and returns what is wrong in words."""
        raise NotImplementedError


class PublicAccess(BucketFilter):
    """Buckets with public read or write access, and where the access comes from.

    Public access comes through the bucket's ACL or its policy, for everyone or for every AWS account. A public access
    block, of the bucket or of the account, closes the first with IgnorePublicAcls and the second with
    RestrictPublicBuckets. BlockPublicAcls and BlockPublicPolicy only reject new ACLs and policies. S3 itself decides
    whether a policy is public. The filter also finds access that S3 does not call public and that no block closes:
    statements for everyone whose `aws:SourceIp` blocks together cover more than 1/256 of the internet. The result is
    stored on the bucket as `c7n:PublicAccess`.

    * `access`: `read`, `write`, or `any` of the two (the default). Permission to change the ACL counts as both.
    * `through`: `acl` or `policy`; by default both.

    ACLs of single objects and access points are not checked. A private bucket without a policy needs no call beyond
    c7n's own, and the account's block is read once.

    Why not c7n's `global-grants`, `cross-account` and `check-public-block`: they use neither S3's own decision nor the
    account's block, and treat a block that they may not read as missing.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-public-policy
            resource: aws.s3
            filters:
              - type: public-access
                through: policy
                access: read
            actions:
              - type: set-public-block
                RestrictPublicBuckets: true
    """

    schema = type_schema(
        "public-access",
        access={"type": "string"},
        through={"enum": [public.ACL, public.POLICY]},
    )
    permissions = (
        "s3:GetBucketAcl", "s3:GetBucketPolicy", "s3:GetBucketPolicyStatus", "s3:GetBucketPublicAccessBlock",
        "s3:GetAccountPublicAccessBlock",
    )
    annotation_key = "c7n:PublicAccess"

    def validate(self) -> PublicAccess:
        access = self.data.get("access", "any")
        if access not in (public.READ, public.WRITE, "any") and not placeholders(access):
            raise PolicyValidationError(f"{self.type}: access must be read, write or any, got {access!r}")
        return self

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        wanted = {public.READ, public.WRITE}
        if self.data.get("access", "any") != "any":
            wanted = {self.data["access"]}
        account: list[public.Block] = []
        reading_account = Lock()

        def account_block() -> public.Block:
            with reading_account:
                if not account:
                    account.append(self._account_block(session))
            return account[0]

        def find(client: Any, bucket: Bucket) -> list[str]:
            openings = [opening for opening in self._openings(client, bucket) if opening.access & wanted]
            if openings:
                block = public.Block.of(block_of(client.get_public_access_block, Bucket=bucket["Name"]))
                openings = [opening for opening in openings if not block.closes(opening)]
            if openings:
                openings = [opening for opening in openings if not account_block().closes(opening)]
            return [opening.description for opening in openings]

        return find

    def _openings(self, client: Any, bucket: Bucket) -> list[public.Opening]:
        through = self.data.get("through")
        found: list[public.Opening] = []
        if through != public.POLICY:
            acl = bucket.get("Acl") or call(client.get_bucket_acl, Bucket=bucket["Name"])
            found += public.acl_openings(acl["Grants"])
        # None means that there is no policy. A missing key means that it was not read, or that the call was denied.
        if through != public.ACL and bucket.get("Policy", "unknown"):
            status = absent(
                client.get_bucket_policy_status, "NoSuchBucketPolicy", Bucket=bucket["Name"])
            if status:
                document = bucket.get("Policy") or policy_of(client, bucket["Name"])
                found += [public.policy_opening(document)] if status["PolicyStatus"]["IsPublic"] else (
                    public.address_openings(document))
        return found

    def _account_block(self, session: Any) -> public.Block:
        control = session.client("s3control")
        return public.Block.of(
            block_of(control.get_public_access_block, AccountId=self.manager.config.account_id))


class CheckSecureTransport(BucketFilter):
    """Buckets whose policy does not deny every request without TLS.

    A policy complies if it denies everyone every S3 action, on the bucket and on its objects, under the single
    condition that aws:SecureTransport is false. What stays open is stored on the bucket as `c7n:OpenWithoutTLS`.

    If a bucket matches, its policy is read again and evaluated again. `set-statements` writes the whole policy, and an
    AWS Config item may contain an outdated one.

    Why not c7n's `has-statement`: it compares the spelling. So it misses a denial in two statements, with `Action: "*"`
    or with a wider resource, and accepts one that does not cover the objects.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-tls-only
            resource: aws.s3
            filters:
              - check-secure-transport
            actions:
              - type: set-statements
                statements:
                  - Sid: DenyInsecureTransport
                    Effect: Deny
                    Principal: "*"
                    Action: "s3:*"
                    Resource:
                      - "arn:{partition}:s3:::{bucket_name}"
                      - "arn:{partition}:s3:::{bucket_name}/*"
                    Condition: {Bool: {"aws:SecureTransport": "false"}}
    """

    schema = type_schema("check-secure-transport")
    permissions = ("s3:GetBucketPolicy",)
    annotation_key = "c7n:OpenWithoutTLS"

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        partition = get_partition(self.manager.config.region)

        def find(client: Any, bucket: Bucket) -> list[str]:
            arn = f"arn:{partition}:s3:::{bucket['Name']}"
            if "Policy" in bucket and not transport.open_without_tls(bucket["Policy"], arn):
                return []
            now = policy_of(client, bucket["Name"])
            # set-statements expects a list of statements.
            bucket["Policy"] = json.dumps({**json.loads(now), "Statement": statements(now)}) if now else None
            return transport.open_without_tls(now, arn)

        return find


class HasPolicy(BucketFilter):
    """Buckets with a policy. The names of its statements are stored as `c7n:BucketPolicy`.

    Why not `Policy: not-null`: it treats a policy that c7n may not read as missing.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-policy-prohibited
            resource: aws.s3
            filters:
              - has-policy
    """

    schema = type_schema("has-policy")
    permissions = ("s3:GetBucketPolicy",)
    annotation_key = "c7n:BucketPolicy"

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        def find(client: Any, bucket: Bucket) -> list[str]:
            return [
                str(statement.get("Sid") or f"statement number {number}")
                for number, statement in enumerate(statements(known_policy(client, bucket)), start=1)
            ]

        return find


class DefaultEncryption(BucketFilter):
    """Buckets without the required default encryption. The reason is stored as `c7n:DefaultEncryption`.

    * `algorithms`: the allowed ones of AES256, aws:kms and aws:kms:dsse; by default all.
    * `keys`: ARNs of the allowed KMS keys; all by default, or if the list is empty. A key that the bucket names by an
      id or an alias is looked up.

    Why not c7n's `bucket-encryption`: it treats aws:kms:dsse as no encryption, so a fix would replace it with a weaker
    one. It also compares one key only, and treats a bucket whose settings it may not read as encrypted.

    :example:

    .. code-block:: yaml

        policies:
          - name: s3-bucket-encryption-kms
            resource: aws.s3
            filters:
              - type: default-encryption
                algorithms: ["aws:kms", "aws:kms:dsse"]
                keys: ["arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"]
    """

    schema = type_schema(
        "default-encryption",
        algorithms={"type": "array", "items": {"enum": ["AES256", *encryption.KMS]}, "minItems": 1},
        keys=_LIST_OR_PLACEHOLDER,
    )
    permissions = ("s3:GetEncryptionConfiguration", "kms:DescribeKey")
    annotation_key = "c7n:DefaultEncryption"

    def validate(self) -> DefaultEncryption:
        keys = self.data.get("keys", [])
        if isinstance(keys, str):
            keys = [keys]
        if strange := [key for key in keys if ":key/" not in key and not placeholders(key)]:
            raise PolicyValidationError(f"{self.type}: keys must be key ARNs, got {', '.join(strange)}")
        return self

    def finder(self, session: Any) -> Callable[[Any, Bucket], list[str]]:
        algorithms, keys = self.data.get("algorithms") or (), self.data.get("keys") or ()
        # One client for each region, created when a key must be looked up. A key is in the region of its bucket.
        managers: dict[str, Any] = {}
        arns: dict[tuple[str, str], str] = {}

        def arn_of(region: str, key: str) -> str:
            if (region, key) not in arns:
                if region not in managers:
                    managers[region] = local_session(self.manager.session_factory).client("kms", region_name=region)
                answer = absent(managers[region].describe_key, "NotFoundException", KeyId=key)
                arns[region, key] = answer["KeyMetadata"]["Arn"] if answer else ""
            return arns[region, key]

        def find(client: Any, bucket: Bucket) -> list[str]:
            answer = absent(
                client.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError", Bucket=bucket["Name"])
            configuration: Mapping[str, Any] = (answer or {}).get("ServerSideEncryptionConfiguration", {})
            problem = encryption.shortfall(
                configuration, algorithms, keys, lambda key: arn_of(get_region(bucket), key))
            return [problem] if problem else []

        return find
