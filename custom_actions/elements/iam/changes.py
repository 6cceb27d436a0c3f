"""Carrying out changes on one thing of IAM, proving them, and the receipt: the same for every fix in this package."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from c7n.actions import BaseAction
from c7n.utils import local_session

from ...aws import call, readings, reason_of
from ...fixing import Call, Outcome, Receipt, finish, receipt_of
from .documents import DocumentError


@dataclass(frozen=True)
class Change:
    """One call, the call that takes it back, and what it removes or adds, for the receipt."""

    do: Call
    undo: Call
    removed: Mapping[str, Any] | None = None
    added: Mapping[str, Any] | None = None


@dataclass
class Result:
    """What happened to one resource: what was really changed, how it ended, and why."""

    outcome: Outcome
    reason: str = ""
    changes: list[Change] = field(default_factory=list)
    notes: tuple[str, ...] = ()


def carry_out(client: Any, changes: Sequence[Change], left: Callable[[], Sequence[str]]) -> Result:
    """Make the changes; `left` reads again and says what is still wrong.

    An AWS error ends no more than its own step: it is part of the result, never raised.
    """
    if not changes:
        return Result(Outcome.ALREADY_OK)
    result = Result(Outcome.FAILED)
    problems: list[str] = []
    for change in changes:
        try:
            call(getattr(client, change.do.operation), **change.do.parameters)
        except ClientError as error:
            problems.append(reason_of(error))
        else:
            result.changes.append(change)
    still = _read_back(left, problems)
    if still is not None and not still:
        # Whatever went wrong on the way, such as a policy that somebody else has detached, it is as it should be.
        result.outcome = Outcome.REVERTED if result.changes else Outcome.ALREADY_OK
        return result
    problems += [f"left: {line}" for line in still or ()]
    result.outcome = Outcome.PARTIAL if result.changes else Outcome.FAILED
    result.reason = "; ".join(problems)
    return result


def _read_back(left: Callable[[], Sequence[str]], problems: list[str]) -> Sequence[str] | None:
    """What is still wrong; None when that could not be read."""
    still: Sequence[str] = ()
    try:
        for still in readings(left):
            if not still or problems:
                break
    except (ClientError, DocumentError) as error:
        problems.append(f"could not read it back: {_why(error)}")
        return None
    return still


def _why(error: Exception) -> str:
    return reason_of(error) if isinstance(error, ClientError) else str(error)


class Fix(BaseAction):
    """What the actions of this package share: one receipt a resource, and the end of it.

    One failing resource does not stop the others; when all are done, a failed or partial one makes the policy fail.
    """

    def fix(self, client: Any, resource: Mapping[str, Any]) -> Result:
        """Put one resource right. May raise ClientError or DocumentError while nothing has been changed."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """c7n names the file of the receipts after it."""
        return str(self.type)

    def process(self, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Fix each resource; returns the receipts. Raises FixIncomplete when drift is left."""
        client = local_session(self.manager.session_factory).client("iam")
        fixed = []
        for resource in resources:
            try:
                result = self.fix(client, resource)
            except (ClientError, DocumentError) as error:
                result = Result(Outcome.FAILED, _why(error))
            receipt = self._receipt(resource, result)
            fixed.append((resource, receipt))
            level = self.log.error if result.outcome.needs_a_person else self.log.info
            level("%s %s: %s %s", self.type, receipt.resource, result.outcome, result.reason)
        return finish(self, fixed)

    def _receipt(self, resource: Mapping[str, Any], result: Result) -> Receipt:
        return receipt_of(
            self,
            str(resource.get("Arn") or resource["account_id"]),
            result.outcome,
            reason=result.reason,
            removed=[change.removed for change in result.changes if change.removed],
            added=[change.added for change in result.changes if change.added],
            inverse=[change.undo for change in reversed(result.changes)],
            notes=result.notes,
        )
