"""What the shipped policies tell, and the stack behind it."""
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from custom_actions.parameters import placeholders
from guardrails.accounts.response import Response
from guardrails.deployment.forms import as_deployed
from guardrails.policies.engine import type_of
from guardrails.policies.policy import Kind, load
from guardrails.stacks.iam.needs import of_policy
from guardrails.stacks.mailer_stack import mailer
from tests.policies.harness import ROOT

TEMPLATES = ROOT / "mailer" / "templates"


def notifies(actions: Any) -> Iterator[Mapping[str, Any]]:
    """Every `notify` among the actions, those of `otherwise` too."""
    for action in actions or ():
        if isinstance(action, Mapping):
            yield from (each for each in (action, action.get("otherwise")) if each and each["type"] == "notify")


def test_every_message_of_a_shipped_policy_has_our_templates() -> None:
    seen = 0
    for policy in load():
        for deployed in (policy, as_deployed(policy, Response.OBSERVE)):
            for notify in notifies(deployed.data.get("actions")):
                seen += 1
                for key in ("template", "slack_template"):
                    assert (TEMPLATES / f"{notify[key]}.j2").is_file(), (policy.name, notify)
                assert notify["to"] == ["account-emails", "slack://webhook/#security"], policy.name
    assert seen


def test_who_fills_in_a_subject() -> None:
    # c7n fills in `otherwise`, and leaves the subjects of a policy's own `notify` to the mailer, which is Jinja.
    for policy in load():
        for action in policy.data.get("actions") or ():
            if isinstance(action, Mapping) and "subject" in action:
                assert not placeholders(action["subject"]), policy.name
            if isinstance(action, Mapping) and "otherwise" in action:
                assert "{{" not in action["otherwise"]["subject"], policy.name


def test_every_fix_tells_when_it_works_and_when_it_does_not() -> None:
    fixes = [policy for policy in load() if policy.heals]
    assert {policy.kind for policy in fixes} == set(Kind)
    for policy in fixes:
        kinds = [type_of(action) for action in policy.data["actions"]]
        messages = [each for each in policy.data["actions"] if type_of(each) == "notify"]
        # A group is marked for deletion only after its owners were told.
        assert kinds[-1] == "notify" or kinds == ["notify", "mark-for-op"], policy.name
        assert not any("could not" in message["subject"] for message in messages), policy.name
        for action in policy.data["actions"]:
            # What `refuse` keeps from the fix is told by the fix's `otherwise`.
            assert type_of(action) in ("notify", "refuse") or "could not" in action["otherwise"]["subject"], policy.name


def test_cloudformation_takes_the_stack(tmp_path: Path) -> None:
    (tmp_path / "mailer.template.json").write_text(json.dumps(mailer()))
    lint = subprocess.run(
        [Path(sys.executable).with_name("cfn-lint"), "mailer.template.json"], cwd=tmp_path, capture_output=True,
        text=True, timeout=120)
    assert (lint.returncode, lint.stdout) == (0, "")


def test_the_role_of_a_fix_may_publish_to_its_topics_only() -> None:
    for policy in load():
        if policy.heals:
            allowed = [each.resources for each in of_policy(policy, mode=True) if each.action == "sns:Publish"]
            assert allowed, policy.name
            assert all(allowed), policy.name
