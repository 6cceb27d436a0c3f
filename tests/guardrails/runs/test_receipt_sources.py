"""Receipts are found wherever our actions write them, in the order of their fixes, each with its source."""
from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from custom_actions.fixing.receipt import log_line
from custom_actions.names import HUB_ROLE
from guardrails.accounts.account import find_accounts
from guardrails.errors import GuardrailsError
from guardrails.runs.receipt_sources import FoundReceipts, ReceiptFilter, ReceiptRequest, read_receipts
from guardrails.runs.receipt_text import parse_messages, parse_text

from ..conftest import HOME, RED, REGIONS, Cloud
from .test_rollback import opens, receipt

EAST = REGIONS[0]
GROUP = "/aws/lambda/custodian-open-ssh"


def named(number: int, **more: Any) -> dict[str, Any]:
    """A receipt of format 1; all have the same second."""
    return receipt("sg-1", opens("sg-1", f"10.0.0.{number}/32"), format=1, id=f"20260101-000000-{number}",
                   sequence=1_767_225_600_000_000 + number, **more)


def ids(found: FoundReceipts) -> list[str]:
    return [each.id[-1] for each in found.receipts]


def begun(of: Mapping[str, Any], does: str = "revoke") -> dict[str, Any]:
    head = {key: value for key, value in of.items() if key not in ("outcome", "removed", "added", "inverse")}
    return {**head, "begins": does, "call": {"operation": does}, "inverse": of["inverse"]}


def in_lambda(kind: str, record: Mapping[str, Any]) -> str:
    return f"[INFO]\t2026-01-01T00:00:00.001Z\t8f5a\trevert-ingress {kind} {log_line(record)}\n"


LINE = in_lambda("receipt", named(1))


@pytest.mark.parametrize(("text", "expected"), [
    (json.dumps([named(1), named(2)]), "12"),
    (json.dumps(named(1), indent=1), "1"),
    (f"{json.dumps(named(1))}\n{json.dumps(named(2))}\n", "12"),
    (json.dumps({"receipt": named(1)}), "1"),
    (json.dumps([{"from": "x", "receipt": named(1)}]), "1"),
    (LINE, "1"),
    (f"2026-01-01T00:00:00 2026/01/01/[$LATEST]8f {LINE}START RequestId\n{in_lambda('receipt', named(2))}", "12"),
    (json.dumps({"events": [{"message": LINE}, {"message": "START RequestId"}]}), "1"),
    (json.dumps({"timestamp": "t", "level": "INFO", "message": f"revert-ingress receipt {log_line(named(1))}"}), "1"),
    (in_lambda("journal", {"receipt": named(1)}), "1"),
    (in_lambda("journal", begun(named(1))), "1"),
    (f"{in_lambda('journal', begun(named(1)))}{LINE}", "1"),
    ('{"a": 1}\n[1, 2]\nnull\nreceipt', ""),
], ids=["list", "object", "lines", "journal line", "receipts --json", "log line", "pasted", "filter-log-events",
        "JSON log", "completed", "begun", "begun and completed", "others"])
def test_the_forms_of_text(text: str, expected: str) -> None:
    found = parse_text(text)
    assert [each["id"][-1] for each in found.receipts] == list(expected)
    assert found.problems == ()


def test_a_line_that_is_cut_off_is_named() -> None:
    found = parse_text(f"START\n{LINE[:-20]}\n")
    assert (found.receipts, found.problems) == ((), ("line 2: a receipt that is cut off, or is not JSON",))


@pytest.mark.parametrize("message", [
    f"[INFO]\t2026-01-01T00:00:00.001Z\t8f5a\ttagged bucket x revert-ingress receipt {log_line(named(1))}",
    f"the role revert-ingress receipt {log_line(named(1))}", f"x\n{LINE}",
    json.dumps({"message": f"bucket revert-ingress receipt {log_line(named(1))}"}), json.dumps({"message": 1}), "{",
])
def test_in_a_log_a_receipt_is_where_our_actions_write_it(message: str) -> None:
    """c7n and others log names that anybody may choose."""
    assert parse_messages([message]).receipts == ()


def test_refused_steps_are_not_undone() -> None:
    whole, part = begun(named(1), "whole"), begun(named(1), "part")
    lines = [whole, {"id": whole["id"], "refused": whole["call"]}, part]
    [found] = parse_text("\n".join(map(json.dumps, lines))).receipts
    assert (found["outcome"], found["notes"]) == ("interrupted", ["part"])


def test_a_run_directory_has_each_receipt_once_in_the_order_of_the_fixes(tmp_path: Path) -> None:
    place = tmp_path / "run/fix/home/us-east-1/open-ssh"
    place.mkdir(parents=True)
    # The second policy's receipts are older than the first one's, and one fix was not completed.
    (tmp_path / "run/receipts.json").write_text(json.dumps([named(3), named(1)]))
    (place / "action-revert-ingress.gz").write_bytes(gzip.compress(json.dumps([named(1)]).encode()))
    (place / "fixes.jsonl").write_text("\n".join(map(json.dumps, (
        begun(named(1)), {"receipt": named(1)}, begun(named(2))))) + '\n{"torn')
    (place / "action-tag").write_text('["i-1"]')
    (place / "resources.json").write_text("[{}]")
    (place / "action-broken.gz").write_bytes(b"\x1f\x8bx")
    found = ReceiptRequest([str(tmp_path / "run")]).find()
    assert ids(found) == ["1", "2", "3"]
    assert [each.receipt["outcome"] for each in found.receipts] == ["reverted", "interrupted", "reverted"]
    assert found.receipts[1].where.endswith("fixes.jsonl")
    [unread] = found.unread
    assert "action-broken.gz: " in unread
    with pytest.raises(GuardrailsError, match=r"not everything could be read:\n.*action-broken\.gz"):
        read_receipts([tmp_path / "run"])


def test_receipts_of_earlier_versions_have_no_id(tmp_path: Path) -> None:
    file = tmp_path / "receipts.json"
    old = [receipt(f"sg-{number}", at=f"2026-01-01T00:00:0{second}+00:00")
           for number, second in ((1, 1), (2, 1), (3, 0))]
    file.write_text(json.dumps(old))
    found = read_receipts([file])
    assert [each.receipt["resource"] for each in found] == ["sg-3", "sg-1", "sg-2"]
    assert all(each.id == f"old-{each.key[:16]}" for each in found)


def test_two_different_receipts_with_one_id_are_doubted(tmp_path: Path) -> None:
    file = tmp_path / "receipts.json"
    file.write_text(json.dumps([named(1), named(1, reason="another")]))
    assert [each.doubts for each in read_receipts([file])] == [
        ("2 different receipts have the id 20260101-000000-1",)] * 2


@pytest.mark.parametrize(("chosen", "expected"), [
    (ReceiptFilter(), "123"), (ReceiptFilter(accounts=[RED]), "3"), (ReceiptFilter(policies=["s3-*"]), "2"),
    (ReceiptFilter(outcomes=["interrupted"]), ""), (ReceiptFilter(resources=["sg-?"]), "123"),
    (ReceiptFilter(regions=["eu-*"]), ""), (ReceiptFilter(since=datetime(2026, 1, 2, tzinfo=UTC)), ""),
    (ReceiptFilter(since=datetime(2025, 1, 2, tzinfo=UTC)), "123"),
])
def test_filters(tmp_path: Path, chosen: ReceiptFilter, expected: str) -> None:
    file = tmp_path / "receipts.json"
    file.write_text(json.dumps([named(1), named(2, policy="s3-x"), named(3, account=RED)]))
    assert ids(ReceiptRequest([str(file)]).find().only(chosen)) == list(expected)


def test_a_bucket(cloud: Cloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="reports")

    def put(key: str, *receipts: Any) -> None:
        s3.put_object(Bucket="reports", Key=f"top/{key}.gz", Body=gzip.compress(json.dumps(receipts).encode()))

    put(f"{HOME}/us-east-1/open-ssh/2026/01/01/000000/action-revert-ingress", named(1))
    put(f"{HOME}/us-east-1/open-ssh/2026/01/01/000000/resources.json", {"a": 1})
    # In the folder of another account.
    put(f"{RED}/us-east-1/open-ssh/2026/01/01/000000/action-revert-ingress", named(2))
    # In the folder of another region; the receipt of a fix that may work in other regions is right there.
    put(f"{HOME}/eu-west-1/open-ssh/2026/01/01/000000/action-revert-ingress", named(3))
    alarm = {"action": "create-log-alarm", "resource_type": "aws.account", "resource": HOME, "inverse": []}
    put(f"{HOME}/eu-west-1/alarms/2026/01/01/000000/action-create-log-alarm", named(4, **alarm))
    found = ReceiptRequest(["s3://reports/top"]).find()
    assert ids(found) == ["1", "2", "3", "4"]
    assert found.receipts[0].doubts == found.receipts[3].doubts == ()
    assert found.receipts[2].doubts == ("it is of the region us-east-1, but in the folder of eu-west-1",)
    assert found.receipts[1].doubts == (f"it is of account {HOME}, but in the folder of account {RED}",)
    assert found.receipts[0].where.startswith(f"s3://reports/top/{HOME}/us-east-1/")
    one = found.receipts[0].where
    assert ids(ReceiptRequest([one]).find()) == ["1"]
    later = datetime.now(UTC) + timedelta(days=1)
    assert ReceiptRequest(["s3://reports/top"], later).find().receipts == ()
    with pytest.raises(GuardrailsError, match="NoSuchBucket"):
        ReceiptRequest(["s3://none"]).find()


def write_log(cloud: Cloud, *messages: str, group: str = GROUP, region: str = EAST) -> None:
    logs = cloud.client("logs", region=region)
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(datetime.now(UTC).timestamp() * 1000)
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=[
        {"timestamp": now, "message": each} for each in messages])


def logged(*sources: str, since: datetime | None = None) -> FoundReceipts:
    return ReceiptRequest(sources, since, lambda: find_accounts(None, REGIONS).reached).find()


def test_the_logs_of_functions(cloud: Cloud) -> None:
    write_log(cloud, "START", in_lambda("journal", begun(named(1))), LINE, in_lambda("journal", begun(named(2))))
    write_log(cloud, in_lambda("receipt", named(3)), group="/aws/lambda/other")
    found = logged("logs")
    assert ids(found) == ["1", "2"]
    assert [each.receipt["outcome"] for each in found.receipts] == ["reverted", "interrupted"]
    assert all(each.in_log and not each.doubts for each in found.receipts)
    assert ids(logged(GROUP)) == ["1", "2"]
    assert logged("logs", since=datetime.now(UTC) + timedelta(hours=1)).receipts == ()
    with pytest.raises(GuardrailsError, match="there is no such log group"):
        logged("/aws/lambda/none")


@pytest.mark.parametrize(("change", "doubt"), [
    ({"account": RED}, f"it is of {RED} us-east-1, but in a log of {HOME} us-east-1"),
    ({"region": "eu-west-1"}, f"it is of {HOME} eu-west-1, but in a log of {HOME} us-east-1"),
    # Only create-log-alarm may work in other regions, and only on the account.
    ({"region": "eu-west-1", "action": "create-log-alarm"}, f"it is of {HOME} eu-west-1, but in a log of {HOME}"),
    ({"region": "eu-west-1", "action": "create-log-alarm", "resource_type": []}, f"it is of {HOME} eu-west-1, but"),
    ({"policy": "other"}, "it is of the policy other, but in the log of the function custodian-open-ssh"),
])
def test_a_receipt_that_does_not_agree_with_its_log_is_doubted(
    cloud: Cloud, change: dict[str, Any], doubt: str
) -> None:
    write_log(cloud, in_lambda("receipt", named(1, **change)))
    [found] = logged("logs").receipts
    assert found.doubts[0].startswith(doubt)


def test_a_function_of_many_policies_writes_about_each(cloud: Cloud) -> None:
    group = "/aws/lambda/custodian-group-cloudtrail-short-0123abcd"
    write_log(cloud, in_lambda("receipt", named(1, policy="other")), group=group)
    write_log(cloud, in_lambda("receipt", named(2, policy="other")), group="/aws/lambda/custodian-group-of-somebody")
    doubts = {each.receipt["id"]: bool(each.doubts) for each in logged("logs").receipts}
    assert doubts == {named(1)["id"]: False, named(2)["id"]: True}


def test_a_hub_writes_about_other_accounts(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    write_log(cloud, in_lambda("receipt", named(1, account=RED)))
    iam = cloud.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    role = iam.create_role(RoleName=HUB_ROLE, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    cloud.client("lambda").create_function(
        FunctionName="custodian-open-ssh", Runtime="python3.12", Role=role, Handler="a.b", Code={"ZipFile": b"x"})
    [found] = logged("logs").receipts
    assert found.doubts == ()
