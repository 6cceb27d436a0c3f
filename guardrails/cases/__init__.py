"""Test cases of policies: each makes resources in a local AWS, and says what the policy must make of them.

`guardrails test` runs those of a team's own policies, and our tests those of the shipped ones, with the same code. The
package imports without the extra `sandbox`; running a case needs it. May import `policies`, `sandbox` and below.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .claims import claim_failures
    from .files import Case, read_cases
    from .outcome import CaseFailure, CaseResult, PolicyResult
    from .run import require_local_aws, run_cases

__getattr__, __all__ = face(
    __name__,
    claims=("claim_failures",),
    files=("Case", "read_cases"),
    outcome=("CaseFailure", "CaseResult", "PolicyResult"),
    run=("require_local_aws", "run_cases"),
)
