"""Runs the cases of many policies, side by side: each process has a local AWS of its own."""
from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from custom_actions.settings_file import NONE, VARIABLE

from ..collector import collect_rarely
from ..command import reinstall
from ..errors import GuardrailsError
from ..policies import Kind, Policy
from .files import Case
from .outcome import CaseFailure, PolicyResult

if TYPE_CHECKING:
    from ..sandbox import LocalAws

_RUNNABLE = "cloudtrail"
"""The mode of realtime policies whose events a case can make."""
_NEEDED = ("moto", "flask")
"""Packages of the extra `sandbox` by which its presence is known."""


def require_local_aws() -> None:
    """Raise GuardrailsError when what the local AWS needs is not installed."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise GuardrailsError(
            f"test cases run against a local AWS, and {' and '.join(missing)}, which it needs, is not installed",
            reinstall("sandbox"))


def run_cases(
    policies: Sequence[Policy], cases: Mapping[str, Sequence[Case]], *, processes: int, settings: Path | None = None
) -> Iterator[PolicyResult]:
    """Run the cases of policies, and yield the result of each policy as soon as it is there.

    Policies that look at a state run one by one in each process. Realtime policies are all deployed into one sandbox.

    Args:
        policies: those to test; one without a case is left out.
        cases: the name of a policy to its cases.
        processes: how many policies are tested at the same time, at least 1.
        settings: the team's guardrails.yml, whose elements c7n loads; None for none.

    Raises GuardrailsError when the local AWS is not installed or a process ends by itself, and SandboxError when the
    sandbox, which realtime policies need, does not work.
    """
    require_local_aws()
    tested = [policy for policy in policies if cases.get(policy.name)]
    realtime = [policy for policy in tested if policy.kind is Kind.REALTIME]
    others = [policy for policy in realtime if policy.mode["type"] != _RUNNABLE]
    realtime = [policy for policy in realtime if policy.mode["type"] == _RUNNABLE]
    states = [policy for policy in tested if policy.kind is not Kind.REALTIME]
    for policy in others:
        yield PolicyResult(policy.name, policy.where, (), [CaseFailure(
            "", f"a mode whose cases can be run: {_RUNNABLE}, or one that looks at a state",
            f"the mode {policy.mode['type']}", policy.where)])
    tasks = len(states) + bool(realtime)
    if not tasks:
        return
    # Not forked: threads and boto3's clients do not survive it.
    pool = ProcessPoolExecutor(
        min(processes, tasks), mp_context=get_context("spawn"), initializer=_prepare,
        initargs=(str(settings) if settings else NONE,))
    try:
        futures: list[Future[list[PolicyResult]]] = []
        if realtime:  # it takes longest
            futures.append(pool.submit(_test_realtime, realtime, {each.name: cases[each.name] for each in realtime}))
        futures += [pool.submit(_test_state, policy, cases[policy.name]) for policy in states]
        for future in as_completed(futures):
            yield from future.result()
    except BrokenProcessPool:
        raise GuardrailsError(
            "a process that runs test cases ended by itself", "try one process (-j 1); is there enough memory?"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare(settings: str) -> None:
    """Make this process one that only runs cases: with the team's elements, and nothing of the user's account."""
    from custom_actions.patches import prepare_sessions

    for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
        del os.environ[name]
    # Accepted findings of the team change no verdict of a case.
    os.environ.update({VARIABLE: settings, "GUARDRAILS_EXCEPTIONS": ""})
    # Accounts are made and thrown away by the thousand objects, of which hardly any needs the collector.
    collect_rarely()
    prepare_sessions()


_local: list[LocalAws] = []
"""The local AWS of this process, made when the first policy needs it."""


def _test_state(policy: Policy, cases: Sequence[Case]) -> list[PolicyResult]:
    """In a process of the pool: all cases of a policy that looks at a state."""
    from ..sandbox import LocalAws
    from .state import check_state

    if not _local:
        _local.append(LocalAws())
        _local[0].take_over()
    with _connected(_local[0].environment()), tempfile.TemporaryDirectory(prefix="guardrails-cases-") as output:
        return [check_state(policy, cases, _local[0], Path(output))]


def _test_realtime(policies: Sequence[Policy], cases: Mapping[str, Sequence[Case]]) -> list[PolicyResult]:
    """In a process of the pool: all cases of realtime policies."""
    from ..sandbox import Sandbox
    from .realtime import check_realtime

    with tempfile.TemporaryDirectory(prefix="guardrails-cases-") as made:
        output = Path(made) / "output"
        output.mkdir()
        with Sandbox.start(directory=Path(made) / "sandbox") as sandbox, _connected(sandbox.environment()):
            return check_realtime(policies, cases, sandbox, output)


@contextmanager
def _connected(environment: Mapping[str, str]) -> Iterator[None]:
    """Let c7n in this process talk to a local AWS."""
    from c7n import utils

    before = dict(os.environ)
    os.environ.update(environment)
    utils.reset_session_cache()
    try:
        yield
    finally:
        utils.reset_session_cache()
        os.environ.clear()
        os.environ.update(before)
