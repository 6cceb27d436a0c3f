"""All checks of policy files: their content, and whether each policy has test cases."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from .cases import case_problems
from .catalogue import Catalogue
from .validation import Validation, in_order, validate_files


def check_files(
    files: Sequence[Path], catalogues: Mapping[str, Catalogue], cases: Path | None = None, *, whole: bool = False,
    strict: bool = True,
) -> Validation:
    """Check policy files.

    Args:
        catalogues: the frameworks that a policy may name, by name.
        cases: the directory of the test cases, of which each policy needs one; None to skip this check.
        strict: whether this project's own rules apply to all policies; else to the shipped ones only.
        whole: whether `files` are all there are, so that cases of any other policy are errors.

    Raises GuardrailsError if `cases` does not exist or holds no file.
    """
    found = validate_files(files, catalogues, strict=strict)
    if cases is None:
        return found
    # A policy that is too broken to be checked exists all the same: its cases are not errors.
    every = whole and len(found.checked) == found.policies
    problems = in_order([*found.problems, *case_problems(found.checked, cases, whole=every)])
    return replace(found, problems=tuple(problems))
