"""What deciding one security group takes, against the way it was decided before: every pair of rules compared.

    ./run.sh python bench/ingress.py                       # 60 rules, in a few seconds
    ./run.sh python bench/ingress.py --rules 60 250 1000   # and up to what AWS allows in one group
    ./run.sh python bench/ingress.py --pairs 120           # up to how many rules the old way is asked for as well

Makes groups of several shapes, and plans each against what the policies forbid. Prints, for each shape and number of
rules, the milliseconds, the ratio to the same shape with the fewest rules, the order of growth (1: as the rules, 2: as
their pairs), and how many times longer the old way takes. The old way is kept here: it parses the addresses at every
comparison. Exits with 1 when the time grows as the pairs of rules do. A plan that narrows many rules for all traffic
names each protocol in each of them, so its length alone grows faster than the group.
"""
from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import collapse_addresses, ip_network

from custom_actions.elements.security_group.baseline import (
    Allowed,
    Forbidden,
    only_open_to_world,
    protocols,
    traffic,
)
from custom_actions.elements.security_group.plan import plan_ingress
from custom_actions.elements.security_group.rules import CIDR4, CIDR6, Rule, from_policy

WORST_ORDER = 1.9
ROUNDS = 3


def hosts_beside_the_world(count: int) -> list[Rule]:
    """One rule for everybody, and hosts at the same port."""
    rules = [Rule.of("tcp", 22, 22, CIDR4, f"203.{number // 250}.{number % 250}.7/32") for number in range(count - 1)]
    return [*rules, Rule.of("tcp", 22, 22, CIDR4, "0.0.0.0/0")]


def overlapping_ports(count: int) -> list[Rule]:
    """Ranges of ports that all overlap and never share an end, each from another /16 of the internet."""
    return [
        Rule.of("tcp", number, 60000 - number, CIDR4, f"{3 + number // 250}.{number % 250}.0.0/16")
        for number in range(count)
    ]


def nested_blocks(count: int) -> list[Rule]:
    """Blocks within blocks, with ranges of ports within ranges."""
    return [
        Rule.of("tcp", number, 30000 + number, CIDR6, f"2600:{number:x}::/{16 + number % 100}")
        for number in range(count)
    ]


def wide_at_random(count: int) -> list[Rule]:
    """Large blocks at random, with ports at random: every piece has many of them."""
    draw = random.Random(count)  # noqa: S311 - the same groups at every run
    rules = []
    for _ in range(count):
        start, end = sorted((draw.randrange(65536), draw.randrange(65536)))
        kind, peer = draw.choice((
            (CIDR4, f"{draw.randrange(1, 224)}.{draw.randrange(256)}.0.0/{draw.randrange(7, 13)}"),
            (CIDR6, f"2{draw.randrange(4096):03x}::/{draw.randrange(10, 18)}"),
        ))
        rules.append(Rule.of(draw.choice(("tcp", "udp")), start, end, kind, peer))
    return rules


def every_protocol(count: int) -> list[Rule]:
    """Rules for all traffic beside rules for each numbered protocol."""
    return [
        Rule.of(
            "-1" if number % 2 else str(number // 2 % 250 + 2), -1, -1, CIDR4,
            f"{3 + number % 200}.{number // 200 * 16}.0.0/12")
        for number in range(count)
    ]


SHAPES: dict[str, Callable[[int], list[Rule]]] = {
    shape.__name__.replace("_", " "): shape for shape in (
        hosts_beside_the_world, overlapping_ports, nested_blocks, wide_at_random, every_protocol)
}
ADMIN = Forbidden(tuple(
    rule for entry in ("tcp 20-23,135-139,445,1433,3306,3389,5432,6379,27017 from world", "udp 137-138 from world")
    for rule in from_policy(entry)
))
WEB_ONLY = only_open_to_world({"tcp": [(80, 80), (443, 443)]})
EVERYTHING = Forbidden(tuple(from_policy("all from world")))
OFFICES = Allowed(tuple(from_policy("all from 10.0.0.0/8, 3.0.0.0/8, 2600::/12")))
BASELINES = (ADMIN, WEB_ONLY, EVERYTHING, OFFICES)


def plan_all(rules: Sequence[Rule]) -> None:
    """Plan a group against each of the baselines, as the filter and the fix both do."""
    for baseline in BASELINES:
        plan_ingress(rules, baseline, narrow=True)


def pairs(rules: Sequence[Rule]) -> None:
    """The way it was: for each protocol and piece of its ports, collapse the sources again and compare all rules."""
    names = protocols(rules)
    for name in names:
        opened = [(rule, ranges[name][0]) for rule in rules if name in (ranges := traffic(rule, names))]
        for start in sorted({point for _, (first, last) in opened for point in (first, last + 1)}):
            inside = [rule for rule, (first, last) in opened if first <= start <= last]
            while inside and _covers(inside):
                widest = [rule for rule in inside if not any(_wider(other, rule) for other in inside)]
                inside = [rule for rule in inside if rule not in widest]


def _covers(rules: Iterable[Rule]) -> bool:
    listed = list(rules)
    for version in (4, 6):
        networks = [network for rule in listed if (network := ip_network(rule.peer)).version == version]
        if any(block.prefixlen == 0 for block in collapse_addresses(networks)):  # type: ignore[type-var]
            return True
    return False


def _wider(one: Rule, other: Rule) -> bool:
    wide, narrow = ip_network(one.peer), ip_network(other.peer)
    return wide.version == narrow.version and wide != narrow and narrow.subnet_of(wide)  # type: ignore[arg-type]


def seconds(work: Callable[[Sequence[Rule]], None], rules: Sequence[Rule], rounds: int) -> float:
    """The median of some rounds, in seconds of the processor."""
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        work(rules)
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def main() -> None:
    """Measure side by side and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rules", type=int, nargs="+", default=[15, 60], metavar="N")
    parser.add_argument("--pairs", type=int, default=60, metavar="N")
    options = parser.parse_args()
    print(f"{'shape':24} {'rules':>6} {'ms':>9} {'x time':>8} {'order':>6} {'old way x':>10}")
    steepest = 0.0
    for name, shape in SHAPES.items():
        first: tuple[int, float] | None = None
        for count in sorted(options.rules):
            rules = shape(count)
            taken = seconds(plan_all, rules, ROUNDS)
            first = first or (count, taken)
            growth = taken / first[1]
            order = math.log(growth) / math.log(count / first[0]) if count > first[0] else 0.0
            steepest = max(steepest, order)
            old = f"{seconds(pairs, rules, 1) / taken:10.1f}" if count <= options.pairs else f"{'-':>10}"
            print(f"{name:24} {count:6} {taken * 1000:9.1f} {growth:8.1f} {order:6.2f} {old}")
    if steepest > WORST_ORDER:
        sys.exit(f"the time grows with the order {steepest:.2f} of the rules; {WORST_ORDER} is the most")


if __name__ == "__main__":
    main()
