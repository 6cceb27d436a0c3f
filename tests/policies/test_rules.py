"""docs/rules.md: every old rule has its row and its policy, and the page is what the policies say."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from guardrails.errors import GuardrailsError
from guardrails.policies.engine import type_of
from guardrails.policies.policy import load
from guardrails.policies.readme_numbers import README, with_numbers
from guardrails.policies.rules_page import RULES_PAGE, render_rules, replaced_rules
from guardrails.policies.service_pages import check_pages, stale_pages
from tests import engine
from tests.moto_server import Moto

from .harness import ROOT, cases

RULES = replaced_rules()


def test_every_old_rule_is_replaced_and_nothing_else_is() -> None:
    named = {
        rule for policy in load() for rule in policy.metadata.get("replaces") or ()
    }
    assert sorted(set(RULES) - named) == [], "no policy stands for these"
    assert sorted(named - set(RULES)) == [], "there is no such rule"


def test_the_list_is_whole() -> None:
    assert len(RULES) == len(set(RULES)) == 59


def test_the_page_has_a_row_for_every_rule() -> None:
    rows = [line.split("|")[1].strip().strip("`") for line in RULES_PAGE.read_text(encoding="utf-8").splitlines()
            if line.startswith("| `")]
    assert [row for row in rows if row in RULES] == RULES


def test_the_page_is_what_the_policies_say() -> None:
    wanted = render_rules(load(), RULES)
    assert RULES_PAGE.read_text(encoding="utf-8") == wanted, "run ./run.sh rules"


def test_the_pages_of_the_services_are_what_the_policies_say() -> None:
    pages = check_pages(load())
    for path, text in pages.items():
        assert path.read_text(encoding="utf-8") == text, "run ./run.sh rules"
    assert stale_pages(pages) == [], "run ./run.sh rules"
    assert {policy.name for policy in load()} == {
        line.removeprefix("## ") for text in pages.values() for line in text.splitlines() if line.startswith("## ")}
    # A page whose policies are gone is removed, and a page that somebody wrote is not.
    gone = next(path for path in pages if path.name == "efs.md")
    assert stale_pages({path: text for path, text in pages.items() if path != gone}) == [gone]


def test_the_readme_has_the_numbers_of_the_policies() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == with_numbers(text, load()), "run ./run.sh rules"
    assert f"- **{len(load()) - 1} policies on " in with_numbers(text, load()[1:])
    with pytest.raises(GuardrailsError, match="no place for the numbers"):
        with_numbers("# README", load())


def test_a_page_says_what_the_file_says_of_a_parameter() -> None:
    [page] = [text for path, text in check_pages(load()).items() if path.name == "efs.md"]
    assert "- **Parameter `efs_kms_key`** (default `\"arn:*\"`): The KMS key (ARN) of every file system" in page
    assert "**Why:** Anyone who obtains the disks" in page
    said = {text for page in check_pages(load()).values() for text in re.findall(r"\*\*Runs:\*\* (.+)\.", page)}
    assert said == {
        "within seconds of the event", "after each change, by AWS Config", "every hour, by AWS Config",
        "every day, by AWS Config", "every hour", "every day", "every 6 hours"}


def test_the_policies_whose_cases_give_answers_are_listed() -> None:
    wanted = sorted({str(case.policy["name"]) for case in cases("config-rule", "periodic", "realtime")
                     if any(isinstance(step, dict) and "answer" in step for step in case.make)})
    text = " ".join((ROOT / "docs" / "policies.md").read_text(encoding="utf-8").split())
    listed = text.partition("Of the policies of this project, these rest on given answers: ")[2].partition(".")[0]
    assert listed == ", ".join(f"`{name}`" for name in wanted)


def test_what_excludes_another_is_off_or_judges_only_what_opted_in() -> None:
    policies = {policy.name: policy for policy in load()}
    for policy in policies.values():
        for other in policy.metadata.get("excludes") or ():
            assert other in policies
            scope = "scope" in {type_of(entry) for entry in policy.data["filters"]}
            assert policy.metadata.get("profile") or scope, f"{policy.name} excludes {other}, and is on for all"


def test_a_profile_is_off_until_it_is_chosen(moto: Moto, tmp_path: Path) -> None:
    for policy in load():
        if profile := policy.metadata.get("profile"):
            assert not engine.load(policy.data, tmp_path).is_runnable(), policy.name
            assert engine.load(policy.data, tmp_path, variables={"profiles": ["x", profile]}).is_runnable()


def test_nothing_is_terminated_by_default() -> None:
    for policy in load():
        if policy.response == "terminate":
            assert policy.metadata.get("profile"), f"{policy.name} terminates, and is on"
