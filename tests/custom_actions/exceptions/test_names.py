"""Exceptions by name: what may be written, what they cover, and that a filter and a report decide alike."""
from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from custom_actions import lambda_entry
from custom_actions.exceptions.entries import InvalidExceptions, parse, parse_rule
from custom_actions.exceptions.excepted import Excepted
from custom_actions.exceptions.rules import VARIABLE, ExceptionRule
from custom_actions.resources import resource_name, resource_tags
from guardrails.accounts import Account
from guardrails.policies.policy import load as load_policies
from guardrails.results.exceptions import Exceptions
from guardrails.results.finding import TABLE, Status, findings_of
from tests import engine
from tests.custom_actions.functions.conftest import config, function  # noqa: F401 - fixtures
from tests.custom_actions.functions.messages import DRIFT, EVENTS, group, ingress, item, notification, trail_event
from tests.moto_server import ACCOUNT, REGION, Moto

from .rules import RED, entry, rule, subject

OPEN = "0.0.0.0/0"
TODAY, NOW = date(2026, 11, 24), datetime(2026, 11, 24, tzinfo=UTC)
END = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
PULLED = {"name": "open-ssh", "resource": "aws.security-group", **DRIFT, "actions": ["revert-ingress"]}
SSO = f"arn:aws:iam::{RED}:role/aws-reserved/sso.amazonaws.com/"


def named(**changes: Any) -> dict[str, Any]:
    """An exception by name."""
    return entry(**{"resource": None, "region": None, "name": "k8s-*", **changes})


def by_name(**changes: Any) -> ExceptionRule:
    return parse_rule(named(**changes))


# What may be written.


@pytest.mark.parametrize(("changes", "place", "said"), [
    ({"name": None}, (), "resource missing"),
    ({"account": None}, (), "account missing"),
    ({"policy": None}, (), "policy missing"),
    ({"expires": None}, (), "expires missing"),
    ({"name": " "}, ("name",), "name is empty"),
    ({"name": 7}, ("name",), "must be a string"),
    ({"name": ["k8s-*"]}, ("name",), "must be a string"),
    ({"name": "*"}, ("name",), "almost everything"),
    ({"name": "?*-*"}, ("name",), "almost everything"),
    ({"name": "[!x]*"}, ("name",), "almost everything"),
    ({"name": "[]abcdef]*"}, ("name",), "almost everything"),
    ({"name": "[!]abcdef]*"}, ("name",), "almost everything"),
    ({"name": "ab*"}, ("name",), "almost everything"),
    ({"policy": "*"}, ("policy",), "must name its policy"),
    ({"policy": "?*"}, ("policy",), "must name its policy"),
    ({"account": "*"}, ("account",), "must name one account"),
    ({"account": "1*"}, ("account",), "must name one account"),
    ({"name": "AWSReservedSSO_Admin_*"}, ("name",), "anyone who may create roles"),
    ({"name": "AWSReserved*"}, ("name",), "anyone who may create roles"),
    ({"name": "AWSReserved*", "resource": f"arn:aws:iam::{RED}:role/*"}, ("name",), "anyone who may create roles"),
    ({"name": None, "tags": {"team": "web"}}, (), "resource missing"),
    ({"name": None, "resource": "sg-*", "tags": {"team": "web"}}, ("tags",), "tags without a name"),
    ({"tags": {}}, ("tags",), "must be a mapping"),
    ({"tags": "team=web"}, ("tags",), "must be a mapping"),
    ({"tags": [{"Key": "team"}]}, ("tags",), "must be a mapping"),
    ({"tags": {"team": ""}}, ("tags", "team"), "the tag team is empty"),
    ({"tags": {"team": True}}, ("tags", "team"), "must be a string"),
    ({"tags": {"team": {"a": "b"}}}, ("tags", "team"), "must be a string"),
    ({"tags": {7: "web"}}, ("tags", "7"), "key of a tag"),
    ({"tags": {"": "web"}}, ("tags", ""), "key of a tag"),
])
def test_what_is_refused(changes: dict[str, Any], place: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidExceptions) as raised:
        parse({"exceptions": [named(), named(**changes)]}, TODAY)
    assert raised.value.place == ("exceptions", 1, *place)
    assert said in raised.value.problem


@pytest.mark.parametrize("changes", [
    {}, {"name": "abc"}, {"name": "*-AWSEBSecurityGroup-*"}, {"policy": "security-group-*"}, {"tags": {"team": "*"}},
    {"resource": "arn:aws:ec2:*:*:security-group/*"}, {"resource": "*"}, {"region": "eu-*"},
    {"name": "AWSReservedSSO_*", "resource": f"{SSO}*"},
])
def test_what_is_not_refused(changes: dict[str, Any]) -> None:
    assert parse({"exceptions": [named(**changes)]}, TODAY).rules


@given(st.text(min_size=3).filter(lambda text: sum(map(str.isalnum, text.strip())) >= 3 and "[" not in text),
       st.dictionaries(st.text(min_size=1).filter(str.strip), st.text(min_size=1).filter(str.strip), max_size=3))
def test_a_rule_survives_its_way_into_a_function(name: str, tags: dict[str, str]) -> None:
    made = parse_rule(named(name=name, tags=tags or None)) if "AWSReserved" not in name else rule()
    assert parse_rule(json.loads(json.dumps(made.to_dict()))) == made
    assert hash(made) == hash(parse_rule(made.to_dict()))


def test_it_is_described_by_what_selects() -> None:
    assert rule(resource="sg-1").selects == "sg-1"
    assert by_name().selects == "name k8s-*"
    assert by_name(resource="sg-*", tags={"a": "b*"}).selects == "sg-*, name k8s-*, tag a=b*"
    assert "resource" not in by_name().to_dict()


# What it covers.


@pytest.mark.parametrize(("changes", "of", "covered"), [
    ({}, {"name": "k8s-web"}, True),
    ({}, {"name": "K8s-web"}, False),
    ({}, {"name": "web-k8s-"}, False),
    ({}, {"name": ""}, False),
    ({}, {"name": "", "resource": "k8s-web"}, False),
    ({}, {"name": "sg-1", "resource": "sg-1", "tags": {"Name": "k8s-web"}}, False),
    ({}, {"name": "k8s-web", "policy": "open-rdp"}, False),
    ({}, {"name": "k8s-web", "account": "222222222222"}, False),
    ({"region": "us-*"}, {"name": "k8s-web"}, False),
    ({"resource": "sg-2"}, {"name": "k8s-web"}, False),
    ({"resource": "sg-1"}, {"name": "k8s-web"}, True),
    ({"tags": {"team": "web"}}, {"name": "k8s-web"}, False),
    ({"tags": {"team": "web"}}, {"name": "k8s-web", "tags": {"team": "web"}}, True),
    ({"tags": {"team": "w*"}}, {"name": "k8s-web", "tags": {"team": "web", "x": "y"}}, True),
    ({"tags": {"team": "w*", "x": "z"}}, {"name": "k8s-web", "tags": {"team": "web", "x": "y"}}, False),
    ({"tags": {"team": "*"}}, {"name": "k8s-web", "tags": {"Team": "web"}}, False),
    ({"tags": {"te*": "*"}}, {"name": "k8s-web", "tags": {"team": "web"}}, False),
    ({"tags": {"team": "web"}}, {"name": "other", "tags": {"team": "web"}}, False),
])
def test_what_a_name_covers(changes: dict[str, Any], of: dict[str, Any], covered: bool) -> None:
    assert by_name(**changes).covers(subject(**of)) is covered


@pytest.mark.parametrize("name", [
    "", "k8s", "\nk8s-web", "\uff4b8s-web", "k8s\u2010web", "\u200bk8s-web", "*", "k8?-*", "[k]8s-x"])
def test_a_name_that_only_looks_alike_is_not_covered(name: str) -> None:
    assert not by_name().covers(subject(name=name))


def test_wildcards_in_a_name_are_characters() -> None:
    """Only the pattern is one: a resource called `*` is not covered by everything that is excepted."""
    assert not by_name(name="k8s-web").covers(subject(name="k8s-*"))
    assert by_name(name="k8s-[*]").covers(subject(name="k8s-*"))


def test_a_path_of_identity_center_is_the_beginning_of_the_path() -> None:
    """IAM allows colons in a path, so `*` in the place of the account could take in a role of anyone's."""
    name = "AWSReservedSSO_Admin_0123456789abcdef"
    for pattern in ("arn:aws:iam::*:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_Admin_*",
                    "*aws-reserved/sso.amazonaws.com/*"):
        made = rule(resource=pattern, region=None)
        assert made.covers(subject(resource=name, arn=f"{SSO}eu-west-1/{name}", region="global"))
        for path in ("x:role/", "x/", ":role/"):
            arn = f"arn:aws:iam::{RED}:role/{path}aws-reserved/sso.amazonaws.com/{name}"
            assert not made.covers(subject(resource=name, arn=arn, region="global"))


# The name and the tags of a resource.


@pytest.mark.parametrize(("resource_type", "resource", "name"), [
    ("aws.security-group", {"GroupId": "sg-1", "GroupName": "k8s-x", "Tags": [{"Key": "Name", "Value": "n"}]}, "k8s-x"),
    ("aws.iam-role", {"RoleName": "r"}, "r"), ("aws.s3", {"Name": "b"}, "b"),
    ("aws.app-elb", {"LoadBalancerArn": "a", "LoadBalancerName": "k8s-lb"}, "k8s-lb"),
    ("aws.elb", {"LoadBalancerName": "lb", "DNSName": "lb.amazonaws.com"}, "lb"),
    ("aws.rds", {"DBInstanceIdentifier": "db", "Endpoint": {"Address": "db.rds"}}, "db"),
    # An address, an id that AWS assigned, the tag Name, an alias of the account, a text that anybody changes.
    ("aws.ec2", {"InstanceId": "i-1", "PublicDnsName": "ec2-1", "Tags": [{"Key": "Name", "Value": "n"}]}, ""),
    ("aws.ebs", {"VolumeId": "vol-1"}, ""), ("aws.kms-key", {"KeyId": "k"}, ""), ("aws.vpc", {"VpcId": "vpc-1"}, ""),
    ("aws.efs", {"FileSystemId": "fs-1", "Name": "n"}, ""),
    ("aws.account", {"account_id": RED, "account_name": "n"}, ""),
    ("aws.sns", {"TopicArn": "a", "DisplayName": "n"}, ""),
    ("aws.security-group", {"GroupId": "sg-1"}, ""), ("aws.security-group", {"GroupName": ["k8s-x"]}, ""),
])
def test_a_name_is_what_aws_calls_the_resource(resource_type: str, resource: dict[str, Any], name: str) -> None:
    assert resource_name(resource, resource_type) == name


@pytest.mark.parametrize(("resource", "tags"), [
    ({}, {}), ({"Tags": None}, {}), ({"Tags": "a"}, {}), ({"Tags": [{"Key": "a", "Value": "b"}]}, {"a": "b"}),
    ({"Tags": [{"key": "a", "value": "b"}, "x", {"Key": "c"}, {"Key": 1, "Value": "d"}]}, {"a": "b"}),
    ({"Tags": {"a": "b", "c": 1}}, {"a": "b"}), ({"tags": {"a": "b"}}, {"a": "b"}),
    ({"Tags": [], "tags": {"a": "b"}}, {"a": "b"}),
])
def test_tags_in_every_form(resource: dict[str, Any], tags: dict[str, str]) -> None:
    assert resource_tags(resource) == tags


# The filter and a report decide alike.

HARD = st.one_of(
    st.sampled_from([
        "k8s-web", "k8s-\nweb", "\nk8s-web", "k8s-*", "[k8s-web]", "k8s-?", "", " ", "K8S-web", "k8s-\u202ebew",
        "\uff4b8s-web", "k8s-\ud800", "k8s-\x00", "'; drop table findings; --", "=cmd()", "AWSReservedSSO_x"]),
    st.text("k8s-*?[]\n!", max_size=8), st.text(max_size=6))
PATTERNS = st.sampled_from(["k8s-*", "k8s-web", "k8s[-]*", "*k8s*", "k8s-\ud800", "k8s-?", "*k8s-[!w]*", "k8s-[z-a]*"])
TAGS = st.dictionaries(st.sampled_from(["team", "Name", "a\nb", "10"]), HARD, max_size=3)
KINDS = {
    "aws.security-group": lambda name: {"GroupId": "sg-1", "GroupName": name},
    "aws.iam-role": lambda name: {"RoleName": name or "r", "Arn": f"arn:aws:iam::{ACCOUNT}:role/{name or 'r'}"},
    "aws.s3": lambda name: {"Name": name or "b"},
    "aws.ec2": lambda name: {"InstanceId": "i-1", "PublicDnsName": name},
    "aws.efs": lambda name: {"FileSystemId": "fs-1", "Name": name},
}


@pytest.fixture
def kinds(moto: Moto, tmp_path: Path) -> Iterator[Mapping[str, tuple[Any, Any]]]:
    """By type: c7n's policy, and ours for the findings."""
    made = {}
    for kind in KINDS:
        data = {"name": "open-ssh", "resource": kind}
        (tmp_path / "p.yml").write_text(json.dumps({"policies": [data]}), encoding="utf-8")
        [ours] = load_policies(tmp_path / "p.yml")
        made[kind] = (engine.load(data, tmp_path), ours)
    # pytest-xdist cannot send half of a surrogate pair, which a line about a name may hold.
    logging.disable(logging.INFO)
    try:
        yield made
    finally:
        logging.disable(logging.NOTSET)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(list(KINDS)), name=HARD, tags=TAGS, form=st.booleans(), pattern=PATTERNS,
       wanted=st.dictionaries(st.sampled_from(["team", "10"]), st.sampled_from(["*", "k8s-*", "web"]), max_size=2),
       resource=st.sampled_from([None, "*", "sg-1", "arn:aws:*"]))
@example(kind="aws.security-group", name="k8s-\ud800", tags={}, form=True, pattern="k8s-\ud800",
         wanted={}, resource=None)
@example(kind="aws.security-group", name="k8s-\nweb", tags={"team": "k8s-\ud800"}, form=False, pattern="k8s-*",
         wanted={"team": "k8s-*"}, resource="sg-1")
def test_a_filter_and_a_report_decide_alike(
    kinds: Mapping[str, tuple[Any, Any]], kind: str, name: str, tags: dict[str, str], form: bool, pattern: str,
    wanted: dict[str, str], resource: str | None,
) -> None:
    data = named(account=ACCOUNT, name=pattern, tags=wanted or None, resource=resource, expires=END)
    found = {**KINDS[kind](name), "Tags": tags if form else [{"Key": key, "Value": tags[key]} for key in tags]}
    policy, ours = kinds[kind]
    filtered = Excepted({"type": "excepted", "exceptions": [data]}, policy.resource_manager).process([found])

    [finding] = findings_of(ours, Account(ACCOUNT, "a", (REGION,)), REGION, [found], whole_account=False)
    stored = TABLE.finding(TABLE.row(finding), finding)
    exceptions = Exceptions(rules=(parse_rule(data),), lines=(1,), path=Path("exceptions.yml"))
    assert (exceptions.apply(stored).status is Status.EXCEPTED) == (filtered == [])
    assert exceptions.apply(finding).status is exceptions.apply(stored).status
    if filtered == []:
        # An independent look: no type without a name, and every condition of the entry.
        assert kind not in ("aws.ec2", "aws.efs")
        known = name.encode(errors="backslashreplace").decode() or {"aws.iam-role": "r", "aws.s3": "b"}.get(kind, "")
        assert fnmatchcase(known, pattern)
        assert all(key in tags and fnmatchcase(tags[key], value) for key, value in wanted.items())


def test_a_report_names_the_entry_that_matched_nothing() -> None:
    exceptions = Exceptions(rules=(by_name(),), lines=(3,), path=Path("exceptions.yml"), now=NOW)
    checks = [(RED, "eu-west-1", "open-ssh", "ran"), (RED, "us-east-1", "open-ssh", "ran")]
    [note] = exceptions.state((), checks).notes()
    assert note == "1 exception matched nothing: open-ssh on name k8s-* (net@example.org, exceptions.yml:3)"
    denied = [*checks, (RED, "eu-west-3", "open-ssh", "denied")]
    assert not exceptions.state((), denied).unused and exceptions.state((), denied).unknown


def test_an_exception_by_name_from_a_critical_policy_is_noted() -> None:
    critical = [policy for policy in load_policies() if policy.name == "security-group-admin-ports"]
    rules = (by_name(policy="security-group-*"), rule(policy="security-group-*"),
             by_name(policy="security-group-*", expires="2020-01-01"), by_name(policy="iam-*"))
    exceptions = Exceptions(rules=rules, lines=(1, 2, 3, 4), path=Path("e.yml"), now=NOW)
    [note] = exceptions.notes_on_names(critical)
    assert "e.yml:1" in note and "chooses its name" in note


# In c7n.

Write = Callable[..., None]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file of exceptions by name, which holds from then on."""

    def write(*entries: dict[str, Any]) -> None:
        path = tmp_path / "allowed.yml"
        path.write_text(json.dumps({"exceptions": [
            named(account=ACCOUNT, expires=END, **changes) for changes in entries]}), encoding="utf-8")
        monkeypatch.setenv(VARIABLE, str(path))

    return write


def tagged(moto: Moto, name: str, **tags: str) -> str:
    made = group(moto, name, OPEN)
    if tags:
        moto.client("ec2").create_tags(Resources=[made], Tags=[{"Key": k, "Value": v} for k, v in tags.items()])
    return made


@pytest.mark.parametrize("pushed", [False, True])
def test_the_named_stays_and_its_neighbours_are_fixed(
    moto: Moto, file: Write, tmp_path: Path, pushed: bool
) -> None:
    file({"tags": {"team": "w*"}})
    kept = tagged(moto, "k8s-a", team="web")
    fixed = [tagged(moto, "k8s-b"), tagged(moto, "k8s-c", team="db"), tagged(moto, "other", team="web", Name="k8s-a")]
    if pushed:
        mode = {"type": "cloudtrail", "role": "r", **EVENTS["cloudtrail"]}
        for group_id in (kept, *fixed):
            engine.push({**PULLED, "mode": mode}, tmp_path, trail_event(group_id))
    else:
        engine.pull(PULLED, tmp_path)
    assert ingress(moto, kept) and not any(ingress(moto, group_id) for group_id in fixed)


@pytest.mark.parametrize("mode", ["config-rule", "config-poll-rule"])
def test_aws_config_is_told_of_an_exception_by_name(
    function: Any, moto: Moto, config: SimpleNamespace, mode: str  # noqa: F811
) -> None:
    kept, fixed = tagged(moto, "k8s-a", team="web"), tagged(moto, "k8s-b")
    excused = named(policy="p", account=ACCOUNT, expires=END, tags={"team": "web"})
    function(mode, filters=[*DRIFT["filters"], {"type": "excepted", "exceptions": [excused]}],
             actions=["revert-ingress"])
    if mode == "config-rule":
        for group_id, name, tags in ((kept, "k8s-a", {"team": "web"}), (fixed, "k8s-b", {})):
            made = item(group_id, OPEN)
            made["configuration"]["groupName"] = made["resourceName"] = name
            made["configuration"]["tags"] = [{"key": key, "value": tags[key]} for key in tags]
            lambda_entry.run(notification(configurationItem={**made, "tags": tags}), None)
    else:
        lambda_entry.run(notification("ScheduledNotification"), None)
    told = {one["ComplianceResourceId"]: one["ComplianceType"] for one in config.evaluations}
    assert (told[kept], told[fixed]) == ("NOT_APPLICABLE", "COMPLIANT")
    assert ingress(moto, kept) and not ingress(moto, fixed)


def test_a_role_by_name_and_tag(moto: Moto, file: Write, tmp_path: Path) -> None:
    file({"name": "controller-*", "tags": {"team": "net"}})
    iam = moto.client("iam")
    for name, tags in (("controller-1", [{"Key": "team", "Value": "net"}]), ("controller-2", [])):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=tags)
    found = engine.pull({"name": "open-ssh", "resource": "aws.iam-role"}, tmp_path)
    names = {role["RoleName"] for role in found}
    assert "controller-2" in names and "controller-1" not in names
