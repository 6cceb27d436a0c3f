"""What a function carries in an account that observes, and in one that heals."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from custom_actions.names import RESPONSE_TAG
from custom_actions.vocabulary import TELLING
from guardrails.accounts.account import Account
from guardrails.accounts.response import Response, healing, response_of
from guardrails.cli.main import main
from guardrails.deployment.forms import as_deployed, is_ours, marked, stops_fixing
from guardrails.policies.engine import policy_problems
from guardrails.policies.policy import Policy, load
from guardrails.yamlfile import YamlFile

RED = Account("111111111111", "red", ("us-east-1",))


def policy(response: str, actions: list[Any], mode: str = "cloudtrail", **more: Any) -> Policy:
    data = {
        "name": "x", "resource": "aws.s3", "metadata": {"response": response}, "mode": {"type": mode, **more},
        "actions": actions}
    return Policy(data, YamlFile(Path("p.yml"), {}, None), 0)


def test_an_account_observes_until_its_entry_says_otherwise() -> None:
    assert response_of(RED) is Response.OBSERVE
    assert response_of(healing(RED)) is Response.HEAL


def test_heal_without_accounts_yml_only(tmp_path: Path) -> None:
    (tmp_path / "accounts.yml").touch()
    done = CliRunner().invoke(main, ["deploy", "x", "--heal", "-c", str(tmp_path / "accounts.yml"), "--yes"])
    assert (done.exit_code, "write `guardrails: heal` into accounts.yml" in done.stderr) == (2, True)


def test_a_fix_is_left_out_and_what_tells_stays() -> None:
    tell = {"type": "notify", "to": ["me"], "transport": {"type": "sns", "topic": "t"}}
    both = policy("revert", ["delete", tell, {"type": "mark-for-op", "op": "delete"}])
    observed = as_deployed(both, Response.OBSERVE)
    assert (observed.data["actions"], observed.response, observed.heals) == ([tell], "alert", False)
    assert as_deployed(both, Response.HEAL).data["actions"] == both.data["actions"]
    only_tells = policy("alert", [tell])
    assert as_deployed(only_tells, Response.OBSERVE).data["actions"] == [tell]


def test_a_realtime_function_has_the_dead_letter_queue_unless_its_policy_names_another() -> None:
    queue = {"TargetArn": "arn:{partition}:sqs:{region}:{account_id}:guardrails-events-failed"}
    for response in Response:
        assert as_deployed(policy("revert", ["delete"]), response).mode["dead_letter_config"] == queue
        assert "dead_letter_config" not in as_deployed(policy("revert", ["delete"], "config-rule"), response).mode
        own = policy("revert", ["delete"], dead_letter_config={"TargetArn": "arn:x"})
        assert as_deployed(own, response).mode["dead_letter_config"] == {"TargetArn": "arn:x"}


def test_a_fix_that_was_all_tells_the_topic_and_a_rule_of_config_tells_by_its_verdict() -> None:
    observed = as_deployed(policy("revert", ["delete"]), Response.OBSERVE)
    assert [action["type"] for action in observed.data["actions"]] == ["notify"]
    judged = as_deployed(policy("revert", ["delete"], "config-rule"), Response.OBSERVE)
    assert ("actions" in judged.data, judged.response) == (False, "none")
    # What it would tell after the fix is about the fix.
    tell = {"type": "notify", "to": ["me"], "transport": {"type": "sns", "topic": "t"}}
    judged = as_deployed(policy("revert", ["delete", tell], "config-rule"), Response.OBSERVE)
    assert ("actions" in judged.data, judged.response) == (False, "none")
    judged = as_deployed(policy("revert", [tell, "delete", tell], "config-rule"), Response.OBSERVE)
    assert (judged.data["actions"], judged.response) == ([tell], "alert")


def test_where_the_responder_answers_every_function_with_a_fix_tells_its_topic() -> None:
    elsewhere = {"type": "notify", "to": ["me"], "transport": {"type": "sns", "topic": "t"}}
    there = {"type": "notify", "to": ["me"],
             "transport": {"type": "sns", "topic": "arn:aws:sns:eu-west-1:1:guardrails-compliance"}}
    told = as_deployed(policy("revert", ["delete", elsewhere]), Response.RESPOND).data["actions"]
    assert [action["transport"]["topic"].rpartition(":")[2] for action in told] == ["t", "guardrails-compliance"]
    assert as_deployed(policy("revert", ["delete", there]), Response.RESPOND).data["actions"] == [there]
    assert "actions" not in as_deployed(policy("revert", ["delete"], "config-rule"), Response.RESPOND).data
    only_tells = policy("alert", [elsewhere])
    assert as_deployed(only_tells, Response.RESPOND).data["actions"] == [elsewhere]


def test_every_policy_of_the_project_can_observe() -> None:
    fixes = {p.resource: p for p in load() if p.deploys and p.heals}
    assert fixes
    for each in fixes.values():
        observed = as_deployed(each, Response.OBSERVE)
        kinds = {a["type"] if isinstance(a, dict) else a for a in observed.data.get("actions", ())}
        assert kinds <= TELLING
        assert policy_problems(observed.data, observed.resource) == []


def test_what_is_deployed_carries_our_tag_unless_the_policy_says_otherwise() -> None:
    tags = {**marked(policy("none", [])).mode["tags"], "custodian-info": "mode=cloudtrail:version=1"}
    assert is_ours(tags)
    # Deployed by somebody's Custodian; tagged by hand; a policy that belongs to another project.
    assert not is_ours({"custodian-info": "mode=cloudtrail:version=1"})
    assert not is_ours({"project": "aws-guardrails"})
    other = marked(policy("none", [], tags={"project": "other"})).mode["tags"]
    assert not is_ours({**other, "custodian-info": "x"})


@pytest.mark.parametrize(("wanted", "found", "why"), [
    ("observe", "heal", "its response is heal today, and would be observe"),
    ("observe", "respond", "its response is respond today, and would be observe"),
    ("observe", None, "it may fix today: it has no tag guardrails-response"),
    ("observe", "whatever", "its response is whatever today, and would be observe"),
    ("observe", "observe", ""),
    ("heal", "observe", ""),
    ("heal", None, ""),
    ("respond", "heal", ""),
    ("central-2", "central-3", "it fixes in 3 accounts today, and would in 2"),
    ("central-0", None, "it may fix today: it has no tag guardrails-response"),
    ("central-3", "central-2", ""),
    ("central-1", "central-x", ""),
    (None, "heal", ""),
])
def test_a_function_that_would_stop_fixing_is_known(wanted: str | None, found: str | None, why: str) -> None:
    def tags(value: str | None) -> dict[str, str]:
        return {"project": "aws-guardrails"} | ({RESPONSE_TAG: value} if value else {})

    assert stops_fixing(tags(wanted), tags(found)) == why


def test_only_policies_with_a_fix_say_what_they_may_do() -> None:
    assert RESPONSE_TAG not in as_deployed(policy("alert", [{"type": "notify"}]), Response.OBSERVE).mode.get("tags", {})
    for response in Response:
        assert as_deployed(policy("revert", ["delete"]), response).mode["tags"][RESPONSE_TAG] == response
