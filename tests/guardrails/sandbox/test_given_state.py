"""`set_state`: a value that no API call sets is what the API then answers; a wrong path or type is an error."""
from __future__ import annotations

import pytest

from guardrails.sandbox import Sandbox, SandboxError
from guardrails.sandbox.given_state import set_state
from tests.moto_server import ACCOUNT, REGION, Moto


def test_the_api_answers_with_the_value(moto: Moto) -> None:
    iam = moto.client("iam")
    assert iam.get_account_summary()["SummaryMap"]["AccountMFAEnabled"] == 0
    set_state("iam.account_summary._account_mfa_enabled", 1, account=ACCOUNT, region=REGION)
    assert iam.get_account_summary()["SummaryMap"]["AccountMFAEnabled"] == 1


def test_a_value_that_was_not_set_yet(moto: Moto) -> None:
    iam = moto.client("iam")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="d")["VirtualMFADevice"]["SerialNumber"]
    root = f"arn:aws:iam::{ACCOUNT}:root"
    set_state(f"iam.virtual_mfa_devices.{device}.user", {"Arn": root}, account=ACCOUNT, region=REGION)
    [shown] = iam.list_virtual_mfa_devices()["VirtualMFADevices"]
    assert shown["User"]["Arn"] == root


@pytest.mark.parametrize(("path", "value"), [
    ("iam.account_summary.no_such_value", 1),
    ("iam.account_summary._account_mfa_enabled", "1"),
])
def test_what_is_not_there_or_of_another_type_is_an_error(moto: Moto, path: str, value: object) -> None:
    with pytest.raises(LookupError, match="account_summary"):
        set_state(path, value, account=ACCOUNT, region=REGION)


def test_a_value_in_the_sandbox(sandbox: Sandbox, account: str) -> None:
    iam = sandbox.client("iam", account)
    assert iam.get_account_summary()["SummaryMap"]["AccountMFAEnabled"] == 0
    sandbox.set_state("iam.account_summary._account_mfa_enabled", 1, account=account)
    assert iam.get_account_summary()["SummaryMap"]["AccountMFAEnabled"] == 1
    with pytest.raises(SandboxError, match=r"nothing was set: .*account_summary"):
        sandbox.set_state("iam.account_summary.none", 1, account=account)
