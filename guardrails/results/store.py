"""One run in one SQLite file: what was asked, what came of it, what drifts. Every report is made from it.

A sweep of many accounts does not fit in memory, and may be interrupted. So each (account, region, policy) is written
with its findings, in one transaction, when it has ended; `audit --resume` asks the file what is left, and the formats
read it row by row. SQLite, because the rows are small and are written by one process, its file survives a kill, every
language reads it, and it comes with Python. The tables are described in docs/report.md.
"""
from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from custom_actions.vocabulary import SEVERITIES

from ..errors import GuardrailsError
from .finding import Finding, Status

FORMAT = 1
"""Of the tables; a file of another format is refused."""
FILE = "run.db"

_TABLES = """
create table run (key text primary key, value text not null) without rowid;
create table accounts (id text not null, name text primary key, regions text not null, reason text not null)
    without rowid;
create table policies (name text primary key, data text not null) without rowid;
create table checks (
    account text not null, account_name text not null, region text not null, policy text not null,
    state text not null, reason text not null, matched integer not null,
    primary key (account_name, region, policy)
) without rowid;
create table findings (
    id text primary key, account text not null, account_name text not null, region text not null,
    policy text not null, resource_type text not null, resource text not null, arn text not null,
    status text not null, first_seen text not null, last_seen text not null,
    evidence text not null, exception text not null
) without rowid;
create index findings_of on findings (policy, account, region);
"""
_RANK = "case p.severity " + " ".join(f"when '{s}' then {n}" for n, s in enumerate(SEVERITIES)) + " else 9 end"


@dataclass(frozen=True)
class PolicyInfo:
    """What a report says of a policy; kept with the run, so that a later edit changes no earlier report."""

    name: str
    title: str
    severity: str
    exposure: str
    """internet, cross-account or internal."""
    resource: str
    """`aws.s3`."""
    kind: str
    """config-rule, periodic or realtime."""
    response: str
    profile: str
    """The profile that switches it on; empty when it is always on."""
    controls: Mapping[str, Sequence[str]]
    rationale: str
    fix: str
    yaml: str
    """The policy as its file has it, anchors resolved."""
    location: str
    """`policies/config-rule/s3.yml:66`."""
    audited: bool
    """False for what judges events and cannot be swept."""

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
    """Why there was no way into it; empty when it was reached."""


@dataclass(frozen=True)
class CheckRow:
    """One (account, region, policy), and how it ended."""

    account: str
    account_name: str
    region: str
    """`global` for what belongs to the whole account."""
    policy: str
    state: str
    """ran, denied, throttled, error, not-run or skipped."""
    reason: str
    matched: int
    """Resources that the policy matched, those with an exception too."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Account name, region, policy."""
        return (self.account_name, self.region, self.policy)

    @property
    def seen(self) -> bool:
        """Whether the answer is known in full."""
        return self.state == "ran"

    @property
    def missing(self) -> bool:
        """Whether an answer that was asked for is not there, or not whole."""
        return self.state not in ("ran", "skipped")


@dataclass
class RunStore:
    """The file of one run. Made by `create` or `open`; a context manager that closes it."""

    path: Path
    _connection: sqlite3.Connection = field(repr=False)

    @classmethod
    def create(cls, path: Path) -> RunStore:
        """A new file. Raises GuardrailsError when there is one already, or when it cannot be made."""
        if path.exists():
            raise GuardrailsError(f"{path} is there already", "name another directory with -o, or --resume this one")
        try:
            connection = sqlite3.connect(path)
            connection.executescript(_TABLES)
        except sqlite3.Error as error:
            raise GuardrailsError(f"{path}: {error}", "is the directory writable, and is the disk full?") from None
        store = cls(path, _settled(connection))
        store["format"] = FORMAT
        return store

    @classmethod
    def open(cls, path: Path) -> RunStore:
        """The file of an earlier run; `path` is the file or its directory. Raises GuardrailsError."""
        file = path / FILE if path.is_dir() else path
        mend = "name the directory of an audit (its -o)"
        if not file.is_file():
            raise GuardrailsError(f"{file}: no such file", mend)
        connection = sqlite3.connect(file)
        try:
            found = connection.execute("select value from run where key = 'format'").fetchone()
        except sqlite3.Error as error:
            connection.close()
            raise GuardrailsError(f"{file}: not a run of guardrails: {error}", mend) from None
        if found is None or json.loads(found[0]) != FORMAT:
            connection.close()
            raise GuardrailsError(f"{file}: written by another version of guardrails", "run the audit again")
        return cls(file, _settled(connection))

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What is known of the run itself: any JSON value by name.

    def __setitem__(self, key: str, value: Any) -> None:
        with self._connection:
            self._connection.execute("insert or replace into run values (?, ?)", (key, json.dumps(value, default=str)))

    def get(self, key: str, default: Any = None) -> Any:
        """A value that was set on the run, or `default`."""
        found = self._connection.execute("select value from run where key = ?", (key,)).fetchone()
        return default if found is None else json.loads(found[0])

    def __getitem__(self, key: str) -> Any:
        found = self._connection.execute("select value from run where key = ?", (key,)).fetchone()
        if found is None:
            raise KeyError(key)
        return json.loads(found[0])

    # Writing.

    def set_accounts(self, accounts: Iterable[AccountInfo]) -> None:
        """The accounts of the run, in place of those known before."""
        with self._connection:
            self._connection.execute("delete from accounts")
            self._connection.executemany(
                "insert into accounts values (?, ?, ?, ?)",
                [(a.id, a.name, json.dumps(a.regions), a.reason) for a in accounts])

    def set_policies(self, policies: Iterable[PolicyInfo]) -> None:
        """The policies of the run, in place of those known before."""
        with self._connection:
            self._connection.execute("delete from policies")
            self._connection.executemany(
                "insert into policies values (?, ?)", [(p.name, json.dumps(vars(p), default=str)) for p in policies])

    def add(self, checks: Iterable[tuple[CheckRow, Iterable[Finding]]]) -> None:
        """Checks that have ended, each with its findings, in one transaction.

        A check that is there is replaced, and so are the findings that it had. A resource that several regions show
        (a multi-region trail) is one finding: that of its home region.
        """
        with self._connection as db:
            for check, findings in checks:
                db.execute("insert or replace into checks values (?, ?, ?, ?, ?, ?, ?)", (
                    check.account, check.account_name, check.region, check.policy, check.state, check.reason,
                    check.matched))
                db.execute("delete from findings where policy = ? and account = ? and region = ?",
                           (check.policy, check.account, check.region))
                for finding in findings:
                    # What an interrupted run of the same file took for fixed, and is there.
                    db.execute("delete from findings where id = ? and status = 'fixed'", (finding.id,))
                    replace = "or replace" if finding.at_home else "or ignore"
                    db.execute(f"insert {replace} into findings values (?{', ?' * 12})", _row(finding))  # noqa: S608

    def update(self, findings: Iterable[Finding]) -> None:
        """Write these findings again, or for the first time: what the history knows of them."""
        with self._connection as db:
            db.executemany(f"insert or replace into findings values (?{', ?' * 12})", map(_row, findings))  # noqa: S608

    def change_each(self, change: Callable[[Finding], Finding]) -> None:
        """Give every finding to `change`, and write what it returns where that is another."""
        changed = []
        for finding in self.findings():
            if (now := change(finding)) != finding:
                changed.append(now)
        self.update(changed)

    # Reading.

    def accounts(self) -> list[AccountInfo]:
        """By name."""
        return [
            AccountInfo(number, name, tuple(json.loads(regions)), reason)
            for number, name, regions, reason in self._connection.execute("select * from accounts order by name")
        ]

    def policies(self) -> dict[str, PolicyInfo]:
        """By name."""
        rows = self._connection.execute("select name, data from policies order by name")
        return {name: PolicyInfo(**json.loads(data)) for name, data in rows}

    def checks(self, *, missing: bool = False) -> Iterator[CheckRow]:
        """Every check, or those without a whole answer, by account, region and policy."""
        where = "where state not in ('ran', 'skipped')" if missing else ""
        query = f"select * from checks {where} order by account_name, region, policy"  # noqa: S608
        with closing(self._connection.execute(query)) as rows:
            for row in rows:
                yield CheckRow(*row)

    def states(self) -> dict[tuple[str, str, str], str]:
        """Account name, region and policy to the state of each check."""
        return {tuple(row[:3]): row[3] for row in self._connection.execute(
            "select account_name, region, policy, state from checks")}

    def findings(self, *statuses: Status) -> Iterator[Finding]:
        """The findings of these statuses (all, when none is named), the most severe first."""
        chosen = statuses or tuple(Status)
        infos = self.policies()
        marks = ", ".join("?" * len(chosen))
        query = (
            "select f.* from findings f join (select name, json_extract(data, '$.severity') as severity "  # noqa: S608
            f"from policies) p on p.name = f.policy where f.status in ({marks}) "
            f"order by {_RANK}, f.account_name, f.region, f.policy, f.resource, f.id"
        )
        with closing(self._connection.execute(query, [status.value for status in chosen])) as rows:
            for row in rows:
                yield _finding(row, infos[row[4]])

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of any query; for the counts of a report."""
        return self._connection.execute(query, values).fetchall()

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


def _row(finding: Finding) -> tuple[str, ...]:
    return (
        finding.id, finding.account, finding.account_name, finding.region, finding.policy, finding.resource_type,
        _sound(finding.resource), _sound(finding.arn), finding.status.value, finding.first_seen, finding.last_seen,
        json.dumps(finding.evidence, default=str), json.dumps(finding.exception, default=str),
    )


def _sound(name: str) -> str:
    # SQLite takes no half of a surrogate pair, which a name out of JSON may hold.
    return name.encode(errors="backslashreplace").decode()


def _finding(row: Sequence[str], policy: PolicyInfo) -> Finding:
    (_, account, account_name, region, _, resource_type, resource, arn, status, first, last, evidence, exception) = row
    return Finding(
        account=account, account_name=account_name, region=region, policy=policy.name, resource_type=resource_type,
        resource=resource, arn=arn, severity=policy.severity, title=policy.title, response=policy.response,
        controls=policy.controls, evidence=json.loads(evidence), fix=policy.fix, exposure=policy.exposure,
        status=Status(status), first_seen=first, last_seen=last, exception=json.loads(exception),
    )
