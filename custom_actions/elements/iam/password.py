"""The action `strengthen-password-policy` on the account.

Source: IAM's GetAccountPasswordPolicy, UpdateAccountPasswordPolicy, DeleteAccountPasswordPolicy.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError
from c7n.exceptions import PolicyValidationError
from c7n.resources.aws import shape_validate
from c7n.utils import type_schema

from ...aws import call, code_of
from ...fixing import OTHERWISE, Call, FixResult, Inverse, Step, is_account
from ...parameters import placeholders
from .fix import IamFix
from .principals import GONE

Settings = Mapping[str, Any]

STRICTER: Mapping[str, Callable[[Any, Any], Any]] = {
    **dict.fromkeys(
        ("RequireUppercaseCharacters", "RequireLowercaseCharacters", "RequireNumbers", "RequireSymbols",
         "AllowUsersToChangePassword"),
        lambda now, wanted: now or wanted),
    "MinimumPasswordLength": max,
    "PasswordReusePrevention": max,
    # With 0, passwords never expire.
    "MaxPasswordAge": lambda now, wanted: min(now, wanted) if now and wanted else now or wanted,
}
"""Returns the stricter one of two values of a setting. It is stricter to let users change their own password."""
_KEPT = "HardExpiry"


def strengthened(now: Settings, wanted: Settings) -> dict[str, Any]:
    """The settings with each value in `wanted` that is stricter than the current one; the others stay."""
    return {**now, **{key: STRICTER[key](now.get(key) or 0, value) for key, value in wanted.items()}}


def plan(now: Settings | None, wanted: Settings) -> list[Step]:
    """The step that makes the settings as strict as wanted, if they are not. `now`: None without a password policy."""
    target = _given(strengthened(now or {}, wanted))
    if now is not None and target == _given(now):
        return []
    undo = Call("iam", "delete_account_password_policy", {})
    if now is not None:
        undo = Call("iam", "update_account_password_policy", _given(now))
    changed = {key: value for key, value in target.items() if (now or {}).get(key) != value}
    return [Step(
        f"set {', '.join(f'{key}: {value}' for key, value in changed.items()) or 'a password policy'}",
        Call("iam", "update_account_password_policy", target), undo,
        removed={key: (now or {}).get(key) for key in changed} if now is not None else {}, added=changed,
        overwrites=True)]


def _given(settings: Settings) -> dict[str, Any]:
    """The settings as UpdateAccountPasswordPolicy accepts them: a number that is not set is left out."""
    return {
        key: value for key, value in settings.items()
        if key in (*STRICTER, _KEPT) and (isinstance(value, bool) or value)
    }


class StrengthenPasswordPolicy(IamFix):
    """Make the account's password policy at least as strict as `policy`, never weaker, and verify the result.

    The stricter value of each setting in `policy` applies: the greater length, the longer reuse prevention, the shorter
    age, and each requirement. Other settings are not changed.

    The receipt, in `action-strengthen-password-policy` beside the policy's other output, has the settings before and
    after, and the call that restores the earlier ones.

    Written because c7n's `set-password-policy` sets fixed values, which can weaken a stricter setting.

    :example:

    .. code-block:: yaml

        policies:
          - name: iam-password-policy
            resource: aws.account
            filters:
              - not:
                  - {type: password-policy, key: MinimumPasswordLength, op: gte, value: 14}
            actions:
              - type: strengthen-password-policy
                policy:
                  MinimumPasswordLength: 14
    """

    schema = type_schema(
        "strengthen-password-policy", required=["policy"], otherwise=OTHERWISE,
        policy={
            "type": "object", "minProperties": 1, "additionalProperties": False,
            "properties": {key: {"type": ["boolean", "integer", "string"]} for key in STRICTER},
        })
    inverses = (
        Inverse("iam", "delete_account_password_policy", matches=is_account, already=("NoSuchEntity",)),
        Inverse("iam", "update_account_password_policy", matches=is_account, optional=(*STRICTER, _KEPT)),
    )
    permissions: tuple[str, ...] = ("iam:GetAccountPasswordPolicy", "iam:UpdateAccountPasswordPolicy")

    def validate(self) -> StrengthenPasswordPolicy:
        super().validate()
        known = {key: value for key, value in self.data["policy"].items() if not placeholders(value)}
        try:
            shape_validate(known, "UpdateAccountPasswordPolicyRequest", "iam")
        except PolicyValidationError as error:
            raise PolicyValidationError(f"{self.type}: {error}") from None
        return self

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Strengthen the account's password policy."""
        client = session.client("iam")
        yield self.carry_out(client, lambda: plan(_settings(client), self.data["policy"]))


def _settings(client: Any) -> Settings | None:
    """The current settings; None without a password policy. Raises one of AWS_ERRORS."""
    try:
        return dict(call(client.get_account_password_policy)["PasswordPolicy"])
    except ClientError as error:
        if code_of(error) != GONE:
            raise
        return None
