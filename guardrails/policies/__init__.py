"""Policies as their files have them, what Cloud Custodian says of them, and the frameworks that they stand for."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .cases import case_problems
    from .catalogue import Catalogue, Requirement, load_catalogues
    from .conditions import conditions_hold
    from .coverage import CoverageLevel, FrameworkCoverage, coverage_of, profile_of
    from .editor_schema import policy_schema
    from .engine import complaints, is_lambda_mode, resource_class, type_of, walk
    from .event_pattern import UnknownComparison, calls_of, comparable, mismatches, parsed, pattern_of
    from .file_checks import check_files
    from .frameworks import FrameworkResult, PolicyResult, Verdict, covering, dangling, framework_results, policies_for
    from .policy import Kind, Policy, Selection, is_part, load, merged, policy_files
    from .rules_page import RULES_PAGE, render_rules, replaced_rules
    from .schedules import DAY, SCHEDULED, good_for, interval_of, is_scheduled
    from .scope import SCOPES, Scope, audit_scope, deploy_scope
    from .validation import METADATA, in_order, used_parameters, validate_files

__getattr__, __all__ = face(
    __name__,
    cases=("case_problems",),
    catalogue=("Catalogue", "Requirement", "load_catalogues"),
    conditions=("conditions_hold",),
    coverage=("CoverageLevel", "FrameworkCoverage", "coverage_of", "profile_of"),
    editor_schema=("policy_schema",),
    engine=("complaints", "is_lambda_mode", "resource_class", "type_of", "walk"),
    event_pattern=("UnknownComparison", "calls_of", "comparable", "mismatches", "parsed", "pattern_of"),
    file_checks=("check_files",),
    frameworks=(
        "FrameworkResult", "PolicyResult", "Verdict", "covering", "dangling", "framework_results", "policies_for",
    ),
    policy=("Kind", "Policy", "Selection", "is_part", "load", "merged", "policy_files"),
    rules_page=("RULES_PAGE", "render_rules", "replaced_rules"),
    schedules=("DAY", "SCHEDULED", "good_for", "interval_of", "is_scheduled"),
    scope=("SCOPES", "Scope", "audit_scope", "deploy_scope"),
    validation=("METADATA", "in_order", "used_parameters", "validate_files"),
)
