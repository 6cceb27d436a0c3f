"""Which accounts of accounts.yml a verb works on: the selectors of c7n-org, `-a`, `--not-accounts` and `-t`."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..errors import GuardrailsError
from ..suggest import nearest

if TYPE_CHECKING:
    from .account import Account


@dataclass(frozen=True)
class AccountChoice:
    """The selected accounts. Without any selector, all."""

    names: Sequence[str] = ()
    """Names or ids, or globs of them."""
    without: Sequence[str] = ()
    """Names or ids that are left out, or globs of them."""
    tags: Sequence[str] = ()
    """Tags in accounts.yml; an account must have each of them."""

    def __bool__(self) -> bool:
        return bool(self.names or self.without or self.tags)

    def choose(self, accounts: Sequence[Account]) -> list[Account]:
        """The accounts that every selector selects, in their order.

        Raises GuardrailsError for a name or a tag that no account has, and if nothing is left: a typing error must not
        look like a smaller scope.
        """
        keys = [key for account in accounts for key in account.keys]
        for option, patterns in (("--accounts", self.names), ("--not-accounts", self.without)):
            for pattern in patterns:
                if not any(fnmatchcase(key, pattern) for key in keys):
                    raise GuardrailsError(f"no account matches {option} {pattern}", _near(pattern, keys))
        known = {tag for account in accounts for tag in account.entry.get("tags") or ()}
        for tag in self.tags:
            if tag not in known:
                raise GuardrailsError(f"no account has the tag of --tags {tag}", _near(tag, known))
        found = [
            account for account in accounts
            if (not self.names or _matches(account, self.names)) and not _matches(account, self.without)
            and set(self.tags) <= set(account.entry.get("tags") or ())]
        if not found:
            raise GuardrailsError(
                "no account is left: none meets --accounts, --not-accounts and --tags together", "relax one of them")
        return found


EVERY = AccountChoice()


def _matches(account: Account, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in patterns for key in account.keys)


def _near(name: str, known: Iterable[str]) -> str:
    return nearest(name, known) or "names, ids and tags are in accounts.yml"
