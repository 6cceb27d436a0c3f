"""What 500 policies need, against half of them: a sweep, functions, archives, a cold start. `./run.sh bench policies`

The project's policies, copied under other names until there are enough.
"""
from __future__ import annotations

import argparse
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .harness import Benchmark, Failed, Option, Section, Table, Usage, in_turn, run
from .harness.account import buckets, principals
from .harness.cloud import REGION, Cloud, cloud
from .harness.programs import audit
from .validate import generate

if TYPE_CHECKING:
    from guardrails.deployment.groups import Group

_ACCOUNT = "310000000000"
# The function's start and its first message, a probe: it loads and validates one policy.
_START = """
import logging
from types import SimpleNamespace
from custom_actions import lambda_entry
logging.getLogger("custodian.guardrails").setLevel(logging.INFO)
event = {{"source": "{source}", "detail": {{"eventID": "{prefix}{policy}"}}, "configRuleName": "custodian-{policy}"}}
arn = "arn:aws:lambda:{region}:{account}:function:{function}"
assert lambda_entry.run({{"guardrails-policy": "{policy}", "event": event}}, SimpleNamespace(invoked_function_arn=arn))
"""


@dataclass(frozen=True)
class Deployed:
    """The archive of a group, unpacked, and the policy whose start is measured."""

    directory: Path
    function: str
    policy: str
    packed: int
    """Bytes of the archive."""
    configured: int
    """Bytes of its config.json."""

    def start(self, where: Cloud) -> Usage:
        """Start the function in a process of its own, and let it answer its first message. Raises Failed."""
        from custom_actions.functions import PROBE_PREFIX, PROBE_SOURCE
        from guardrails.sandbox import ensure_runtime

        code = _START.format(source=PROBE_SOURCE, prefix=PROBE_PREFIX, policy=self.policy, region=REGION,
                             account=_ACCOUNT, function=self.function)
        used = run([ensure_runtime(), "-c", code], cwd=self.directory, env={
            "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_ENDPOINT_URL": where.endpoint, "PYTHONDONTWRITEBYTECODE": "1"})
        if f"{self.policy} is ready" not in used.errors:
            raise Failed(f"{self.function} did not start:\n{used.errors[-2000:]}")
        return used


def groups_of_set(directory: Path) -> list[Group]:
    """The groups in which `deploy --grouped` deploys the policies of a directory, those of profiles too."""
    from guardrails.accounts.account import Account
    from guardrails.accounts.response import Response
    from guardrails.deployment.blueprints import without_archive
    from guardrails.deployment.forms import as_deployed, marked
    from guardrails.deployment.groups import group_names, groups_of
    from guardrails.deployment.plans import prepared
    from guardrails.policies.policy import load

    account = Account(_ACCOUNT, "bench", (REGION,))
    wanted = [
        replace(prepared(as_deployed(marked(policy), Response.HEAL), account, REGION, {}, without_archive), runs=True)
        for policy in load(directory) if policy.deploys]
    return groups_of(wanted, group_names(wanted))


def unpacked(group: Group, directory: Path) -> Deployed:
    """The group's archive, unpacked into a new directory."""
    from guardrails.deployment.groups import archive_of

    archive = archive_of(group)
    with zipfile.ZipFile(archive.path) as file:
        file.extractall(directory)
        configured = file.getinfo("config.json").file_size
    return Deployed(directory, group.name, group.members[0].policy.name, archive.size, configured)


def measure(options: argparse.Namespace) -> Section:
    """Each number of policies."""
    few, many = min(options.policies), max(options.policies)
    rows: list[Sequence[object]] = []
    largest: dict[int, Deployed] = {}
    with tempfile.TemporaryDirectory() as name, cloud() as where:
        directory = Path(name)
        principals(where.session(), options.size)
        buckets(where.session(), options.size)
        sets = {number: directory / f"{number}-policies" for number in (few, many)}
        made = {number: generate(place, number) for number, place in sets.items()}
        for number, place in sets.items():
            groups = groups_of_set(place)
            found = [unpacked(group, directory / f"{number}-{at}") for at, group in enumerate(groups)]
            largest[number] = max(found, key=lambda each: each.packed)
            rows.append((f"{made[number]:,}", len(groups), max(len(group.members) for group in groups),
                         f"{largest[number].packed / 1e6:.2f}",
                         f"{max(each.configured for each in found) / 1e3:,.0f}"))
        group = max(groups_of_set(sets[few]), key=lambda each: len(each.members))
        alone = unpacked(replace(group, members=group.members[:1]), directory / "alone")

        def sweep(number: int, at: list[int]) -> Usage:
            at.append(0)
            here = directory / f"sweep-{number}-{len(at)}"
            here.mkdir()
            return audit(where, here / "output", "--format", "json", "--policies", sets[number])

        sweeps = in_turn(options.rounds, {str(number): partial(sweep, number, []) for number in (few, many)})
        starts = in_turn(options.starts, {
            "many": lambda: largest[many].start(where), "alone": lambda: alone.start(where)})
    section = Section(
        f"{made[many]:,} policies against {made[few]:,}: the same policies under other names. The account has "
        f"{options.size} users and as many buckets. Cold starts are of the function with the largest archive.")
    against = f"{made[few]:,} policies"
    for what, unit in (("processor", "s"), ("wall", "s"), ("called", "")):
        section.compare("", f"audit, {'calls' if what == 'called' else what}",
                        [getattr(used, what) for used in sweeps[str(many)]],
                        [getattr(used, what) for used in sweeps[str(few)]], against=against, unit=unit)
    section.compare("", "cold start to a ready policy, processor", [used.processor for used in starts["many"]],
                    [used.processor for used in starts["alone"]], against="an archive with one policy", unit="s")
    section.tables.append(Table(
        ("policies", "functions", "most policies in one", "largest archive, MB", "largest config.json, kB"), rows,
        "`deploy --grouped`, those of profiles too"))
    return section


BENCHMARK = Benchmark("policies", "Does the design hold for 500 policies?", measure, (
    Option("policies", (250, 500), (5, 10), "numbers of policies"),
    Option("size", 20, 1, "how many users and buckets the account has"),
    Option("rounds", 2, 1, "how often each set is swept, in turn"),
    Option("starts", 5, 1, "how often the functions are started, in turn"),
))

if __name__ == "__main__":
    BENCHMARK.main()
