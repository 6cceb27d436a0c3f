"""All checks of policy files: their content, and whether each policy has test cases.

What a file alone decides is stored (`verdict_store`), and c7n is not even imported when nothing has changed. What
several files decide together, such as a name that two policies have, is decided anew each time.
"""
from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from ..yamlfile import YamlError, content, no_collection
from .cases import CaseFile, case_problems, judge_cases
from .catalogue import Catalogue, catalogue_files, load_catalogues
from .file_verdict import (
    CheckedPolicy,
    ElementChecks,
    FileProblem,
    FileVerdict,
    Validation,
    across,
    in_order,
    is_shipped,
    unreadable,
)
from .verdict_key import NotKnown, catalogues_key, digest, environment, file_key, foreign_modules, team_packages
from .verdict_store import VerdictStore

Verdict = TypeVar("Verdict", FileVerdict, CaseFile, ElementChecks)


@dataclass
class FileChecks:
    """The checks of one run, with stored verdicts or without."""

    controls: Sequence[Path] = ()
    """Directories of frameworks, in addition to the project's own."""
    strict: bool = True
    """Whether this project's own rules apply to all policies; else to the shipped ones only."""
    store: VerdictStore = field(default_factory=VerdictStore)
    _modules: frozenset[str] = field(default_factory=lambda: frozenset(sys.modules))
    """Those that were imported before the checks."""

    @classmethod
    def with_store(cls, controls: Sequence[Path] = (), *, strict: bool = True) -> FileChecks:
        """Checks with the verdicts that this user has stored. `store.note` says why, if there are none."""
        try:
            return cls(controls, strict, VerdictStore.open(environment()))
        except NotKnown as unknown:
            return cls(controls, strict, VerdictStore(note=f"no verdicts are stored: {unknown}"))

    def check_elements(self, known: Callable[[str], bool]) -> ElementChecks:
        """As `check_team_elements`, with a stored verdict."""
        if self.store.file is not None and not team_packages():
            return ElementChecks()  # without importing c7n

        def judge() -> ElementChecks:
            from .element_checks import check_team_elements

            return check_team_elements(known)

        return self._stored(digest("elements"), ElementChecks, judge, keep=lambda found: found.usable)

    def save(self) -> None:
        """Store the new verdicts."""
        try:
            if self.store.file is None or self.store.file.stem != environment():
                return  # something has changed in the meantime
            if foreign := foreign_modules(self._modules):
                self.store.note = (
                    f"no verdicts are stored: a team's elements import {foreign[0]}, outside their package")
                return
        except NotKnown:
            return
        self.store.save()

    def check(self, files: Sequence[Path], cases: Path | None = None, *, whole: bool = False) -> Validation:
        """Check policy files.

        Args:
            files: the policy files.
            cases: the directory of the test cases, of which each policy needs one; None to skip this check.
            whole: whether `files` are all there are, so that cases of any other policy are errors.

        Raises GuardrailsError for an invalid framework, and if `cases` does not exist or holds no file.
        """
        with no_collection():
            found = across([(file, self._verdict(file)) for file in files], strict=self.strict)
        if cases is None:
            return found
        # A policy that is too broken to be checked exists all the same: its cases are not errors.
        every = whole and len(found.checked) == found.policies
        problems = in_order([*found.problems, *self.case_problems(found.checked, cases, whole=every)])
        return replace(found, problems=tuple(problems))

    def case_problems(
        self, policies: Sequence[CheckedPolicy], directory: Path, *, whole: bool
    ) -> Iterator[FileProblem]:
        """As `cases.case_problems`, with stored verdicts on the case files."""
        def read(file: Path) -> CaseFile:
            try:
                found = content(file)
            except YamlError as error:
                return CaseFile({}, (error.line, error.message))
            key = file_key(found, file, kind="cases", shipped=False, strict=False, catalogues="")
            return self._stored(key, CaseFile, lambda: judge_cases(file, found))

        yield from case_problems(policies, directory, whole=whole, read=read)

    def _verdict(self, file: Path) -> FileVerdict:
        try:
            found = content(file)
        except YamlError as error:
            return unreadable(error)
        key = file_key(found, file, kind="policies", shipped=is_shipped(file), strict=self.strict,
                       catalogues=self._catalogues_key)

        def judge() -> FileVerdict:
            from .validation import judge  # imports c7n

            return judge(file, found, self._catalogues)

        return self._stored(key, FileVerdict, judge)

    def _stored(
        self, key: str, kind: type[Verdict], judge: Callable[[], Verdict],
        keep: Callable[[Verdict], bool] = lambda verdict: True,
    ) -> Verdict:
        if (known := self.store.recall(key, kind.from_json)) is not None:
            return known
        verdict = judge()
        if keep(verdict):
            self.store.remember(key, verdict.to_json())
        return verdict

    @cached_property
    def _catalogues_key(self) -> str:
        return catalogues_key(catalogue_files(self.controls))

    @cached_property
    def _catalogues(self) -> dict[str, Catalogue]:
        loaded = load_catalogues(self.controls)
        if catalogues_key(catalogue_files(self.controls)) != self._catalogues_key:
            self.store = VerdictStore(note="no verdicts are stored: a framework has just changed")
        return loaded
