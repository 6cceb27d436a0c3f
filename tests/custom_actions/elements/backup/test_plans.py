"""What a selection of a backup plan contains, as AWS Backup documents it."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.backup.plans import is_selected

ARN = "arn:aws:elasticfilesystem:eu-west-1:111111111111:file-system/fs-1"
ALL = "arn:aws:elasticfilesystem:*:*:file-system/*"
TAGS = {"backup": "yes", "stage": "prod"}
YES = {"ConditionKey": "aws:ResourceTag/backup", "ConditionValue": "yes"}
NO = {"ConditionKey": "aws:ResourceTag/backup", "ConditionValue": "no"}
ABSENT = {"ConditionKey": "aws:ResourceTag/owner", "ConditionValue": "me"}
LISTED = {"ConditionType": "STRINGEQUALS", "ConditionKey": "backup", "ConditionValue": "yes"}
OTHER = {**LISTED, "ConditionValue": "no"}
EBS = "arn:aws:ec2:*:*:volume/*"


@pytest.mark.parametrize(("selection", "selected"), [
    ({"Resources": [ARN]}, True),
    ({"Resources": [EBS, ALL]}, True),
    ({"Resources": ["*"]}, True),
    ({"Resources": [EBS]}, False),
    ({"Resources": [ARN + "2"]}, False),
    # Only the asterisk is a wildcard.
    ({"Resources": [ARN[:-1] + "?"]}, False),
    ({"Resources": ["*"], "NotResources": [ALL]}, False),
    ({"Resources": ["*"], "NotResources": [EBS]}, True),
    ({"ListOfTags": [LISTED]}, True),
    ({"ListOfTags": [OTHER, LISTED]}, True),
    ({"ListOfTags": [OTHER]}, False),
    # Resources and tags with OR.
    ({"Resources": [EBS], "ListOfTags": [LISTED]}, True),
    ({"Resources": [ALL], "ListOfTags": [OTHER]}, True),
    ({"ListOfTags": [LISTED], "NotResources": [ALL]}, False),
    # Conditions with AND.
    ({"Resources": [ALL], "Conditions": {"StringEquals": [YES]}}, True),
    ({"Resources": [ALL], "Conditions": {"StringEquals": [YES, ABSENT]}}, False),
    ({"Resources": [ALL], "Conditions": {"StringEquals": [NO]}}, False),
    ({"Resources": [ALL], "Conditions": {"StringNotEquals": [NO]}}, True),
    ({"Resources": [ALL], "Conditions": {"StringNotEquals": [YES]}}, False),
    ({"Resources": [ALL], "Conditions": {"StringNotEquals": [ABSENT]}}, False),
    ({"Resources": [ALL], "Conditions": {"StringLike": [{**YES, "ConditionValue": "y*"}]}}, True),
    ({"Resources": [ALL], "Conditions": {"StringLike": [{**YES, "ConditionValue": "n*"}]}}, False),
    ({"Resources": [ALL], "Conditions": {"StringNotLike": [{**YES, "ConditionValue": "n*"}]}}, True),
    ({"Resources": [ALL], "Conditions": {"StringNotLike": [{**YES, "ConditionValue": "y*"}]}}, False),
    # Conditions alone, and nothing at all: every resource of a type that the region opted in to.
    ({"Conditions": {"StringEquals": [YES]}}, True),
    ({"Conditions": {"StringEquals": [NO]}}, False),
    ({}, True),
])
def test_what_a_selection_contains(selection: dict[str, Any], selected: bool) -> None:
    assert is_selected(selection, ARN, TAGS, lambda: True) is selected


@pytest.mark.parametrize(("selection", "selected"), [
    ({"Resources": [ALL]}, True), ({"Resources": ["*"]}, False), ({"ListOfTags": [LISTED]}, False), ({}, False),
])
def test_without_the_opt_in_only_a_named_type_is_selected(selection: dict[str, Any], selected: bool) -> None:
    assert is_selected(selection, ARN, TAGS, lambda: False) is selected
