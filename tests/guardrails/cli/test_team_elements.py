"""A team's own filters and actions in the verbs: checked, audited, fixed, rolled back, and in roles and schemas."""
from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.team_elements import ACTION, FILTER, PACKAGE, POLICY, replace, verb, write_team

from ..conftest import RED, Cloud, role

GROUPS = f"{PACKAGE}/groups.py"


@pytest.fixture
def team(tmp_path: Path) -> Path:
    return write_team(tmp_path / "team")


def test_the_example_of_the_page_is_valid(team: Path) -> None:
    done = verb("validate", cwd=team / "policies")
    assert (done.returncode, done.stdout.startswith("valid: 1 policies")) == (0, True), done.stdout + done.stderr
    assert "own actions" not in done.stderr, "its action writes receipts"


@pytest.mark.parametrize(("file", "old", "new", "where", "problem", "fix"), [
    (GROUPS, 'type_schema("no-change-request"', 'type_schema("no-change"',
     ":13", "schema does not have the type", "type_schema"),
    (GROUPS, "    permissions = ()  # it reads only what c7n has read\n", "", ":13",
     "filter no-change-request: it does not declare its permissions", 'permissions = ("service:Action"'),
    (GROUPS, '"ec2:CreateTags", ', '"ec2:CreateTag", ',
     ":48", "AWS does not define the permission ec2:CreateTag", "IAM"),
    (GROUPS, "class NoChangeRequest(Filter)", "class NoChangeRequest", ":13",
     "filter no-change-request: it must derive from c7n.filters.core.Filter", "class NoChangeRequest(Filter)"),
    (GROUPS, ".. code-block:: yaml\n\n        policies:\n          - name: group-without-change-request\n"
     "            resource: aws.security-group\n            filters:\n", "",
     ":13", "its docstring has no example", "add"),
    (GROUPS, "                pattern: 'CHG", "                patern: 'CHG",
     ":13", "no setting patern", "did you mean pattern"),
    (GROUPS, "            filters:\n              - type: no-change-request\n                pattern: 'CHG\\d{7}'\n",
     "", ":13", "no valid example uses it as filter no-change-request", "add a policy on aws.security-group"),
    (f"{PACKAGE}/__init__.py", "groups:NoChangeRequest", "groups:NoRequest", "__init__.py:3", "has no class NoRequest",
     "correct the class in ELEMENTS"),
    (GROUPS, "import re\n", "import reqests\n",
     ":2", "ModuleNotFoundError: No module named 'reqests'", "correct the file"),
    ("policies/groups.yml", ", team_elements]", "]", ":4",
     "mode has no packages: [team_elements]; no-change-request and tag-for-review are no part of c7n",
     "add packages: [custom_actions, team_elements]"),
    ("policies/groups.yml", "      handler: custom_actions.lambda_entry.run\n", "", ":4", "mode.handler is not set",
     "set handler: custom_actions.lambda_entry.run"),
])
def test_what_an_element_lacks_has_place_and_fix(
    file: str, old: str, new: str, where: str, problem: str, fix: str, team: Path
) -> None:
    replace(team / file, old, new)
    done = verb("validate", cwd=team)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = next((number for number, line in enumerate(lines) if problem in line), None)
    assert at is not None, done.stdout + done.stderr
    assert f"{where}: " in lines[at]
    assert fix in lines[at + 1]


def test_an_action_without_receipts_works_and_gets_a_hint(team: Path) -> None:
    (team / PACKAGE / "groups.py").write_text('''\
from c7n.actions import Action
from c7n.filters import Filter
from c7n.utils import local_session, type_schema


class NoChangeRequest(Filter):
    """Every group.

    .. code-block:: yaml

        policies: [{name: x, resource: security-group, filters: [no-change-request]}]
    """
    schema, permissions = type_schema("no-change-request"), ()

    def process(self, resources, event=None):
        return resources


class TagForReview(Action):
    """Tag it.

    .. code-block:: yaml

        policies: [{name: x, resource: security-group, actions: [tag-for-review]}]
    """
    schema, permissions = type_schema("tag-for-review", team={"type": "string"}), ("ec2:CreateTags",)

    def process(self, resources):
        local_session(self.manager.session_factory).client("ec2").create_tags(
            Resources=[each["GroupId"] for each in resources], Tags=[{"Key": "review", "Value": "yes"}])
''')
    done = verb("validate", cwd=team)
    assert (done.returncode, "hints about policies and actions" in done.stderr) == (0, True), done.stderr
    listed = verb("validate", "-v", cwd=team)
    assert f"{GROUPS}:19: hint: action tag-for-review: the action writes no receipts" in listed.stdout


def test_roles_and_schemas_know_them(team: Path) -> None:
    done = verb("iam", "-o", "roles", cwd=team)
    assert done.returncode == 0, done.stdout + done.stderr
    needed = json.loads((team / "roles" / "permissions.json").read_text())
    assert "ec2:CreateTags" in json.dumps(needed)
    done = verb("schema", "-o", "-", cwd=team)
    schema = json.loads(done.stdout)["definitions"]["resources"]["aws.security-group"]
    assert schema["actions"][ACTION]["description"].startswith("Set the tag `review`")
    assert FILTER in schema["filters"]


def test_audit_heal_and_rollback(team: Path, cloud: Cloud, tmp_path: Path) -> None:
    (team / "accounts.yml").write_text(yaml.safe_dump({"accounts": [{
        "name": "red", "account_id": RED, "role": role(RED), "regions": ["us-east-1"], "guardrails": "heal"}]}))
    ec2 = cloud.client("ec2", RED)
    [default] = ec2.describe_security_groups()["SecurityGroups"]

    def tags() -> dict[str, str]:
        found = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [default["GroupId"]]}])["Tags"]
        return {tag["Key"]: tag["Value"] for tag in found}

    done = verb("audit", "-c", "accounts.yml", "-o", "audit", "--format", "json", cwd=team)
    assert done.returncode == 0, done.stdout + done.stderr
    findings = json.loads((team / "audit" / "report.json").read_text())["findings"]
    assert [(each["policy"], each["resource"]) for each in findings] == [(POLICY, default["GroupId"])]
    # A file of settings from elsewhere: c7n-org's processes use it, too.
    done = verb("--settings", "team/guardrails.yml", "heal", "-c", "team/accounts.yml", "-o", "heal", "--yes",
                cwd=tmp_path)
    assert "1 of 1 findings fixed" in done.stdout, done.stdout + done.stderr
    [receipt] = json.loads((tmp_path / "heal" / "receipts.json").read_text())
    assert (receipt["action"], receipt["outcome"], receipt["added"]) == (ACTION, "reverted", [{"review": "network"}])
    assert tags() == {"review": "network"}
    keys = cloud.client("sts").assume_role(RoleArn=role(RED), RoleSessionName="test")["Credentials"]
    own = {"AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
           "AWS_SESSION_TOKEN": keys["SessionToken"]}
    receipts = str(tmp_path / "heal" / "receipts.json")
    # Without the team's declarations, nothing allows the call.
    refused = verb("rollback", receipts, "--yes", cwd=tmp_path, **own)
    assert (refused.returncode, tags()) == (1, {"review": "network"}), refused.stdout
    assert "ec2:delete_tags does not undo the fix tag-for-review" in refused.stdout + refused.stderr
    done = verb("rollback", receipts, "--yes", cwd=team, **own)
    assert (done.returncode, tags()) == (0, {}), done.stdout + done.stderr


def test_a_broken_element_ends_an_audit_before_it_begins(team: Path, cloud: Cloud) -> None:
    replace(team / GROUPS, "import re\n", "import reqests\n")
    done = verb("audit", "-o", "audit", cwd=team)
    assert (done.returncode, (team / "audit").exists()) == (1, False), done.stdout
    assert "groups.py:2: team_elements.groups cannot be imported: ModuleNotFoundError" in done.stderr
    assert "Traceback" not in done.stderr
    # Verbs that work on no policies of the team are not affected.
    assert verb("rules", "--help", cwd=team).returncode == 0
    assert "reqests" not in verb("sandbox", "status", cwd=team).stderr
