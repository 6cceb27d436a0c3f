"""A policy's braces insert plain values. Whatever else a format string can do is refused, in every way to run a policy.

`{now.__init__.__globals__[os].environ[X]}` reads the process's environment, with the credentials of AWS. The processes
here have a variable with a secret of which nothing may be printed, written or sent.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from c7n.config import Config
from c7n.exceptions import PolicyValidationError
from c7n.policy import Policy
from c7n.resources import load_resources
from c7n.varfmt import VarFormat

from custom_actions.functions import central
from custom_actions.parameters import lookups, lookups_after
from tests import engine
from tests.custom_actions.functions.messages import DRIFT, EVENTS, group, ingress, trail_event
from tests.moto_server import ACCOUNT, REGION, Moto

SECRET = "do-not-show-7f3a"
FIELD = "now.__init__.__globals__[os].environ[GUARDRAILS_TEST_SECRET]"
READS = f"{{{FIELD}}}"
HEALTHY: dict[str, Any] = {"name": "p", "resource": "aws.s3", "filters": [{"Name": "bucket-1"}]}


# ---- which strings are refused

@pytest.mark.parametrize("text", [
    READS, "{a.b}", "{a[b]}", "{a[0]}", "x {a.b} y", "{a.b!r}", "{a.b!s:>10}", "{a.b:>10}", "{a[b]!r:>10}", "{a:{b.c}}",
    "{a:{b[c]}>10}", "{{{a.b}}}", "{{x}} {a.b}", "{0.x}", "{[x]}", "{a-b.c}", "{policy[name]}", "{event[detail][x]}",
    "{a.b} and a single {", "{a:>2000000000}", "{a:.1000000000f}", "{now:{a.b}%Y}", "{a:*^100000}", "{ä.b}",
])
def test_refused(text: str) -> None:
    assert [path for path, _ in lookups({"k": ["", {"x": text}]})] == [("k", 1, "x")]
    assert [path for path, _ in lookups({text: 1})] == [(text,)]


@pytest.mark.parametrize("text", [
    "{now}", "{account_id}", "{now:%Y.%m.%d}", "{now:+1d%Y-%m-%d}", "{a!r}", "{a:>10}", "{op}@{action_date}", "{{a.b}}",
    "{{ account.name }}", "[{{ policy['name'] }}] {% if a.b %}x{% endif %}", "{ $.userIdentity.type = \"Root\" }",
    "{ ($.eventName = X) && ($.errorCode[0] = Y) }", "${aws:username}", '{"a.b": ["x"]}', "[a-z]{2,3}", "a.b[c]", "{}",
    "} {a.b}", "{a: b.c}", "{", "", "{{", "{a:1000}",
])
def test_allowed(text: str) -> None:
    assert list(lookups({"k": text, text: 1})) == []


@pytest.mark.parametrize(("entry", "refused"), [
    ({"type": "tag", "tags": {"x": "{a.b}"}}, ("tags", "x")),
    ({"type": "notify", "violation_desc": "{a.b}", "to_from": {"url": "s3://{a.b}"}}, ("to_from", "url")),
    ({"type": "value", "key": "k", "value": "{a.b}", "value_from": {"url": "{a.b}"}}, ("value_from", "url")),
    ({"type": "set-statements", "statements": [{"Sid": "{a[b]}"}]}, ("statements", 0, "Sid")),
])
def test_after_filling_in_only_what_is_formatted_again(entry: dict[str, Any], refused: tuple[Any, ...]) -> None:
    data = {"description": "{a.b}", "actions": [entry], "filters": [{"type": "excepted", "exceptions": ["{a.b}"]},
            {"not": [{"or": [{"Name": "{a.b}"}]}]}, {"and": [entry]}]}
    assert [path for path, _ in lookups_after(data)] == [
        ("filters", 2, "and", 0, *refused), ("actions", 0, *refused)]


# ---- c7n in this process

WHERE: list[dict[str, Any]] = [
    {"description": READS},
    {"filters": [{"type": "value", "key": "Name", "value": READS}]},
    {"filters": [{"not": [{"or": [{"type": "value", "key": READS, "value": 1}]}]}]},
    {"filters": [{"type": "value", "key": "Name", "op": "in", "value": ["a", READS]}]},
    {"filters": [{f"tag:{READS}": "present"}]},
    {"actions": [{"type": "tag", "tags": {"x": READS}}]},
    {"actions": [{"type": "tag", "tags": {"x": f"{{{FIELD}!r:>10}}"}}]},
    {"mode": {"type": "periodic", "schedule": "rate(1 day)", "role": "r", "tags": {"x": READS}}},
    {"mode": {"type": "periodic", "schedule": "rate(1 day)", "role": "r",
              "environment": {"Variables": {"X": READS}}}},
    {"metadata": {"parameters": {"x": READS}}},
    {"metadata": {"parameters": {"x": [READS]}, READS: 1}},
    {"tags": [READS]},
    {"conditions": [{"type": "value", "key": "account.name", "value": READS}]},
]


@pytest.mark.parametrize("part", WHERE, ids=str)
def test_c7n_does_not_create_such_a_policy(moto: Moto, monkeypatch: pytest.MonkeyPatch, part: dict[str, Any]) -> None:
    load_resources(["aws.s3"])
    monkeypatch.setattr(VarFormat, "vformat", lambda *_: pytest.fail("something was formatted"))
    with pytest.raises(PolicyValidationError, match="reads an attribute or an item of a variable") as raised:
        Policy({**HEALTHY, **part}, Config.empty(region=REGION, account_id=ACCOUNT))
    assert "use a plain name such as {account_id}" in str(raised.value)


def test_c7n_does_not_format_a_policy_whose_data_changed(moto: Moto, tmp_path: Path) -> None:
    made = engine.load(HEALTHY, tmp_path)
    made.data["description"] = READS
    with pytest.raises(PolicyValidationError, match="reads an attribute"):
        made.expand_variables(made.get_variables())


@pytest.mark.parametrize("field", ["x y.__class__", " now.__class__", "now[0]"])
def test_the_formatter_reads_no_attribute_of_any_variable(moto: Moto, tmp_path: Path, field: str) -> None:
    engine.load(HEALTHY, tmp_path)  # c7n loads its resource type, and so our patches
    root = field.partition(".")[0].partition("[")[0]
    with pytest.raises(PolicyValidationError, match="reads an attribute"):
        VarFormat().format(f"{{{field}}}", **{root: 1})
    with pytest.raises(KeyError):  # as ever: c7n leaves the text as it is
        VarFormat().format(f"{{{field}}}", other=1)


def test_plain_names_and_escaped_braces_are_still_replaced(moto: Moto, tmp_path: Path) -> None:
    made = engine.load({
        **HEALTHY, "description": "{{a.b}} of {account_id}", "filters": [{"Name": "{{a.b}}"}],
        "actions": [{"type": "notify", "subject": "{{ account.name }} {% if a.b %}x{% endif %}", "to": ["a@b.example"],
                     "violation_desc": "{{a.b}}", "transport": {"type": "sns", "topic": "t"}},
                    {"type": "mark-for-op", "op": "delete", "days": 1, "msg": "gone: {op}@{action_date}"}],
    }, tmp_path)
    assert made.data["description"] == f"{{a.b}} of {ACCOUNT}"
    assert made.data["filters"] == [{"Name": "{a.b}"}]
    assert made.data["actions"][0]["subject"] == "{{ account.name }} {% if a.b %}x{% endif %}"
    assert made.data["actions"][0]["violation_desc"] == "{a.b}"
    assert made.data["actions"][1]["msg"] == "gone: {op}@{action_date}"


def test_a_value_of_accounts_yml_is_text(moto: Moto, tmp_path: Path) -> None:
    made = engine.load({**HEALTHY, "filters": [{"Name": "{x}"}]}, tmp_path, variables={"x": READS})
    assert made.data["filters"] == [{"Name": READS}]


@pytest.mark.parametrize("value", [READS, "{{x}}"], ids=["of accounts.yml", "that is escaped"])
def test_a_value_that_an_action_would_format_again_is_refused(moto: Moto, tmp_path: Path, value: str) -> None:
    text, given = ("{x}", value) if value == READS else (f"{{{READS}}}", "")
    with pytest.raises(PolicyValidationError, match=r"actions\.0\.tags\.k: .*reads an attribute"):
        engine.load({**HEALTHY, "actions": [{"type": "tag", "tags": {"k": text}}]}, tmp_path, variables={"x": given})


# ---- the programs

def write(directory: Path, data: dict[str, Any]) -> None:
    (directory / "p.yml").write_text(json.dumps({"policies": [data]}), encoding="utf-8")
    (directory / "accounts.yml").write_text(json.dumps({"accounts": [{
        "account_id": ACCOUNT, "name": "one", "regions": [REGION], "role": f"arn:aws:iam::{ACCOUNT}:role/r",
        "vars": {"x": READS},
    }]}), encoding="utf-8")
    (directory / "vars.yml").write_text(json.dumps({"x": READS}), encoding="utf-8")


def run(moto: Moto, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [Path(sys.executable).parent / arguments[0], *arguments[1:]], cwd=directory, capture_output=True, text=True,
        check=False, env={**os.environ, **moto.environment(), "GUARDRAILS_TEST_SECRET": SECRET})
    assert SECRET not in done.stdout + done.stderr
    for file in (directory / "out").rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    return done


def with_bucket(moto: Moto) -> None:
    moto.client("s3").create_bucket(Bucket="bucket-1")


def tags(moto: Moto) -> list[dict[str, str]]:
    return list(moto.client("s3").get_bucket_tagging(Bucket="bucket-1")["TagSet"])


BAD = {"read in the policy": {**HEALTHY, "description": READS, "actions": [{"type": "tag", "tags": {"k": "v"}}]},
       "read in a value": {**HEALTHY, "actions": [{"type": "tag", "tags": {"k": "{x}"}}]}}
COMMANDS = {
    "custodian": ("custodian", "run", "-s", "out", "--region", REGION, "--vars", "vars.yml", "p.yml"),
    "c7n-org": ("c7n-org", "run", "-s", "out", "-c", "accounts.yml", "-u", "p.yml", "--region", REGION),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_programs_refuse_it(moto: Moto, tmp_path: Path, command: tuple[str, ...], data: dict[str, Any]) -> None:
    with_bucket(moto)
    write(tmp_path, data)
    done = run(moto, tmp_path, *command)
    # c7n-org ends with 0 after the error of a worker, whatever the error is; our own verbs read its log.
    assert (done.returncode != 0) == (command[0] == "custodian"), done.stderr
    assert "reads an attribute or an item of a variable" in done.stderr
    with pytest.raises(moto.client("s3").exceptions.ClientError):
        tags(moto)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_programs_run_a_healthy_policy(moto: Moto, tmp_path: Path, command: tuple[str, ...]) -> None:
    with_bucket(moto)
    write(tmp_path, {**HEALTHY, "description": "{{a.b}}", "actions": [{"type": "tag", "tags": {"k": "{account_id}"}}]})
    done = run(moto, tmp_path, *command)
    assert done.returncode == 0, done.stderr
    assert tags(moto) == [{"Key": "k", "Value": ACCOUNT}]


def test_custodian_validate_refuses_it(moto: Moto, tmp_path: Path) -> None:
    write(tmp_path, BAD["read in the policy"])
    done = run(moto, tmp_path, "custodian", "validate", "p.yml")
    assert done.returncode == 1
    assert "description: {now.__init__" in done.stderr


# ---- a deployed function, and a hub's

_FUNCTION = "import json, sys\nfrom custom_actions import lambda_entry\nlambda_entry.run(json.loads(sys.argv[1]), None)"


def invoke(moto: Moto, directory: Path, group_id: str, extra: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    (directory / "config.json").write_text(json.dumps({
        "execution-options": {"output_dir": str(directory)},
        "policies": [{"name": "p", "resource": "aws.security-group", **DRIFT,
                      "mode": {"type": "cloudtrail", "role": "r", **EVENTS["cloudtrail"]}, **extra}],
    }), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-c", _FUNCTION, json.dumps(trail_event(group_id))],
        capture_output=True, text=True, check=False, cwd=directory,
        env={**os.environ, **moto.environment(), "AWS_LAMBDA_FUNCTION_NAME": "custodian-p",
             "GUARDRAILS_TEST_SECRET": SECRET})


def test_a_function_refuses_what_an_action_would_format(moto: Moto, tmp_path: Path) -> None:
    group_id = group(moto, "open", "0.0.0.0/0")
    done = invoke(moto, tmp_path, group_id, {"actions": [{"type": "tag", "tags": {"k": READS}}, "revert-ingress"]})
    assert done.returncode != 0
    assert SECRET not in done.stdout + done.stderr
    assert "actions.0.tags.k" in done.stderr
    [found] = moto.client("ec2").describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    assert not found.get("Tags")
    assert ingress(moto, group_id) != []


def test_a_function_keeps_text_with_braces(moto: Moto, tmp_path: Path) -> None:
    """Doubled braces are single ones in an archive, because c7n fills in a policy when it deploys it."""
    group_id = group(moto, "open", "0.0.0.0/0")
    done = invoke(moto, tmp_path, group_id, {"description": "{a.b}", "actions": ["revert-ingress"]})
    assert done.returncode == 0, done.stderr
    assert ingress(moto, group_id) == []


@pytest.mark.parametrize(("form", "values"), [
    ({"description": READS}, {}),
    ({"actions": [{"type": "tag", "tags": {"k": "{x}"}}]}, {"x": READS}),
], ids=["in the policy", "in a value"])
def test_a_hub_refuses_it_for_the_member(
    moto: Moto, monkeypatch: pytest.MonkeyPatch, form: dict[str, Any], values: dict[str, Any]
) -> None:
    load_resources(["aws.security-group"])
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "custodian-p")
    raw = {"name": "p", "resource": "aws.security-group", **form}
    deployed = {
        **raw, "metadata": {central.KEY: central.pack(
            {"observe": raw, "heal": raw}, {ACCOUNT: {"response": "heal", "vars": values}})},
        "mode": {"type": "cloudtrail", **EVENTS["cloudtrail"], "member-role": "arn:aws:iam::{account_id}:role/m"},
    }
    with pytest.raises(PolicyValidationError, match="reads an attribute"):
        central.member_policy(deployed, central.Origin(ACCOUNT, REGION))
