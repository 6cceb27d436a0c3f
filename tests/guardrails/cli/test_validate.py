"""`validate`: each error with file, line and remedy, and all of them."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ..conftest import POLICIES, guardrails

GOOD = """\
policies:
  - name: open-ssh
    resource: aws.security-group
    mode:
      type: config-rule
      role: arn:aws:iam::{account_id}:role/guardrails
      packages: [custom_actions]
      handler: custom_actions.lambda_entry.run
    metadata:
      title: Nobody reaches port 22
      severity: critical
      response: revert
      controls:
        cis-aws-5.0: ["5.3"]
      rationale: Scanners find it.
      fix: It is closed.
      replaces: []
    filters:
      - type: ingress-drift
        forbidden: [tcp 22 from world]
    actions: [revert-ingress]
"""


def check(tmp_path: Path, text: str) -> str:
    """What validate says of a file of this content; empty when it is valid."""
    file = tmp_path / "p.yml"
    file.write_text(text)
    result = guardrails("validate", "--strict", file)
    assert result.exit_code == (0 if result.stdout.startswith("valid: ") else 1), result.output
    return "" if result.exit_code == 0 else result.stdout.replace(f"{tmp_path}/", "")


def test_good_policies_are_one_quiet_line(tmp_path: Path) -> None:
    assert check(tmp_path, GOOD) == ""
    said = guardrails("validate", "--strict", POLICIES).stdout
    assert said.startswith("valid: 6 policies on 4 resource types in 3 files")


@pytest.mark.parametrize(("old", "new", "line", "what", "mend"), [
    ("aws.security-group", "aws.security-grup", 3, "unknown resource type aws.security-grup", "aws.security-group"),
    ("ingress-drift", "ingres-drift", 19, "has no filter 'ingres-drift'", "did you mean ingress-drift"),
    ("[revert-ingress]", "[revert-ingres]", 21, "has no action 'revert-ingres'", "did you mean revert-ingress"),
    ("        forbidden:", "        forbiden:", 20, "ingress-drift has no setting forbiden", "did you mean forbidden"),
    ("[tcp 22 from world]", "[tcp 22 from mars]", 19, "cannot read the source 'mars'", ""),
    ("[tcp 22 from world]", "tcp 22 from world", 20, "invalid value", ""),
    ("severity: critical", "severity: critcal", 11, "unknown severity 'critcal'", "did you mean critical"),
    ("response: revert", "response: none", 21, "response is none, but the policy has actions", "set the response"),
    ("response: revert", "response: alert", 21, "the action revert-ingress may change the resource", "revert"),
    ("      rationale:", "      rationele:", 9, "metadata has no rationale", "did you mean rationele"),
    ('"5.3"', '"5.33"', 14, "cis-aws-5.0 has no control 5.33", "did you mean 5.3"),
    ('"5.3"', "5.3", 14, "cis-aws-5.0: the control 5.3 must be a string", 'quote it: "5.3"'),
    ("cis-aws-5.0", "cis-aws-5", 14, "unknown framework cis-aws-5:", "did you mean cis-aws-5.0"),
    ("config-rule", "config-rul", 5, "unknown mode config-rul", "did you mean config-rule"),
    ("      packages: [custom_actions]\n", "", 4, "mode has no packages: [custom_actions]", "packages: "),
    ("lambda_entry.run", "lambda_entry.go", 8, "fails on its first event", "handler: custom_actions.lambda_entry.run"),
    ("name: open-ssh", "name: open-ssh" + "-x" * 30, 2, "Lambda allows 64", "shorten the name by 14"),
    ("    mode:", f"    description: {'d' * 257}\n    mode:", 4, "257 characters; Lambda allows 256", "rationale"),
    ("    filters:", "    filtres: []\n    filters:", 18, "unknown key in a policy: filtres", "did you mean filters"),
    ("    filters:", "    name: again\n    filters:", 18, "duplicate key 'name'", ""),
    ("policies:", "polices:", 1, "unknown key at the top level: polices", "did you mean policies"),
    ("    filters:\n", "    filters: [\n", 19, "invalid YAML", ""),
])
def test_an_error_has_line_and_remedy(tmp_path: Path, old: str, new: str, line: int, what: str, mend: str) -> None:
    assert old in GOOD
    said = check(tmp_path, GOOD.replace(old, new, 1))
    errors = [error for error in said.splitlines() if error.startswith(f"p.yml:{line}: ") and what in error]
    assert errors, said
    after = said[said.index(errors[0]) + len(errors[0]):]
    assert mend in after.splitlines()[1] if mend else True


def test_every_error_of_every_file_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(GOOD.replace("critical", "worst").replace('"5.3"', '"9.9"'))
    (tmp_path / "b.yml").write_text(GOOD.replace("ingress-drift", "drift"))
    (tmp_path / "c.yml").write_text("policies: [")
    result = guardrails("validate", "--strict", tmp_path)
    assert result.exit_code == 1
    for place in ("a.yml:11", "a.yml:14", "b.yml:19", "c.yml:1", "b.yml:2: open-ssh: duplicate policy name open-ssh"):
        # As short as it can be said from where the user is.
        assert place in {line[:len(place)] for line in result.stdout.splitlines()}, result.stdout
    assert result.stdout.splitlines()[-1].startswith("5 errors in 2 policies on 1 resource types in 3 files")


def test_a_policy_is_in_the_folder_of_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "realtime"
    folder.mkdir()
    (folder / "p.yml").write_text(GOOD)
    result = guardrails("validate", "--strict", tmp_path)
    assert "mode config-rule does not belong in the folder realtime" in result.stdout
    assert "move it to config-rule/" in result.stdout


def test_a_nested_element_is_checked_too(tmp_path: Path) -> None:
    data = yaml.safe_load(GOOD)
    data["policies"][0]["filters"].append({"not": [{"or": [{"type": "ingress", "Port": [22]}, "tagcount"]}]})
    said = check(tmp_path, yaml.safe_dump(data))
    assert "ingress has no setting Port" in said
    assert "has no filter 'tagcount'" in said
    assert "did you mean tag-count" in said


PARAMETERS = """\
vars:
  parameters: &parameters
    # The group that may be open.
    open_group: front
    unused: 1
policies:
  - name: open-ssh
    resource: aws.security-group
    metadata:
      title: Nobody reaches port 22
      severity: critical
      response: none
      controls: {}
      rationale: Scanners find it.
      fix: Close it.
      replaces: []
      parameters: *parameters
    filters:
      - {type: value, key: GroupName, op: ne, value: "{open_group}"}
"""


@pytest.mark.parametrize(("old", "new", "line", "what"), [
    ("unused: 1", "unused: 1", 5, "no policy in this file uses {unused}"),
    ("unused: 1", "unused: 1", 5, "unused has no comment"),
    ('"{open_group}"', '"{open_grup}"', 7, "the parameter {open_grup} has no default"),
    ("open_group: front", "region: front", 4, "invalid parameter name region"),
    ("      title:", "      profile: strict\n      title:", 10, "no condition disables the policy where the profile"),
])
def test_parameters_are_checked(tmp_path: Path, old: str, new: str, line: int, what: str) -> None:
    said = check(tmp_path, PARAMETERS.replace(old, new, 1))
    assert [error for error in said.splitlines() if error.startswith(f"p.yml:{line}: ") and what in error], said


def test_good_parameters_are_quiet(tmp_path: Path) -> None:
    assert check(tmp_path, PARAMETERS.replace("    unused: 1\n", "")) == ""


def test_what_cannot_be_taken_back_is_off_by_default_and_announced(tmp_path: Path) -> None:
    deleting = GOOD.replace("[revert-ingress]", "[delete]").replace("response: revert", "response: terminate")
    said = check(tmp_path, deleting)
    assert "the action delete cannot be undone, and the policy is enabled by default" in said
    assert "no earlier policy announces it" in said
    marked = deleting.replace("    filters:\n", """    conditions:
      - {type: value, key: policy.metadata.profile, op: in, value: "{profiles}"}
    filters:
      - {type: marked-for-op, op: delete}
""").replace("      title:", "      profile: strict\n      parameters: {profiles: []}\n      title:")
    assert check(tmp_path, marked) == ""


def test_config_rules_take_our_handler_for_their_verdicts(tmp_path: Path) -> None:
    native = GOOD.replace("""      - type: ingress-drift
        forbidden: [tcp 22 from world]
""", "      - {type: ingress, Ports: [22]}\n")
    native = native.replace("[revert-ingress]", "[{type: remove-permissions, ingress: matched}]")
    assert check(tmp_path, native) == ""
    assert "results of c7n's own mode" in check(tmp_path, native.replace("      packages: [custom_actions]\n", ""))


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = guardrails("validate", "--strict", tmp_path / "nothing.yml")
    assert result.exit_code == 1
    assert "no such file or directory" in result.stderr


def test_a_setting_that_is_named_by_a_pattern_is_known(tmp_path: Path) -> None:
    data = yaml.safe_load(GOOD)
    policy = data["policies"][0]
    policy.update(resource="aws.account", filters=[{"type": "guard-duty", "Detector.Status": "ENABLED"}], actions=[])
    policy["metadata"]["response"] = "none"
    policy["mode"] = {**policy["mode"], "type": "periodic", "schedule": "rate(1 day)"}
    assert "has no setting" not in check(tmp_path, yaml.safe_dump(data))
    policy["filters"][0]["Detectr.Status"] = "ENABLED"
    assert "guard-duty has no setting Detectr.Status" in check(tmp_path, yaml.safe_dump(data))
