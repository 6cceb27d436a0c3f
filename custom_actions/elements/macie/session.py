"""The filters `macie-off`, `macie-discovery-off` and `macie-member` on the account.

Source: Macie's GetMacieSession, GetAutomatedDiscoveryConfiguration and GetAdministratorAccount. All of them refuse with
"Macie is not enabled" where it is off.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from botocore.exceptions import ClientError
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import call, code_of

_OFF = "not enabled"


class _Switch(Filter):
    """The account, when what `operation` reads is not on; its state is kept as `annotation_key`."""

    annotation_key: ClassVar[str]
    operation: ClassVar[str]

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("macie2")
        state = unless_off(getattr(client, self.operation)).get("status", _OFF)
        return [] if state == "ENABLED" else [{**account, self.annotation_key: state} for account in resources]


class MacieOff(_Switch):
    """The account, when Amazon Macie is off or paused in this region.

    The state is kept on the account as `c7n:MacieOff`. A call that is refused for any other reason is an error.

    Written because c7n's `check-macie` takes every refusal for Macie being off, also that of an account that may not
    ask.

    :example:

    .. code-block:: yaml

        policies:
          - name: macie-enabled
            resource: aws.account
            filters:
              - macie-off
    """

    schema = type_schema("macie-off")
    permissions = ("macie2:GetMacieSession",)
    annotation_key = "c7n:MacieOff"
    operation = "get_macie_session"


class MacieDiscoveryOff(_Switch):
    """The account, when Amazon Macie does not look for sensitive data by itself in this region.

    The state is kept on the account as `c7n:MacieDiscoveryOff`. A call that is refused for any other reason than that
    Macie is off is an error. In an organization, the setting of its administrator account counts: see `macie-member`.

    Written because c7n has no filter for Macie's automated discovery.

    :example:

    .. code-block:: yaml

        policies:
          - name: macie-discovery
            resource: aws.account
            filters:
              - macie-discovery-off
    """

    schema = type_schema("macie-discovery-off")
    permissions = ("macie2:GetAutomatedDiscoveryConfiguration",)
    annotation_key = "c7n:MacieDiscoveryOff"
    operation = "get_automated_discovery_configuration"


class MacieMember(Filter):
    """The account, when another account administers its Amazon Macie in this region.

    Written because c7n's `check-macie` takes every refusal for there being no administrator.

    :example:

    .. code-block:: yaml

        policies:
          - name: macie-discovery
            resource: aws.account
            filters:
              - not:
                  - macie-member
              - macie-discovery-off
    """

    schema = type_schema("macie-member")
    permissions = ("macie2:GetAdministratorAccount",)

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("macie2")
        administrator = unless_off(client.get_administrator_account).get("administrator") or {}
        return resources if administrator.get("relationshipStatus") == "Enabled" else []


def unless_off(operation: Callable[[], Any]) -> Any:
    """The answer of an operation; nothing where Macie is off. Raises one of AWS_ERRORS."""
    try:
        return call(operation)
    except ClientError as error:
        if not says_off(error):
            raise
        return {}


def says_off(error: ClientError) -> bool:
    """Whether Macie refused because it is off, and not because the caller may not ask."""
    if code_of(error) == "ResourceNotFoundException":
        return True
    return code_of(error) == "AccessDeniedException" and "not enabled" in error.response["Error"].get("Message", "")
