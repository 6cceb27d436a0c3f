"""Every kind of message, by mail, as plain text and in Slack; hostile names do no harm in any of them."""
from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from custom_actions.fixing.receipt import RECEIPTS
from guardrails.policies.policy import load
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

from .messages import TELL, TEMPLATES, Page, made, rendered, slack, three

EVIL = """<script>alert(1)</script>"'`$(id)`'</b>\r\nBcc: evil@example.com <!channel> *x* \u202e{{ 7*7777 }} %s"""
METADATA = {
    "title": "Ports are closed", "severity": "critical", "response": "revert", "rationale": "Scanners find it.",
    "fix": "The ports are closed.", "controls": {"cis-aws-5.0": ["5.3", "5.4"]},
}
POLICY: dict[str, Any] = {
    "name": "ports", "resource": "aws.security-group", "description": "A port was opened.", "metadata": METADATA,
    "filters": [{"type": "ingress-drift", "forbidden": ["tcp 22 from world"]}],
    "actions": ["revert-ingress", TELL],
}
GROUP = {
    "GroupId": "sg-1", "GroupName": "web", "Tags": [{"Key": "Name", "Value": "front"}],
    "c7n:MatchedFilters": ["GroupName", "tag:Name", "Nothing.there", "Tags[?Key=='x']"],
    "c7n:IngressPlan": ["tcp 22 from 0.0.0.0/0"],
}
EVENT = {"detail": {
    "eventName": "AuthorizeSecurityGroupIngress", "eventSource": "ec2.amazonaws.com", "eventID": "e-1",
    "eventTime": "2026-11-23T12:00:00Z", "sourceIPAddress": "192.0.2.1", "userAgent": "aws-cli/2",
    "userIdentity": {"type": "IAMUser", "userName": "mallory", "arn": f"arn:aws:iam::{ACCOUNT}:user/mallory"},
}}


def receipt(outcome: str = "reverted", **more: Any) -> dict[str, Any]:
    return {
        "resource": "sg-1", "resource_type": "aws.security-group", "account": ACCOUNT, "region": REGION,
        "policy": "ports", "outcome": outcome, "reason": "", "removed": [{"rule": "tcp 22 from 0.0.0.0/0"}],
        "added": [], "notes": [], "caused_by": None, "at": "2026-11-23T12:00:01+00:00",
        "inverse": [
            {"service": "ec2", "operation": "authorize_security_group_ingress", "parameters": {"GroupId": "sg-1"}}],
        **more,
    }


def test_a_fix_says_what_where_who_and_the_way_back(moto: Moto, tmp_path: Path) -> None:
    message = made(moto.client, POLICY, [{**GROUP, RECEIPTS: [receipt()]}], tmp_path, EVENT)
    wanted = (
        "[CRITICAL]", "Ports are closed", "Fixed and verified", "A port was opened.", "Scanners find it.", ACCOUNT,
        REGION,
        f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/sg-1", "front", "GroupName: web", "tag:Name: front",
        "Nothing.there: not set", "tcp 22 from 0.0.0.0/0", "user/mallory", "192.0.2.1", "aws-cli/2", "e-1",
        "AuthorizeSecurityGroupIngress", "reverted", "guardrails rollback", "The ports are closed.", "5.3, 5.4",
        f"aws ec2 authorize-security-group-ingress --region {REGION} --cli-input-json '{{\"GroupId\": \"sg-1\"}}'",
    )
    # A page has a table where the others have colons.
    table = {words: words.replace(": ", " ") for words in wanted} | {"[CRITICAL]": "CRITICAL"}
    for kind, said in three(message).items():
        flat = " ".join(said.replace("`", "").split())
        for words in wanted:
            assert words in flat or (kind == "html" and table[words] in flat), (kind, words, said)


@pytest.mark.parametrize(("actions", "receipts", "said"), [
    ([TELL], [], "Nothing was changed"),
    (["revert-ingress", TELL], [receipt("failed", reason="AccessDenied: no", inverse=[])], "AccessDenied: no"),
    ([{"type": "revert-ingress", "otherwise": TELL}], [receipt("refused", reason="default", inverse=[])], "on purpose"),
    (["revert-ingress", TELL], [receipt(), receipt("partial", reason="left: x")], "Not fixed, or only in part"),
    (["delete", TELL], [], "Done: delete"),
    ([TELL, {"type": "mark-for-op", "days": 14, "op": "delete"}], [], "Next: mark-for-op"),
])
def test_what_became_of_it(
    moto: Moto, tmp_path: Path, actions: list[Any], receipts: list[dict[str, Any]], said: str,
) -> None:
    group = {**GROUP, **({RECEIPTS: receipts} if receipts else {})}
    for kind, text in three(made(moto.client, {**POLICY, "actions": actions}, [group], tmp_path)).items():
        assert said in text, (kind, text)
        assert "unknown" in text
        assert ("Undo the fix" in text) == any(each["inverse"] for each in receipts)


def test_a_policy_that_says_little_and_a_type_that_nobody_knows(moto: Moto, tmp_path: Path) -> None:
    bare = {"name": "bare", "resource": "aws.sqs", "actions": [TELL]}
    found = [{"QueueUrl": "https://x", "QueueArn": "arn:aws:sqs:eu-west-1:1:x", "c7n:MatchedFilters": None}, {"x": 1}]
    for text in three(made(moto.client, bare, found, tmp_path)).values():
        assert "bare" in text and "arn:aws:sqs:eu-west-1:1:x" in text and "(no id)" in text


def test_many_resources_are_cut_and_counted(moto: Moto, tmp_path: Path) -> None:
    large = receipt(removed=[{"rule": "x" * 20}] * 30)
    groups = [{**GROUP, "GroupId": f"sg-{number}", RECEIPTS: [large]} for number in range(60)]
    said = three(made(moto.client, POLICY, groups, tmp_path, EVENT))
    assert "and 40 more" in said["html"] and "and 40 more" in said["text"] and "and 55 more" in said["slack"]
    assert "and 40 more fixes" in said["html"] and "do not fit into this message: 50" in said["slack"]
    assert "removed: 10 more" in said["text"]


def test_a_call_that_slack_has_no_room_for_is_left_out_and_not_cut(moto: Moto, tmp_path: Path) -> None:
    long = {"service": "s3", "operation": "put_bucket_policy", "parameters": {"Bucket": "b", "Policy": "p" * 5000}}
    message = made(moto.client, POLICY, [{**GROUP, RECEIPTS: [receipt(inverse=[long])]}], tmp_path)
    _, said = slack(message)
    assert "put-bucket-policy" not in said and "do not fit into this message: 1" in said
    assert f"aws s3api put-bucket-policy --region {REGION} " in rendered(message, "guardrails.txt")


def test_hostile_names_do_no_harm(moto: Moto, tmp_path: Path) -> None:
    call = {"service": "config", "operation": "put_configuration_recorder", "parameters": {"Name": EVIL, EVIL: [EVIL]}}
    evil = receipt(
        reason=EVIL, resource=EVIL, removed=[{"rule": EVIL}], added=[{EVIL: EVIL}], notes=[EVIL], inverse=[call])
    group = {
        "GroupId": EVIL, "GroupName": EVIL, "Tags": [{"Key": "Name", "Value": EVIL}, {"Key": EVIL, "Value": EVIL}],
        "c7n:MatchedFilters": ["GroupName", "tag:Name", f"tag:{EVIL}", EVIL], "c7n:Evil": [EVIL], f"c7n:{EVIL}": EVIL,
        RECEIPTS: [evil],
    }
    identity = {"type": EVIL, "userName": EVIL, "arn": EVIL, "sessionContext": {"sessionIssuer": {"arn": EVIL}}}
    event = {"detail": {**dict.fromkeys(
        ("eventSource", "eventID", "eventTime", "sourceIPAddress", "userAgent", "errorCode"), EVIL),
        "eventName": "ConsoleLogin", "userIdentity": identity, "responseElements": {"ConsoleLogin": EVIL}}}
    metadata = {**METADATA, **dict.fromkeys(("title", "severity", "rationale", "fix"), EVIL.replace("{{", "((")),
                "controls": {"x": ["<b>"]}}
    message = made(moto.client, POLICY, [group], tmp_path, event)
    # What c7n does not fill in: no user can say it, and no template must trust it.
    message["policy"] |= {"metadata": metadata, "description": EVIL}
    message["account"] = EVIL

    harmless = made(moto.client, POLICY, [{**GROUP, RECEIPTS: [receipt(added=[{}], notes=["x"])]}], tmp_path)
    allowed = {tag for tag, _ in Page(rendered(harmless, "guardrails.html")).tags} | {"div", "b"}
    page = Page(rendered(message, "guardrails.html"))
    assert {tag for tag, _ in page.tags} <= allowed
    assert {name for _, attributes in page.tags for name in attributes} <= {
        "style", "lang", "charset", "name", "content", "role", "cellpadding", "cellspacing"}
    assert "<script>alert(1)</script>" in page.text, "it is shown, as text"
    assert "54439" not in page.text.replace(ACCOUNT, "")

    text = rendered(message, "guardrails.txt")
    assert not [line for line in text.splitlines() if line.lstrip().startswith("Bcc:")]
    assert "\u202e" not in text

    payload, said = slack(message, recipient=EVIL)
    assert payload["channel"] == EVIL
    header, *sections = payload["blocks"]
    # What is plain text is not read as markup at all.
    assert header["text"]["type"] == "plain_text" and "\n" not in header["text"]["text"]
    assert not [block for block in sections if "<" in block["text"]["text"] or not block["text"]["verbatim"]]
    assert "<" not in payload["text"]
    # The way back is one command of five words for a shell, and what it says is what was asked.
    [line] = [line for line in text.splitlines() if line.startswith("aws ")]
    *words, body = shlex.split(line)
    assert words == ["aws", "configservice", "put-configuration-recorder", "--region", REGION, "--cli-input-json"]
    assert json.loads(body) == call["parameters"]
    assert line in page.text and line in said


@pytest.mark.parametrize("evil", [
    "x; touch PROOF", "$(touch PROOF)", "`touch PROOF`", "x'; touch PROOF; '", 'x"; touch PROOF; "', "x\ntouch PROOF",
    "x | touch PROOF", "x > PROOF", "--endpoint-url=https://example.net", "", "\x1b]0;x\x07",
    "x\u2028touch PROOF", "*", "~",
])
def test_a_hostile_call_runs_nothing_when_it_is_copied(
    moto: Moto, tmp_path: Path, evil: str,
) -> None:
    call = {"service": evil, "operation": evil, "parameters": {"Name": evil}}
    message = made(moto.client, POLICY, [{**GROUP, RECEIPTS: [receipt(inverse=[call], region=evil)]}], tmp_path)
    [line] = [line for line in rendered(message, "guardrails.txt").splitlines() if line.startswith("aws ")]
    aws = tmp_path / "bin" / "aws"
    aws.parent.mkdir()
    aws.write_text(f'#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n')
    aws.chmod(0o755)
    ran = subprocess.run(
        ["/bin/sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=20,
        env={"PATH": f"{aws.parent}:/usr/bin:/bin"})
    assert not list(tmp_path.glob("**/PROOF"))
    service, operation, *rest = json.loads(ran.stdout)
    assert not service.startswith("-") and not operation.startswith("-")
    assert rest[-2] == "--cli-input-json" and json.loads(rest[-1]) == {"Name": evil}
    assert len(rest) == (4 if evil else 2)


def test_a_webhook_is_told_no_channel(moto: Moto, tmp_path: Path) -> None:
    message = made(moto.client, POLICY, [GROUP], tmp_path)
    assert "channel" not in slack(message, "https://hooks.slack.com/services/x")[0]


def test_every_shipped_type_is_named_as_c7n_names_it(moto: Moto, tmp_path: Path) -> None:
    types = sorted({policy.data["resource"] for policy in load()})
    assert types
    message = made(moto.client, POLICY, [GROUP], tmp_path)
    for type_ in types:
        data = {**POLICY, "resource": type_, "filters": [], "actions": []}
        manager = engine.load(data, tmp_path).resource_manager
        model = manager.resource_type
        resource = {key: f"the-{key}" for key in (
            model.id, model.name, "Name", "stageName", "restApiId", "id", "LoadBalancerName", "c7n:parent-id")}
        resource |= {key: f"arn:aws:x:::{key}" for key in (
            "Arn", "TrailARN", "TableArn", "LoadBalancerArn", "FileSystemArn", "DBInstanceArn", "DBSnapshotArn",
            "DBClusterSnapshotArn", "repositoryArn", "FunctionArn", "ARN", "QueueArn", "TopicArn", "arn",
            "ReplicationInstanceArn", "taskDefinitionArn", "NotebookInstanceArn", "TargetGroupArn",
            "AutoScalingGroupARN", "LaunchConfigurationARN", "TransitGatewayArn", "nodegroupArn",
            "StackId", "clusterArn", "serviceArn", "ClusterArn", "EnvironmentArn", "CertificateArn")}
        if isinstance(own := getattr(model, "arn", None), str):
            resource.setdefault(own, f"arn:aws:x:::{own}")
        text = rendered({**message, "policy": data, "resources": [resource]}, "guardrails.txt")
        if type_ not in ("aws.account", "aws.rest-stage", "aws.rds-snapshot", "aws.launch-config", "aws.emr",
                         "aws.launch-template-version", "aws.config-recorder", "aws.emr-security-configuration",
                         "aws.log-group", "aws.s3-access-point-multi"):
            assert f"    {manager.get_arns([resource])[0]}\n" in text, (type_, text)
        shown = "stageName" if type_ == "aws.rest-stage" else model.name if "arn" in model.id.lower() else None
        shown = "TopicArn" if type_ == "aws.sns" else shown  # its display name is mostly empty
        assert f"  {resource[shown or model.id]}" in text or f"  {resource[model.name]}" in text, (type_, text)


def test_there_is_a_template_for_each_of_the_mailers_media() -> None:
    assert {path.name for path in TEMPLATES.iterdir()} == {
        "guardrails_parts.j2", "guardrails.html.j2", "guardrails.txt.j2", "slack_guardrails.j2"}
