"""What deciding one security group takes, by its number of rules. `./run.sh bench verdict`

The groups are of the shapes of `bench/ingress.py`, planned against its baselines. Time for each rule with the most
rules, against that with the fewest: 1 is linear.
"""
from __future__ import annotations

import argparse
from functools import partial

from .harness import Benchmark, Option, Section, Table, in_turn
from .ingress import SHAPES, plan_all, seconds


def measure(options: argparse.Namespace) -> Section:
    """Each shape with each number of rules."""
    sizes = sorted(options.rules)
    section = Section(
        f"The plan for one security group of {len(SHAPES)} shapes, in processor time for each rule: groups of "
        f"{sizes[-1]:,} rules against groups of {sizes[0]:,}. 1 is linear in the rules.")
    rows, few, many = [], [0.0] * options.rounds, [0.0] * options.rounds
    for name, shape in SHAPES.items():
        made = {size: shape(size) for size in sizes}
        found = in_turn(options.rounds, {
            str(size): partial(seconds, plan_all, rules, 1) for size, rules in made.items()}, quiet=True)
        each = {size: [taken / size * 1e6 for taken in found[str(size)]] for size in sizes}
        compared = section.compare("", f"time for each rule, {name}", each[sizes[-1]], each[sizes[0]],
                                   against=f"{sizes[0]} rules", unit="µs")
        rows.append([name, *(f"{min(found[str(size)]) * 1000:,.1f}" for size in sizes), f"{compared.ratio.median:.2f}"])
        few = [a + b for a, b in zip(few, each[sizes[0]], strict=True)]
        many = [a + b for a, b in zip(many, each[sizes[-1]], strict=True)]
    section.compare("verdict.linear", "time for each rule, all shapes", many, few, against=f"{sizes[0]} rules",
                    unit="µs")
    section.tables.append(Table(
        ("shape", *(f"{size:,} rules, ms" for size in sizes), "ratio"), rows, "The plans of one group, all baselines"))
    section.notes.append("A plan that narrows many rules for all traffic names each protocol in each of them: its "
                         "length alone grows faster than the group.")
    return section


BENCHMARK = Benchmark("verdict", "How does deciding one security group grow with its rules?", measure, (
    Option("rules", (60, 250, 1000), (5, 10), "numbers of rules in a group"),
    Option("rounds", 3, 1, "how often each group is planned, in turn"),
))

if __name__ == "__main__":
    BENCHMARK.main()
