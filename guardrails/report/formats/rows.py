"""The findings of a report, read once for all formats that are written together.

Each format asks for the rows and gets its own iterator. All of them read from one pass over the run's file: a row is
kept only until the slowest format has had it, and what several formats show of it (the command that fixes it, the
address in the console) is computed once.
"""
from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import cached_property
from itertools import tee

from ...assessment import Assessment, owner_of
from ...results import Finding, PolicyInfo
from ..console import console_url
from ..fix_command import FixCommands
from .aws import real_region, regions_of
from .stream import dumps


class ReportRow:
    """One finding, with what formats show beside its own fields."""

    def __init__(self, finding: Finding, policy: PolicyInfo, region: str, report: ReportRows) -> None:
        self.finding = finding
        self.policy = policy
        """With its general severity; that in the account is the finding's."""
        self.region = region
        """The AWS region; of what belongs to the whole account, the one that AWS reports it in."""
        self._report = report

    @cached_property
    def fix_command(self) -> str:
        """The command that fixes the finding; empty if there is none."""
        return self._report.commands.of(self.finding)

    @cached_property
    def console(self) -> str:
        """The address of the resource in the AWS console; empty if there is none."""
        return console_url(self.finding)

    @cached_property
    def owner(self) -> str:
        """Who answers for the resource, by its tags; empty if they do not say."""
        return owner_of(self.finding.tags, self._report.assessment.owner_tags)

    @cached_property
    def evidence(self) -> str:
        """The evidence as JSON on one line."""
        return dumps(self.finding.evidence)


class RowReader(Iterator[ReportRow]):
    """The rows for one format."""

    def __init__(self, rows: Iterator[ReportRow]) -> None:
        self._rows = rows
        self.position = 0
        """How many rows it has read."""

    def __next__(self) -> ReportRow:
        row = next(self._rows)
        self.position += 1
        return row


class ReportRows:
    """The findings of an assessment, the most severe first, for several readers that go on side by side."""

    def __init__(self, assessment: Assessment) -> None:
        self.assessment = assessment
        self.commands = FixCommands(assessment)
        self._source = self._read()

    def readers(self, number: int) -> list[RowReader]:
        """Readers of one pass: a row stays in memory until all of them have read it, or are gone."""
        return [RowReader(rows) for rows in tee(self._source, number)]

    def close(self) -> None:
        """End the reading, if it is not at its end: the run's file is open for it."""
        self._source.close()

    def _read(self) -> Generator[ReportRow, None, None]:
        policies, regions = self.assessment.policies, regions_of(self.assessment.accounts)
        for finding in self.assessment.findings():
            region = real_region(finding.region, regions.get(finding.account, ()))
            yield ReportRow(finding, policies[finding.policy], region, self)
