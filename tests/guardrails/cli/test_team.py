"""A team's repository: `init` makes it, and every verb sees its settings, wherever in it."""
from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest
import yaml

from guardrails.cli.defaults import defaults_of
from guardrails.cli.main import VERBS, verbs
from guardrails.errors import GuardrailsError
from guardrails.settings import Settings

from ..conftest import Cloud, guardrails


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new repository, which is the current directory."""
    assert guardrails("init", tmp_path / "team").exit_code == 0
    monkeypatch.chdir(tmp_path / "team")
    return tmp_path / "team"


def change(team: Path, **keys: object) -> None:
    file = team / "guardrails.yml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **keys}))


def test_a_new_repository_is_valid_and_is_not_made_twice(team: Path) -> None:
    result = guardrails("validate")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("valid: ")
    again = guardrails("init", team)
    assert again.exit_code == 1
    assert "guardrails.yml, accounts.yml" in again.stderr
    assert "nothing was written" in again.stderr


def test_a_repository_that_cannot_be_written_is_not_half_there(tmp_path: Path) -> None:
    (tmp_path / ".github").write_text("a file, where init needs a directory")
    result = guardrails("init", tmp_path)
    assert result.exit_code == 1
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".github"]


def test_the_schema_for_editors_accepts_what_is_valid_and_nothing_else(team: Path) -> None:
    schema = json.loads((team / "guardrails.schema.json").read_text())
    content = yaml.safe_load((team / "guardrails.yml").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)
    for wrong in ({"defaults": {"audit": {"formt": ["html"]}}}, {"defaults": {"audi": {}}}, {"pack": []},
                  {"defaults": {"heal": {"yes": True}}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**content, **wrong}, schema)


def test_own_and_shipped_policies_are_one_list_for_every_verb(team: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(team / "policies" / "periodic")
    listed = {each["name"]: each for each in json.loads(guardrails("policies", "--json").stdout)}
    assert listed["team-instance-owner"]["where"] == "ec2.yml:15"
    assert listed["s3-bucket-encryption"]["mode"] == "config-rule"
    assert [each["name"] for each in json.loads(guardrails(
        "policies", "--policies", team / "policies", "--json").stdout)] == ["team-instance-owner"]
    both = json.loads(guardrails(
        "policies", "--policies", team / "policies", "--pack", "aws-guardrails", "--json").stdout)
    assert {each["name"] for each in both} == set(listed)
    without = json.loads(guardrails("--settings", "none", "policies", "--json").stdout)
    assert {each["name"] for each in without} == set(listed) - {"team-instance-owner"}
    # Only a part of what the team has: everything else that is deployed would be removed.
    refused = guardrails("undeploy", "--policies", team / "policies")
    assert (refused.exit_code, "contains only a part of the policies" in refused.stderr) == (1, True)


def test_an_audit_needs_no_option(team: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    change(team, packs=[{"name": "aws-guardrails", "policies": ["security-group-admin-ports"]}],
           severities={"team-*": "critical"}, frameworks=["cis-aws-6.0"])
    ec2 = cloud.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)
    monkeypatch.chdir(team / "policies")
    result = guardrails("audit", "--fail-on", "critical")
    assert result.exit_code == 1, result.output
    [run] = (team / "output").glob("audit-*")
    assert sorted(file.name for file in run.glob("report.*")) == ["report.html", "report.json"], "as in its defaults"
    report = json.loads((run / "report.json").read_text())
    assert [(each["policy"], each["severity"]) for each in report["findings"]
            if each["policy"] == "team-instance-owner"] == [("team-instance-owner", "critical")]
    assert [each["name"] for each in report["frameworks"]] == ["cis-aws-6.0"]
    assert (team / "output" / "history.db").is_file()
    assert not (team / "policies" / "output").exists()


@pytest.mark.parametrize(("defaults", "problem"), [
    ({"audi": {}}, "defaults: there is no verb audi"),
    ({"audit": {"formt": ["html"]}}, "defaults.audit: audit has no option --formt"),
    ({"heal": {"yes": True}}, "defaults.heal: must be given on the command line"),
])
def test_wrong_defaults_are_errors(team: Path, defaults: dict[str, object], problem: str) -> None:
    change(team, defaults=defaults)
    result = guardrails("validate")
    assert (result.exit_code, problem in result.stderr) == (1, True), result.output


def test_no_word_of_a_person_can_be_a_default() -> None:
    for verb, command in verbs().items():
        for option in command.params:
            for name in option.opts:
                if name in ("--yes", "--force", "--heal", "--stop-fixing", "--fire", "--apply", "--resume"):
                    settings = Settings(file=Path("guardrails.yml"), defaults={verb: {name.removeprefix("--"): True}})
                    with pytest.raises(GuardrailsError, match="must be given on the command line"):
                        defaults_of(verb, command, settings)
    assert set(verbs()) == set(VERBS)


def test_a_broken_file_is_an_error_of_every_verb_but_the_ones_without_policies(team: Path) -> None:
    (team / "guardrails.yml").write_text("polcies: []\n")
    for verb in ("audit", "coverage", "policies", "validate"):
        result = guardrails(verb)
        assert (result.exit_code, "guardrails.yml:1: unknown key polcies" in result.stderr) == (1, True)
    assert "polcies" not in guardrails("sandbox", "status").output


def test_fixes_can_be_undone_where_the_file_is_broken(team: Path) -> None:
    (team / "guardrails.yml").write_text("polcies: []\n")
    for arguments in (("receipts", "output"), ("rollback", "20260101-120000-k3v9qt7m")):
        result = guardrails(*arguments)
        assert f"so {arguments[0]} works without it: {team}/guardrails.yml:1: unknown key polcies" in result.stderr
        assert "unknown key" not in result.stderr.splitlines()[-1], "it went on"


def test_misspelled_names_get_the_nearest(team: Path) -> None:
    result = guardrails("policies", "--policy", "s3-bucket-encription")
    assert "did you mean s3-bucket-encryption" in result.stderr
    change(team, frameworks=["cis-aws-6"])
    assert "did you mean cis-aws-6.0" in guardrails("audit").stderr


def test_plain_policies_are_guests(tmp_path: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain").mkdir()
    # As people have them: CRLF, a BOM, JSON, metadata of their own.
    (tmp_path / "plain" / "one.yml").write_bytes(
        b"\xef\xbb\xbfpolicies:\r\n  - name: untagged\r\n    resource: ec2\r\n    metadata: {severity: Sev2, "
        b"controls: [NIST-AC-2]}\r\n    filters:\r\n      - \"tag:Owner\": absent\r\n    actions: [stop]\r\n")
    (tmp_path / "plain" / "two.json").write_text(
        '{\n\t"policies": [{"name": "buckets", "resource": "aws.s3",\n\t"filters": [{"Name": "x"}]}]\n}')
    result = guardrails("validate", "plain")
    assert result.exit_code == 0, result.output
    assert "1 have no metadata: their severity is unrated" in result.stderr
    strict = guardrails("validate", "--strict", "plain")
    assert (strict.exit_code, "the policy has no metadata" in strict.stdout) == (1, True)
    ec2 = cloud.client("ec2")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)
    audit = guardrails("audit", "--policies", "plain", "-o", "out", "--format", "json", "--format", "html")
    assert audit.exit_code == 0, audit.output
    assert audit.stderr.count("2 policies say no severity: unrated") == 1
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [(each["policy"], each["severity"], each["response"]) for each in report["findings"]] == [
        ("untagged", "unrated", "other")]
    deploy = guardrails("deploy", "--policies", "plain", "--yes")
    assert (deploy.exit_code, "none of the 2 selected policies has a `mode`" in deploy.stderr) == (1, True)
    assert [os.fspath(each) for each in tmp_path.glob("custodian-run*")] == []

