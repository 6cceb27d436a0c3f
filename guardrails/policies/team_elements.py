"""Refuses to begin when c7n cannot load a team's elements; without any, c7n is not imported to see that."""
from __future__ import annotations

from custom_actions.settings_file import TeamError

from ..errors import GuardrailsError
from .verdict_key import team_packages


def require_team_elements() -> None:
    """Raise GuardrailsError if c7n cannot load the elements of the team. For verbs that would begin to write files."""
    try:
        if not team_packages():
            return
    except TeamError:
        pass  # the first problem below
    from .element_checks import unusable_elements

    if unusable := unusable_elements():
        first = unusable[0]
        raise GuardrailsError(f"{first.file}:{first.line}: {first.problem}", first.fix)
