"""What is written: data that cannot become code, a policy that fits, lists that leave nothing out."""
from __future__ import annotations

import json
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.assessment.missing import MissingRow
from guardrails.assessment.score import risk
from guardrails.errors import GuardrailsError
from guardrails.report.formats import write
from guardrails.report.html.chart import HEIGHT, WIDTH, ChartValue, chart, round_up
from guardrails.report.html.columns import embedded
from guardrails.report.html.judged import LISTED, judged_policies
from guardrails.report.html.lists import exception_rows, not_seen, worst_resources
from guardrails.report.html.page import PRINTED, bar, link, pieces
from guardrails.results.finding import Status
from guardrails.results.store import UnknownResource
from tests.reporting import EAST, RED, assess, checks, text_of

from . import runs


class Page(HTMLParser):
    """The elements of a page: tag, attributes, and for scripts and styles their text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside = ""
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag in ("script", "style"):
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in ("script", "style"):
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        else:
            self.texts.append(data)

    def data(self, kind: str) -> list[Any]:
        """What the scripts of this class or id hold."""
        return [json.loads(text) for attributes, text in self.scripts
                if kind in (attributes.get("class"), attributes.get("id"))]


@pytest.fixture(params=["run", "clean", "unseen", "hostile"])
def page(request: pytest.FixtureRequest, report: Callable[[str], Path]) -> Page:
    return Page(report(request.param).read_text())


def test_the_page_allows_its_own_script_and_style_and_nothing_else(page: Page) -> None:
    (policy,) = [
        str(attributes["content"]) for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"]
    directives = dict(entry.strip().split(" ", 1) for entry in policy.split(";"))
    assert directives["default-src"] == "'none'"
    code = [text for attributes, text in page.scripts if attributes.get("type") != "application/json"]
    assert len(code) == 2
    hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in code]
    assert [directives["style-src"], directives["script-src"]] == hashes


def test_nothing_in_the_page_is_code_or_leads_out_of_it(page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag not in ("iframe", "object", "embed", "base", "img", "link") or attributes.get("href") == "data:,"
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("style", "src", "srcdoc", "action", "formaction"), name
            if name == "href":
                assert str(value).startswith("#") or value == "data:,"


def test_the_script_writes_data_as_text_only() -> None:
    for file in (files("guardrails.report.html") / "assets").iterdir():
        text = file.read_text()
        assert not re.search(r"(inner|outer|Adjacent)HTML|document\.write|\beval\(|new Function|fetch\(", text)
        assert "</script" not in text and "<!--" not in text and "</style" not in text


def test_ids_are_unique(page: Page) -> None:
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert [name for name, number in ids.items() if number > 1] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(runs.HOSTILE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=8)


@given(JSON)
def test_embedded_data_is_inert_and_comes_back(value: Any) -> None:
    text = str(embedded(value))
    assert text.isascii() and not set("<>&") & set(text)
    assert json.loads(text) == value


def test_the_columns_are_the_findings(tmp_path: Path) -> None:
    made = runs.run(tmp_path)
    with made.store:
        page = Page(text_of(partial(pieces, path=tmp_path / "report.html"), made))
        findings = list(made.findings())
    (tables,), blocks, evidence = page.data("tables"), page.data("findings"), page.data("evidence")
    read = []
    for block, seen in zip(blocks, evidence, strict=True):
        for n, number in enumerate(block["id"]):
            exception = block["exception"][n]
            read.append((
                number, tables["policies"][block["policy"][n]]["name"], tables["accounts"][block["account"][n]],
                tables["regions"][block["region"][n]], tables["statuses"][block["status"][n]], block["resource"][n],
                block["arn"][n], tables["times"][block["first"][n]], tables["times"][block["last"][n]],
                tables["exceptions"][exception] if exception >= 0 else {}, seen["values"][seen["of"][n]],
                tables["severities"][block["severity"][n]]))
    assert read == [
        (f.id, f.policy, {"id": f.account, "name": f.account_name}, f.region, f.status, f.resource, f.arn,
         f.first_seen, f.last_seen, f.exception, f.evidence, f.severity) for f in findings]
    changes = Counter(tables["changes"][change] for block in blocks for change in block["change"])
    assert made.changes is not None
    assert (changes["new"], changes["reopened"]) == (made.changes.new, made.changes.reopened)


def test_what_a_catalogue_covers_is_found_by_its_requirement(tmp_path: Path) -> None:
    made = runs.run(tmp_path)
    with made.store:
        (tables,) = Page(text_of(partial(pieces, path=tmp_path / "report.html"), made)).data("tables")
        frameworks = made.frameworks
    for framework in frameworks:
        for of in framework.requirements:
            named = {policy["name"] for policy in tables["policies"]
                     if of.requirement.id in policy["controls"].get(framework.name, ())}
            assert named == set(of.policies)


def test_each_account_has_its_own_share_of_the_frameworks(tmp_path: Path) -> None:
    made = runs.run(tmp_path)
    with made.store:
        page = Page(text_of(partial(pieces, path=tmp_path / "report.html"), made))
        wanted = [f"{of.passed} of {of.evaluated}" for row in made.by_account for of in made.frameworks_of(row.key)]
    start = page.texts.index("Frameworks by account")
    end = page.texts.index("Services", start)
    assert [text for text in page.texts[start:end] if re.fullmatch(r"\d+ of \d+", text)] == wanted
    assert len(set(wanted)) > len(made.frameworks)


def test_a_first_run_has_nothing_new(tmp_path: Path) -> None:
    infos = runs.policies()
    found = [runs.finding(infos["iam-user-mfa"], runs.ACCOUNTS[0], "global", "ann", first_seen=runs.STARTED)]
    made = runs.run(tmp_path, found, changes=None)
    with made.store:
        (block,) = Page(text_of(partial(pieces, path=tmp_path / "report.html"), made)).data("findings")
    assert block["change"] == [0]


@given(st.lists(st.builds(
    MissingRow, account=st.sampled_from("12"), account_name=st.just("n"), region=st.sampled_from("abc"),
    state=st.sampled_from(["denied", "error"]), reason=st.sampled_from(["x", "y"]),
    policies=st.sets(st.sampled_from("pqrstuv"), min_size=1).map(sorted).map(tuple)),
    unique_by=lambda row: (row.account, row.region, row.state, row.reason)))
def test_nothing_that_was_not_seen_is_left_out(missing: list[MissingRow]) -> None:
    table = not_seen(missing)
    shown = Counter(
        (row.account, region, row.state, row.reason, policy) for row in table.rows for region in row.regions
        for policy in (table.lists[row.listed - 1] if row.listed else row.policies))
    assert shown == Counter(
        (row.account, row.region, row.state, row.reason, policy) for row in missing for policy in row.policies)
    assert sum(row.checks for row in table.rows) == sum(len(row.policies) for row in missing)


def test_the_worst_resources_are_those_with_the_most_risk(tmp_path: Path) -> None:
    made = runs.run(tmp_path)
    with made.store:
        found = worst_resources(made, 20)
        risks: dict[str, float] = Counter()
        for finding in made.findings(Status.OPEN):
            risks[finding.arn] += risk(finding.severity, finding.exposure)
    assert [row.risk for row in found] == sorted(risks.values(), reverse=True)[:20]
    assert all(risks[row.arn] == row.risk for row in found)
    assert max(sum(row.by_severity.values()) for row in found) > 1


def test_resources_without_an_arn_are_told_apart_by_their_place(tmp_path: Path) -> None:
    policy = runs.policies()["ec2-no-public-ip"]
    found = [runs.finding(policy, runs.ACCOUNTS[0], region, "same", arn="") for region in runs.REGIONS]
    made = runs.run(tmp_path, found)
    with made.store:
        assert len({row.key for row in worst_resources(made, 20)}) == len(runs.REGIONS)


def test_exceptions_that_need_a_look_come_first(tmp_path: Path) -> None:
    made = runs.run(tmp_path)
    with made.store:
        rows = exception_rows(made.exceptions)
    said = {row.entry.rule.owner.partition("@")[0]: row.states for row in rows}
    assert list(said) == ["platform", "build", "logs", "erp", "web-team"]
    assert said == {
        "platform": ("ended",), "build": ("expiring", "unused"), "logs": ("misnamed", "unknown"), "erp": ("unknown",),
        "web-team": ("in-force",)}
    assert rows[-1].entry.findings == 3


def test_the_page_says_what_is_not_printed(report: Callable[[str], Path]) -> None:
    page = Page(report("run").read_text())
    (text,) = [text for text in page.texts if "are not printed" in text]
    assert re.search(rf"first {PRINTED} open findings by severity\. The other [\d,]+ ", text) and "findings.csv" in text


def test_every_requirement_and_its_verdict_is_in_the_page(page: Page) -> None:
    rows = [attributes["data-verdict"] for _, attributes in page.elements if "data-verdict" in attributes]
    said = [text.strip() for text in page.texts]
    catalogues = runs.load_catalogues()
    assert len(rows) == sum(len(catalogue.requirements) for catalogue in catalogues.values())
    assert {requirement.id for catalogue in catalogues.values() for requirement in catalogue.requirements} <= set(said)


def test_a_requirement_opens_what_it_was_judged_on(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\u202e"
    passed = {("open-ssh", RED, EAST): [(f"sg-p{number:03}", "") for number in range(LISTED + 30)],
              ("public-bucket", RED, "global"): [(evil, "")]}
    unknown = tuple(UnknownResource(f"sg-u{number}", "denied") for number in range(2))
    partial = ("open-ssh", RED, EAST)
    rows = [replace(row, state="partial", unknown=unknown) if (row.policy, row.account, row.region) == partial else row
            for row in checks()]
    made = assess(tmp_path / "run", rows=rows, passed=passed, catalogues=runs.load_catalogues())
    with made.store:
        write(("html",), made, tmp_path)
        judged = {of.policy.name: of for of in judged_policies(made)}
    lists = {each.result: each for each in judged["open-ssh"].lists}
    assert {result: (len(each.shown), each.more) for result, each in lists.items()} == {
        "open": (3, 0), "unknown": (2, 0), "passed": (LISTED, 30)}
    assert [one.resource for one in lists["unknown"].shown] == ["sg-u0", "sg-u1"]
    assert set(judged["public-bucket"].lists[1].shown) == {("red", "global", "web-1")}
    # Only what covers a requirement.
    assert set(judged) == {"open-ssh", "public-bucket", "user-mfa"}
    text = (tmp_path / "report.html").read_text()
    assert evil not in text and "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in text
    page = Page(text)
    ids = {attributes.get("id") for _, attributes in page.elements}
    links = {str(attributes["href"])[1:] for tag, attributes in page.elements
             if tag == "a" and str(attributes.get("href")).startswith("#judged-")}
    assert links and links <= ids
    assert "and 30 more in " in text and "passed.csv" in text


def test_without_evidence_there_are_only_numbers(report: Callable[[str], Path]) -> None:
    text = report("run").read_text()
    assert "Resources judged" in text and " passed</li>" in text
    assert 'id="judged' not in text and "#judged" not in text


@given(st.lists(st.floats(0, 100), min_size=2, max_size=60))
def test_a_line_stays_inside_its_chart(values: list[float]) -> None:
    made = chart([ChartValue("", value, "", True) for value in values], 100)
    assert all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in made.points)
    assert made.points[-1].x == made.right and made.points[0].x == made.left


@pytest.mark.parametrize(("value", "end"), [(0, 10), (10, 10), (11, 20), (21, 50), (51, 100), (4001, 5000)])
def test_a_scale_ends_with_a_round_number(value: float, end: float) -> None:
    assert round_up(value) == end


@given(st.lists(st.integers(0, 10_000), max_size=8))
def test_the_parts_of_a_bar_fill_it(numbers: list[int]) -> None:
    parts = bar([(str(number), number) for number in numbers])
    assert len(parts) == sum(number > 0 for number in numbers)
    assert sum(width for _, _, width in parts) == pytest.approx(100 if parts else 0, abs=0.01)


def test_a_filter_in_an_address_keeps_what_it_holds() -> None:
    assert link(resource="arn:a/b c&d#é") == "#findings?resource=arn%3Aa%2Fb+c%26d%23%C3%A9"


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    made = runs.clean(tmp_path / "run")
    with made.store, pytest.raises(GuardrailsError, match=r"report\.html"):
        write(("html",), made, tmp_path / "file")
