"""The calls that undo a call are on disk before it is made, so the fix of a killed process can be undone."""
from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from custom_actions.fixing import receipt
from custom_actions.fixing.inverses import problem
from custom_actions.fixing.journal import JOURNAL, interrupted
from custom_actions.fixing.receipt import ROLLED_BACK, FixIncomplete, Outcome
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

POLICY = {
    "name": "p", "resource": "aws.security-group",
    "filters": [{"type": "value", "key": "GroupName", "op": "glob", "value": "g*"},
                {"type": "ingress-drift", "forbidden": ["tcp 22 from world"]}],
    "actions": ["revert-ingress"],
}


def opened(moto: Moto, number: int) -> list[str]:
    ec2, groups = moto.client("ec2"), []
    for index in range(number):
        groups.append(ec2.create_security_group(GroupName=f"g{index}", Description="g")["GroupId"])
        ec2.authorize_security_group_ingress(
            GroupId=groups[-1], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    return groups


def ingress(moto: Moto, group: str) -> list[Any]:
    return list(moto.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"])


def lines(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "p" / JOURNAL).read_text(encoding="utf-8").splitlines()]


def test_each_call_is_recorded_first_with_the_calls_that_undo_it(moto: Moto, tmp_path: Path) -> None:
    [group] = opened(moto, 1)
    engine.pull(POLICY, tmp_path)
    begins, ended = lines(tmp_path)
    assert begins["begins"] == "revoke tcp 22 from 0.0.0.0/0"
    assert (begins["resource"], begins["account"], begins["region"], begins["policy"]) == (group, ACCOUNT, REGION, "p")
    [inverse] = begins["inverse"]
    assert (inverse["operation"], inverse["parameters"]["GroupId"]) == ("authorize_security_group_ingress", group)
    assert ended["receipt"]["outcome"] == "reverted"
    assert stat.S_IMODE((tmp_path / "p" / JOURNAL).stat().st_mode) == 0o600
    # What ended is a receipt as it is, and nothing besides.
    assert interrupted((tmp_path / "p" / JOURNAL).read_bytes()) == [ended["receipt"]]


_KILLED = """
import os, signal, sys
from pathlib import Path
from botocore.client import BaseClient
real, made = BaseClient._make_api_call, []
def call(self, operation_name, api_params):
    answer = real(self, operation_name, api_params)
    if operation_name == "RevokeSecurityGroupIngress":
        made.append(operation_name)
        if len(made) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
    return answer
BaseClient._make_api_call = call
from tests import engine
from tests.custom_actions.fixing.test_journal import POLICY
engine.pull(POLICY, Path(sys.argv[1]))
"""


def test_after_kill_9_in_the_middle_every_group_can_be_restored(moto: Moto, tmp_path: Path) -> None:
    groups = opened(moto, 6)
    done = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], capture_output=True, text=True, check=False,
                          env={**os.environ, **moto.environment()}, cwd=Path(__file__).parents[3])
    assert done.returncode == -signal.SIGKILL, done.stderr
    changed = {group for group in groups if not ingress(moto, group)}
    assert len(changed) == 3
    receipts = interrupted((tmp_path / "p" / JOURNAL).read_bytes())
    assert {each["resource"]: each["outcome"] for each in receipts}.keys() == changed
    assert sorted(each["outcome"] for each in receipts) == ["interrupted", "reverted", "reverted"]
    for each in receipts:
        for undo in each["inverse"]:
            getattr(moto.client(undo["service"]), undo["operation"])(**undo["parameters"])
    assert all(ingress(moto, group) for group in groups)


def test_a_call_that_cannot_be_recorded_is_not_made(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [group] = opened(moto, 1)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("custom_actions.fixing.journal.os.write", full)
    with pytest.raises(FixIncomplete, match="its journal cannot be written: No space left on device"):
        engine.pull(POLICY, tmp_path)
    assert ingress(moto, group)


def test_a_line_is_on_disk_before_the_call_is_made(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [group] = opened(moto, 1)
    there: list[int] = []

    def sync(descriptor: int) -> None:
        assert os.fstat(descriptor).st_ino == (tmp_path / "p" / JOURNAL).stat().st_ino
        there.append(len(ingress(moto, group)))

    monkeypatch.setattr("custom_actions.fixing.journal.os.fsync", sync)
    engine.pull(POLICY, tmp_path)
    assert there == [1, 0]


def test_nothing_of_a_line_that_does_not_fit_on_the_disk_is_left(
    moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = opened(moto, 2)
    write, number = os.write, iter(range(9))

    def half_of_the_first(descriptor: int, content: bytes) -> int:
        return write(descriptor, content[:len(content) // 2] if next(number) == 0 else content)

    monkeypatch.setattr("custom_actions.fixing.journal.os.write", half_of_the_first)
    with pytest.raises(FixIncomplete, match="its journal cannot be written: No space left on device"):
        engine.pull(POLICY, tmp_path)
    recorded = [entry["receipt"]["outcome"] for entry in lines(tmp_path) if "receipt" in entry]
    assert sorted(recorded) == ["failed", "reverted"]
    assert sorted(bool(ingress(moto, group)) for group in (first, second)) == [False, True]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[1]\n{}\n", b'{"begins": "x", "inverse": [', b"[" * 100_000])
def test_content_that_is_no_journal_has_no_receipts(content: bytes) -> None:
    assert interrupted(content) == []


# -- the form of receipts ---------------------------------------------------------------------------------------


def test_receipts_of_one_second_have_ids_and_an_order_and_the_documented_form(moto: Moto, tmp_path: Path) -> None:
    import jsonschema

    opened(moto, 3)
    engine.pull(POLICY, tmp_path)
    entries = lines(tmp_path)
    receipts = [entry["receipt"] for entry in entries if "receipt" in entry]
    steps = [entry for entry in entries if "begins" in entry]
    # A step has the id and the sequence of its receipt.
    assert [(step["id"], step["sequence"]) for step in steps] == [(each["id"], each["sequence"]) for each in receipts]
    assert sorted({each["sequence"] for each in receipts}) == [each["sequence"] for each in receipts]
    assert len({each["id"] for each in receipts}) == 3
    assert receipts == json.loads((tmp_path / "p" / "action-revert-ingress").read_text())
    docs = Path(__file__).parents[3] / "docs"
    schema = json.loads((docs / "receipt.schema.json").read_text())
    page = (docs / "receipts.md").read_text()
    for each in receipts:
        jsonschema.validate(each, schema)
        assert each.keys() <= schema["properties"].keys()
        assert all(f"`{name}`" in page for name in each)
    assert set(schema["properties"]["outcome"]["enum"]) == {*Outcome, ROLLED_BACK}
    assert all(f"`{name}`" in page for name in (*steps[0], *schema["properties"]))


def test_the_sequence_grows_although_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((5_000_000_000, 5_000_000_000, 1_000_000_000))
    monkeypatch.setattr(receipt, "_sequence", receipt._Sequence())
    monkeypatch.setattr(receipt.time, "time_ns", lambda: next(times))
    assert [receipt.next_sequence() for _ in range(3)] == [5_000_000, 5_000_001, 5_000_002]


def test_a_fix_whose_receipt_names_another_resource_is_not_interrupted() -> None:
    """The fix of an account makes a receipt of the flow log that it creates."""
    step = {"id": "a", "resource": "123456789012", "begins": "create", "inverse": []}
    content = "\n".join(map(json.dumps, (step, {"receipt": {"id": "a", "resource": "fl-1"}}))).encode()
    assert interrupted(content) == [{"id": "a", "resource": "fl-1"}]


def test_what_an_interrupted_fix_removed_can_be_put_back() -> None:
    """Without the removed key, rollback could not know that the call is on the key of the fix."""
    step = {
        "id": "a", "sequence": 1, "format": 1, "resource": "ann", "resource_type": "aws.iam-user", "policy": "keys",
        "account": ACCOUNT, "region": REGION, "action": "disable-keys", "at": "2026-01-01T00:00:00+00:00",
        "begins": "disable", "call": {}, "removed": [{"AccessKeyId": "AKIA1"}], "inverse": [{
            "service": "iam", "operation": "update_access_key", "parameters": {
                "UserName": "ann", "AccessKeyId": "AKIA1", "Status": "Active"}}]}
    [found] = interrupted(json.dumps(step).encode())
    assert problem(found) == ""
    assert problem({**found, "removed": []})


@pytest.mark.parametrize(("change", "why"), [
    ({"format": 2}, "reads format 1, but the receipt has format 2"), ({"format": True}, "format: must be a number"),
    ({"id": "a b"}, "is not an id"), ({"id": 1}, "is not an id"), ({"id": ""}, "is not an id"),
    ({"sequence": -1}, "sequence: -1"), ({"sequence": 2**53}, "is not a number from"), ({"sequence": "1"}, "'1'"),
])
def test_invalid_identities_are_named(change: dict[str, Any], why: str) -> None:
    good = {"account": ACCOUNT, "region": REGION, "resource": "sg-1", "resource_type": "aws.security-group",
            "policy": "p", "outcome": "reverted", "at": "2026-01-01T00:00:00+00:00", "inverse": [], "format": 1,
            "id": "20260101-000000-aaaaaaaa", "sequence": 1}
    assert problem(good) == ""
    assert why in problem({**good, **change})
