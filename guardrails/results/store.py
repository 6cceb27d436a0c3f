"""One run in one SQLite file: its options, its checks and its findings. Every report is made from this file.

The results of many accounts do not fit in memory, and a run may be interrupted. So each check (account, region,
policy) is written with its findings in one transaction as soon as it has ended. `audit --resume` reads from the file
which checks are left, and the report formats read it row by row. SQLite fits: the rows are small, one process writes
them, the file survives a kill, every language can read it, and Python includes it. docs/report.md lists the tables.
"""
from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import GuardrailsError
from ..paths import create_private
from .database import DatabaseKind, explained, open_database
from .finding import TABLE, Finding, Status
from .judged import JudgedResources
from .passed import PASSED_TABLES, PassedCheck, PassedOutput, read_passed, save_passed
from .severities import Severities
from .state import State

FORMAT = 4
"""The version of the tables. Raise it when a table changes; a file of another version is refused.

The columns of `findings` are compared one by one, so they need no new version.
"""
FILE = "run.db"

_TABLES = """
create table run (key text primary key, value text not null) without rowid;
create table accounts (id text not null, name text primary key, regions text not null, reason text not null)
    without rowid;
create table policies (name text primary key, data text not null) without rowid;
create table checks (
    account text not null, account_name text not null, region text not null, policy text not null,
    state text not null, reason text not null, matched integer not null, unknown text not null,
    listed integer, in_scope integer, passed integer,
    primary key (account_name, region, policy)
) without rowid;
create table findings ({columns}) without rowid;
create index findings_of on findings (policy, account, region);
""" + PASSED_TABLES
_VALID_CHECK = """
case when json_valid(unknown) then json_type(unknown) = 'array' else 0 end
and (coalesce(listed, in_scope, passed) is null
  or typeof(listed) || typeof(in_scope) || typeof(passed) = 'integerintegerinteger'
  and 0 <= passed and passed <= in_scope and in_scope <= listed)
"""
_VALID_PASSED = """
typeof(list) || typeof(number) || typeof(bits) = 'textintegerblob'
and exists (select 1 from checks c where (c.account, c.account_name, c.region, c.policy)
  = (p.account, p.account_name, p.region, p.policy) and c.state in ('ran', 'partial') and p.number <= c.passed)
"""
_BLOCK = 100
"""Findings that are read at once."""
_FIX = "name the directory of an audit (its -o), or run the audit again"
_AGAIN = "run the audit again"
_SEVERITIES = "severities_in"
"""The fact about a run with the severities in accounts that differ from the policies' general ones."""


def _kind() -> DatabaseKind:
    return DatabaseKind("a run of guardrails", 0x61776772, _TABLES.format(columns=TABLE.definitions), _FIX)


@dataclass(frozen=True)
class PolicyInfo:
    """A policy as a report shows it. It is stored with the run, so that a later edit changes no earlier report."""

    name: str
    title: str
    severity: str
    """The general one; `RunStore.severity_of` has that in an account."""
    exposure: str
    """internet, cross-account or internal."""
    resource: str
    """`aws.s3`."""
    kind: str
    """config-rule, periodic or realtime."""
    response: str
    profile: str
    """The profile that enables it; empty when it is always enabled."""
    controls: Mapping[str, Sequence[str]]
    rationale: str
    fix: str
    yaml: str
    """The policy's source, with anchors resolved."""
    location: str
    """`policies/config-rule/s3.yml:66`."""
    audited: bool
    """False for a realtime policy: it evaluates events, so an audit cannot run it."""
    partial: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Those of the controls that it checks only in part: framework to control to what it does not check."""
    parts: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    """Framework to control to the parts that it checks, for the controls of which it checks some parts only."""

    @property
    def service(self) -> str:
        """`s3`."""
        return self.resource.partition(".")[2]


@dataclass(frozen=True)
class AccountInfo:
    """One account of a run."""

    id: str
    name: str
    regions: tuple[str, ...]
    reason: str = ""
    """Why the account could not be reached; empty when it was."""


class UnknownResource(NamedTuple):
    """A resource that a check could not read, so that it is unknown whether it complies."""

    resource: str
    """Its id."""
    reason: str


@dataclass(frozen=True)
class CheckRow:
    """One check: a policy in one account and region, and how it ended."""

    account: str
    account_name: str
    region: str
    """`global` for what belongs to the whole account."""
    policy: str
    state: str
    """ran, partial, denied, throttled, error, not-run or skipped."""
    reason: str
    matched: int
    """Resources that the policy matched, including those with an exception."""
    unknown: tuple[UnknownResource, ...] = ()
    """Resources that it could not read."""
    judged: JudgedResources | None = None
    """How many resources it looked at; None if its output does not say: of a check that did not complete, of plain c7n,
    and of a function of an earlier version."""
    passed: PassedOutput | None = field(default=None, compare=False)
    """The ids of the resources that passed, of a check that has just ended with `--evidence`. `RunStore.passed` reads
    them again."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Account name, region, policy."""
        return (self.account_name, self.region, self.policy)

    @property
    def seen(self) -> bool:
        """Whether the check completed, so that its result is known in full."""
        return self.state == "ran"

    @property
    def missing(self) -> bool:
        """Whether the check should have a result, and has none or only a part of it."""
        return self.state not in ("ran", "skipped")


@dataclass
class RunStore:
    """The file of one run. Made by `create` or `open`; a context manager that closes it.

    Queries of `rows` have the functions `severity_of(account, policy)` and `rank_in(account, policy)`.
    """

    path: Path
    _connection: sqlite3.Connection = field(repr=False)
    _severities: Severities = field(default_factory=Severities, init=False, repr=False)

    def __post_init__(self) -> None:
        # Functions of the table, not of this object: SQLite would keep it, and its open file, for ever.
        self._connection.create_function("severity_of", 2, self._severities.of)
        self._connection.create_function("rank_in", 2, self._severities.rank_in)

    @classmethod
    def create(cls, path: Path) -> RunStore:
        """Create the file. Raises GuardrailsError when it exists, or when it cannot be created."""
        if path.exists():
            raise GuardrailsError(f"{path} already exists", "name another directory with -o, or --resume this one")
        fix = "check that the directory is writable and that the disk is not full"
        try:
            create_private(path)
        except OSError as error:
            raise GuardrailsError(f"{path}: {error}", fix) from None
        with explained(path, fix):
            connection = sqlite3.connect(path)
            kind = _kind()
            connection.executescript(f"pragma application_id = {kind.application_id}; {kind.tables}")
        store = cls(path, _settled(connection))
        store["format"] = FORMAT
        return store

    @classmethod
    def open(cls, path: Path) -> RunStore:
        """Open the file of an earlier run; `path` is the file or its directory.

        Raises GuardrailsError when there is no such file, and when it is not a run or of another version.
        """
        file = path / FILE if os.path.isdir(path) and path.name != FILE else path
        connection = open_database(file, _kind(), write=os.access(file, os.W_OK))
        store = cls(file, connection)
        try:
            with explained(file, _FIX):
                _settled(connection)
                store._refuse_other_versions()
                store._read_all()
        except BaseException:
            connection.close()
            raise
        return store

    def again(self) -> RunStore:
        """The same file through a connection of its own, for reading in another process after a fork."""
        with explained(self.path, _FIX):
            connection = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)
        store = RunStore(self.path, _settled(connection))
        store._severities.general, store._severities.differing = self._severities.general, self._severities.differing
        return store

    def _refuse_other_versions(self) -> None:
        lacking = _kind().lacking(self._connection)
        version = None if {"run.key", "run.value"} & set(lacking) else self.get("format")
        if isinstance(version, int) and version != FORMAT:
            raise GuardrailsError(
                f"{self.path}: written by another version of guardrails: format {version}, not {FORMAT}", _AGAIN)
        # A difference of findings is named below.
        if any(not column.startswith("findings.") for column in lacking) or f"findings.{TABLE.names[0]}" in lacking:
            named = ", ".join(dict.fromkeys(column.partition(".")[0] for column in lacking))
            raise GuardrailsError(f"{self.path}: not a run of guardrails: it differs in {named}", _FIX)
        present = {row[1] for row in self._connection.execute("pragma table_info(findings)")}
        differing = sorted(present ^ set(TABLE.names))
        if version != FORMAT or differing:
            why = f"format {version}, not {FORMAT}" if version != FORMAT else (
                f"its table findings differs in {', '.join(differing)}")
            raise GuardrailsError(f"{self.path}: written by another version of guardrails: {why}", _AGAIN)

    def _read_all(self) -> None:
        """Read what every report needs, so that a value that is not ours is an error now."""
        for (key,) in self._connection.execute("select key from run").fetchall():
            self.get(key)
        self.accounts()
        self._severities.general = {policy.name: policy.severity for policy in self.policies().values()}
        with self._values(f"the run's {_SEVERITIES}"):
            self._severities.set(self.get(_SEVERITIES, {}))
        known = {"findings": ("status", tuple(Status)), "checks": ("state", tuple(State))}
        for table, (column, values) in known.items():
            listed = ", ".join(f"'{value}'" for value in values)
            row = self._connection.execute(
                f"select policy, {column} from {table} where {column} not in ({listed}) "  # noqa: S608
                "or policy not in (select name from policies) limit 1").fetchone()
            if row is not None:  # a report would leave it out
                raise GuardrailsError(
                    f"{self.path}: {table} has a row of policy {row[0]!r} and {column} {row[1]!r}, which the run does "
                    "not have", _FIX)

        row = self._connection.execute(f"select policy from checks where not ({_VALID_CHECK}) limit 1").fetchone()  # noqa: S608
        if row is not None:
            raise GuardrailsError(
                f"{self.path}: checks has a row of policy {row[0]!r} with invalid numbers of resources", _FIX)
        row = self._connection.execute(f"select policy from passed p where not ({_VALID_PASSED}) limit 1").fetchone()  # noqa: S608
        if row is not None:
            raise GuardrailsError(
                f"{self.path}: passed has a row of policy {row[0]!r} that does not fit to its check", _FIX)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction. Raises GuardrailsError when the file cannot be written; nothing of the transaction is kept."""
        with explained(self.path, "free some space on its disk; audit --resume goes on with what is saved"), \
                self._connection as db:
            yield db

    # Facts about the run itself: any JSON value by name.

    def __setitem__(self, key: str, value: Any) -> None:
        self.set_all({key: value})

    def set_all(self, values: Mapping[str, Any]) -> None:
        """Set several values, all or none."""
        rows = [(key, json.dumps(value, default=str)) for key, value in values.items()]
        with self._writing() as db:
            db.executemany("insert or replace into run values (?, ?)", rows)

    def get(self, key: str, default: Any = None) -> Any:
        """A value that was set on the run, or `default`."""
        found = self._connection.execute("select value from run where key = ?", (key,)).fetchone()
        with self._values(f"the run's {key}"):
            return default if found is None else json.loads(found[0])

    def __getitem__(self, key: str) -> Any:
        """A value that was set on the run. Raises GuardrailsError when it was not: the run ended before it began."""
        missing = object()
        if (found := self.get(key, missing)) is missing:
            raise GuardrailsError(f"{self.path}: the run ended before it began: it has no {key}", "run it again")
        return found

    @contextmanager
    def _values(self, what: str) -> Iterator[None]:
        """Raise GuardrailsError for a stored value that we have not written."""
        try:
            yield
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise GuardrailsError(f"{self.path}: {what} cannot be read: {error!r}", _FIX) from None

    # Writing.

    def set_accounts(self, accounts: Iterable[AccountInfo]) -> None:
        """Store the accounts of the run; they replace the ones stored before."""
        with self._writing():
            self._connection.execute("delete from accounts")
            self._connection.executemany(
                "insert into accounts values (?, ?, ?, ?)",
                [(a.id, a.name, json.dumps(a.regions), a.reason) for a in accounts])

    def set_policies(self, policies: Iterable[PolicyInfo]) -> None:
        """Store the policies of the run; they replace the ones stored before."""
        policies = list(policies)
        self._severities.general = {policy.name: policy.severity for policy in policies}
        with self._writing():
            self._connection.execute("delete from policies")
            self._connection.executemany(
                "insert into policies values (?, ?)", [(p.name, json.dumps(vars(p), default=str)) for p in policies])

    def set_severities(self, differing: Mapping[str, Mapping[str, str]]) -> None:
        """Store the severities in accounts that differ from the general ones: account id to policy to severity."""
        self._severities.set(differing)
        self[_SEVERITIES] = self._severities.differing

    def add(self, checks: Iterable[tuple[CheckRow, Iterable[Finding]]]) -> None:
        """Store checks that have ended, each with its findings, in one transaction.

        A check that is stored already is replaced, and so are its findings. A resource that several regions list
        (a multi-region trail) is one finding: that of its home region.
        """
        with self._writing() as db:
            for check, findings in checks:
                with self._values(f"what passed {check.policy}"):
                    save_passed(db, check.account, check.key, check.passed)
                db.execute("insert or replace into checks values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (
                    check.account, check.account_name, check.region, check.policy, check.state, check.reason,
                    check.matched, json.dumps(check.unknown), *(check.judged or (None, None, None))))
                db.execute("delete from findings where policy = ? and account = ? and region = ?",
                           (check.policy, check.account, check.region))
                for finding in findings:
                    # An interrupted run of the same file may have recorded it as fixed.
                    db.execute("delete from findings where id = ? and status = 'fixed'", (finding.id,))
                    conflict = "or replace" if finding.in_home_region else "or ignore"
                    db.execute(f"insert {conflict} into findings {TABLE.insertion}", TABLE.row(finding))

    def update(self, findings: Iterable[Finding]) -> None:
        """Insert or replace these findings."""
        with self._writing() as db:
            db.executemany(
                f"insert or replace into findings {TABLE.insertion}", map(TABLE.row, findings))

    def change_each(self, change: Callable[[Finding], Finding]) -> None:
        """Replace every finding by what `change` returns for it."""
        changed = []
        for finding in self.findings():
            if (now := change(finding)) != finding:
                changed.append(now)
        self.update(changed)

    # Reading.

    def accounts(self) -> list[AccountInfo]:
        """The accounts of the run, by name."""
        with self._values("an account"):
            return [
                AccountInfo(number, name, tuple(map(_string, json.loads(regions))), reason)
                for number, name, regions, reason in self._connection.execute("select * from accounts order by name")
            ]

    def policies(self) -> dict[str, PolicyInfo]:
        """Name to policy, by name."""
        rows = self._connection.execute("select name, data from policies order by name")
        with self._values("a policy"):
            return {name: _policy(json.loads(data)) for name, data in rows}

    def severity_of(self, account: str, policy: str) -> str:
        """The severity of a policy in an account, given by its id."""
        return self._severities.of(account, policy)

    def checks(self, *, missing: bool = False) -> Iterator[CheckRow]:
        """Every check, or with `missing` those that did not complete, by account, region and policy."""
        where = "where state not in ('ran', 'skipped')" if missing else ""
        query = f"select * from checks {where} order by account_name, region, policy"  # noqa: S608
        with closing(self._connection.execute(query)) as rows:
            for row in rows:
                account, name, region, policy, state, reason, matched, unknown, listed, in_scope, passed = row
                yield CheckRow(
                    account, name, region, policy, state, reason, matched,
                    tuple(UnknownResource(*each) for each in json.loads(unknown)),
                    None if listed is None else JudgedResources(listed, in_scope, passed))

    def states(self) -> dict[tuple[str, str, str], str]:
        """The state of each check, by account name, region and policy."""
        return {tuple(row[:3]): row[3] for row in self._connection.execute(
            "select account_name, region, policy, state from checks")}

    def findings(self, *statuses: Status) -> Iterator[Finding]:
        """The findings with these statuses (with any, when none is given), the most severe first."""
        chosen = statuses or tuple(Status)
        infos = self.policies()
        marks = ", ".join("?" * len(chosen))
        query = (
            f"select {TABLE.selection}, f.account, f.policy from findings f where f.status in ({marks}) "  # noqa: S608
            "order by rank_in(f.account, f.policy), f.account_name, f.region, f.policy, f.resource, f.id"
        )
        rated = cache(
            lambda account, policy: replace(infos[policy], severity=self._severities.of(account, policy)))
        with closing(self._connection.execute(query, [status.value for status in chosen])) as rows:
            rest = iter(rows)
            while True:
                with self._values("a finding"):
                    # One context for many rows: entering it costs as much as reading one.
                    block = [TABLE.finding(row[:-2], rated(*row[-2:])) for row in islice(rest, _BLOCK)]
                if not block:
                    return
                yield from block

    def passed(self, policy: str = "") -> Iterator[PassedCheck]:
        """The resources that passed, check by check; of one policy, or of all. Empty without `--evidence`."""
        regions: dict[str, list[str]] = {}
        for account in self.accounts():
            regions.setdefault(account.id, []).extend(account.regions)
        with self._values("the resources that passed"):
            yield from read_passed(self._connection, regions, policy)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of any query, for the counts of a report."""
        return self._connection.execute(query, values).fetchall()

    def copy_to(self, path: Path) -> None:
        """Write a copy of the file to `path`, which must not exist. Raises GuardrailsError."""
        with explained(path, "check that the directory is writable and that the disk is not full"):
            self._connection.execute("vacuum into ?", (str(path),))

    def copy_passed(self, path: Path, checks: Sequence[tuple[str, str, str]]) -> None:
        """Take over the resources that passed these checks (`CheckRow.key`) from the file of another run."""
        with self.attached(path, "other"), self._writing() as db:
            db.execute("insert or ignore into resource_lists select * from other.resource_lists where digest in "
                       "(select list from other.passed)")
            db.executemany(
                "insert or replace into passed select * from other.passed "
                "where (account_name, region, policy) = (?, ?, ?)", checks)

    @contextmanager
    def attached(self, path: Path, name: str) -> Iterator[sqlite3.Connection]:
        """The connection with another SQLite file attached under `name`."""
        self._connection.execute(f"attach database ? as {name}", (str(path),))
        try:
            yield self._connection
        finally:
            self._connection.execute(f"detach database {name}")


def _settled(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute("pragma busy_timeout = 30000")
    connection.execute("pragma synchronous = normal")
    return connection


def _policy(data: Mapping[str, Any]) -> PolicyInfo:
    """Raises TypeError when a field is missing, unknown, or not of its type."""
    found = PolicyInfo(**data)
    for name, value in data.items():
        expected = {"controls": dict, "partial": dict, "parts": dict, "audited": bool}.get(name, str)
        if not isinstance(value, expected):
            raise TypeError(f"{name} must be {expected.__name__}")
    for ids in found.controls.values():
        list(map(_string, ids))
    for missing in found.partial.values():
        list(map(_string, missing.values()))
    for named in found.parts.values():
        for parts in named.values():
            list(map(_string, parts))
    return found


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} must be a string")
    return value
