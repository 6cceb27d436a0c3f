"""The HTML report in a real browser: what is seen, found, opened, printed; and what never happens."""
from __future__ import annotations

import csv
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium.webdriver import Keys
from selenium.webdriver.support.ui import Select

from guardrails.assessment import assess_again, setting_of
from guardrails.assessment.score import risk
from guardrails.errors import GuardrailsError
from guardrails.report.console import console_url
from guardrails.report.fix_command import fix_command
from guardrails.report.formats import write
from guardrails.report.formats.spreadsheet import harmless
from guardrails.report.html.page import PRINTED
from guardrails.results.exception_proposal import DAYS
from guardrails.results.exceptions import load
from guardrails.results.finding import Finding, Status
from guardrails.results.store import RunStore
from tests.reporting import EAST, RED, assess

from . import runs
from .conftest import Browser


def prefer(browser: Browser, scheme: str) -> None:
    """Have the system prefer `light` or `dark`."""
    preference = {"name": "prefers-color-scheme", "value": scheme}
    browser.command("Emulation.setEmulatedMedia", media="", features=[preference])


# What is seen at once.


def test_the_first_screen_says_what_matters(browser: Browser) -> None:
    browser.open()
    visible = browser.run("""
      return [...document.querySelectorAll('.banner, .card h2, .first li')].filter((e) => {
        const box = e.getBoundingClientRect(); return box.height > 0 && box.top < innerHeight;
      }).map((e) => e.innerText)""")
    assert visible[0].startswith("INCOMPLETE:") and "incomplete checks" in visible[0]
    assert {
        "Score", "Changes", "Open findings", "Coverage", "Fix first: the violated policies with the highest risk",
        "Trend"} <= set(visible)
    assert len(browser.all(".first li")) == 10
    browser.one(".banner a").click()
    shown = browser.one("#not-seen").text
    assert "legacy-erp" in shown and "sts:AssumeRole" in shown and "Throttled" in shown


def test_the_riskiest_lead_to_their_findings(browser: Browser) -> None:
    browser.open()
    said = browser.one(".first li").text
    number = int(re.search(r"(\d+) resources?", said)[1])
    browser.click(".first li a")
    browser.wait(lambda: browser.shown == number)
    assert all(title in said for title in browser.texts("#list-findings .open"))


def test_a_clean_first_run_says_so_and_no_more(browser: Browser) -> None:
    browser.open("clean")
    text = browser.one("#overview").text
    assert "COMPLETE: all" in text and "No open findings." in text and "First run" in text and not browser.all(".chart")


def test_a_run_that_saw_nothing_claims_nothing(browser: Browser) -> None:
    browser.open("unseen")
    text = browser.one("#overview").text
    assert "INCOMPLETE" in text and "open findings are unknown" in text and "No open findings." not in text
    assert "passed" not in {row.get_attribute("data-verdict") for row in browser.all("[data-verdict]")}


# Finding.


def test_filters_show_what_they_say(browser: Browser) -> None:
    browser.open()
    findings = browser.findings()
    opened = [finding for finding in findings if finding.status is Status.OPEN]
    assert browser.shown == len(opened) and f"of {len(findings):,} findings shown in " in browser.count
    browser.click("#filters input[value=high]")
    high = [finding for finding in opened if finding.severity == "high"]
    assert browser.shown == len(high) < len(opened)
    select = Select(browser.one("#filter-account"))
    offered = next(option for option in select.options if option.get_attribute("value") == "222222222222")
    mine = [finding for finding in high if finding.account == "222222222222"]
    assert offered.text == f"payments-test 222222222222 ({len(mine)})"
    select.select_by_value("222222222222")
    assert browser.shown == len(mine) < len(high)
    browser.click("#filters input[value=open]")
    assert browser.shown == sum(
        (finding.severity, finding.account) == ("high", "222222222222") for finding in findings)
    browser.click("#reset")
    assert browser.shown == len(opened)


@pytest.mark.parametrize(("name", "of"), [
    ("region", lambda finding: finding.region), ("policy", lambda finding: finding.policy),
    ("service", lambda finding: finding.resource_type.removeprefix("aws.")),
    ("exposure", lambda finding: finding.exposure),
])
def test_every_value_of_a_filter_leaves_as_many_as_it_says(
    browser: Browser, name: str, of: Callable[[Finding], str]
) -> None:
    browser.open()
    opened = [finding for finding in browser.findings() if finding.status is Status.OPEN]
    shown = browser.run("""
      const select = document.querySelector(`#filter-${arguments[0]}`); const counts = {};
      for (const value of [...select.options].map((option) => option.value).filter(Boolean)) {
        select.value = value; select.dispatchEvent(new Event('change', {bubbles: true}));
        counts[value] = parseInt(document.querySelector('#count').textContent.replaceAll(',', ''));
      }
      return counts""", name)
    assert shown == {value: sum(of(finding) == value for finding in opened) for value in map(of, opened)}


def test_a_finding_has_the_severity_of_its_account(browser: Browser) -> None:
    browser.open(address="#findings?status=any&sort=-severity")
    findings = browser.findings()
    several = Counter(policy for policy, _ in {(one.policy, one.severity) for one in findings})
    assert max(several.values()) > 1, "no policy has another severity in one of the accounts"
    shown = [browser.run("return arguments[0].dataset.row", row) for row in browser.all("#list-findings tr[data-row]")]
    assert browser.texts("#list-findings tbody .c-severity .chip") == [
        findings[int(row)].severity.capitalize() for row in shown]
    assert shown[0] != "0", "the least severe is not the first"
    browser.open(address="#findings?status=any&account=222222222222&account=111111111111")
    assert each_finding(browser, "document.querySelector('#detail .chips .chip').textContent.toLowerCase()") == {
        one.id: one.severity for one in findings if one.account in ("111111111111", "222222222222")}


def test_a_requirement_leads_to_its_findings(browser: Browser) -> None:
    browser.open()
    framework, number = browser.run("""
      const link = document.querySelector('#framework-cis-aws-5\\\\.0 tbody a[href*="control="]');
      link.closest('details').open = true; link.click();
      return [decodeURIComponent(link.hash), parseInt(link.textContent)]""")
    browser.wait(lambda: browser.shown == number)
    assert Select(browser.one("#filter-control")).first_selected_option.get_attribute("value") in framework


def test_a_requirement_leads_to_what_it_was_judged_on(browser: Browser, tmp_path: Path) -> None:
    made = assess(tmp_path / "run", passed={("open-ssh", RED, EAST): [("sg-good", "")]},
                  catalogues=runs.load_catalogues())
    with made.store:
        write(("html",), made, tmp_path)
    browser.chrome.get((tmp_path / "report.html").as_uri())
    browser.run("""
      const link = document.querySelector('a[href="#judged-open-ssh"]');
      for (let at = link; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
      link.click()""")
    browser.wait(lambda: browser.one("#judged-open-ssh").is_displayed() and "sg-good" in browser.one(
        "#judged-open-ssh").text)


def test_an_exception_leads_to_what_it_lets_off(browser: Browser) -> None:
    browser.open()
    browser.click("#exceptions a")
    browser.wait(lambda: browser.shown == 3)
    assert set(browser.texts("#list-findings .c-status")) == {"Excepted"}
    assert "arn:aws:s3:::web-public-*" in browser.one("#linked").text


def test_a_search_finds_names_and_evidence(browser: Browser) -> None:
    browser.open()
    search = browser.one("#search")
    search.send_keys("payments-prod sgr-0a1b2c")
    wanted = [
        finding for finding in browser.findings()
        if finding.status is Status.OPEN and finding.account_name == "payments-prod"
        and finding.resource_type == "aws.security-group"]
    browser.wait(lambda: browser.shown == len(wanted) > 0)
    search.clear()
    search.send_keys("there is no such thing")
    browser.wait(lambda: browser.one("#none").is_displayed())
    assert "did not complete, so there may be more findings" in browser.one("#none").text


def test_columns_sort_both_ways(browser: Browser) -> None:
    browser.open()
    button = "#list-findings button[data-sort=account]"
    browser.click(button)
    up = browser.texts("#list-findings td.c-account")
    assert not browser.one("#reset").is_displayed(), "an order is no filter"
    assert up == sorted(up) and browser.one("th:has([data-sort=account])").get_attribute("aria-sort") == "ascending"
    browser.click(button)
    down = browser.texts("#list-findings td.c-account")
    assert down == sorted(down, reverse=True) and down[0] > up[0]
    assert browser.run("return document.querySelectorAll('#list-findings th[aria-sort=descending]').length") == 1


def test_small_tables_sort_by_number(browser: Browser) -> None:
    browser.open()
    head, cells = (f"#accounts .sortable:not(.matrix) {part}:nth-child(6)" for part in ("th", "td"))
    browser.click(f"{head} button")
    values = [int(text) for text in browser.texts(cells)]
    assert values == sorted(values) and values[0] < values[-1]
    browser.click(f"{head} button")
    assert [int(text) for text in browser.texts(cells)] == values[::-1]


def test_pages_turn(browser: Browser) -> None:
    browser.open()
    first = browser.texts("#list-findings tbody tr")
    browser.click("#page-after")
    second = browser.texts("#list-findings tbody tr")
    assert len(first) == 50 and first != second and browser.one("#page-place").text.startswith("51 to 100 of")


def test_resources_put_their_findings_together(browser: Browser) -> None:
    browser.open(address="#findings?view=resources")
    opened = [finding for finding in browser.findings() if finding.status is Status.OPEN]
    assert browser.count.endswith(f"on {len({finding.arn for finding in opened}):,} resources")
    risks = [float(text.replace(",", "")) for text in browser.texts("#list-resources td.c-risk")]
    sums: dict[str, float] = Counter()
    for finding in opened:
        sums[finding.arn] += risk(finding.severity, finding.exposure)
    assert risks == sorted(sums.values(), reverse=True)[:len(risks)]
    key = browser.texts("#list-resources .c-resource .under")[0]
    browser.click("#list-resources a.open")
    browser.wait(lambda: browser.one("#list-findings").is_displayed())
    assert browser.shown == sum(finding.arn == key for finding in opened) > 1


def test_findings_of_one_setting_share_a_row(browser: Browser) -> None:
    browser.open()
    groups = Counter((one.account, one.arn, setting_of(one.policy) or one.policy)
                     for one in browser.findings() if one.status is Status.OPEN)
    shared = [key for key, number in groups.items() if number > 1]
    assert shared and browser.count.endswith(f" shown in {len(groups):,} rows")
    _, arn, setting = shared[0]
    browser.open(address=f"#findings?resource={quote(arn)}")
    (row,) = [text for text in browser.texts("#list-findings tbody tr")
              if f"{setting}: {groups[shared[0]]} policies" in text]
    names = {one.policy for one in browser.findings() if one.arn == arn and setting_of(one.policy) == setting}
    assert all(name in row for name in names)
    browser.run("[...document.querySelectorAll('#list-findings tr')]"
                ".find((row) => row.querySelector('.c-finding .tag')).querySelector('.open').click()")
    assert all(name in browser.one("#detail").text for name in names)


def test_requirements_are_searched_by_text_and_verdict(browser: Browser) -> None:
    browser.open()
    total = len(browser.all("tr[data-verdict]"))
    Select(browser.one("#requirement-verdict")).select_by_value("failed")
    failed = len(browser.all('tr[data-verdict="failed"]'))
    assert browser.one("#requirement-count").text == f"{failed} of {total} requirements shown"
    browser.one("#requirement-text").send_keys("ensure")
    visible = browser.run("return [...document.querySelectorAll('tr[data-verdict]')]"
                          ".filter((row) => row.offsetParent).map((row) => row.innerText.toLowerCase())")
    assert 0 < len(visible) < failed and all("ensure" in text and "failed" in text for text in visible)


# The address.


def test_the_address_keeps_the_filter(browser: Browser) -> None:
    browser.open()
    browser.click("#filters input[value=critical]")
    Select(browser.one("#filter-exposure")).select_by_value("internet")
    browser.one("#search").send_keys("sg-data")
    browser.wait(lambda: "q=sg-data" in browser.chrome.current_url)
    shown, address = browser.count, browser.run("return location.hash")
    browser.open(address=address)
    assert browser.count == shown and browser.one("#search").get_attribute("value") == "sg-data"
    assert browser.one("#filters input[value=critical]").is_selected()


def test_a_finding_has_an_address(browser: Browser) -> None:
    finding = next(one for one in browser.findings() if one.status is Status.EXCEPTED)
    browser.open(address=f"#findings?finding={finding.id}")
    text = browser.one("#detail").text
    assert finding.resource in text and finding.exception["reason"] in text and finding.exception["expires"] in text


def test_back_returns_to_the_state_before(browser: Browser) -> None:
    browser.open()
    steps = [(browser.count, browser.run("return location.hash"))]

    def did() -> None:
        browser.wait(lambda: browser.count != steps[-1][0] or browser.run("return location.hash") != steps[-1][1])
        steps.append((browser.count, browser.run("return location.hash")))

    browser.click("input[name=severity][value=high]")
    did()
    for letters in ("sg", "-", "pay"):
        browser.one("#search").send_keys(letters)
        browser.wait(lambda: browser.run("return location.hash").endswith(browser.run(
            "return encodeURIComponent(document.querySelector('#search').value)")))
    did()
    browser.click("#list-findings .open")
    assert browser.one("#detail").is_displayed()
    browser.click("#detail-after")
    browser.chrome.back()
    browser.wait(lambda: not browser.one("#detail").is_displayed())
    assert (browser.count, browser.run("return location.hash")) == steps[-1]
    browser.click("nav.parts a[href='#frameworks']")
    browser.wait(lambda: browser.run("return location.hash") == "#frameworks")
    assert browser.count == steps[-1][0]
    browser.chrome.back()
    for count, address in reversed(steps):
        browser.wait(lambda at=address: browser.run("return location.hash") == at)
        browser.wait(lambda of=count: browser.count == of)
        browser.chrome.back()
    browser.wait(lambda: browser.run("return location.href") == "about:blank")


def test_a_closed_finding_leaves_no_step_behind(browser: Browser) -> None:
    browser.open(address="#findings?severity=high")
    before = browser.run("return history.length")
    for _ in range(3):
        browser.click("#list-findings .open")
        browser.press(Keys.ESCAPE)
        browser.wait(lambda: browser.run("return location.hash") == "#findings?severity=high")
    assert browser.run("return history.length") <= before + 1
    browser.chrome.forward()
    browser.wait(lambda: browser.one("#detail").is_displayed())


def test_an_address_of_nothing_harms_nothing(browser: Browser) -> None:
    browser.open(address="#findings?finding=nobody&severity=<b>&sort=toString&page=-7&view=%00")
    assert browser.count == "This report has no finding with the ID nobody"
    browser.open(address="#%E0%A4%A")
    assert browser.shown > 0


# Opening.


def test_a_finding_opens_by_keyboard_and_closes(browser: Browser) -> None:
    browser.open()
    openers = browser.all("#list-findings .open")
    browser.run("arguments[0].focus()", openers[0])
    browser.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    assert browser.chrome.switch_to.active_element == openers[1]
    browser.press(Keys.ENTER)
    assert browser.one("#detail").is_displayed() and browser.one("#detail-place").text.startswith("2 of ")
    browser.press(Keys.ARROW_RIGHT)
    assert browser.one("#detail-place").text.startswith("3 of ")
    browser.press(Keys.ESCAPE)
    browser.wait(lambda: not browser.one("#detail").is_displayed())
    assert browser.chrome.switch_to.active_element == openers[2]
    assert "finding=" not in browser.chrome.current_url
    browser.press("/")
    assert browser.chrome.switch_to.active_element == browser.one("#search")


def test_an_opened_finding_tells_all(browser: Browser) -> None:
    finding = next(one for one in browser.findings() if one.policy == "security-group-admin-ports")
    info = runs.policies()[finding.policy]
    browser.open(address=f"#findings?finding={finding.id}")
    browser.click("#detail details summary")
    text = browser.one("#detail").text
    for said in (
        finding.arn, finding.account, info.title, info.rationale, info.fix, info.location, "2026-08-03",
        f"-r {finding.region} --policy {info.name} --resource {finding.arn}",
        "sgr-0a1b2c3d4e5f60718", "0.0.0.0/0", *info.controls["cis-aws-5.0"],
    ):
        assert said in text, said
    assert browser.run("return document.querySelector('#detail pre.yaml').textContent") == info.yaml


# What never happens.


def test_names_that_try_to_be_code_are_shown_as_they_are(browser: Browser) -> None:
    browser.open("hostile", "#findings?status=any")
    shown = browser.texts("#list-findings td.c-resource")
    for text in runs.HOSTILE:
        assert re.sub(r"[\u2028\u202e\x00]", lambda sign: f"\\u{ord(sign[0]):04x}", text) in shown
    for finding in browser.findings("hostile"):
        browser.run("location.hash = arguments[0]", f"#findings?finding={finding.id}")
        detail = browser.wait(lambda of=finding.id: browser.run(
            "const { textContent } = document.querySelector('#detail-body');"
            "return textContent.includes(arguments[0]) && textContent", of))
        assert finding.exception.get("reason", "") in detail
        assert browser.all("#detail img, #detail script, #detail iframe") == []
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.run("return [window.ran, document.querySelectorAll('img').length]") == [None, 0]
    assert runs.HOSTILE[2] in browser.run("return document.querySelector('#not-seen').textContent")


def test_a_script_that_got_in_would_not_run(browser: Browser) -> None:
    browser.open()
    browser.run("""
      const script = document.createElement('script'); script.textContent = 'window.ran = 5';
      document.body.append(script);
      const image = document.createElement('img'); image.setAttribute('onerror', 'window.ran = 6');
      image.src = 'data:image/png,no'; document.body.append(image);
      const link = document.createElement('a'); link.href = 'javascript:window.ran=7'; document.body.append(link);
      link.click()""")
    refused = browser.wait(lambda: browser.chrome.get_log("browser"))
    assert any("Content Security Policy" in entry["message"] for entry in refused)
    browser.run("return new Promise((done) => setTimeout(done, 100))")
    assert browser.run("return window.ran") is None
    browser.chrome.get_log("browser")


# Everywhere.


def test_dark_is_dark_and_can_be_switched(browser: Browser) -> None:
    brightness = """
      const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number);
      return (r + g + b) / 3"""
    browser.open()
    assert browser.run(brightness) > 200
    prefer(browser, "dark")
    assert browser.run(brightness) < 60
    browser.click("#theme")
    assert browser.run(brightness) > 200
    assert browser.one("#theme").text == "Dark"
    browser.open()
    assert browser.run(brightness) > 200, "the choice is kept"


def test_a_click_just_after_the_systems_change_shows_the_other_theme(browser: Browser) -> None:
    browser.open()
    # The system is dark by now, and the event that says so has not come.
    browser.run("Object.defineProperty(MediaQueryList.prototype, 'matches', {get: () => true})")
    browser.click("#theme")
    assert browser.run("return document.documentElement.dataset.theme") == "light"
    assert browser.one("#theme").text == "Dark"


CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const rgb = (colour) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, n) => sum + v * [.2126, .7152, .0722][n], 0);
const ground = (e) => {
  for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; }
  return [255, 255, 255, 255];
};
const poor = {};
let looked = 0;
for (const e of document.querySelectorAll(arguments[0])) {
  if (!e.checkVisibility() || e.matches(':disabled, option') || e.closest(':disabled')) continue;
  if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
  const style = getComputedStyle(e);
  const text = light(rgb(e.closest('svg.chart') ? style.fill : style.color));
  const [a, b] = [text, light(ground(e))].sort((x, y) => y - x);
  const ratio = (a + .05) / (b + .05);
  looked += 1;
  if (ratio < 4.5) poor[`${e.tagName}.${e.getAttribute('class')}`] = ratio;
}
return [looked, poor]"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(browser: Browser, scheme: str) -> None:
    browser.open(address="#findings?status=any")
    prefer(browser, scheme)
    browser.run("document.querySelectorAll('details').forEach((details) => { details.open = true })")
    looked, poor = browser.run(CONTRAST, "body *")
    assert looked > 1000 and poor == {}
    browser.click("#list-findings .open")
    browser.click("#detail details summary")
    looked, poor = browser.run(CONTRAST, "#detail *")
    assert looked > 30 and poor == {}


def test_every_part_has_a_name_and_headings_are_in_order(browser: Browser) -> None:
    browser.open()
    browser.click("#list-findings .open")
    unnamed = browser.run("""
      return [...document.querySelectorAll('input, select, button, a[href], [role=region], dialog, nav, section[id]')]
        .filter((e) => !(e.labels?.length || e.getAttribute('aria-label')
          || document.getElementById(e.getAttribute('aria-labelledby'))
          || (e.textContent.trim() && e.matches('a, button'))))
        .map((e) => e.outerHTML.slice(0, 120))""")
    assert unnamed == []
    levels = browser.run("return [...document.querySelectorAll('main h1, header h1, main h2, main h3')]"
                         ".map((e) => Number(e.tagName[1]))")
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
    assert browser.run("return [document.documentElement.lang, document.querySelectorAll('main').length]") == ["en", 1]
    assert browser.run("return [...document.querySelectorAll('main table')].every((t) => t.querySelector('th[scope]'))")


@pytest.mark.parametrize("width", [360, 390, 768, 1280, 1600])
def test_nothing_scrolls_sideways(browser: Browser, width: int) -> None:
    phone = width < 700
    browser.command("Emulation.setDeviceMetricsOverride", width=width, height=740, deviceScaleFactor=1, mobile=phone)
    for name in ("run", "hostile", "awkward"):
        browser.open(name, "#findings?status=any")
        browser.run("document.querySelectorAll('details').forEach((details) => { details.open = true })")
        wide = "return document.documentElement.scrollWidth <= innerWidth"
        assert browser.run(wide)
        assert browser.run("""
          return [...document.querySelectorAll('.scroll')].filter((e) => e.scrollWidth > e.clientWidth + 1)
            .map((e) => e.getAttribute('aria-label') || e.firstElementChild.id)""") == []
        browser.click("#list-findings .open")
        assert browser.run(wide)
        assert browser.run("const body = document.querySelector('#detail-body');"
                           "return body.scrollWidth - body.clientWidth") == 0


# On paper, and without a script.


VISIBLE = """
return [...document.querySelectorAll(arguments[0])]
  .filter((e) => e.checkVisibility({contentVisibilityAuto: true}) && e.getClientRects().length).length"""


def printed_pages(browser: Browser) -> int:
    """The number of pages, all of them A4."""
    printed = browser.command("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
    pages = re.findall(rb"/MediaBox\s*\[([^\]]+)\]", b64decode(printed["data"]))
    boxes = {tuple(map(float, page.split())) for page in pages}
    assert {(round(right), round(top)) for _, _, right, top in boxes} == {(595, 842)}
    return len(pages)


def test_paper_has_all_that_matters(browser: Browser) -> None:
    browser.open()
    browser.command("Emulation.setEmulatedMedia", media="print", features=[])
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    catalogues = runs.load_catalogues()
    requirements = sum(len(catalogue.requirements) for catalogue in catalogues.values())
    assert browser.run(VISIBLE, ".paper-framework li") == requirements
    assert browser.run(VISIBLE, "#printed-findings tbody tr") == PRINTED
    assert browser.run(VISIBLE, ".list-of-policies p") > 0
    assert browser.run(VISIBLE, "nav, button, #filters, .list, details.framework, #policies") == 0
    cover = browser.one(".cover").text
    for said in ("INCOMPLETE", "arn:aws:sts::111111111111:assumed-role/audit/ann",
                 "payments-prod (111111111111): eu-central-1", "c7n) 0.9.9", "2026-11-24 06:00 UTC",
                 "CIS Amazon Web Services Foundations Benchmark 7.0.0",
                 "selected by severity high; account pay*", "legacy-erp", "sts:AssumeRole"):
        assert said in cover, said
    browser.run("window.dispatchEvent(new Event('afterprint'))")
    assert browser.run("return document.querySelectorAll('.list-of-policies[open]').length") == 0


def test_paper_is_short_enough_to_be_filed(browser: Browser) -> None:
    frameworks = len(runs.load_catalogues())
    browser.open("clean")
    assert printed_pages(browser) <= frameworks + 4
    browser.open()
    assert printed_pages(browser) <= frameworks + 15
    browser.run("document.querySelectorAll('main > :not(.paper-only), .cover, .foot').forEach((e) => e.remove())")
    assert printed_pages(browser) == frameworks


def test_what_is_filtered_is_what_is_printed(browser: Browser) -> None:
    browser.open(address="#findings?status=excepted")
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    rows = browser.run("return [...document.querySelectorAll('#printed-findings tbody tr')].map((r) => r.textContent)")
    assert len(rows) == browser.shown == 3 and all("web-public-" in row for row in rows)
    assert "status excepted: 3 findings" in browser.run("return document.querySelector('#printed-words').textContent")
    browser.run("window.dispatchEvent(new Event('afterprint'))")
    assert browser.run("return document.querySelectorAll('#printed-findings tbody tr').length") == PRINTED


def test_without_a_script_the_findings_are_there(browser: Browser) -> None:
    browser.command("Emulation.setScriptExecutionDisabled", value=True)
    browser.chrome.get(browser.report("run").as_uri())
    assert browser.one("#printed-findings tbody tr").is_displayed()
    assert "JavaScript is needed" in browser.one("#printed").text
    assert browser.one("#not-seen").is_displayed() and not browser.one("#filters").is_displayed()
    assert browser.run(VISIBLE, "tr[data-verdict]") == 0
    browser.command("Emulation.setEmulatedMedia", media="print", features=[])
    browser.wait(lambda: browser.run(VISIBLE, ".paper-framework li") > 500)


# Many.


def test_fifty_thousand_findings_open_and_filter(browser: Browser) -> None:
    browser.open("large")
    assert browser.count == "49,000 of 50,000 findings shown"
    browser.one("#search").send_keys("resource-04999")
    browser.wait(lambda: browser.shown == 1)
    browser.click("#list-findings .open")
    assert "resource-04999" in browser.one("#detail").text


# What the page makes itself: the same as the other formats.


EACH = """
const made = [];
document.querySelector('#list-findings .open').click();
for (;;) {
  made.push([new URLSearchParams(location.hash.split('?')[1]).get('finding'), (arguments[0])()]);
  if (document.querySelector('#detail-after').disabled) break;
  document.querySelector('#detail-after').click();
}
return made;"""


def each_finding(browser: Browser, value: str) -> dict[str, Any]:
    """Id of each finding of the filtered list, and the value of a JavaScript expression while it is open."""
    return dict(browser.run(EACH.replace("arguments[0]", f"() => {value}")))


def test_the_page_and_the_other_formats_have_the_same_fix_command(browser: Browser) -> None:
    browser.open("awkward", "#findings?status=any")
    made = each_finding(browser, "document.querySelector('#detail .fix code')?.textContent || ''")
    with RunStore.open(browser.report("awkward").parent) as store:
        again = assess_again(store)
        wanted = {finding.id: fix_command(again, finding) for finding in again.findings()}
    assert made == wanted and any("-c" in line for line in made.values())


def test_the_page_and_the_other_formats_have_the_same_console(browser: Browser) -> None:
    browser.open("awkward", "#findings?status=any")
    made = each_finding(browser, "document.querySelector('#detail a[target]')?.getAttribute('href') || ''")
    assert made == {finding.id: console_url(finding) for finding in browser.findings("awkward")}
    assert {link.get_attribute("rel") for link in browser.all("#detail a[target]")} == {"noopener noreferrer"}


def test_an_exception_can_be_pasted_and_covers_exactly_its_finding(browser: Browser, tmp_path: Path) -> None:
    browser.open("awkward")
    made = each_finding(browser, "document.querySelector('#detail .accept pre').textContent")
    findings = browser.findings("awkward")
    assert set(made) == {finding.id for finding in findings} and all(text.isascii() for text in made.values())
    file = tmp_path / "exceptions.yml"
    for id_, text in made.items():
        file.write_text(text)
        with pytest.raises(GuardrailsError, match="reason is empty"):
            load(file)
        file.write_text(text.replace("reason:", "reason: Because."))
        with pytest.raises(GuardrailsError, match="owner is empty"):
            load(file)
        file.write_text(text.replace("reason:", "reason: Because.").replace("owner:", "owner: me@example.org"))
        exceptions = load(file)
        (rule,) = exceptions.rules
        assert rule.days_left(exceptions.now) == DAYS
        assert [finding.id for finding in findings if exceptions.rule_for(finding)] == [id_]


def test_the_owner_the_tags_and_the_age_are_shown_and_filtered(browser: Browser) -> None:
    browser.open("awkward")
    browser.run("const owner = document.querySelector('#filter-owner'); owner.value = '$(id)`id`';"
                "owner.dispatchEvent(new Event('change', {bubbles: true}))")
    assert browser.shown == 3
    browser.click("#list-findings .open")
    text = browser.one("#detail").text
    assert "Owner\n$(id)`id`" in text and "Owner=$(id)`id`" in text and "(open for 113 days)" in text
    assert "By hand: AWS describes the steps" in text and "EC2.13" in text


def test_what_is_filtered_is_what_is_saved(browser: Browser, tmp_path: Path) -> None:
    browser.open("awkward", "#findings?status=any&policy=iam-user-mfa&sort=-resource")
    browser.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    browser.click("#save-csv")
    file = tmp_path / "findings-filtered.csv"
    browser.wait(lambda: file.exists() and file.stat().st_size)
    with file.open(newline="", encoding="utf-8") as stream:
        saved = list(csv.DictReader(stream))
    findings = {one.id: one for one in browser.findings("awkward") if one.policy == "iam-user-mfa"}
    assert {row["id"] for row in saved} == set(findings) and len(saved) == browser.shown
    for row in saved:
        finding = findings[row["id"]]
        for head in ("severity", "resource", "arn", "owner"):
            value = finding.tags["Owner"].strip() if head == "owner" else getattr(finding, head)
            assert row[head] == harmless(value), head
    assert [row["resource"] for row in saved] != sorted(row["resource"] for row in saved)
