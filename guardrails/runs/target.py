"""Runs policies in one account and region, in this process, as c7n-org does in one of its workers.

It calls c7n-org's own `run_account`, so that a sweep means what `c7n-org run` means: the order of the policies, the
`vars`, the chain of roles, what ends an account and region early, and the lines of the log that `accounting` reads. Two
things are different:

- c7n-org loads every resource type of every provider, in each worker and again for each account and region. That takes
  longer than most policies. Here only the types of the policies are loaded (`prepare`), once in a process.
- The role's credentials may be given. c7n-org would assume the role again for each region.

Nothing here needs other processes: whoever runs one account and region, such as a function, calls `prepare` and
`run_target`.
"""
from __future__ import annotations

import logging
import os
import pickle  # nosec - what the process that started the sweep has made
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from custom_actions.patches import share_responses

from ..accounts import Credentials
from ..paths import PRIVATE_FILE
from .client_pool import POOL, install

LOG_FORMAT = "%(asctime)s: %(name)s:%(levelname)s %(message)s"
"""That of c7n-org. The lines become reasons of checks, so they must be the same wherever a policy runs."""
LEVELS = {
    "botocore": logging.ERROR, "s3transfer": logging.WARNING, "custodian.s3": logging.ERROR, "urllib3": logging.WARNING,
    # c7n imports it if it is there. It says that it does nothing, and the last line of a log may become a reason.
    "datadog": logging.ERROR,
}
"""Logger to level, as c7n-org's `init` sets them."""


@dataclass(frozen=True)
class TargetRun:
    """The work in one account and region. It can be sent to another process."""

    account: Mapping[str, Any]
    """The account's entry, as `c7n_accounts` returns it."""
    region: str
    policies: bytes
    """The content of a policy file, pickled: c7n changes what it loads, so each run reads its own copy."""
    output: str
    """The directory for `ACCOUNT/REGION/POLICY/`."""
    dryrun: bool
    credentials: Credentials | None = None
    """Of the account's role; None to assume it."""


def c7n_accounts(content: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The accounts of an accounts.yml by their names, completed by c7n-org: with the `vars` for all accounts."""
    from c7n_org.cli import accounts_iterator

    return {account["name"]: account for account in accounts_iterator(content)}


def prepare(resources: Iterable[str]) -> None:
    """Load c7n and the resource types (`aws.s3`), so that `run_target` finds everything there.

    Raises SystemExit if our patches do not fit the installed c7n, or if the team's elements cannot be loaded.
    """
    import c7n_org.cli
    from c7n.executor import MainThreadExecutor
    from c7n.resources import load_resources

    install()
    load_resources(sorted(set(resources)))
    share_responses()
    c7n_org.cli.load_available = _nothing_more
    MainThreadExecutor.c7n_async = False


def _nothing_more(resources: bool = True) -> list[str]:
    """In place of c7n's load_available."""
    return []


def run_target(run: TargetRun) -> bool:
    """Run the policies; returns whether all of them ended well. Never raises an error: the log has it.

    Call `prepare` before. What ran, and what went wrong, is in the output directory and in the log, which must have
    the level DEBUG (`log_to`).
    """
    from c7n_org import cli

    assume = cli.get_session
    cli.get_session = lambda *arguments: _RoleSession(run, lambda: assume(*arguments))
    try:
        _, success = cli.run_account(
            dict(run.account), run.region, pickle.loads(run.policies),  # noqa: S301 # nosec - see above
            run.output, 0, run.output, False, run.dryrun, False)
        return bool(success)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as c7n-org: one target's error ends this target only
        cli.log.warning("Error running policy in %s @ %s exception: %s", run.account["name"], run.region, error)
        return False
    finally:
        cli.get_session = assume
        POOL.end()


class _RoleSession:
    """What c7n-org needs of a session for a role: its credentials, which it puts into the environment."""

    def __init__(self, run: TargetRun, assume: Callable[[], Any]) -> None:
        if run.credentials and run.credentials.lasts():
            self._keys = run.credentials.keys()
        else:
            self._keys = assume().get_credentials().get_frozen_credentials()
        if run.dryrun:
            POOL.use(self._keys.access_key, self._keys.secret_key, self._keys.token, run.account["account_id"])

    @property
    def _session(self) -> _RoleSession:
        return self

    def get_credentials(self) -> Any:
        return self._keys


def failed_line(run: TargetRun, reason: str) -> str:
    """The line with which c7n-org says that nobody did the work of an account and region, or all of it."""
    now = datetime.now().strftime("%Y-%m-%d %H:%M:%S,000")
    return f"{now}: c7n_org:WARNING Error running policy in {run.account['name']} @ {run.region} exception: {reason}"


def log_to(stream: IO[str]) -> None:
    """Log to the stream what `c7n-org run -v` logs, and nothing else anywhere."""
    from c7n_org.cli import LogFilter

    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    handler.addFilter(LogFilter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG)
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)


def write_to(path: str) -> None:
    """Append everything that this process writes to the file, also what is not logged, such as a crash of Python."""
    for name, flags, numbers in (
        (os.devnull, os.O_RDONLY, (0,)), (path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, (1, 2)),
    ):
        file = os.open(name, flags, PRIVATE_FILE)
        for number in numbers:
            os.dup2(file, number)
        os.close(file)
    sys.stdout = open(1, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115 - for the whole process
    sys.stderr = open(2, "w", buffering=1, errors="replace", closefd=False)  # noqa: SIM115
    log_to(sys.stderr)
