"""Benchmarks: what the product costs, as ratios to other ways to do the same work, measured in turn in one go.

`./run.sh bench` runs those of `bench.run`, and writes `bench/results.md`. Each is a module with a `BENCHMARK`
(`bench.harness.Benchmark`) that also runs alone: `./run.sh python -m bench.sweep`. No benchmark needs AWS.
"""
