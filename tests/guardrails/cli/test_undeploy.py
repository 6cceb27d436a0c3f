"""`undeploy` in accounts where something is in the way: what is not ours, not known, or not to be had."""
from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from moto.core.exceptions import AccessDeniedError
from moto.events.models import EventsBackend

from guardrails.accounts.account import Account
from guardrails.deployment.inventory import DeployedFunction, inventory, prefixes_of
from guardrails.deployment.leftovers import functions_named, obsolete, refuse_partial, remove, scan
from guardrails.errors import GuardrailsError
from guardrails.policies import PolicySources
from guardrails.policies.policy import Policy
from guardrails.yamlfile import YamlFile

from ..conftest import LOCKED, POLICIES, RED, REGIONS, Cloud, guardrails

EAST, WEST = REGIONS
ACCOUNT = Account(RED, "red", (EAST,))


def policies(*names: str) -> list[Policy]:
    return [Policy({"name": name, "resource": "aws.s3", "mode": {"type": "periodic"}},
                   YamlFile(Path("p.yml"), {}, None), 0) for name in names]


def functions(*names: str) -> list[DeployedFunction]:
    return [DeployedFunction(ACCOUNT, EAST, f"custodian-{name}") for name in names]


@pytest.mark.parametrize(("deployed", "there"), [
    ("abc", "ab"), ("abcd", "abxyz"), ("ab", "abc"), ("", "a"), ("ab", "a"),
])
def test_functions_without_a_policy_are_removed(deployed: Sequence[str], there: Sequence[str]) -> None:
    refuse_partial(functions(*deployed), policies(*there), PolicySources())
    assert {f.policy for f in obsolete(functions(*deployed), policies(*there))} == set(deployed) - set(there)


@pytest.mark.parametrize(("deployed", "there"), [("abc", "a"), ("a", "x"), ("abcde", "ab"), ("abc", "axyz")])
def test_a_list_that_looks_partial_is_refused(deployed: Sequence[str], there: Sequence[str]) -> None:
    with pytest.raises(GuardrailsError, match="seems to contain only a part"):
        refuse_partial(functions(*deployed), policies(*there), PolicySources())


def test_a_name_in_full_is_looked_for_where_its_function_is_gone() -> None:
    places = [(ACCOUNT, EAST), (ACCOUNT, WEST)]
    chosen = functions_named(functions("a", "b"), ["a"], policies("a"), places)
    assert [(f.name, f.region) for f in chosen] == [("custodian-a", EAST), ("custodian-a", WEST)]
    assert [f.name for f in functions_named(functions("a", "b"), ["*"], [], places)] == ["custodian-a", "custodian-b"]


def put(cloud: Cloud, name: str, region: str = EAST, **tags: str) -> str:
    """A function with an event rule, as c7n makes them; returns the function's ARN."""
    archive = io.BytesIO()
    zipfile.ZipFile(archive, "w").close()
    arn = cloud.client("lambda", RED, region).create_function(
        FunctionName=name, Runtime="python3.12", Handler="x.run", Role=f"arn:aws:iam::{RED}:role/guardrails",
        Code={"ZipFile": archive.getvalue()}, Tags=tags)["FunctionArn"]
    events = cloud.client("events", RED, region)
    events.put_rule(Name=name, ScheduleExpression="rate(1 day)")
    events.put_targets(Rule=name, Targets=[{"Id": name, "Arn": arn}])
    cloud.client("logs", RED, region).create_log_group(logGroupName=f"/aws/lambda/{name}")
    return str(arn)


OURS = {"project": "aws-guardrails", "custodian-info": "mode=periodic:version=0.9.53"}


@pytest.fixture
def red(cloud: Cloud) -> Cloud:
    cloud.client("iam", RED).create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
    return cloud


def test_only_what_is_ours_goes_and_what_is_left_is_named(
    red: Cloud, accounts_yml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    arn = put(red, "custodian-old", **OURS)
    put(red, "custodian-shared", WEST, **OURS)
    other = put(red, "custodian-theirs", **{"custodian-info": "mode=periodic:version=0.9.53"})
    put(red, "custodian-stuck", **OURS)
    events, west = red.client("events", RED, EAST), red.client("events", RED, WEST)
    west.put_targets(Rule="custodian-shared", Targets=[{"Id": "mine", "Arn": other}])
    events.put_rule(Name="by-hand", ScheduleExpression="rate(1 day)")
    events.put_targets(Rule="by-hand", Targets=[{"Id": "1", "Arn": arn}])
    red.no_way_in.add(LOCKED)
    delete_rule = EventsBackend.delete_rule

    def denied(self: Any, name: str, *args: Any) -> Any:
        if name == "custodian-stuck":
            raise AccessDeniedError("arn:aws:iam::111111111111:role/sweep", "events:DeleteRule")
        return delete_rule(self, name, *args)

    monkeypatch.setattr(EventsBackend, "delete_rule", denied)
    result = guardrails(
        "undeploy", "*", "custodian-theirs", "-c", accounts_yml, "--policies", POLICIES, "--yes",
        "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stdout.startswith("INCOMPLETE: 6 of 9 removed")
    report = json.loads((tmp_path / "out/undeploy.json").read_text())
    # A function stays while its rule does, and its log group with it: both tell that it is there.
    assert {(each["kind"], each["name"]) for each in report["left"]} == {
        ("event rule", "custodian-stuck"), ("function", "custodian-stuck"),
        ("log group", "/aws/lambda/custodian-stuck")}
    assert "DeleteRule" in next(each["reason"] for each in report["left"] if each["kind"] == "event rule")
    [unknown] = report["unknown"]
    assert LOCKED in unknown
    for said in ("custodian-theirs does not belong to this project", "by-hand, which c7n did not create",
                 "also has targets that are not this function"):
        assert said in result.stderr
    names = [f["FunctionName"] for f in red.client("lambda", RED, EAST).list_functions()["Functions"]]
    assert sorted(names) == ["custodian-stuck", "custodian-theirs"]
    assert {rule["Name"] for rule in events.list_rules()["Rules"]} == {"by-hand", "custodian-stuck", "custodian-theirs"}
    assert [t["Id"] for t in west.list_targets_by_rule(Rule="custodian-shared")["Targets"]] == ["mine"]


def test_what_a_function_left_behind_goes_by_name(red: Cloud, accounts_yml: Path, tmp_path: Path) -> None:
    put(red, "custodian-old", **OURS)
    red.client("lambda", RED, EAST).delete_function(FunctionName="custodian-old")
    common = ("-c", accounts_yml, "--policies", POLICIES, "--yes", "-o")
    # Nothing says that they are ours, until somebody names them.
    assert guardrails("undeploy", *common, tmp_path / "a").stdout.startswith("COMPLETE: nothing to remove")
    result = guardrails("undeploy", "old", "--keep-logs", *common, tmp_path / "b")
    assert result.stdout.startswith("COMPLETE: 1 of 1 removed")
    assert red.client("events", RED, EAST).list_rules()["Rules"] == []
    assert len(red.client("logs", RED, EAST).describe_log_groups()["logGroups"]) == 1
    again = guardrails("undeploy", "odl", *common, tmp_path / "c")
    assert (again.exit_code, "nothing of odl is deployed" in again.stderr) == (1, True)


@pytest.mark.parametrize("names", [(), ("*",), ("payments-prod", "custodian-mine")], ids=str)
def test_a_look_alike_is_never_removed_and_always_shown(
    red: Cloud, accounts_yml: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Somebody tagged his own function as ours, or named it like ours."""
    put(red, "payments-prod", **OURS)
    put(red, "custodian-mine", **{"custodian-info": "mode=periodic:version=0.9.53"})
    put(red, "custodian-old", **OURS)
    put(red, "custodian-open-ssh", **OURS)  # its policy is there
    accounts_yml.write_text("\n".join(accounts_yml.read_text().splitlines()[:2]) + "\n")
    result = guardrails("undeploy", *names, "-c", accounts_yml, "--policies", POLICIES, "--yes", "-o", tmp_path / "o")
    assert ("payments-prod does not belong to this project: it has the project's tags, but its name does not start "
            "with custodian-") in result.stderr
    assert "custodian-mine does not belong to this project: it lacks the tag" in result.stderr
    left = {f["FunctionName"] for f in red.client("lambda", RED, EAST).list_functions()["Functions"]}
    assert left >= {"payments-prod", "custodian-mine"}
    assert left - {"payments-prod", "custodian-mine"} == {
        (): {"custodian-open-ssh"}, ("*",): set()}.get(names, {"custodian-old", "custodian-open-ssh"})
    assert {rule["Name"] for rule in red.client("events", RED, EAST).list_rules()["Rules"]} == left
    assert {g["logGroupName"] for g in red.client("logs", RED, EAST).describe_log_groups()["logGroups"]} == {
        f"/aws/lambda/{name}" for name in left}


def test_a_prefix_that_a_policy_chooses_is_one_of_our_names() -> None:
    [policy] = policies("p")
    own = Policy({**policy.data, "mode": {"type": "periodic", "function-prefix": "acme-"}}, policy.source, 0)
    assert prefixes_of([policy, own]) == {"custodian-", "acme-"}
    empty = Policy({**policy.data, "mode": {"type": "periodic", "function-prefix": ""}}, policy.source, 0)
    assert prefixes_of([empty]) == {"custodian-"}


def test_a_function_that_was_replaced_meanwhile_stays(red: Cloud) -> None:
    """The question to the user takes time; then another function has the name."""
    put(red, "custodian-old", **OURS)
    account = Account(RED, "red", (EAST,), {"role": f"arn:aws:iam::{RED}:role/sweep"})
    plan = scan(inventory([account]).functions)
    assert {leftover.kind for leftover in plan.leftovers} == {"event rule", "function", "log group"}
    client = red.client("lambda", RED, EAST)
    client.untag_resource(Resource=plan.leftovers[0].function.arn, TagKeys=["project"])
    removals = remove(plan.leftovers)
    assert "does not belong to this project" in removals[0].problem
    assert all(removal.problem for removal in removals)
    assert client.get_function(FunctionName="custodian-old")


def test_the_log_group_of_a_function_that_is_gone_is_shown(red: Cloud, accounts_yml: Path, tmp_path: Path) -> None:
    """Its name alone does not show that it was ours."""
    put(red, "custodian-old", **OURS)
    red.client("lambda", RED, EAST).delete_function(FunctionName="custodian-old")
    result = guardrails("undeploy", "old", "-c", accounts_yml, "--policies", POLICIES, "--yes", "-o", tmp_path / "o")
    assert result.stdout.startswith("COMPLETE: 1 of 1 removed")
    assert "aws logs delete-log-group --log-group-name /aws/lambda/custodian-old" in result.stderr
    assert len(red.client("logs", RED, EAST).describe_log_groups()["logGroups"]) == 1


def test_a_part_of_the_projects_policies_is_no_list(cloud: Cloud) -> None:
    from guardrails.paths import POLICIES as PROJECT

    result = guardrails("undeploy", "--policies", PROJECT / "realtime", "--yes")
    assert (result.exit_code, "contains only a part of the policies" in result.stderr) == (1, True)
