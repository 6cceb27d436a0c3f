"""Who set a tag, and its value before a change, from records in CloudTrail's format."""
from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custom_actions.aws import tag_history
from custom_actions.aws.tag_history import UnknownTag, distrusted_tag, records_of, tags_before

TAG, GROUP = "guardrails-ingress", "sg-1"
TEAM = "arn:aws:iam::111111111111:role/team-x"


def record(
    name: str, request: dict[str, Any], answer: dict[str, Any] | None = None, role: str = "eve"
) -> dict[str, Any]:
    return {
        "eventName": name, "requestParameters": request, "responseElements": answer, "eventID": "e",
        "userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": {
            "arn": f"arn:aws:iam::111111111111:role/{role}"}}},
    }


def tagged(value: str = "locked", *, key: str = TAG, resource: str = GROUP, role: str = "eve") -> dict[str, Any]:
    return record("CreateTags", {
        "resourcesSet": {"items": [{"resourceId": "sg-0"}, {"resourceId": resource}]},
        "tagSet": {"items": [{"key": key, "value": value}]}}, role=role)


def untagged(*tags: dict[str, str]) -> dict[str, Any]:
    return record("DeleteTags", {
        "resourcesSet": {"items": [{"resourceId": GROUP}]}, "tagSet": {"items": list(tags)} if tags else {}})


def made(*, role: str = "eve", **tags: str) -> dict[str, Any]:
    listed = [{"key": key.replace("_", "-"), "value": value} for key, value in tags.items()]
    spec = {"items": [{"resourceType": "security-group", "tags": listed}]} if listed else {}
    return record("CreateSecurityGroup", {"groupName": "x", "tagSpecificationSet": spec}, {"groupId": GROUP}, role)


NOTHING = record("AuthorizeSecurityGroupIngress", {"groupId": GROUP})


@pytest.mark.parametrize(("records", "trusted"), [
    ([], True),
    ([NOTHING], True),
    ([tagged()], False),
    ([tagged(role="team-x")], True),
    ([tagged(role="team-x"), tagged()], True),
    ([tagged(), tagged(role="team-x")], False),  # the newest counts
    ([untagged({"key": TAG, "value": "other"}), tagged(role="team-x")], True),
    ([tagged(key="team"), tagged(resource="sg-2"), made(role="team-x", guardrails_ingress="locked")], True),
    ([made(guardrails_ingress="locked")], False),
    ([NOTHING, made(role="team-x")], False),  # it must have been set after the creation, but no event shows by whom
    ([record("RunInstances", {}, {"instancesSet": {"items": [{"instanceId": "i-1", "groupSet": {
        "items": [{"groupId": GROUP}]}}]}})], True),  # not this one's creation
    ([{**tagged(), "userIdentity": {"type": "Root", "arn": "arn:aws:iam::111111111111:root"}}], True),
    ([{**tagged(), "userIdentity": {}}], False),
])
def test_whose_tag_is_trusted(records: list[dict[str, Any]], trusted: bool) -> None:
    problem = distrusted_tag(records, GROUP, TAG, ["arn:aws:iam::111111111111:role/team-*"])
    assert (not problem) == trusted, problem


def test_a_tag_is_not_trusted_if_its_history_is_incomplete() -> None:
    def endless() -> Iterator[dict[str, Any]]:
        yield NOTHING
        raise UnknownTag("too many")

    assert "it is unknown who set the tag guardrails-ingress: too many" in distrusted_tag(endless(), GROUP, TAG, ["*"])


def test_only_the_newest_records_of_a_long_history_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tag_history, "MOST_RECORDS", 120)
    pages = itertools.count(1)
    asked = []

    class Client:
        def lookup_events(self, **parameters: Any) -> dict[str, Any]:
            assert parameters["LookupAttributes"] == [{"AttributeKey": "ResourceName", "AttributeValue": GROUP}]
            asked.append(parameters)
            entries = [{"CloudTrailEvent": json.dumps({**NOTHING, "eventID": "other"})}] * 50
            return {"Events": entries, "NextToken": str(next(pages))}

    with pytest.raises(UnknownTag):
        list(records_of(Client(), GROUP, {"eventTime": "2026-11-29T12:00:00Z"}))
    assert len(asked) == 3


@pytest.mark.parametrize(("records", "before"), [
    ([], {}),
    ([made()], {TAG: None}),
    ([made(guardrails_ingress="web")], {TAG: "web"}),
    ([tagged("web"), tagged("locked")], {TAG: "web"}),
    ([untagged({"key": TAG}), tagged()], {TAG: None}),
    ([untagged({"key": TAG, "value": "web"}), tagged("locked")], {TAG: "locked"}),  # it deleted nothing
    ([untagged({"key": TAG, "value": "web"})], {}),
    ([untagged()], {TAG: None}),
    ([untagged({"key": "team"}), tagged()], {TAG: "locked"}),
])
def test_the_previous_value_of_a_tag(records: list[dict[str, Any]], before: dict[str, str | None]) -> None:
    assert tags_before(records, GROUP, [TAG]) == before


@given(st.lists(st.one_of(
    st.tuples(st.just("set"), st.sampled_from("ab")), st.tuples(st.just("delete"), st.sampled_from(["a", "b", None])))))
def test_the_previous_value_of_a_tag_against_a_dictionary(changes: list[tuple[str, str | None]]) -> None:
    """Since its creation the records tell all."""
    tags: dict[str, str] = {}
    records = [made()]
    for change, value in changes:
        if change == "set":
            tags[TAG] = str(value)
            records.append(tagged(str(value)))
            continue
        if value in (None, tags.get(TAG)):
            tags.pop(TAG, None)
        records.append(untagged({"key": TAG, **({"value": value} if value else {})}))
    assert tags_before(records[::-1], GROUP, [TAG]) == {TAG: tags.get(TAG)}
