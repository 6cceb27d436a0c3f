"""Policies as they are in their files, their validation, and the frameworks that they cover."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .attacks import ATTACKS_PAGE, Attack, attacks_page, load_attacks, seen_by
    from .catalogue import Catalogue, load_catalogues, only
    from .catalogue_changes import CatalogueChange, changes, newer_list
    from .claims import claims_of, partial_claims
    from .conditions import conditions_hold
    from .coverage import CoverageLevel, FrameworkCoverage, coverage_of, profile_of
    from .editor_schema import policy_schema
    from .element_checks import check_team_elements
    from .engine import is_lambda_mode, policy_problems, resource_class, type_of, walk
    from .event_pattern import UnknownComparison, calls_of, comparable, mismatches, parsed, pattern_of
    from .file_checks import FileChecks
    from .file_verdict import CheckedPolicy, ElementChecks, FileProblem, Validation
    from .frameworks import (
        Cover,
        FrameworkResult,
        PolicyResult,
        RequirementVerdict,
        covering,
        dangling,
        framework_results,
        policies_for,
    )
    from .invalid import invalid_policies
    from .peer_fixes import FIXES_PAGE, fixed_here, load_peer_fixes, peer_fixes_page
    from .policy import Kind, Policy, Selection, action_type, is_part, load, merged, policy_files
    from .readme_numbers import README, with_numbers
    from .rules_page import RULES_PAGE, render_rules, replaced_rules
    from .schedules import DAY, SCHEDULED, good_for, interval_of, is_scheduled
    from .scope import Scope, audit_scope, deploy_scope
    from .service_pages import check_pages, stale_pages
    from .sources import PACK, PACKS, PackChoice, PolicySources
    from .team_elements import require_team_elements
    from .variables import used_parameters

__getattr__, __all__ = face(
    __name__,
    attacks=("ATTACKS_PAGE", "Attack", "attacks_page", "load_attacks", "seen_by"),
    catalogue=("Catalogue", "load_catalogues", "only"),
    catalogue_changes=("CatalogueChange", "changes", "newer_list"),
    claims=("claims_of", "partial_claims"),
    conditions=("conditions_hold",),
    coverage=("CoverageLevel", "FrameworkCoverage", "coverage_of", "profile_of"),
    editor_schema=("policy_schema",),
    element_checks=("check_team_elements",),
    engine=("is_lambda_mode", "policy_problems", "resource_class", "type_of", "walk"),
    event_pattern=("UnknownComparison", "calls_of", "comparable", "mismatches", "parsed", "pattern_of"),
    file_checks=("FileChecks",),
    file_verdict=("CheckedPolicy", "ElementChecks", "FileProblem", "Validation"),
    frameworks=(
        "Cover", "FrameworkResult", "PolicyResult", "RequirementVerdict", "covering", "dangling", "framework_results",
        "policies_for",
    ),
    invalid=("invalid_policies",),
    peer_fixes=("FIXES_PAGE", "fixed_here", "load_peer_fixes", "peer_fixes_page"),
    policy=("Kind", "Policy", "Selection", "action_type", "is_part", "load", "merged", "policy_files"),
    readme_numbers=("README", "with_numbers"),
    rules_page=("RULES_PAGE", "render_rules", "replaced_rules"),
    schedules=("DAY", "SCHEDULED", "good_for", "interval_of", "is_scheduled"),
    scope=("Scope", "audit_scope", "deploy_scope"),
    service_pages=("check_pages", "stale_pages"),
    sources=("PACK", "PACKS", "PackChoice", "PolicySources"),
    team_elements=("require_team_elements",),
    variables=("used_parameters",),
)
