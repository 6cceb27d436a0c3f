"""What an exception covers, until when, and which lists of exceptions must not be used."""
from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.exceptions.entries import InvalidExceptions, parse, parse_rule
from custom_actions.exceptions.file import read
from custom_actions.exceptions.rules import Subject, holds

from .rules import GROUP, RED, entry, rule, subject

TODAY = date(2026, 11, 24)
LITERAL = st.text("abc-/:1", min_size=1, max_size=8)


def at(*when: int, tz: Any = UTC) -> datetime:
    return datetime(*when, tzinfo=tz)


def test_a_rule_covers_what_it_names() -> None:
    assert rule().covers(subject())
    assert rule(resource="sg-1").covers(subject()), "the id is a name, too"
    assert rule(region=None, ticket=None).covers(subject())


@pytest.mark.parametrize("changed", [
    {"policy": "open-rdp"}, {"policy": "Open-SSH"}, {"account": "222222222222"},
    {"resource": "sg-2", "arn": GROUP.replace("sg-1", "sg-2")},
    {"resource": "sg-2", "arn": GROUP.replace("eu-west-1", "us-east-1").replace("sg-1", "sg-2")},
])
def test_it_does_not_cover_what_differs(changed: dict[str, str]) -> None:
    assert not rule().covers(subject(**changed))


def test_a_role_of_identity_center_is_excepted_by_its_path_and_not_by_its_name() -> None:
    path = f"arn:aws:iam::{RED}:role/aws-reserved/sso.amazonaws.com/"
    made = rule(resource=f"{path}*AWSReservedSSO_Admin_*", region=None)
    name = "AWSReservedSSO_Admin_0123456789abcdef"
    assert made.covers(subject(resource=name, arn=f"{path}eu-west-1/{name}", region="global"))
    assert not made.covers(subject(resource=name, arn=f"arn:aws:iam::{RED}:role/{name}", region="global"))


def test_the_region_is_the_one_that_the_arn_names() -> None:
    trail = f"arn:aws:cloudtrail:us-east-1:{RED}:trail/all"
    seen_abroad = subject(policy="open-ssh", resource="all", arn=trail, region="eu-west-1")
    assert rule(resource=trail, region="us-east-1").covers(seen_abroad)
    assert not rule(resource=trail, region="eu-west-1").covers(seen_abroad)


def test_what_is_in_no_region_is_global() -> None:
    bucket = subject(resource="web", arn="arn:aws:s3:::web", region="global")
    assert rule(resource="web", region="global").covers(bucket)
    assert not rule(resource="web", region="us-east-1").covers(bucket)


@given(st.tuples(LITERAL, LITERAL, LITERAL), st.tuples(LITERAL, LITERAL, LITERAL, LITERAL))
def test_nothing_is_covered_that_a_glob_does_not_match(globs: tuple[str, ...], names: tuple[str, ...]) -> None:
    """Each glob is a beginning with a star, so that what it matches is known without fnmatch."""
    policy, region, resource = (f"{text}*" for text in globs)
    made = rule(policy=policy, region=region, resource=resource, account="1*")
    of = Subject(policy=names[0], account=RED, region=names[1], resource=names[2], arn=names[3])
    covered = (
        names[0].startswith(globs[0]) and of.home.startswith(globs[1])
        and (names[2].startswith(globs[2]) or names[3].startswith(globs[2]))
    )
    assert made.covers(of) == covered


@given(st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2028, 1, 1)),
       st.integers(min_value=-14 * 60, max_value=14 * 60))
def test_it_holds_to_the_end_of_its_last_day_in_utc(now: datetime, minutes: int) -> None:
    there = now.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    end = at(2027, 2, 1)
    assert rule().expired(there) == (there >= end)


def test_the_last_second_counts() -> None:
    rules = [rule()]
    assert holds(rules, subject(), at(2027, 1, 31, 23, 59, 59)) == rules[0]
    assert holds(rules, subject(), at(2027, 2, 1)) is None
    assert rule().days_left(at(2027, 1, 31, 23)) == 0
    assert rule().days_left(at(2027, 2, 1)) == -1


def test_an_ended_rule_does_not_hide_one_in_force() -> None:
    ended, other = rule(expires="2026-01-01"), rule(policy="*", reason="another")
    assert holds([ended, other], subject(), at(2026, 11, 24)) == other


@given(st.text(min_size=1).filter(str.strip), st.dates())
def test_a_rule_survives_its_way_into_a_function(reason: str, expires: date) -> None:
    made = rule(reason=reason, expires=expires)
    assert parse_rule(made.to_dict()) == made


def test_a_file_with_all_that_it_may_have() -> None:
    listed = parse({"max_days": 100, "warn_days": 7, "exceptions": [
        entry(expires=date(2027, 1, 31)), entry(policy="s3-*", account="1*", region=None, ticket=None)]}, TODAY)
    assert (listed.max_days, listed.warn_days) == (100, 7)
    assert listed.rules[0] == rule()
    assert (listed.rules[1].region, listed.rules[1].ticket) == ("*", "")
    assert list(listed.places) == [("exceptions", 0), ("exceptions", 1)]


@pytest.mark.parametrize("data", [None, {}, {"exceptions": None}, {"exceptions": []}, {"warn_days": 0}])
def test_no_exceptions(data: Any) -> None:
    assert parse(data, TODAY).rules == ()


def test_an_ended_one_is_no_error() -> None:
    assert parse({"exceptions": [entry(expires="2020-01-01")]}, TODAY).rules


@pytest.mark.parametrize(("changes", "place", "said"), [
    ({"policy": None, "owner": None}, (), "policy and owner missing"),
    ({"expires": None}, (), "expires missing"),
    ({"reason": "  "}, ("reason",), "reason is empty"),
    ({"ticket": ""}, ("ticket",), "ticket is empty"),
    ({"until": "2027-01-31"}, ("until",), "unknown key 'until'"),
    ({"tag": "exempt"}, ("tag",), "unknown key 'tag'"),
    ({"resource": "AWSReservedSSO_Admin_*"}, ("resource",), "anyone who may create roles"),
    ({"resource": "arn:aws:iam::*:role/AWSReservedSSO_*"}, ("resource",), "anyone who may create roles"),
    ({"account": 111111111111}, ("account",), "must be a string"),
    ({"account": "1234"}, ("account",), "must be 12 digits or a glob"),
    ({"account": "prod*"}, ("account",), "must be 12 digits or a glob"),
    ({"ticket": 17}, ("ticket",), "must be a string"),
    ({"expires": "soon"}, ("expires",), "must be a date"),
    ({"expires": datetime(2027, 1, 31)}, ("expires",), "must be a date"),
    ({"expires": 20270131}, ("expires",), "must be a date"),
    ({"expires": "2027-11-25"}, ("expires",), "more than 365 days away"),
    ({"policy": "*", "resource": "*"}, ("resource",), "except everything"),
    ({"policy": "**", "resource": "?*"}, ("resource",), "except everything"),
    ({"policy": "*", "resource": "arn:*"}, ("resource",), "except everything"),
    ({"policy": "*", "resource": "arn:aws:*"}, ("resource",), "except everything"),
    ({"resource": "arn:aws:s3:::web"}, ("region",), "has no region"),
    ({"resource": f"arn:aws:iam::{RED}:user/ann"}, ("region",), "has no region"),
])
def test_what_is_refused(changes: dict[str, Any], place: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidExceptions) as raised:
        parse({"exceptions": [entry(), entry(**changes)]}, TODAY)
    assert raised.value.place == ("exceptions", 1, *place)
    assert said in raised.value.problem
    assert str(raised.value).startswith("exception 2: ")


@pytest.mark.parametrize(("data", "place"), [
    ([], ()), ("x", ()), ({"exception": []}, ("exception",)), ({"exceptions": {}}, ("exceptions",)),
    ({"exceptions": ["x"]}, ("exceptions", 0)), ({"max_days": True}, ("max_days",)),
    ({"warn_days": -1}, ("warn_days",)), ({"max_days": "365"}, ("max_days",)),
])
def test_what_is_no_list_of_exceptions(data: Any, place: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidExceptions) as raised:
        parse(data, TODAY)
    assert raised.value.place == place


@pytest.mark.parametrize("changes", [
    {"policy": "open-ssh", "resource": "*"}, {"policy": "*", "resource": "arn:aws:ec2:*:*:security-group/sg-1"},
    {"resource": f"arn:aws:iam::{RED}:root"}, {"resource": "arn:aws:s3:::web", "region": None},
    {"resource": "arn:aws:s3:::web", "region": "global"}, {"expires": "2027-11-24"}, {"account": "[12]*"},
])
def test_what_is_not_refused(changes: dict[str, Any]) -> None:
    assert parse({"exceptions": [entry(**changes)]}, TODAY).rules


@pytest.mark.parametrize(("text", "said"), [
    ("exceptions: [", "it is not YAML"), ("exceptions: []\nexceptions: []\n", "line 2: the key 'exceptions' is given"),
    ("exceptions:\n- {expires: 2027-02-30}\n", "it is not YAML"), ("{[a]: b}\n", "it cannot be read"),
    ("\x00", "it is not YAML"),
])
def test_a_file_that_cannot_be_used_is_never_no_exceptions(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "e.yml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidExceptions, match=said):
        read(tmp_path / "e.yml", TODAY)
    with pytest.raises(InvalidExceptions, match="cannot be read"):
        read(tmp_path / "absent.yml", TODAY)
    with pytest.raises(InvalidExceptions, match="cannot be read"):
        read(tmp_path, TODAY)


def test_a_file_is_read_again_once_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "e.yml"
    file.write_text("exceptions: []\n", encoding="utf-8")
    assert read(file, TODAY).rules == ()
    lines = "\n".join(f"  {key}: '{value}'" for key, value in entry().items())
    file.write_text("exceptions:\n-\n" + lines + "\n", encoding="utf-8")
    assert read(file, TODAY).rules == (rule(),)
