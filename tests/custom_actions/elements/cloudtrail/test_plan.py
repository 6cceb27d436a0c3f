"""What an event took, what stood before it, and the plan that puts it back: no AWS."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.elements.cloudtrail.event import arn_of, before, changes_of
from custom_actions.elements.cloudtrail.history import last_known
from custom_actions.elements.cloudtrail.plan import (
    SELECTORS,
    Declared,
    EventError,
    Plan,
    Target,
    foreign,
    plan_trail,
    target_of,
)
from custom_actions.elements.cloudtrail.state import (
    DEFAULT_SELECTORS,
    FLAGS,
    SETTINGS,
    Selectors,
    Trail,
    answered_settings,
)

from .records import ARN, KEY, OTHER_KEY, OWN_ROLE, answer, create, is_own, record, select, update

DATA_ONLY = {"EventSelectors": [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": False}]}
WITH_DATA = {"EventSelectors": [{"DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]}
ADVANCED = {"AdvancedEventSelectors": [
    {"Name": "all", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]},
]}


def plan(
    event: Mapping[str, Any], *earlier: Mapping[str, Any], now: Mapping[str, Any] | None = None, **declared: Any
) -> Plan:
    """The plan for a trail that is now as the event's own answer says, or as `now` does."""
    target = target_of(event, lambda: earlier, Declared(**declared), is_own)
    settings = answered_settings(answer(**now)) if now is not None else answered_settings(
        {key[:1].upper() + key[1:]: value for key, value in event["responseElements"].items()})
    return plan_trail(Trail(ARN, settings), target)


def selectors_target(event: Mapping[str, Any], *earlier: Mapping[str, Any], **declared: Any) -> Target:
    return target_of(event, lambda: earlier, Declared(**declared), is_own)


def test_a_stopped_trail_is_started() -> None:
    target = target_of(record("StopLogging", {"Name": ARN}), lambda: pytest.fail("not needed"), Declared(), is_own)
    assert plan_trail(Trail(ARN, logging=False), target) == Plan(start=True)
    assert not plan_trail(Trail(ARN, logging=True), target)


def test_what_the_update_changed_goes_back_and_nothing_else() -> None:
    event = update({"EnableLogFileValidation": False, "KmsKeyId": ""}, LogFileValidationEnabled=False, KmsKeyId=None)
    made = plan(event, create(), now={"LogFileValidationEnabled": False, "KmsKeyId": None, "S3BucketName": "moved"})
    assert made == Plan({"EnableLogFileValidation": True, "KmsKeyId": KEY})


def test_a_setting_that_was_empty_is_emptied_again() -> None:
    event = update({"KmsKeyId": OTHER_KEY, "SnsTopicName": "loud"}, KmsKeyId=OTHER_KEY, SnsTopicName="loud")
    assert plan(event, create(KmsKeyId=None)).settings == {"KmsKeyId": "", "SnsTopicName": ""}


def test_the_newest_change_that_stood_counts() -> None:
    event = update({"KmsKeyId": ""}, KmsKeyId=None)
    earlier = [update({"KmsKeyId": OTHER_KEY}, minutes_ago=60, KmsKeyId=OTHER_KEY), create()]
    assert plan(event, *earlier).settings == {"KmsKeyId": OTHER_KEY}


def test_two_changes_in_a_row_do_not_make_the_first_the_state_to_go_back_to() -> None:
    first = update({"S3BucketName": "theirs"}, minutes_ago=2, S3BucketName="theirs")
    event = update({"S3BucketName": "theirs-too"}, S3BucketName="theirs-too")
    assert plan(event, first, create()).settings == {"S3BucketName": "logs"}
    assert plan(event, first).unknown == ("S3BucketName",), "a trail older than the history"


def test_a_trail_that_is_younger_than_that_goes_back_to_its_newest_state() -> None:
    setup = update({"KmsKeyId": KEY}, minutes_ago=2, KmsKeyId=KEY)
    event = update({"KmsKeyId": ""}, KmsKeyId=None)
    assert plan(event, setup, create(minutes_ago=3, KmsKeyId=None)).settings == {"KmsKeyId": KEY}


def test_our_own_restoration_stands_at_once_but_not_what_its_answer_echoes() -> None:
    # Our answer echoes validation off, which another run of ours is about to turn on.
    ours = update({"KmsKeyId": KEY}, minutes_ago=1, role=OWN_ROLE, LogFileValidationEnabled=False)
    theirs = update({"KmsKeyId": ""}, minutes_ago=2, KmsKeyId=None, LogFileValidationEnabled=False)
    event = update({"KmsKeyId": "", "EnableLogFileValidation": False}, KmsKeyId=None, LogFileValidationEnabled=False)
    assert plan(event, ours, theirs, create()).settings == {"KmsKeyId": KEY, "EnableLogFileValidation": True}
    alone = plan(event, ours, theirs)
    assert alone.settings == {"KmsKeyId": KEY}, "our word is known though the trail is older than the history"
    assert alone.unknown == ("EnableLogFileValidation",)


def test_what_is_declared_wins_over_a_weaker_past() -> None:
    event = update({"EnableLogFileValidation": False}, LogFileValidationEnabled=False)
    past = create(LogFileValidationEnabled=False)
    assert plan(event, past, settings={"EnableLogFileValidation": True}).settings == {"EnableLogFileValidation": True}
    assert not plan(event, past)


def test_what_is_declared_is_left_alone_when_the_update_did_not_change_it() -> None:
    event = update({"KmsKeyId": ""}, KmsKeyId=None, LogFileValidationEnabled=False)
    made = plan(event, create(), settings={"EnableLogFileValidation": True})
    assert made.settings == {"KmsKeyId": KEY}


def test_the_history_is_not_asked_when_the_policy_says_all() -> None:
    event = update({"EnableLogFileValidation": False}, LogFileValidationEnabled=False)
    declared = Declared({"EnableLogFileValidation": True})
    assert target_of(event, lambda: pytest.fail("not needed"), declared, is_own).settings


def test_without_a_past_the_declared_is_set_and_the_rest_is_unknown() -> None:
    event = update({"EnableLogFileValidation": False, "KmsKeyId": ""}, LogFileValidationEnabled=False, KmsKeyId=None)
    made = plan(event, settings={"EnableLogFileValidation": True})
    assert made.settings == {"EnableLogFileValidation": True}
    assert made.unknown == ("KmsKeyId",)


def test_a_flag_that_was_turned_on_stays_on() -> None:
    event = update({"EnableLogFileValidation": True})
    made = plan(event, create(LogFileValidationEnabled=False))
    assert not made
    assert not made.unknown
    assert "turned on" in made.notes[0]
    assert not plan(event).unknown, "nothing was taken, whatever it was before"


def test_a_parameter_that_is_newer_than_this_code_is_unknown() -> None:
    event = update({"KmsKeyId": "", "Novelty": True}, KmsKeyId=None)
    assert plan(event, create()).unknown == ("Novelty",)


def test_a_log_group_goes_back_with_its_role() -> None:
    group, role = "arn:aws:logs:us-east-1:123456789012:log-group:trail:*", "arn:aws:iam::123456789012:role/trail"
    past = create(CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn=role)
    event = update({"CloudWatchLogsLogGroupArn": ""}, CloudWatchLogsRoleArn=role)
    made = plan(event, past)
    assert made.settings == {"CloudWatchLogsLogGroupArn": group}
    assert made.together == {"CloudWatchLogsRoleArn": role}


def test_a_record_without_an_answer_tells_what_it_asked_for() -> None:
    asked = record("UpdateTrail", {"Name": "audit", "S3KeyPrefix": "a"}, minutes_ago=60)
    event = update({"S3KeyPrefix": "b", "S3BucketName": "theirs"}, S3KeyPrefix="b", S3BucketName="theirs")
    assert plan(event, asked, create()).settings == {"S3KeyPrefix": "a", "S3BucketName": "logs"}


def test_selectors_go_back_basic_or_advanced() -> None:
    assert selectors_target(select(DATA_ONLY), select(ADVANCED, minutes_ago=60)).selectors == Selectors.of(
        ADVANCED["AdvancedEventSelectors"])
    assert selectors_target(select(ADVANCED), select(WITH_DATA, minutes_ago=60)).selectors == Selectors.of(
        WITH_DATA["EventSelectors"])


def test_a_trail_that_nobody_gave_selectors_had_the_default() -> None:
    assert selectors_target(select(DATA_ONLY), create()).selectors == DEFAULT_SELECTORS


def test_updates_tell_nothing_of_selectors() -> None:
    earlier = [update({"KmsKeyId": KEY}, minutes_ago=60, role=OWN_ROLE), select(WITH_DATA, minutes_ago=90), create()]
    assert selectors_target(select(DATA_ONLY), *earlier).selectors == Selectors.of(WITH_DATA["EventSelectors"])


def test_two_puts_in_a_row_go_back_to_what_stood() -> None:
    earlier = [select(DATA_ONLY, minutes_ago=1), select(WITH_DATA, minutes_ago=60)]
    assert selectors_target(select(ADVANCED), *earlier).selectors == Selectors.of(WITH_DATA["EventSelectors"])


def test_selectors_of_which_nobody_knows_the_past() -> None:
    target = selectors_target(select(DATA_ONLY))
    assert target.unknown == (SELECTORS,)
    assert not plan_trail(Trail(ARN, selectors=Selectors.of(DATA_ONLY["EventSelectors"])), target)
    declared = selectors_target(select(DATA_ONLY), selectors=DEFAULT_SELECTORS)
    assert declared.selectors == DEFAULT_SELECTORS
    assert "declares" in declared.notes[0]


def test_selectors_that_add_events_are_left() -> None:
    target = selectors_target(select(WITH_DATA), create())
    made = plan_trail(Trail(ARN, selectors=Selectors.of(WITH_DATA["EventSelectors"])), target)
    assert not made
    assert "not changed" in made.notes[0]


def test_another_event_is_refused() -> None:
    with pytest.raises(EventError, match="DeleteTrail"):
        target_of(record("DeleteTrail", {"Name": "audit"}), list, Declared(), is_own)


@pytest.mark.parametrize("name", ["audit", ARN])
def test_a_trail_is_named_by_name_or_arn(name: str) -> None:
    assert arn_of(record("StopLogging", {"Name": name})) == ARN
    assert arn_of(record("PutEventSelectors", {"TrailName": name})) == ARN


def test_other_partitions_have_their_own_arns() -> None:
    assert arn_of(record("StopLogging", {"Name": "a"}, awsRegion="cn-north-1")).startswith("arn:aws-cn:")
    assert arn_of(record("StopLogging", {"Name": "a"}, awsRegion="us-gov-west-1")).startswith("arn:aws-us-gov:")


def test_the_history_of_a_trail_ends_with_its_creation() -> None:
    own = [update({}, minutes_ago=1), create(minutes_ago=2)]
    other = record("UpdateTrail", {"Name": "other"}, minutes_ago=1)
    of_a_deleted_one = update({}, minutes_ago=9)
    assert list(changes_of(ARN, [other, *own, of_a_deleted_one])) == own


@pytest.mark.parametrize(("trail", "account", "region", "why"), [
    ({"TrailARN": ARN, "HomeRegion": "us-east-1"}, "123456789012", "us-east-1", ""),
    ({"TrailARN": ARN}, "123456789012", "us-east-1", ""),
    ({"TrailARN": ARN, "HomeRegion": "us-east-1"}, "123456789012", "eu-west-1", "home region is us-east-1"),
    ({"TrailARN": ARN, "HomeRegion": "us-east-1"}, "999988887777", "us-east-1", "belongs to 123456789012"),
])
def test_a_trail_is_changed_at_home_only(trail: dict[str, str], account: str, region: str, why: str) -> None:
    assert why in foreign(trail, account, region)
    assert bool(foreign(trail, account, region)) == bool(why)


def test_last_known_tells_a_deleted_trail() -> None:
    told = last_known([
        record("StopLogging", {"Name": "audit"}, minutes_ago=1, role="intruder"),
        select(WITH_DATA, minutes_ago=5),
        update({"KmsKeyId": OTHER_KEY}, minutes_ago=7, KmsKeyId=OTHER_KEY),
        record("StartLogging", {"Name": "audit"}, minutes_ago=8),
        create(minutes_ago=9),
    ])
    assert told["known"]
    assert told["logging"] is False
    assert told["settings"]["KmsKeyId"] == OTHER_KEY
    assert told["selectors"] == Selectors.of(WITH_DATA["EventSelectors"]).parameters()
    assert "intruder" in told["changed"]["arn"]
    assert told["created"]["event"] == "CreateTrail"
    assert last_known([]) == {"known": False}
    assert last_known([record("StartLogging", {"Name": "audit"})])["known"] is False


# Properties

FLAG = st.booleans()
TEXT = st.sampled_from(["", "a", "b"])
WHOLE = st.fixed_dictionaries({name: FLAG if name in FLAGS else TEXT for name in SETTINGS})
PART = st.fixed_dictionaries({}, optional={name: FLAG if name in FLAGS else TEXT for name in SETTINGS})


def echo(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The answer that tells these settings."""
    return {
        "Name": "audit", "TrailARN": ARN, **{key: value for key, value in settings.items() if value != ""},
        "LogFileValidationEnabled": settings["EnableLogFileValidation"],
    }


def updates(start: Mapping[str, Any], requests: Iterable[Mapping[str, Any]], minutes: int) -> list[dict[str, Any]]:
    """The records of updates of a trail a day old, a second apart from `minutes` ago on, newest first."""
    settings, made = dict(start), [record("CreateTrail", {"Name": "audit"}, echo(start), minutes_ago=60 * 24)]
    for number, request in enumerate(requests):
        settings |= request
        made.append(record(
            "UpdateTrail", {"Name": "audit", **request}, echo(settings), minutes_ago=minutes - number / 60))
    return made[::-1]


@given(WHOLE, st.lists(PART, min_size=1, max_size=5), PART, st.data())
def test_after_any_burst_of_updates_no_run_restores_less_than_stood(
    start: dict[str, Any], requests: list[dict[str, Any]], required: dict[str, Any], data: st.DataObject
) -> None:
    """Whatever the updates were and in whatever order our runs come, the trail ends as it stood before the burst."""
    records = updates(start, requests, minutes=1)
    settings = dict(start)
    for request in requests:
        settings |= request
    changed = {name for request in requests for name in request}
    order = data.draw(st.permutations(range(len(requests))))
    for index in order:
        event, earlier, request = records[index], records[index + 1:], requests[len(requests) - 1 - index]
        target = target_of(event, lambda: earlier, Declared(required), is_own)  # noqa: B023 - called at once
        made = plan_trail(Trail(ARN, settings), target)
        assert not made.unknown
        assert set(made.settings) <= set(request), "it touched what the update did not"
        settings |= made.settings
        assert not plan_trail(Trail(ARN, settings), target), "once is enough"
    for name in SETTINGS:
        if name not in changed:
            assert settings[name] == start[name]
        elif name in required:
            assert settings[name] == required[name]
        elif name in FLAGS and start[name] is False:
            continue  # a flag that was turned on may stay on
        else:
            assert settings[name] == start[name]


@given(PART)
def test_without_any_past_nothing_is_guessed(request_: dict[str, Any]) -> None:
    now = dict.fromkeys(FLAGS, False) | dict.fromkeys((name for name in SETTINGS if name not in FLAGS), "x")
    now |= request_
    target = target_of(record("UpdateTrail", {"Name": "audit", **request_}), list, Declared(), is_own)
    made = plan_trail(Trail(ARN, now), target)
    assert not made
    assert set(made.unknown) == {name for name in request_ if request_[name] is not True}


def test_before_reads_no_further_than_it_must() -> None:
    def earlier() -> Iterable[dict[str, Any]]:
        yield update({}, minutes_ago=60)
        pytest.fail("a whole answer that stood is enough")

    assert before(update({}), earlier(), is_own).settings["KmsKeyId"] == KEY
