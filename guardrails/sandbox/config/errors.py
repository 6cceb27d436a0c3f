"""The errors of AWS Config."""
from __future__ import annotations


class ConfigError(Exception):
    """A rejected request; `code` is the error's name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def no_such_rule(name: str) -> ConfigError:
    """A rule that does not exist."""
    return ConfigError(
        "NoSuchConfigRuleException",
        f"The ConfigRule '{name}' provided in the request is invalid. Please check the configRule name.",
    )
