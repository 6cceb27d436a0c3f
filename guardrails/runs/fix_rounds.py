"""What the fixes of a heal recorded on disk: one directory for each round, and the receipts in it.

A heal that runs through has one round, in `fix/`. Each `--resume` fixes what is left in a round of its own (`fix-2/`,
`fix-3/`), so that no journal of an earlier round is overwritten.
"""
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custom_actions.fixing import JOURNAL
from custom_actions.vocabulary import GLOBAL

from ..results import Finding, RunStore
from .accounting import recorded_receipts

Place = tuple[str, str, str]
"""Account id, region as a report shows it, policy."""
Name = tuple[str, str, str, str]
"""Account id, policy, resource (its id or its ARN), region as a report shows it."""
_FIRST = "fix"


@dataclass(frozen=True)
class FixRound:
    """The records of one round of fixes."""

    receipts: Mapping[Name, Sequence[Mapping[str, Any]]]
    """The receipts of each resource, also those of fixes that were interrupted."""
    without_journal: frozenset[Place]
    """Where c7n started a policy whose fixes recorded nothing."""


def fix_rounds(directory: Path, store: RunStore) -> list[FixRound]:
    """The rounds of the heal in `directory`, the last one last; `store` is its file."""
    accounts = {account.name: account.id for account in store.accounts()}
    whole_account = {policy for _, region, policy in store.states() if region == GLOBAL}
    return [_read(place, accounts, whole_account) for place in _directories(directory)]


def new_round(directory: Path) -> Path:
    """The directory of the next round; it does not exist yet."""
    number = len(_directories(directory)) + 1
    return directory / (_FIRST if number == 1 else f"{_FIRST}-{number}")


def place_of(finding: Finding) -> Place:
    """Where the finding's policy ran."""
    return (finding.account, finding.region, finding.policy)


def names_of(finding: Finding) -> list[Name]:
    """The keys of the receipts of a finding: with its resource id, and with its ARN."""
    return [(finding.account, finding.policy, name, finding.region)
            for name in (finding.resource, finding.arn) if name]


def _directories(directory: Path) -> list[Path]:
    found: list[Path] = []
    while (place := directory / (f"{_FIRST}-{len(found) + 1}" if found else _FIRST)).is_dir():
        found.append(place)
    return found


def _read(directory: Path, accounts: Mapping[str, str], whole_account: Collection[str]) -> FixRound:
    receipts: dict[Name, list[Mapping[str, Any]]] = {}
    without_journal = set()
    for output in sorted(directory.glob("output/*/*/*/")):
        name, region, policy = output.parts[-3:]
        if name not in accounts:
            continue
        reported = GLOBAL if policy in whole_account else region
        if not (output / JOURNAL).exists():
            without_journal.add((accounts[name], reported, policy))
        for receipt in recorded_receipts(output):
            account = str(receipt.get("account") or accounts[name])
            receipts.setdefault((account, policy, str(receipt.get("resource", "")), reported), []).append(receipt)
    return FixRound(receipts, frozenset(without_journal))
