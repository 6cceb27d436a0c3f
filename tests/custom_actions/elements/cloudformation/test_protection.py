"""`not-protected`: a stack that was deleted meanwhile is none to protect, and a denied answer is an error."""
from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from custom_actions.elements.cloudformation.protection import protected, unprotected


class Answering:
    """A client whose DescribeStacks answers with an error or a stack."""

    def __init__(self, code: str = "", message: str = "", **stack: object) -> None:
        self.code, self.message, self.stack = code, message, stack

    def describe_stacks(self, StackName: str) -> dict[str, object]:  # noqa: N803 - boto3's name
        if self.code:
            raise ClientError({"Error": {"Code": self.code, "Message": self.message}}, "DescribeStacks")
        return {"Stacks": [self.stack]}


def test_deleted_meanwhile() -> None:
    assert protected(Answering("ValidationError", "Stack with id x does not exist"), "x")
    assert protected(Answering(StackStatus="DELETE_COMPLETE"), "x")
    assert protected(Answering(StackStatus="DELETE_IN_PROGRESS"), "x")
    assert not protected(Answering(StackStatus="CREATE_COMPLETE"), "x")


def test_a_nested_stack_has_the_protection_of_its_root() -> None:
    root, nested = {"StackId": "root"}, {"StackId": "nested", "ParentId": "root", "RootId": "root"}
    assert unprotected(Answering(StackStatus="CREATE_COMPLETE"), [root, nested]) == [root]


def test_denied() -> None:
    with pytest.raises(ClientError):
        protected(Answering("AccessDenied", "no"), "x")
