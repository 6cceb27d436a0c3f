"""One account: our audit against `custodian run` and against Prowler. `./run.sh bench sweep`

The account is seeded in moto, which counts calls. In turn: the audit of all policies that a sweep can run; the same
policies with one `custodian run --dryrun` and its cache in memory; and, once, with `custodian run` file by file. Then
the audit of the policies of `bench/prowler_checks.yaml` alone, and Prowler with the equal checks. The wall time is
measured once more behind a proxy that answers as late as AWS does, in a smaller account.
"""
from __future__ import annotations

import argparse
import tempfile
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path

from .harness import Benchmark, Failed, Option, Section, Table, Usage, in_turn, say
from .harness import prowler as prowlers
from .harness.account import Size, seeded
from .harness.cloud import Cloud, cloud, distant
from .harness.programs import audit, custodian, custodian_each, sweepable

_ONE, _EACH = "one `custodian run`, memory cache", "`custodian run` file by file"
_NUMBERS = count()


def measure(options: argparse.Namespace) -> Section:
    """Measure the account near, and a smaller one behind the proxy."""
    size = Size(options.buckets, options.users, options.groups, options.others)
    far = Size(*(max(n // options.smaller, 1) for n in (size.buckets, size.users, size.groups, size.others)))
    section = Section(
        f"One account with {size}, in moto. Wall times at {options.latency * 1000:.0f} ms a call are of an account "
        f"with {far}. Memory is of all processes together.")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        files = sweepable(directory / "policies", selected=lambda each: fnmatchcase(each, options.policies))
        program = _prowler(section, options.prowler)
        rows: list[prowlers.Equal] = []
        with cloud() as where:
            seeded(where, 1, size)
            say(f"seeded {size}")
            ours = _against_custodian(section, where, files, directory, options)
            if options.each:
                _against_each(section, where, files, directory, ours)
            if program:
                rows = _equal_rows(section, program, where, directory)
                _against_prowler(section, program, rows, where, directory, options.rounds)
        if not options.late_rounds:
            section.not_measured(f"wall at {options.latency * 1000:.0f} ms a call", "all", "`--late-rounds 0`")
            return section
        with cloud() as where:
            seeded(where, 1, far)
            with distant(where, options.latency, options.rate) as behind:
                _late(section, behind, files, directory, options)
                if program:
                    _late_prowler(section, program, rows, behind, directory, options)
    return section


def _prowler(section: Section, wanted: bool) -> Path | None:
    """The program; None, with the reason in the section, if it is not wanted or cannot be installed."""
    why = "it was not run (`--no-prowler`)"
    if wanted:
        try:
            return prowlers.install()
        except Failed as error:
            say(str(error))
            why = str(error).splitlines()[-1]
    section.not_measured("equal checks", "Prowler", why)
    return None


def _new(directory: Path) -> Path:
    """A path for the output of one run."""
    made = directory / f"run-{next(_NUMBERS)}"
    made.mkdir()
    return made / "output"


def _against_custodian(
    section: Section, where: Cloud, files: list[Path], directory: Path, options: argparse.Namespace,
) -> list[Usage]:
    """Both in turn; returns what the audits used."""
    found = in_turn(options.rounds, {
        "audit": lambda: audit(where, _new(directory), "-p", options.policies),
        _ONE: lambda: custodian(where, files, _new(directory), "--cache", "memory"),
    })
    ours, theirs = found["audit"], found[_ONE]
    _compare(section, "sweep.custodian", ours, theirs, _ONE)
    section.tables.append(_operations("Calls of each, by service", {"audit": ours[-1], "custodian": theirs[-1]}))
    section.notes.append(f"Calls that equal an earlier one of the same run: {sum(ours[-1].repeated.values())} in the "
                         f"audit, {sum(theirs[-1].repeated.values())} in one `custodian run`.")
    return ours


def _against_each(section: Section, where: Cloud, files: list[Path], directory: Path, ours: list[Usage]) -> None:
    """File by file takes so long that it is run once, after the others."""
    [theirs] = in_turn(1, {_EACH: lambda: custodian_each(where, files, _new(directory))}).values()
    section.compare("", "processor", [u.processor for u in ours], [u.processor for u in theirs],
                    against=_EACH, unit="s")
    section.compare("", "wall, moto's answers at once", [u.wall for u in ours], [u.wall for u in theirs],
                    against=_EACH, unit="s")
    section.compare("", "calls", [u.called for u in ours], [u.called for u in theirs], against=_EACH)


def _compare(section: Section, key: str, ours: list[Usage], theirs: list[Usage], against: str) -> None:
    section.compare(f"{key}-processor", "processor", [u.processor for u in ours], [u.processor for u in theirs],
                    against=against, unit="s")
    section.compare("", "wall, moto's answers at once", [u.wall for u in ours], [u.wall for u in theirs],
                    against=against, unit="s")
    section.compare(f"{key}-calls", "calls", [u.called for u in ours], [u.called for u in theirs], against=against)
    if all(u.memory for u in (*ours, *theirs)):
        section.compare(f"{key}-memory", "peak memory", [u.memory for u in ours], [u.memory for u in theirs],
                        against=against, unit="MiB")
    else:
        section.notes.append(f"Memory against {against} was not measured: there is no /proc, or a run was too short.")


def _equal_rows(section: Section, program: Path, where: Cloud, directory: Path) -> list[prowlers.Equal]:
    """The rows of the table that Prowler can carry out here; a run that also compiles its modules says which."""
    rows = prowlers.equal_checks()
    first = prowlers.scan(program, where, directory, [check for row in rows for check in row.checks])
    rows, left_out = prowlers.without(rows, first.failed)
    say(f"Prowler, first run: {first.usage.wall:.1f} s; {len(first.failed)} checks failed")
    section.notes.append(
        f"Prowler {prowlers.version()}, {len(rows)} equal checks ({sum(len(row.checks) for row in rows)} of Prowler's, "
        f"{sum(len(row.policies) for row in rows)} policies), one region, one report format; ours writes four.")
    if left_out:
        section.notes.append("Left out on both sides, because the check fails against moto: " + ", ".join(
            check for row in left_out for check in row.checks) + ".")
    return rows


def _ours_equal(rows: list[prowlers.Equal], where: Cloud, directory: Path) -> Usage:
    return audit(where, _new(directory), *(word for row in rows for name in row.policies for word in ("-p", name)))


def _theirs_equal(program: Path, rows: list[prowlers.Equal], where: Cloud, directory: Path) -> Usage:
    return prowlers.scan(program, where, directory, [check for row in rows for check in row.checks]).usage


def _against_prowler(
    section: Section, program: Path, rows: list[prowlers.Equal], where: Cloud, directory: Path, rounds: int,
) -> None:
    found = in_turn(rounds, {
        "audit, equal checks": lambda: _ours_equal(rows, where, directory),
        "Prowler": lambda: _theirs_equal(program, rows, where, directory),
    })
    ours, theirs = found.values()
    _compare(section, "sweep.prowler", ours, theirs, "Prowler, equal checks")
    section.tables.append(_operations(
        "Calls of each for the equal checks, by service", {"audit": ours[-1], "Prowler": theirs[-1]}))


def _late(section: Section, behind: Cloud, files: list[Path], directory: Path, options: argparse.Namespace) -> None:
    found = in_turn(options.late_rounds, {
        "audit, late": lambda: audit(behind, _new(directory), "-p", options.policies),
        "custodian, late": lambda: custodian(behind, files, _new(directory), "--cache", "memory"),
    })
    ours, theirs = found.values()
    section.compare("sweep.custodian-wall", f"wall at {options.latency * 1000:.0f} ms a call",
                    [u.wall for u in ours], [u.wall for u in theirs], against=_ONE, unit="s")


def _late_prowler(
    section: Section, program: Path, rows: list[prowlers.Equal], behind: Cloud, directory: Path,
    options: argparse.Namespace,
) -> None:
    found = in_turn(options.late_rounds, {
        "audit, equal checks, late": lambda: _ours_equal(rows, behind, directory),
        "Prowler, late": lambda: _theirs_equal(program, rows, behind, directory),
    })
    ours, theirs = found.values()
    section.compare("sweep.prowler-wall", f"wall at {options.latency * 1000:.0f} ms a call",
                    [u.wall for u in ours], [u.wall for u in theirs], against="Prowler, equal checks", unit="s")


def _operations(title: str, used: dict[str, Usage]) -> Table:
    """Calls by service, for each side."""
    services: dict[str, dict[str, int]] = {}
    for who, usage in used.items():
        for name, number in usage.calls.items():
            row = services.setdefault(name.partition(" ")[0], dict.fromkeys(used, 0))
            row[who] += number
    rows = sorted(services.items(), key=lambda each: -max(each[1].values()))
    return Table(("service", *used), [[service, *row.values()] for service, row in rows], title)


BENCHMARK = Benchmark("sweep", "What does the audit of one account take, against c7n and Prowler?", measure, (
    Option("users", 200, 1, "IAM users"),
    Option("buckets", 200, 1, "S3 buckets"),
    Option("groups", 300, 1, "security groups"),
    Option("others", 40, 1, "volumes; of databases, tables and so on a fifth of it"),
    Option("policies", "*", "s3-bucket-versioning", "a glob of policies, for the comparison with custodian"),
    Option("rounds", 2, 1, "how often each is run, in turn"),
    Option("smaller", 8, 1, "how many times smaller the account behind the proxy is"),
    Option("late-rounds", 1, 0, "the same behind the proxy; 0 for none"),
    Option("latency", 0.05, 0.001, "seconds that an answer takes at least behind the proxy"),
    Option("rate", 0.0, 0.0, "calls a second that a service of an account answers there; 0 for no limit"),
    Option("each", True, False, "compare with `custodian run` file by file, once"),
    Option("prowler", True, False, "compare with Prowler, too; installs it when it is missing"),
))

if __name__ == "__main__":
    BENCHMARK.main()
