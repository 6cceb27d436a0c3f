"""A team's settings: one file, guardrails.yml, in the directory of its policies. docs/settings.md describes it.

It says which policies there are, and what the verbs use when an option is not given. May import `policies` and below.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .file import Settings, read_settings, team_settings
    from .schema import settings_schema
    from .team_repository import team_files

__getattr__, __all__ = face(
    __name__,
    file=("Settings", "read_settings", "team_settings"),
    schema=("settings_schema",),
    team_repository=("team_files",),
)
