"""A real browser for the tests of the HTML report, without a network."""
from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from guardrails.report.formats import write

from . import runs

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Whatever it is asked for, this browser reaches no host.
ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking", "--window-size=1366,900",
)


def start_browser() -> webdriver.Chrome:
    """A new browser; skips the test where there is none, and fails it in CI, where a skip would go unseen."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        told = "no Chromium or no chromedriver on the PATH: apt-get install chromium chromium-driver"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    options = Options()
    options.binary_location = browser
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    browser = start_browser()
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The report of one of the runs in `tests.html.runs`, by its name; each is written once."""
    @cache
    def written(name: str) -> Path:
        directory = tmp_path_factory.mktemp(name)
        made: Any = getattr(runs, name)(directory)
        with made.store:
            write(("html",), made, directory)
        return directory / "report.html"

    return written
