"""Running policies over accounts and regions with c7n-org, with a result for every (account, region, policy)."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .account_lock import locked_accounts
    from .accounting import Check, not_reached, one_line, receipts_in
    from .audit import (
        AuditRequest,
        AuditRun,
        account_infos,
        now,
        policy_info,
        resume_audit,
        scope_of,
        start_audit,
    )
    from .c7n_org import AUDIT, DEPLOY, Concurrency, Target, Work, work_for
    from .diff import PolicyChange, PolicyDiff, PolicyDifference, compare
    from .fix_outcomes import Fix
    from .heal import HealRun
    from .heal_limits import HealLimits, Limit, refuse_breaches
    from .heal_plan import HealPlan
    from .heal_result import Heal
    from .heal_start import fixable, resume_heal, start_heal
    from .in_process import InProcess
    from .outputs import with_output
    from .progress import Advance, Progress, ShowProgress, without_progress
    from .receipt_check import ReceiptCheck, true_state
    from .receipt_sources import (
        LOG_DAYS,
        FoundReceipts,
        ReceiptFilter,
        ReceiptRequest,
        SourcedReceipt,
        default_sources,
        is_source,
        read_receipts,
        refuse_unread,
    )
    from .report import assess_source, finished_audit
    from .rollback import (
        Restored,
        Rollback,
        RollbackCheck,
        RollbackResult,
        RollbackStep,
        account_of_credentials,
        arn_of_credentials,
        check_resources,
    )
    from .rollback_journal import RollbackJournal, UndoState
    from .rollback_plan import AwsClients, RollbackPlan
    from .rollback_record import RollbackRecord
    from .sweeps import SweepPlan, execute, refuse_invalid
    from .trend import TrendRow, comparable_runs, trend_rows

__getattr__, __all__ = face(
    __name__,
    account_lock=("locked_accounts",),
    accounting=("Check", "not_reached", "one_line", "receipts_in"),
    audit=(
        "AuditRequest", "AuditRun", "account_infos", "now", "policy_info", "resume_audit", "scope_of", "start_audit",
    ),
    c7n_org=("AUDIT", "Concurrency", "DEPLOY", "Target", "Work", "work_for"),
    diff=("PolicyChange", "PolicyDiff", "PolicyDifference", "compare"),
    fix_outcomes=("Fix",),
    heal=("HealRun",),
    heal_limits=("HealLimits", "Limit", "refuse_breaches"),
    heal_plan=("HealPlan",),
    heal_result=("Heal",),
    heal_start=("fixable", "resume_heal", "start_heal"),
    in_process=("InProcess",),
    outputs=("with_output",),
    progress=("Advance", "Progress", "ShowProgress", "without_progress"),
    receipt_check=("ReceiptCheck", "true_state"),
    receipt_sources=(
        "FoundReceipts", "LOG_DAYS", "ReceiptFilter", "ReceiptRequest", "SourcedReceipt", "default_sources",
        "is_source", "read_receipts", "refuse_unread",
    ),
    report=("assess_source", "finished_audit"),
    rollback=(
        "Restored", "Rollback", "RollbackCheck", "RollbackResult", "RollbackStep", "account_of_credentials",
        "arn_of_credentials", "check_resources",
    ),
    rollback_journal=("RollbackJournal", "UndoState"),
    rollback_plan=("AwsClients", "RollbackPlan"),
    rollback_record=("RollbackRecord",),
    sweeps=("SweepPlan", "execute", "refuse_invalid"),
    trend=("TrendRow", "comparable_runs", "trend_rows"),
)
