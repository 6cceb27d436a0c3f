"""What benchmarks share: running programs side by side, a local AWS that counts calls, and the section of results.

A benchmark is a module of `bench` that ends like this:

    def measure(options: argparse.Namespace) -> Section:
        section = Section("What was measured, on what, in one or two sentences.")
        runs = in_turn(options.rounds, {
            "ours": lambda: run([...], env=..., cwd=...),         # each returns a Usage
            "theirs": lambda: run([...], env=..., cwd=...),
        })
        section.compare("event.warm", "seconds, warm", [u.wall for u in runs["ours"]], [u.wall for u in runs["theirs"]],
                        against="a bare boto3 function", unit="s")
        return section

    BENCHMARK = Benchmark("event", "How long from the event to the fix?", measure, (
        Option("rounds", 5, 1, "how often each is run, in turn"),  # name, default, smallest, help
    ))

    if __name__ == "__main__":
        BENCHMARK.main()

`Benchmark.main` parses the options, measures, prints the section, and writes it to results.md without touching the
others. The first argument of `compare` is a key of `targets.yaml`, which holds the target of each ratio, or empty.
"""
from __future__ import annotations

from .benchmark import Benchmark, Option
from .processes import Failed, Usage, in_turn, run, say
from .results import Comparison, Section, Table
from .series import Series, ratios

__all__ = [
    "Benchmark", "Comparison", "Failed", "Option", "Section", "Series", "Table", "Usage", "in_turn", "ratios", "run",
    "say",
]
