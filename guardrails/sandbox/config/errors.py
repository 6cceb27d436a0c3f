"""What AWS Config refuses."""
from __future__ import annotations


class ConfigError(Exception):
    """A refused request; `code` is the error's name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def no_such_rule(name: str) -> ConfigError:
    """A rule that is not there, or not any more."""
    return ConfigError(
        "NoSuchConfigRuleException",
        f"The ConfigRule '{name}' provided in the request is invalid. Please check the configRule name.",
    )
