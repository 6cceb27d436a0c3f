"""Policies as their files have them, what Cloud Custodian says of them, and the frameworks that they stand for."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .attacks import ATTACKS_PAGE, Attack, attacks_page, load_attacks, seen_by
    from .cases import case_problems
    from .catalogue import Catalogue, Requirement, load_catalogues
    from .conditions import conditions_hold
    from .engine import complaints, is_lambda_mode, resource_class, type_of, walk
    from .event_pattern import UnknownComparison, calls_of, comparable, mismatches, parsed, pattern_of
    from .frameworks import FrameworkResult, PolicyResult, Verdict, covering, dangling, framework_results, policies_for
    from .policy import Kind, Policy, Selection, is_part, load, merged, policy_files
    from .schedules import DAY, SCHEDULED, good_for, interval_of, is_scheduled
    from .scope import SCOPES, Scope, audit_scope, deploy_scope
    from .validation import METADATA, in_order, used_parameters, validate_files

__getattr__, __all__ = face(
    __name__,
    attacks=("ATTACKS_PAGE", "Attack", "attacks_page", "load_attacks", "seen_by"),
    cases=("case_problems",),
    catalogue=("Catalogue", "Requirement", "load_catalogues"),
    conditions=("conditions_hold",),
    engine=("complaints", "is_lambda_mode", "resource_class", "type_of", "walk"),
    event_pattern=("UnknownComparison", "calls_of", "comparable", "mismatches", "parsed", "pattern_of"),
    frameworks=(
        "FrameworkResult", "PolicyResult", "Verdict", "covering", "dangling", "framework_results", "policies_for",
    ),
    policy=("Kind", "Policy", "Selection", "is_part", "load", "merged", "policy_files"),
    schedules=("DAY", "SCHEDULED", "good_for", "interval_of", "is_scheduled"),
    scope=("SCOPES", "Scope", "audit_scope", "deploy_scope"),
    validation=("METADATA", "in_order", "used_parameters", "validate_files"),
)
