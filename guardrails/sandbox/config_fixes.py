"""Corrects how moto stores AWS Config's recorders and rules.

moto rejects a rule for a function that it does not have (functions are in ministack). It returns an empty list for an
unknown rule, where AWS returns NoSuchConfigRuleException, and shows a rule's scope of tags under another name.
Recording and evaluation are not moto's: see `config`.
"""
from __future__ import annotations

from typing import Any

from moto.config.exceptions import NoSuchConfigRuleException
from moto.config.models import ConfigBackend, ConfigEmptyDictable, Scope, Source, SourceDetail, convert_to_class_args

from .moto_fixes import replaces


def apply() -> None:
    """Apply the changes, once in a process."""
    _fix_functions_held_elsewhere()
    _fix_unknown_rules()
    _fix_tag_scopes()


def _fix_functions_held_elsewhere() -> None:
    original_init = Source.__init__

    @replaces(Source, "__init__")
    def init(
        source: Any, account_id: str, region: str, owner: str, source_identifier: str, source_details: Any = None
    ) -> None:
        if owner != "CUSTOM_LAMBDA" or not source_details:
            original_init(source, account_id, region, owner, source_identifier, source_details)
            return
        ConfigEmptyDictable.__init__(source, capitalize_start=True, capitalize_arn=False)
        source.owner, source.source_identifier = owner, source_identifier
        source.source_details = [SourceDetail(**convert_to_class_args(detail)) for detail in source_details]


def _fix_unknown_rules() -> None:
    original = ConfigBackend.describe_config_rules

    @replaces(ConfigBackend, "describe_config_rules")
    def describe_config_rules(backend: Any, config_rule_names: list[str] | None, next_token: str | None) -> Any:
        for name in config_rule_names or ():
            if name not in backend.config_rules:
                raise NoSuchConfigRuleException(name)
        return original(backend, config_rule_names, next_token)


def _fix_tag_scopes() -> None:
    @replaces(Scope, "to_dict")
    def to_dict(scope: Any) -> dict[str, Any]:
        shown: dict[str, Any] = ConfigEmptyDictable.to_dict(scope)
        for key, value in (shown.pop("Tags", None) or {}).items():
            shown.update({"TagKey": key, **({"TagValue": value} if value else {})})
        return shown
