"""The results of a run: findings, the state of each check, the run's file, the history, and exceptions."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .database import DatabaseLocked
    from .exception_proposal import DAYS, as_yaml, propose, write_proposal
    from .exceptions import ExceptionEntry, Exceptions, ExceptionState, exceptions_in_force, load
    from .finding import TABLE, Finding, Status, controls_text, findings_of, in_order
    from .history import History, PastRun, RunChanges, RunScore
    from .judged import JudgedResources
    from .passed import PassedCheck, PassedOutput, PassedResource
    from .severities import rank
    from .shared_history import absolute_history, history_place
    from .state import THROTTLED, State, state_of
    from .store import FILE, AccountInfo, CheckRow, PolicyInfo, RunStore, UnknownResource

__getattr__, __all__ = face(
    __name__,
    database=("DatabaseLocked",),
    exception_proposal=("DAYS", "as_yaml", "propose", "write_proposal"),
    exceptions=("ExceptionEntry", "ExceptionState", "Exceptions", "exceptions_in_force", "load"),
    finding=("Finding", "Status", "TABLE", "controls_text", "findings_of", "in_order"),
    history=("History", "PastRun", "RunChanges", "RunScore"),
    judged=("JudgedResources",),
    passed=("PassedCheck", "PassedOutput", "PassedResource"),
    severities=("rank",),
    shared_history=("absolute_history", "history_place"),
    state=("State", "THROTTLED", "state_of"),
    store=("AccountInfo", "CheckRow", "FILE", "PolicyInfo", "RunStore", "UnknownResource"),
)
