"""What a policy uses: two filters on `aws.rest-api`, and the action `encrypt-cache` on `aws.rest-stage`."""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import get_partition, local_session, type_schema

from ...errors import CannotRead
from ...fixing import OTHERWISE, Fix, FixResult, Inverse, Subject, fix_each, is_api
from ...parameters import placeholders
from .cache import StageName, encrypt
from .document import PolicyError, Statement, read
from .networks import Networks, OwnVpcs, existing
from .restriction import Limit, open_statements, values


class _Open(Filter):
    """APIs whose resource policy admits callers beyond a limit. The base class of the filters for each limit."""

    annotation_key = "c7n:Open"
    reports_no_allow = False
    """Whether a policy that admits no callers matches too."""

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        read_policies: list[tuple[dict[str, Any], list[Statement]]] = []
        opened = []
        for api in resources:
            try:
                if api.get("policy"):
                    read_policies.append((api, list(read(api["policy"], self._arn(api)))))
                    continue
                reason = "the API has no resource policy"
            except PolicyError as error:
                # A policy that cannot be read may not limit anyone.
                reason = f"the resource policy cannot be read: {error}"
            api[self.annotation_key] = [reason]
            opened.append(api)
        limit = self.limit([statement for _, statements in read_policies for statement in statements])
        for api, statements in read_policies:
            reasons = open_statements(statements, limit)
            if self.reports_no_allow and not any(statement.allows for statement in statements):
                reasons = ["the resource policy admits no callers"]
            if reasons:
                api[self.annotation_key] = reasons
                opened.append(api)
        return opened

    def limit(self, statements: list[Statement]) -> Limit:
        """The limit, given the statements of all policies."""
        raise NotImplementedError

    def _arn(self, api: Mapping[str, Any]) -> str:
        config = self.manager.config
        return f"arn:{get_partition(config.region)}:execute-api:{config.region}:{config.account_id}:{api['id']}"


class OpenBeyondVpcs(_Open):
    """REST APIs whose resource policy does not limit every caller to this account's own VPCs and VPC endpoints.

    Every Allow must name VPCs (`aws:SourceVpc`) or endpoints (`aws:SourceVpce`), or the policy must have a Deny for all
    other callers, which is the form that AWS recommends. All named VPCs and endpoints must exist in this account and
    region. An API without a policy, or whose policy admits no callers, matches too: a private API needs a policy that
    admits its VPC. The reasons are stored on the API as `c7n:Open`. Combine this filter with one on the endpoint type:
    requests to a public API do not have these two keys.

    Why not c7n's `cross-account`: it takes fixed lists of VPCs and endpoints, cannot check which ones exist, accepts a
    list that mixes own and foreign ones, and ignores Deny statements.

    :example:

    .. code-block:: yaml

        policies:
          - name: private-api-open-beyond-own-vpcs
            resource: aws.rest-api
            filters:
              - type: value
                key: endpointConfiguration.types
                op: contains
                value: PRIVATE
              - open-beyond-vpcs
    """

    schema = type_schema("open-beyond-vpcs")
    permissions = ("apigateway:GET", "ec2:DescribeVpcs", "ec2:DescribeVpcEndpoints")
    reports_no_allow = True

    def limit(self, statements: list[Statement]) -> Limit:
        nothing_exists = OwnVpcs(dict.fromkeys(OwnVpcs.keys, ()))
        named = values(statements, nothing_exists)
        ec2 = local_session(self.manager.session_factory).client("ec2")
        return OwnVpcs(existing(ec2, self.manager.config.account_id, named))


class OpenBeyondNetworks(_Open):
    """REST APIs whose resource policy does not limit every caller to addresses in a list of networks.

    Every Allow must name networks (`IpAddress aws:SourceIp`), or the policy must have a Deny for all other callers
    (`NotIpAddress`). Each named network must lie inside one of `networks`: addresses or CIDRs, IPv4 and IPv6, with or
    without host bits. An API without a policy matches, because everyone may call it. An API whose policy admits no
    callers does not match. The reasons are stored on the API as `c7n:Open`.

    Why not c7n's `cross-account`: it accepts any `aws:SourceIp` as a restriction, even 0.0.0.0/0.

    :example:

    .. code-block:: yaml

        policies:
          - name: public-api-open-beyond-the-office
            resource: aws.rest-api
            filters:
              - type: open-beyond-networks
                networks: [198.51.100.0/24, "2001:db8::/32"]
    """

    schema = type_schema(
        "open-beyond-networks", required=["networks"],
        networks={"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]},
    )
    permissions = ("apigateway:GET",)

    def validate(self) -> OpenBeyondNetworks:
        networks = self.data["networks"]
        if placeholders(networks):
            return self
        if isinstance(networks, str):
            raise PolicyValidationError(
                f"{self.type}: networks must be a list or a parameter in braces, got {networks!r}")
        self._networks()
        return self

    def limit(self, statements: list[Statement]) -> Limit:
        return self._networks()

    def _networks(self) -> Networks:
        try:
            return Networks.of(self.data["networks"])
        except ValueError as error:
            raise PolicyValidationError(f"{self.type}: networks: {error}") from None


def _decrypts(operations: Any, _: Any) -> bool:
    """A patch that only switches the encryption of methods' caches off."""
    return isinstance(operations, list) and bool(operations) and all(
        isinstance(each, Mapping) and each.keys() == {"op", "path", "value"} and each["op"] == "replace"
        and str(each["path"]).endswith("/caching/dataEncrypted") and each["value"] == "false" for each in operations)


class EncryptCache(Fix):
    """Encrypt a stage's cache, in every method setting that caches without encryption.

    Other settings, and methods that do not cache, stay as they are. API Gateway may fetch cached responses again. Each
    stage gets a receipt with the outcome (reverted, already-ok, partial or failed), the changed methods and the call
    that undoes the fix.

    Why not c7n's `update`: it patches fixed paths, but the overrides of a stage have paths of their own. It also needs
    `restApiId`, which AWS Config's items of stages do not have.

    :example:

    .. code-block:: yaml

        policies:
          - name: api-stage-cache-encrypt
            resource: aws.rest-stage
            filters:
              - type: value
                key: "methodSettings.* | [?cachingEnabled && !cacheDataEncrypted]"
                value: not-null
            actions:
              - encrypt-cache
    """

    schema = type_schema("encrypt-cache", otherwise=OTHERWISE)
    inverses = (
        Inverse("apigateway", "update_stage", "restApiId", is_api, {
            "stageName": lambda name, receipt: receipt["resource"].endswith(f"/stages/{name}"),
            "patchOperations": _decrypts}),
    )
    permissions = ("apigateway:GET", "apigateway:PATCH")

    def process(self, resources: list[dict[str, Any]], event: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Encrypt each stage's cache and return the receipts. Raises FixIncomplete if one stays unencrypted."""
        client = local_session(self.manager.session_factory).client("apigateway")
        config = self.manager.config

        def fix(resource: dict[str, Any]) -> Iterator[FixResult]:
            stage = _name_of(resource, event)
            yield Subject(stage.arn(config.region)).fix(lambda: encrypt(client, stage))

        return self.finish(fix_each(self, resources, fix), event)


def _name_of(stage: Mapping[str, Any], event: Mapping[str, Any] | None) -> StageName:
    """The stage's API and name. c7n's resources contain them; AWS Config's items have them only in their id."""
    if "restApiId" in stage:
        return StageName(stage["restApiId"], stage["stageName"])
    notification = json.loads((event or {}).get("invokingEvent") or "{}")
    item = notification.get("configurationItem") or notification.get("configurationItemSummary") or {}
    try:
        return StageName.of(str(item.get("resourceId", "")))
    except ValueError as error:
        raise CannotRead(str(error)) from error
