"""`--json`: one document on standard output, of every verb that has a result; and -q, which leaves only errors."""
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click
import pytest

from guardrails.cli.main import VERBS, verbs
from guardrails.paths import ROOT
from guardrails.sandbox.state import State, StateDirectory

from ..conftest import HOME, POLICIES, Cloud, guardrails

Test = TypeVar("Test", bound=Callable[..., None])
EXEMPT = {
    "lint": "prints what ruff and mypy print", "test": "prints what pytest prints",
    "bench": "writes a page of figures, and prints it",
    "rules": "writes pages of this project's documentation", "completion": "prints a script for a shell",
    "sandbox start": "`sandbox status --json` shows what runs", "sandbox stop": "has no result",
    "sandbox reset": "has no result",
}
NOT_TALKING = {"lint", "test", "bench", "rules", "completion", "sandbox"}
ELSEWHERE = {"demo": "tests/guardrails/cli/test_demo.py, which runs it once"}
COVERED: set[str] = set(ELSEWHERE)


def covers(*names: str) -> Callable[[Test], Test]:
    """The verbs whose --json a test parses; the fixture `parsed` checks that it does."""
    COVERED.update(names)

    def marked(test: Test) -> Test:
        test.verbs = set(names)  # type: ignore[attr-defined]
        return test

    return marked


@pytest.fixture
def parsed(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Runs a verb with --json and -q, and returns the document that is all of its standard output."""
    wanted, seen = set(request.function.verbs), set()

    def run(*arguments: object, code: int = 0) -> Any:
        name = " ".join(map(str, arguments[:2] if arguments[0] == "sandbox" else arguments[:1]))
        seen.add(name)
        quiet = [] if name.split()[0] in NOT_TALKING else ["-q"]
        result = guardrails(*arguments, "--json", *quiet)
        assert result.exit_code == code, result.output
        assert result.stderr == "" or code, result.stderr
        document = json.loads(result.stdout)
        assert not unknown_keys(name, document), f"docs/commands.md does not have these keys of {name}"
        return document

    yield run
    assert seen == wanted


def documented() -> dict[str, str]:
    """Verb to its row in the table of docs/commands.md."""
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?) \| (.+) \|$", page.partition("\n## JSON\n")[2].partition("\n## ")[0], re.MULTILINE)
    found: dict[str, str] = {}
    for names, text in rows:
        for name in re.findall(r"`([^`]+)`", names):
            verb = name.partition(" --")[0]
            found[verb] = f"{found.get(verb, '')} {text}"
    return found


def unknown_keys(verb: str, document: Any) -> set[str]:
    """The keys of the document, or of its first item, that its row does not have; a row with a link may leave some out.
    """
    row = documented()[verb]
    first = document[0] if isinstance(document, list) and document else document
    return set() if "](" in row else set(first) - set(re.findall(r"`(\w+)`", row))


def refuses(*arguments: object, code: int = 1) -> None:
    """An error is on standard error, and standard output stays empty, so that no half document is there."""
    result = guardrails(*arguments, "--json", "-q")
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert result.stderr


def commands() -> dict[str, click.Command]:
    """Every verb, and the subcommands of a group in its place."""
    found = {}
    for name, command in verbs().items():
        found.update({f"{name} {each}": one for each, one in command.commands.items()}
                     if isinstance(command, click.Group) else {name: command})
    return found


def test_every_verb_has_json_or_a_reason_and_each_is_parsed_by_a_test() -> None:
    with_json = {name for name, command in commands().items() if "as_json" in {each.name for each in command.params}}
    assert set(commands()) - with_json == set(EXEMPT)
    assert with_json == COVERED == set(documented())
    assert set(VERBS) >= {name.split()[0] for name in with_json}


def test_every_verb_that_talks_can_be_told_to_say_more_or_less() -> None:
    for name, command in verbs().items():
        options = {option for each in command.params for option in each.opts}
        assert ({"-v", "--verbose", "-q", "--quiet"} <= options) == (name not in NOT_TALKING), name


def test_the_shared_option_says_the_same_everywhere() -> None:
    texts = {each.help.partition(".")[0] for command in commands().values() for each in command.params
             if isinstance(each, click.Option) and each.name == "as_json" and each.help}
    assert texts == {"Print the result as one JSON document; docs/commands"}


CHOSEN = ("--policies", POLICIES, "--policy", "open-ssh", "-r", "us-east-1")


@covers("audit", "report", "publish", "query", "trend")
def test_an_audit_and_what_is_made_of_it(cloud: Cloud, parsed: Callable[..., Any], tmp_path: Path) -> None:
    group = cloud.open_group(HOME, "us-east-1")
    run = tmp_path / "run"
    found = parsed("audit", *CHOSEN, "-o", run)
    assert found == json.loads((run / "report.json").read_text())
    assert [each["resource"] for each in found["findings"]] == [group]
    refuses("audit", *CHOSEN, "-o", run)
    refuses("audit", "--policy", "no-such-policy")
    failing = guardrails("audit", *CHOSEN, "-o", tmp_path / "two", "--fail-on", "low", "--json")
    assert (failing.exit_code, json.loads(failing.stdout)["verb"]) == (1, "audit")
    assert "report: " in failing.stderr
    resumed = parsed("audit", "--resume", run)
    assert resumed["run"] == found["run"]

    again = parsed("report", run, "-o", tmp_path / "again", "--format", "csv")
    assert again["findings"] == found["findings"]
    assert sorted(each.name for each in (tmp_path / "again").iterdir()) == ["findings.csv", "not-seen.csv"]
    refuses("report", tmp_path / "nothing-there")

    published = parsed("publish", run)
    assert (published["uploaded"], published["sent_to"]) == ([], None)
    assert "open-ssh" in published["text"]
    cloud.client("s3").create_bucket(Bucket="central")
    assert parsed("publish", run, "--to", "s3://central/x")["uploaded"][0].startswith("s3://central/x/")
    refuses("publish", tmp_path / "again")

    assert parsed("publish", run, "--parquet", tmp_path / "tables")["parquet"][-1].startswith("runs/run_date=")
    names = parsed("query", "select resource as name from findings", "--parquet", tmp_path / "tables")
    assert names == [{"name": group}]
    refuses("query", "select nothing", "--parquet", tmp_path / "tables")

    assert [each["open"] for each in parsed("trend")[-1]["lines"]][:1] == [1]


@covers("heal", "receipts", "rollback", "diff")
def test_a_heal_and_its_rollback(cloud: Cloud, parsed: Callable[..., Any], tmp_path: Path) -> None:
    group = cloud.open_group(HOME, "us-east-1")
    old, new = tmp_path / "old", tmp_path / "new"
    for place, rule in ((old, "tcp 3389 from world"), (new, "tcp 22 from world")):
        place.mkdir()
        (place / "p.yml").write_text(
            "policies:\n- {name: ports, resource: aws.security-group, filters: "
            f"[{{type: ingress-drift, forbidden: [{rule}]}}]}}\n")
    [difference] = parsed("diff", old, new, "-r", "us-east-1", "-o", tmp_path / "diff")
    assert [difference] == json.loads((tmp_path / "diff/diff.json").read_text())
    assert [each["resource"] for each in difference["newly"]] == [group]
    refuses("diff", old, new, "-r", "us-east-1", "-o", tmp_path / "diff")

    plan = parsed("heal", *CHOSEN, "--plan-out", tmp_path / "plan.json", "-o", tmp_path / "plan", code=1)
    assert plan == json.loads((tmp_path / "plan.json").read_text())
    refuses("heal", *CHOSEN)  # it would ask
    healed = parsed("heal", *CHOSEN, "--yes", "-o", tmp_path / "heal")
    assert healed == json.loads((tmp_path / "heal/report.json").read_text())
    assert [(each["resource"], each["outcome"]) for each in healed["fixes"]] == [(group, "reverted")]

    [listed] = parsed("receipts", tmp_path / "heal")
    assert listed["receipt"] in json.loads((tmp_path / "heal/receipts.json").read_text())
    refuses("receipts", tmp_path / "nothing-there")

    refuses("rollback", tmp_path / "heal")  # it would ask
    undone = parsed("rollback", tmp_path / "heal", "--yes", "-o", tmp_path / "back")
    assert undone["complete"]
    assert [(each["resource"], each["state"]) for each in undone["calls"]] == [(group, "done")]
    assert [(each["resource"], each["state"]) for each in undone["resources"]] == [(group, "as before the fix")]
    assert undone["receipts"] == json.loads((tmp_path / "back/receipts.json").read_text())
    refuses("rollback", "20260101-120000-aaaaaaaa", "--yes")


@covers("rollback")
def test_a_rollback_that_fails_says_how_far_it_came(
    cloud: Cloud, parsed: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "receipts.json"
    file.write_text(json.dumps([{
        "account": HOME, "region": "us-east-1", "resource": "sg-12345678", "resource_type": "aws.security-group",
        "policy": "open-ssh", "outcome": "reverted", "at": "2026-01-01T00:00:00+00:00", "inverse": [{
            "service": "ec2", "operation": "authorize_security_group_ingress", "parameters": {
                "GroupId": "sg-12345678", "IpPermissions": [{
                    "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}}]}]))
    failed = parsed("rollback", file, "--yes", "--force", code=1)
    assert not failed["complete"]
    assert [each["state"] for each in failed["calls"]] == ["failed"]
    assert "InvalidGroup.NotFound" in failed["calls"][0]["reason"]


@covers("deploy", "doctor", "undeploy")
def test_a_deployment_and_its_removal(cloud: Cloud, parsed: Callable[..., Any], tmp_path: Path) -> None:
    cloud.client("iam").create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
    chosen = ("group-made", "--policies", POLICIES, "-r", "us-east-1")
    plan = parsed("deploy", *chosen, "--dry-run", code=2)
    assert plan["changes"]
    assert [each["change"] for each in plan["functions"]] == ["create"]
    assert "group-made" in guardrails("deploy", *chosen, "--dry-run", "-q").stderr, "the plan is its result"
    refuses("deploy", *chosen)  # it would ask
    made = parsed("deploy", *chosen, "--yes", "-o", tmp_path / "deploy")
    assert made == json.loads((tmp_path / "deploy/deploy.json").read_text())
    assert [each["outcome"] for each in made["functions"]] == ["created"]

    examined = guardrails("doctor", *chosen, "--json", "-q")
    assert json.loads(examined.stdout) == parsed("doctor", *chosen, code=examined.exit_code)
    refuses("doctor", "no-such-policy")

    there = parsed("undeploy", *chosen)
    assert "function" in {each["kind"] for each in there["remove"]}
    assert cloud.client("lambda").list_functions()["Functions"], "the plan removes nothing"
    assert "group-made" in guardrails("undeploy", *chosen, "-q").stderr
    gone = parsed("undeploy", *chosen, "--yes", "-o", tmp_path / "undeploy")
    assert gone == json.loads((tmp_path / "undeploy/undeploy.json").read_text())
    assert gone["removed"] == there["remove"]
    refuses("undeploy", "no-such-policy", "-r", "us-east-1")


@covers("validate", "policies", "coverage", "schema", "iam", "templates", "init", "setup", "replay")
def test_verbs_that_only_read_and_write_files(cloud: Cloud, parsed: Callable[..., Any], tmp_path: Path) -> None:
    checked = parsed("validate", POLICIES)
    assert (checked["valid"], checked["problems"]) == (True, [])
    bad = tmp_path / "bad.yml"
    bad.write_text("policies:\n- {name: a, resource: aws.s3, filters: [bucket-encription]}\n")
    wrong = parsed("validate", bad, code=1)
    assert [(each["file"], each["line"]) for each in wrong["problems"]] == [("bad.yml", 2)]
    assert wrong["problems"][0].keys() == {"file", "line", "problem", "fix"}
    refuses("validate", tmp_path / "nothing-there")

    listed = parsed("policies", "--policies", POLICIES)
    assert {each["name"] for each in listed} >= {"open-ssh", "user-made"}
    refuses("policies", "--policy", "no-such-policy")
    assert set(parsed("coverage", "--framework", "cis-aws-5.0")) == {"cis-aws-5.0"}
    refuses("coverage", "--framework", "no-such-framework")

    written = parsed("schema", "--settings", "-o", tmp_path / "schema.json")
    assert written == {"files": [str(tmp_path / "schema.json")]}
    assert parsed("schema", "--settings", "-o", "-") == json.loads((tmp_path / "schema.json").read_text())
    for verb, arguments in (("iam", ("--policies", POLICIES)), ("templates", ())):
        files = parsed(verb, *arguments, "-o", tmp_path / verb)["files"]
        assert sorted(files) == sorted(str(each) for each in (tmp_path / verb).rglob("*") if each.is_file())
        refuses(verb, *arguments, "-o", tmp_path / verb)
    files = parsed("init", tmp_path / "team")["files"]
    assert sorted(files) == sorted(str(each) for each in (tmp_path / "team").rglob("*") if each.is_file())
    refuses("init", tmp_path / "team")
    shown = parsed("setup", "--no-sandbox")
    assert shown["packages"]["c7n"] and shown["sandbox"] is None

    event = tmp_path / "event.json"
    event.write_text(json.dumps({
        "eventSource": "ec2.amazonaws.com", "eventName": "CreateSecurityGroup", "awsRegion": "us-east-1",
        "recipientAccountId": HOME, "responseElements": {"groupId": cloud.open_group(HOME, "us-east-1")}}))
    [replayed] = parsed("replay", event, "--policies", POLICIES)
    assert {each["policy"] for each in replayed["policies"]} >= {"group-made"}
    bad.write_text("no event")
    refuses("replay", bad)


@covers("accounts")
def test_accounts_of_an_organization(cloud: Cloud, parsed: Callable[..., Any], tmp_path: Path) -> None:
    client = cloud.client("organizations")
    client.create_organization(FeatureSet="ALL")
    left = client.create_account(AccountName="b", Email="b@example.org")["CreateAccountStatus"]["AccountId"]
    file = tmp_path / "accounts.yml"
    found = parsed("accounts", "-o", file, "--exclude", left)
    assert found["files"] == [str(file)]
    assert [each["account_id"] for each in found["accounts"]] == [found["management"]]
    assert found["left_out"] == [{"account_id": left, "display_name": "b", "reason": "excluded"}]
    refuses("accounts", "-o", file)


@covers("sandbox status", "sandbox env")
def test_a_sandbox_that_runs_and_one_that_does_not(parsed: Callable[..., Any], tmp_path: Path) -> None:
    place = tmp_path / "sandbox"
    assert parsed("sandbox", "status", "--directory", place, code=1) == {"running": False}
    refused = guardrails("sandbox", "env", "--directory", place, "--json")
    assert (refused.exit_code, refused.stdout) == (1, "")
    directory = StateDirectory(place)
    with directory.hold():
        directory.write(State(1, "http://127.0.0.1:1", "2026-01-01T00:00:00+00:00", "log", 2, 3))
        assert parsed("sandbox", "status", "--directory", place)["endpoint"] == "http://127.0.0.1:1"
        variables = parsed("sandbox", "env", "--directory", place)
        assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
