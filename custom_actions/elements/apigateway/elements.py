"""What a policy sees: two filters on `aws.rest-api`, and the action `encrypt-cache` on `aws.rest-stage`."""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from c7n.actions import EventAction
from c7n.exceptions import PolicyValidationError
from c7n.filters import Filter
from c7n.utils import get_partition, local_session, type_schema

from ...errors import CannotRead
from ...fixing import FixResult, Inverse, finish, fix_each, is_api
from ...parameters import placeholders
from .cache import StageName, encrypt
from .document import PolicyError, Statement, read
from .networks import Networks, OwnVpcs, existing
from .restriction import Limit, open_statements, values


class _Open(Filter):
    """APIs whose resource policy lets in callers beyond a limit; how the policies are read is common to all limits."""

    annotation_key = "c7n:Open"
    reports_no_allow = False
    """Whether a policy that lets nobody in matches too."""

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
                # What cannot be read limits nobody, as far as anyone knows.
                reason = f"the resource policy cannot be read: {error}"
            api[self.annotation_key] = [reason]
            opened.append(api)
        limit = self.limit([statement for _, statements in read_policies for statement in statements])
        for api, statements in read_policies:
            reasons = open_statements(statements, limit)
            if self.reports_no_allow and not any(statement.allows for statement in statements):
                reasons = ["the resource policy lets nobody in"]
            if reasons:
                api[self.annotation_key] = reasons
                opened.append(api)
        return opened

    def limit(self, statements: list[Statement]) -> Limit:
        """The limit, given all that the policies say."""
        raise NotImplementedError

    def _arn(self, api: Mapping[str, Any]) -> str:
        config = self.manager.config
        return f"arn:{get_partition(config.region)}:execute-api:{config.region}:{config.account_id}:{api['id']}"


class OpenBeyondVpcs(_Open):
    """REST APIs whose resource policy does not limit every caller to this account's own VPCs and VPC endpoints.

    Every Allow has to name VPCs (`aws:SourceVpc`) or endpoints (`aws:SourceVpce`), or a Deny for everybody else has to
    stand beside it, the form that AWS recommends; all of those named must exist in this account and region. An API
    without a policy, or whose policy lets nobody in, matches: a private API must have one that lets its VPC in. The
    reasons are kept on the API as `c7n:Open`. Combine it with a filter on the endpoint's type: on a public API the two
    keys are missing from every request.

    Written because c7n's `cross-account` takes fixed lists of VPCs and endpoints, cannot ask which exist, passes a
    list that mixes own and foreign ones, and knows no Deny.

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

    Every Allow has to name networks (`IpAddress aws:SourceIp`), or a Deny for everybody else (`NotIpAddress`) has to
    stand beside it; each network must lie inside those of `networks`, addresses or CIDRs, IPv4 and IPv6, with host
    bits or without. An API without a policy matches, for everybody may call it; one whose policy lets nobody in does
    not. The reasons are kept on the API as `c7n:Open`.

    Written because c7n's `cross-account` takes any `aws:SourceIp` for a restriction, even 0.0.0.0/0.

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
            raise PolicyValidationError(f"{self.type}: networks is a list, or the name of one in braces: {networks!r}")
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


class EncryptCache(EventAction):
    """Encrypt what a stage caches, in every method setting that caches and does not encrypt.

    Other settings, and methods that do not cache, stay as they are; responses that are cached already may be fetched
    anew. Each stage ends as reverted, already-ok, partial or failed, in a receipt with the methods changed and the
    call that takes it back.

    Written because c7n's `update` patches fixed paths, and the overrides of a stage have paths of their own; and
    because it needs `restApiId`, which AWS Config's items of stages do not have.

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

    schema = type_schema("encrypt-cache")
    inverses = (
        Inverse("apigateway", "update_stage", "restApiId", is_api, {
            "stageName": lambda name, receipt: receipt["resource"].endswith(f"/stages/{name}"),
            "patchOperations": _decrypts}),
    )
    permissions = ("apigateway:GET", "apigateway:PATCH")

    @property
    def name(self) -> str:
        """c7n names the file of the receipts after it."""
        return str(self.type)

    def process(self, resources: list[dict[str, Any]], event: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Encrypt each stage's cache; returns the receipts. Raises FixIncomplete when one is left unencrypted."""
        client = local_session(self.manager.session_factory).client("apigateway")
        config = self.manager.config

        def fix(resource: dict[str, Any]) -> Iterator[FixResult]:
            stage = _name_of(resource, event)
            arn = (f"arn:{get_partition(config.region)}:apigateway:{config.region}::"
                   f"/restapis/{stage.api}/stages/{stage.name}")
            yield replace(encrypt(client, stage), resource=arn)

        return finish(self, fix_each(self, resources, fix))


def _name_of(stage: Mapping[str, Any], event: Mapping[str, Any] | None) -> StageName:
    """The stage's API and name: c7n's resources have them, AWS Config's items have them in their id only."""
    if "restApiId" in stage:
        return StageName(stage["restApiId"], stage["stageName"])
    notification = json.loads((event or {}).get("invokingEvent") or "{}")
    item = notification.get("configurationItem") or notification.get("configurationItemSummary") or {}
    try:
        return StageName.of(str(item.get("resourceId", "")))
    except ValueError as error:
        raise CannotRead(str(error)) from error
