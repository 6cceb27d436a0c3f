"""Filter patterns: read, and compared by meaning."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.elements.monitoring.pattern import (
    All,
    AnyOf,
    Condition,
    Expression,
    Kind,
    PatternError,
    covers,
    parse,
    parse_conditions,
    sources,
    whole,
)
from tests.policies.harness import POLICIES

from .patterns import conditions, events, expressions, matches, written

NAMES = [f"Event{number}" for number in range(6)]


def named(names: list[str]) -> Expression:
    return AnyOf(tuple(Condition("$.eventName", "=", name, Kind.TEXT) for name in names))


# -- any pattern ------------------------------------------------------------------------------------------------


@given(st.data(), expressions)
def test_a_pattern_is_the_same_in_every_spelling(data: st.DataObject, expression: Expression) -> None:
    text = data.draw(written(expression))
    again = parse(text)
    assert covers(again, expression) is True
    assert covers(expression, again) is True


@given(expressions, expressions, events)
def test_what_covers_catches_every_event_that_the_other_does(
    found: Expression, wanted: Expression, event: Mapping[str, Any]
) -> None:
    if covers(found, wanted) is True:
        assert matches(found, event) or not matches(wanted, event)


@given(conditions, conditions, events)
def test_single_conditions_too(found: Condition, wanted: Condition, event: Mapping[str, Any]) -> None:
    if covers(found, wanted) is True:
        assert matches(found, event) or not matches(wanted, event)


@given(st.data(), st.lists(st.sampled_from(NAMES), min_size=2, unique=True))
def test_every_alternative_counts(data: st.DataObject, names: list[str]) -> None:
    dropped = data.draw(st.sampled_from(names))
    less = parse(data.draw(written(named([name for name in names if name != dropped]))))
    more = parse(data.draw(written(named([*names, "Another"]))))
    assert covers(less, named(names)) is False
    assert covers(more, named(names)) is True


@given(expressions, conditions)
def test_a_further_alternative_takes_nothing_and_a_further_condition_adds_nothing(
    expression: Expression, condition: Condition
) -> None:
    assert covers(AnyOf((condition, expression)), expression) is True
    assert covers(expression, All((expression, condition))) is True


# -- the policies' own patterns ---------------------------------------------------------------------------------

FILE = POLICIES / "periodic" / "cloudwatch.yml"
WANTED: dict[str, str] = {
    name: pattern
    for listed in yaml.safe_load(FILE.read_text(encoding="utf-8"))["vars"]["events"] for name, pattern in listed.items()
}


@pytest.mark.parametrize("name", WANTED)
def test_a_policys_pattern_asks_for_each_of_its_parts(name: str) -> None:
    expression = parse(whole(WANTED[name]))
    assert expression == parse_conditions(WANTED[name])
    assert covers(expression, expression) is True
    lessened = list(lessenings(expression))
    assert all(covers(less, expression) is False for less in lessened)
    assert bool(lessened) == ("||" in WANTED[name])


def lessenings(expression: Expression) -> Any:
    """The expression with one alternative left out, in every way."""
    if isinstance(expression, Condition):
        return
    for at, part in enumerate(expression.parts):
        rest = (*expression.parts[:at], *expression.parts[at + 1:])
        if isinstance(expression, AnyOf):
            yield AnyOf(rest)
        for less in lessenings(part):
            yield type(expression)((*rest, less))


@pytest.mark.parametrize(("name", "pattern", "answer"), [
    # With and without the exceptions, and with the precedence that leaves them to the second alternative.
    ("unauthorized-api-calls", '{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}', True),
    ("unauthorized-api-calls",
     '{ ($.errorCode ="*UnauthorizedOperation") || ($.errorCode ="AccessDenied*") '
     '&& ($.sourceIPAddress!="delivery.logs.amazonaws.com") && ($.eventName!="HeadBucket") }', True),
    ("unauthorized-api-calls", "{ $.errorCode = *Unauthorized* || $.errorCode = AccessDenied }", False),
    ("unauthorized-api-calls",
     '{ ($.errorCode = "*UnauthorizedOperation" || $.errorCode = "AccessDenied*") && $.eventName != "Head*" }', False),
    ("unauthorized-api-calls", "{ $.errorCode = * }", True),
    ("unauthorized-api-calls", "{ $.errorCode = %Unauthorized|Denied% }", None),
    ("console-sign-in-without-mfa", '{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") }',
     True),
    ("console-sign-in-without-mfa", '{ $.eventName = "ConsoleLogin" && $.additionalEventData.MFAUsed = "No" }', False),
    ("root-use",
     '{$.userIdentity.type="Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType !="AwsServiceEvent"}', True),
    ("root-use", '{ $.userIdentity.type = "Root" }', True),
    ("root-use", '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy != "*" }', False),
    ("cloudtrail-changes",
     "{ ($.eventName = CreateTrail) || ($.eventName = UpdateTrail) || ($.eventName = DeleteTrail) || "
     "($.eventName = StartLogging) || ($.eventName = StopLogging) }", True),
    ("cloudtrail-changes", "{ $.eventName = *Trail || $.eventName = St*Logging }", None),
    ("cloudtrail-changes", "{ $.eventName = *Trail || $.eventName = *Logging }", True),
    ("cloudtrail-changes", '{ $.eventSource = "cloudtrail.amazonaws.com" }', True),
    ("cloudtrail-changes", "", True),
    ("kms-key-disabled-or-deleted",
     "{($.eventSource = kms.amazonaws.com) && (($.eventName=DisableKey)||($.eventName=ScheduleKeyDeletion)) }", True),
    ("kms-key-disabled-or-deleted", "{($.eventSource = s3.amazonaws.com) && ($.eventName = *) }", False),
])
def test_spellings_from_the_field(name: str, pattern: str, answer: bool | None) -> None:
    assert covers(parse(pattern), parse_conditions(WANTED[name])) is answer


# -- single questions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("found", "wanted", "answer"), [
    ("$.a = x || $.b = y && $.c = z", "$.a = x", True),
    ("($.a = x || $.b = y) && $.c = z", "$.a = x", False),
    ("$.a != xy*", "$.a = b", True),
    ("$.a != xy*", "$.a = x*", False),
    ("$.a != x", "$.a NOT EXISTS", False),
    ("$.a != x", "$.a != x*", True),
    ("$.a != x*", "$.a != x", False),
    ("$.a = *", "$.a != x", True),
    ("$.a EXISTS", "$.a IS NULL", True),
    ("$.a = true", "$.a IS TRUE", None),
    ("$.a = 400", "$.a = 400.0", True),
    ("$.a = 400", '$.a = "400"', None),
    ("$.a >= 400", "$.a = 500", None),
    ("$.a[*].b = x", "$.a[0].b = x", None),
    ("$.a[0].b = x", "$.a[1].b = x", False),
    (r'$.a = "say \"x\""', r'$.a = "say \"x\""', True),
    ("$.a = X", "$.a = x", False),
])
def test_questions(found: str, wanted: str, answer: bool | None) -> None:
    assert covers(parse_conditions(found), parse_conditions(wanted)) is answer


@pytest.mark.parametrize("pattern", [
    "ERROR", '"ConsoleLogin"', "?a ?b", "[ip, user]", "%regex%",
    "{ }", "{ $.a }", "{ $.a = }", "{ a = b }", "{ $ = x }", "{ $.['a'] = x }", "{ $.a = $.b }", "{ $.a = 'x' }",
    "{ $.a = x", "{ ($.a = x }", "{ $.a = x) }", '{ $.a = "x }', "{ $.a = x && }", "{ $.a = x $.b = y }",
    "{ $.a == x }", "{ $.a = x | $.b = y }", "{ $.a < x }", '{ $.a < "1" }', "{ $.a IS MAYBE }", "{ $.a IS }",
    "{ $.a > 1e99999999999999999999 }", "{ " + "(" * 400 + "$.a = x" + ")" * 400 + " }",
])
def test_what_cannot_be_read_is_an_error(pattern: str) -> None:
    with pytest.raises(PatternError):
        parse(pattern)


def test_too_many_combinations_are_an_error_and_not_a_wait() -> None:
    text = " && ".join("($.a = x || $.b = y)" for _ in range(30))
    with pytest.raises(PatternError, match="combinations"):
        covers(parse_conditions("$.a = x"), parse_conditions(text))


def test_sources() -> None:
    assert sources(parse_conditions("$.eventSource = kms.amazonaws.com && $.eventName = x || $.a = b")) == {
        "kms.amazonaws.com"}
    assert sources(parse_conditions("$.eventSource != kms.amazonaws.com")) == set()
