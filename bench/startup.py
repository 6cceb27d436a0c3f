"""What the plug-in's hook costs an interpreter that never imports c7n, against the obvious ways to write it.

    ./run.sh python bench/startup.py

Starts interpreters in turn, with nothing, with our hook, with a finder built on `importlib.abc`, and with the
registration itself (which imports c7n). Prints medians in milliseconds and each one's ratio to an empty interpreter.
"""
from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
VARIANTS = {
    "nothing": "pass",
    "our hook": "import custom_actions._autoload",
    "a finder on importlib.abc": "import importlib.abc, importlib.util",
    "registering at once": "import custom_actions.plugin as p; p.register()",
}


def start(code: str, isolated: bool) -> float:
    """Seconds that one interpreter takes to start, run `code` and end."""
    prelude = f"import sys; sys.path[:0] = [{str(ROOT)!r}]; "
    if not isolated:
        prelude += f"sys.path += {[path for path in sys.path if path]!r}; "
    began = time.perf_counter()
    # -S leaves the environment's .pth files out, ours among them, so that the variants differ in `code` alone.
    subprocess.run([sys.executable, "-S", "-c", prelude + code], check=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure side by side and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25, help="how often each is started, in turn [25]")
    rounds = parser.parse_args().rounds
    seconds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(rounds):
        for name, code in VARIANTS.items():
            seconds[name].append(start(code, isolated=name != "registering at once"))
    base = statistics.median(seconds["nothing"])
    for name, taken in seconds.items():
        median = statistics.median(taken)
        print(f"{name:28} {median * 1000:8.2f} ms   x {median / base:6.2f}")


if __name__ == "__main__":
    main()
