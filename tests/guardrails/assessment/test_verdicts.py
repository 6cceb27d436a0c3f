"""What a run says of a requirement, in every way that its policies can have ended."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.errors import GuardrailsError
from guardrails.policies.catalogue import Catalogue, Requirement
from guardrails.policies.frameworks import (
    EVALUATED,
    PolicyResult,
    RequirementVerdict,
    covering,
    dangling,
    framework_results,
    policies_for,
)


@dataclass(frozen=True)
class Named:
    """As much of a policy as this takes."""

    name: str
    controls: Mapping[str, Sequence[str]] = field(default_factory=dict)
    audited: bool = True
    partial: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    parts: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)


def catalogue(*requirements: Requirement, name: str = "bank", whole: bool = True) -> Catalogue:
    return Catalogue(name, "Bank", "1", "Bank", "https://example.com", whole, "", requirements, Path(f"{name}.yml"))


def verdict(*results: PolicyResult, automatable: bool = True, others: Sequence[str] = ()) -> RequirementVerdict:
    """Of a requirement that these policies cover, and `others`, which were not chosen for the run."""
    policies = {result.policy: Named(result.policy, {"bank": ["1"]}, result.audited) for result in results}
    policies |= {name: Named(name, {"bank": ["1"]}) for name in others}
    one = catalogue(Requirement("1", "One", automatable))
    [framework] = framework_results({"bank": one}, policies, {result.policy: result for result in results})
    return framework.requirements[0].verdict


def result(name: str, asked: int = 0, seen: int = 0, *, skipped: int = 0, opened: int = 0, excepted: int = 0,
           audited: bool = True, empty: int = 0) -> PolicyResult:
    return PolicyResult(name, audited, asked, seen, skipped, min(opened, seen), opened, excepted, empty)


EMPTY = result("empty", 4, 4, empty=4)
CLEAN, OFF, EVENTS = result("clean", 4, 4), result("off", skipped=4), result("events", audited=False)


@pytest.mark.parametrize(("results", "expected"), [
    ([CLEAN], RequirementVerdict.PASSED),
    ([CLEAN, result("other", 4, 4)], RequirementVerdict.PASSED),
    ([CLEAN, result("let-off", 4, 4, excepted=3)], RequirementVerdict.PASSED),
    ([CLEAN, result("partly-off", 2, 2, skipped=2)], RequirementVerdict.PASSED),
    # What is off, or judges events, says nothing either way.
    ([CLEAN, OFF, EVENTS], RequirementVerdict.PASSED),
    ([OFF], RequirementVerdict.NOT_EVALUATED),
    ([EVENTS], RequirementVerdict.NOT_EVALUATED),
    ([OFF, EVENTS], RequirementVerdict.NOT_EVALUATED),
    # Without a resource in scope nothing has passed; one in one of the accounts is enough.
    ([EMPTY], RequirementVerdict.NOTHING_TO_JUDGE),
    ([EMPTY, OFF, EVENTS], RequirementVerdict.NOTHING_TO_JUDGE),
    ([EMPTY, CLEAN], RequirementVerdict.PASSED),
    ([result("one-account", 4, 4, empty=3)], RequirementVerdict.PASSED),
    ([EMPTY, result("denied", 4, 3, empty=3)], RequirementVerdict.UNKNOWN),
    ([EMPTY, result("open", 4, 4, opened=1)], RequirementVerdict.FAILED),
    # One check that was not seen is enough for a doubt, and none for a finding.
    ([CLEAN, result("denied", 4, 3)], RequirementVerdict.UNKNOWN),
    ([CLEAN, result("denied", 4, 0)], RequirementVerdict.UNKNOWN),
    ([result("denied", 4, 0)], RequirementVerdict.UNKNOWN),
    ([CLEAN, result("open", 4, 4, opened=1)], RequirementVerdict.FAILED),
    ([result("open", 4, 1, opened=1), result("denied", 4, 0)], RequirementVerdict.FAILED),
    # Found before the check was cut short.
    ([result("cut", 4, 0, opened=1)], RequirementVerdict.FAILED),
])
def test_verdict_of_a_covered_requirement(results: list[PolicyResult], expected: RequirementVerdict) -> None:
    assert verdict(*results) is expected
    # That the framework leaves it to a person changes nothing of what was seen.
    assert verdict(*results, automatable=False) is expected


def test_verdict_without_a_policy() -> None:
    assert verdict() is RequirementVerdict.NOT_COVERED
    assert verdict(automatable=False) is RequirementVerdict.NOT_AUTOMATABLE


def test_a_policy_that_was_not_chosen_is_a_gap() -> None:
    assert verdict(CLEAN, others=["not-chosen"]) is RequirementVerdict.UNKNOWN
    assert verdict(others=["not-chosen"]) is RequirementVerdict.NOT_EVALUATED
    assert verdict(result("open", 1, 1, opened=1), others=["not-chosen"]) is RequirementVerdict.FAILED


@st.composite
def policy_results(draw: st.DrawFn) -> list[PolicyResult]:
    made = []
    for number in range(draw(st.integers(1, 4))):
        asked = draw(st.integers(0, 3))
        made.append(PolicyResult(
            f"p{number}", draw(st.booleans()), asked, seen := draw(st.integers(0, asked)), draw(st.integers(0, 2)),
            open=draw(st.integers(0, 2)) if asked else 0, empty=draw(st.integers(0, seen))))
    return made


@given(policy_results())
def test_passed_means_that_everything_asked_was_seen_and_nothing_is_open(results: list[PolicyResult]) -> None:
    found = verdict(*results)
    audited = [one for one in results if one.audited]
    opened = sum(one.open for one in audited)
    asked, seen = sum(one.asked for one in audited), sum(one.seen for one in audited)
    if found is RequirementVerdict.PASSED:
        assert not opened and seen == asked > 0
        assert any(one.seen > one.empty for one in audited)
    assert (found is RequirementVerdict.FAILED) == (opened > 0)
    assert (found is RequirementVerdict.NOT_EVALUATED) == (asked == 0)


def test_denominators_are_said() -> None:
    one = catalogue(*(Requirement(name, name, name != "8") for name in "12345678"), whole=False)
    results = [
        result("a", 1, 1), result("b", 1, 1), result("c", 1, 1, opened=2), result("d", 1, 0),
        result("e", audited=False), result("f", 2, 2, empty=2)]
    policies = {r.policy: Named(r.policy, {"bank": [str(n)]}, r.audited) for n, r in enumerate(results, 1)}
    [found] = framework_results({"bank": one}, policies, {r.policy: r for r in results})
    assert found.counts == {
        RequirementVerdict.PASSED: 2, RequirementVerdict.FAILED: 1, RequirementVerdict.UNKNOWN: 1,
        RequirementVerdict.PARTLY_COVERED: 0, RequirementVerdict.NOTHING_TO_JUDGE: 1,
        RequirementVerdict.NOT_EVALUATED: 1, RequirementVerdict.NOT_COVERED: 1, RequirementVerdict.NOT_AUTOMATABLE: 1}
    assert (found.evaluated, found.total, found.percentage) == (4, 8, 50)
    assert found.seen_share == 3 / 8
    assert found.summary() == (
        "2 of 4 evaluated requirements passed (50 %); 1 failed, 1 unknown, 1 nothing to judge, 1 not evaluated, "
        "1 not covered, 1 not automatable; 8 listed, not the whole framework")
    assert sum(found.counts[verdict] for verdict in EVALUATED) == found.evaluated


def test_nothing_evaluated_has_no_percentage() -> None:
    [found] = framework_results({"bank": catalogue(Requirement("1", "One", True))}, {}, {})
    assert found.percentage is None
    assert found.summary() == "no requirement was evaluated; 1 not covered; 1 in total"


BANK = catalogue(
    Requirement("N-1", "by name", True, policies=("sg-*",)),
    Requirement("N-2", "by another", True, same_as={"cis": ("1.1", "1.2")}),
    Requirement("N-3", "by way of two, in a circle", True, same_as={"bank": ("N-2", "N-3")}),
    Requirement("N-4", "by its own policy", True),
    Requirement("N-5", "by nothing", True),
)
CIS = catalogue(
    Requirement("1.1", "a", True), Requirement("1.2", "b", True, same_as={"bank": ("N-3",)}),
    Requirement("2.1", "c", True), name="cis")
CATALOGUES = {"bank": BANK, "cis": CIS}
POLICIES = [
    Named("sg-a"), Named("sg-b"), Named("mfa", {"cis": ["1.1"]}), Named("keys", {"cis": ["1.2"]}),
    Named("own", {"bank": ["N-4"]}), Named("trail", {"cis": ["2.1"]})]


def test_what_covers_a_requirement() -> None:
    covered = covering(CATALOGUES, {policy.name: policy for policy in POLICIES})
    found = {name: {key: cover.policies for key, cover in each.items()} for name, each in covered.items()}
    assert found["bank"] == {
        "N-1": ("sg-a", "sg-b"), "N-2": ("keys", "mfa"), "N-3": ("keys", "mfa"), "N-4": ("own",), "N-5": ()}
    # 1.2 is the same as N-3, which is the same as N-2, which is the same as 1.1.
    assert found["cis"] == {"1.1": ("mfa",), "1.2": ("keys", "mfa"), "2.1": ("trail",)}


def test_a_requirement_passes_when_each_of_its_parts_was_checked() -> None:
    """IAM.7 asks five things of the password policy; five policies answer one each."""
    bank = catalogue(Requirement("1", "One", True, parts={"long": "8 characters", "digit": "a digit"}))
    both = {
        "long": Named("long", {"bank": ["1"]}, parts={"bank": {"1": ["long"]}}),
        "digit": Named("digit", {"bank": ["1"]}, parts={"bank": {"1": ["digit"]}}),
    }

    def verdict(policies: Mapping[str, Named], *asked: str) -> tuple[RequirementVerdict, tuple[str, ...]]:
        results = {
            name: PolicyResult(name, audited=True, asked=name in asked, seen=name in asked, skipped=name not in asked)
            for name in policies}
        [found] = framework_results({"bank": bank}, policies, results)
        return found.requirements[0].verdict, found.requirements[0].missing

    assert verdict(both, "long", "digit") == (RequirementVerdict.PASSED, ())
    # One of them is off, was weakened by a parameter, or does not exist.
    assert verdict(both, "long")[0] is RequirementVerdict.PARTLY_COVERED
    weak = {**both, "digit": replace(both["digit"], partial={"bank": {"1": "the control asks for digit true"}})}
    assert verdict(weak, "long", "digit") == (
        RequirementVerdict.PARTLY_COVERED, ("the control asks for digit true", "a digit"))
    assert verdict({"long": both["long"]}, "long") == (RequirementVerdict.PARTLY_COVERED, ("a digit",))
    whole = {**both, "all": Named("all", {"bank": ["1"]})}
    assert verdict(whole, "all")[0] is RequirementVerdict.PASSED


def test_a_policy_that_checks_only_a_part_never_makes_a_requirement_pass() -> None:
    one = catalogue(Requirement("1", "One", True))
    half = Named("half", {"bank": ["1"]}, partial={"bank": {"1": "does not look at tags"}})
    whole = Named("whole", {"bank": ["1"]})

    def judge(*results: PolicyResult) -> tuple[RequirementVerdict, tuple[str, ...]]:
        policies = {each.name: each for each in (half, whole) if each.name in {r.policy for r in results}}
        [framework] = framework_results({"bank": one}, policies, {each.policy: each for each in results})
        return framework.requirements[0].verdict, framework.requirements[0].missing

    clean = result("half", 4, 4)
    assert judge(clean) == (RequirementVerdict.PARTLY_COVERED, ("does not look at tags",))
    assert judge(result("half", 4, 4, opened=1))[0] is RequirementVerdict.FAILED
    assert judge(result("half", 4, 3))[0] is RequirementVerdict.UNKNOWN
    assert judge(clean, result("whole", 4, 4)) == (RequirementVerdict.PASSED, ())
    # The policy that checks all of it is off, or evaluates events: only the part was checked.
    assert judge(clean, result("whole", skipped=4))[0] is RequirementVerdict.PARTLY_COVERED
    assert judge(clean, result("whole", audited=False))[0] is RequirementVerdict.PARTLY_COVERED


@pytest.mark.parametrize(("asked", "expected"), [
    (["bank:N-1"], {"sg-a", "sg-b"}),
    (["bank:N-[12]"], {"sg-a", "sg-b", "keys", "mfa"}),
    (["cis"], {"mfa", "keys", "trail"}),
    (["bank:N-4", "cis:2.*"], {"own", "trail"}),
])
def test_selection_by_framework(asked: list[str], expected: set[str]) -> None:
    assert policies_for(asked, CATALOGUES, POLICIES) == expected


@pytest.mark.parametrize(("asked", "what", "mend"), [
    ("ciss", "unknown framework ciss", "did you mean cis?"),
    ("cis:2.2", "cis has no requirement 2.2", "did you mean 2.1 or 1.2?"),
    ("cis:9.*", "cis has no requirement 9.*", "coverage --framework cis lists them"),
    ("bank:N-5", "no policy covers it", "coverage --framework bank"),
])
def test_a_selection_of_nothing_is_an_error(asked: str, what: str, mend: str) -> None:
    with pytest.raises(GuardrailsError) as caught:
        policies_for(["cis", asked], CATALOGUES, POLICIES)
    assert what in caught.value.problem
    assert mend in caught.value.fix


def test_a_catalogue_s_names_must_lead_somewhere() -> None:
    assert dangling(CATALOGUES, ["mfa"]) == ["bank.yml:0: N-1: no policy matches sg-*"]
