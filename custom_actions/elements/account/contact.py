"""The filter `missing-contact` and the action `set-missing-contact` on the account: an alternate contact.

Source: AWS Account Management's GetAlternateContact, PutAlternateContact and DeleteAlternateContact.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import absent
from ...errors import Refusal
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, fix_by_plan, is_account

KINDS = ("SECURITY", "OPERATIONS", "BILLING")
FIELDS = {"name": "Name", "title": "Title", "email": "EmailAddress", "phone": "PhoneNumber"}
"""The parameters of PutAlternateContact, by their names in policies. All of them are required."""


def contact_of(client: Any, kind: str) -> Mapping[str, Any] | None:
    """The alternate contact of a kind; None if there is none. Raises one of AWS_ERRORS."""
    answer = absent(client.get_alternate_contact, "ResourceNotFoundException", AlternateContactType=kind)
    return answer["AlternateContact"] if answer else None


class MissingContact(Filter):
    """The account, when it has no alternate contact of a kind.

    `contact` is `SECURITY`, `OPERATIONS` or `BILLING`.

    Written because c7n has no filter for the contacts of an account.

    :example:

    .. code-block:: yaml

        policies:
          - name: account-security-contact
            resource: aws.account
            filters:
              - type: missing-contact
                contact: SECURITY
    """

    schema = type_schema("missing-contact", required=["contact"], contact={"enum": list(KINDS)})
    permissions = ("account:GetAlternateContact",)

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        client = local_session(self.manager.session_factory).client("account")
        return [] if contact_of(client, self.data["contact"]) else resources


class SetMissingContact(Fix):
    """Give the account an alternate contact of a kind where it has none, and verify the result.

    `contact` is that of the filter `missing-contact`. `name`, `title`, `email` and `phone` are all required by AWS; the
    fix is refused while one of them is empty. A contact that exists is not changed.

    Written because c7n has no action for the contacts of an account.

    :example:

    .. code-block:: yaml

        policies:
          - name: account-security-contact-set
            resource: aws.account
            filters:
              - type: missing-contact
                contact: SECURITY
            actions:
              - type: set-missing-contact
                contact: SECURITY
                name: Security team
                title: Security
                email: security@example.com
                phone: "+1 555 0100"
    """

    schema = type_schema(
        "set-missing-contact", required=["contact", *FIELDS], otherwise=OTHERWISE, contact={"enum": list(KINDS)},
        **{name: {"type": "string"} for name in FIELDS})
    inverses = (
        Inverse("account", "delete_alternate_contact", matches=is_account, values={
            "AlternateContactType": lambda value, receipt: value in KINDS}, already=("ResourceNotFoundException",)),
    )
    permissions: tuple[str, ...] = ("account:GetAlternateContact", "account:PutAlternateContact")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Set the contact."""
        client, kind = session.client("account"), self.data["contact"]
        wanted = {field: str(self.data[name]).strip() for name, field in FIELDS.items()}

        def plan() -> FixPlan:
            if empty := [name for name, field in FIELDS.items() if not wanted[field]]:
                raise Refusal(f"the parameters have no {', '.join(empty)} of the contact")
            if contact_of(client, kind):
                return FixPlan()
            contact = {"AlternateContactType": kind}
            return FixPlan([Step(
                f"set the {kind.lower()} contact", Call("account", "put_alternate_contact", {**contact, **wanted}),
                Call("account", "delete_alternate_contact", contact), added={**contact, **wanted}, overwrites=True)])

        yield fix_by_plan(lambda service: client, plan)
