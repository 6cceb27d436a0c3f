"""How long the HTML report takes to open: with 50,000 findings, against one without any.

    ./run.sh python bench/html_report.py
    ./run.sh python bench/html_report.py --findings 1000 --rounds 3
    ./run.sh python bench/html_report.py --findings 200000 --accounts 200

Opens both in turn in Chromium. Prints, for each, the file's size and the median time from the start of the navigation
to the first rows of the findings (for the empty report: to its finished page), and the ratio to the empty report; then
the median time that another filter takes.
"""
from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from guardrails.report import write  # noqa: E402
from tests.guardrails.report.html import runs  # noqa: E402
from tests.guardrails.report.html.conftest import start_browser  # noqa: E402

# The page says itself when it is ready: its rows are in place then; two frames later they are on the screen.
OPENED = """
const done = arguments[arguments.length - 1];
const look = () => ('ready' in document.documentElement.dataset
  ? requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now()))) : setTimeout(look, 1));
look()"""
FILTERED = """
const began = performance.now(); const box = document.querySelector('#filters input[value=high]');
box.click(); document.querySelector('#count').getBoundingClientRect(); return performance.now() - began"""


def main() -> None:
    """Measure side by side and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--findings", type=int, default=50_000, help="how many [50000]")
    parser.add_argument("--accounts", type=int, default=40, help="of how many accounts [40]")
    parser.add_argument("--rounds", type=int, default=9, help="how often each report is opened, in turn [9]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        reports = {}
        many = f"{options.findings:,} findings"
        large = partial(runs.large, number=options.findings, many=options.accounts)
        makes: dict[str, Callable[[Path], runs.Assessment]] = {"no findings": runs.clean, many: large}
        for name, make in makes.items():
            made = make(Path(directory) / name)
            with made.store:
                reports[name] = Path(directory) / name / "report.html"
                write(("html",), made, reports[name].parent)
        browser = start_browser()
        opened: dict[str, list[float]] = {name: [] for name in reports}
        filtered: dict[str, list[float]] = {name: [] for name in reports}
        for _ in range(options.rounds):
            for name, report in reports.items():
                browser.get("about:blank")
                browser.get(report.as_uri())
                opened[name].append(browser.execute_async_script(OPENED))
                filtered[name].append(browser.execute_script(FILTERED))
        browser.quit()
        base = statistics.median(opened["no findings"])
        for name, report in reports.items():
            median = statistics.median(opened[name])
            print(f"{name:16} {report.stat().st_size / 1e6:6.1f} MB   opened {median:7.0f} ms   x {median / base:5.2f}"
                  f"   filtered {statistics.median(filtered[name]):6.0f} ms")


if __name__ == "__main__":
    main()
