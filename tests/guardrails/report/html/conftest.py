"""A real browser for the tests of the HTML report, without a network."""
from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from guardrails.report.formats import write
from guardrails.report.html import page
from guardrails.results.finding import Finding
from guardrails.results.store import RunStore

from . import runs

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Whatever it is asked for, this browser reaches no host.
ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
    # A test opens hundreds of findings one after the other, faster than a person, and the browser would stop it.
    "--disable-ipc-flooding-protection",
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


class Browser:
    """One page of one report, and what a reader does with it."""

    def __init__(self, chrome: Chrome, report: Callable[[str], Path]) -> None:
        self.chrome = chrome
        self.report = report

    def open(self, name: str = "run", address: str = "") -> None:
        """A fresh page, with nothing of the one before."""
        self.chrome.get("about:blank")
        self.chrome.get(f"{self.report(name).as_uri()}{address}")
        self.wait(lambda: self.run("return 'ready' in document.documentElement.dataset"))

    def run(self, script: str, *arguments: Any) -> Any:
        return self.chrome.execute_script(script, *arguments)

    def command(self, name: str, **parameters: Any) -> Any:
        return self.chrome.execute_cdp_cmd(name, parameters)

    def wait(self, until: Callable[[], Any]) -> Any:
        return WebDriverWait(self.chrome, 10, 0.02).until(lambda _: until())

    def all(self, selector: str) -> list[WebElement]:
        return self.chrome.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        return self.chrome.find_element(By.CSS_SELECTOR, selector)

    def press(self, *keys: str) -> None:
        ActionChains(self.chrome).send_keys(*keys).perform()

    def texts(self, selector: str) -> list[str]:
        """The texts of all such elements, in one call."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText.trim())", selector)

    @property
    def count(self) -> str:
        return self.one("#count").text

    @property
    def shown(self) -> int:
        """Findings that pass the filters, as the page says."""
        return int(self.count.split(" of ")[0].replace(",", ""))

    def click(self, selector: str) -> None:
        self.run("document.querySelector(arguments[0]).click()", selector)

    def findings(self, name: str = "run") -> list[Finding]:
        with RunStore.open(self.report(name).parent) as store:
            return list(store.findings())


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The report of one of the runs in `tests.html.runs`, by its name; each is written once.

    With `+files` behind the name, it has files beside it, as that of a large run.
    """
    @cache
    def written(name: str) -> Path:
        directory = tmp_path_factory.mktemp(name)
        run, _, beside = name.partition("+")
        made: Any = getattr(runs, run)(directory)
        with made.store, pytest.MonkeyPatch.context() as patch:
            if beside:
                patch.setattr(page, "IN_ONE_FILE", 0)
            write(("html",), made, directory)
        return directory / "report.html"

    return written


@pytest.fixture
def browser(chromium: Chrome, report: Callable[[str], Path]) -> Iterator[Browser]:
    """The browser, as it was when it was started; after the test it must have nothing to complain of."""
    for kind in ("browser", "performance"):
        chromium.get_log(kind)
    browser = Browser(chromium, report)
    yield browser
    requests = [
        message["params"]["request"]["url"] for entry in chromium.get_log("performance")
        for message in [json.loads(entry["message"])["message"]] if message["method"] == "Network.requestWillBeSent"]
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    assert [entry["message"] for entry in chromium.get_log("browser")] == []
    browser.command("Emulation.setEmulatedMedia", media="", features=[])
    browser.command("Emulation.clearDeviceMetricsOverride")
    browser.command("Emulation.setScriptExecutionDisabled", value=False)
    browser.run("try { localStorage.clear() } catch { }")
