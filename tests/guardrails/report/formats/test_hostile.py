"""Names, tags and evidence come from AWS and may hold anything: every format still parses, and holds the value."""
from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml

from guardrails.report.formats import write
from guardrails.report.formats.markdown import cell
from guardrails.report.formats.spreadsheet import harmless
from guardrails.report.formats.stream import dumps
from guardrails.report.formats.text import cut, plain, sound
from guardrails.results.columns import valid_text
from tests.reporting import EAST, RED, assess, finding

FORMATS = ("json", "markdown", "csv", "sarif", "junit", "json-ocsf", "asff")
EVIL = (
    "<script>alert(1)</script>", "</script><!--", "]]>", "a\nb\r\nc", "\x00\x1b[2J", "'\"`", "=cmd|' /C calc'!A0",
    "\u202egnp.exe", "\ud800 half", "\ud83d\ude00 \U0001f600", "\ufffe\uffff", "\u2028", "| x | # *y* [z](u)", "{0} %s",
    "\x85\x9f", " lead and trail ", "&amp;&#0;",
)


def check(evil: str, directory: Path) -> None:
    # SQLite takes no half of a surrogate pair as text; evidence is JSON there, and may hold one.
    name = "n" + sound(evil)
    made = assess(directory, [finding("open-ssh", name, evidence={"value": evil, "list": [evil], evil: 1})],
                  passed={("public-bucket", RED, "global"): [(f"p{evil}", "")]})
    good = valid_text(json.loads(json.dumps(f"p{evil}")))  # JSON joins the halves of a surrogate pair
    [one] = made.findings()
    written = {path.name: path.read_bytes() for path in write(FORMATS, made, directory / "out")}
    text = {file: data.decode() for file, data in written.items()}
    evidence = sound(one.evidence)

    [found] = json.loads(text["report.json"])["findings"]
    assert (found["resource"], found["evidence"]) == (name, evidence)

    [row] = csv.DictReader(io.StringIO(text["findings.csv"], newline=""))
    assert (row["resource"], row["evidence"]) == (harmless(name), harmless(dumps(one.evidence)))

    [row] = csv.DictReader(io.StringIO(text["passed.csv"], newline=""))
    assert row["resource"] == harmless(good)
    [check] = json.loads(text["report.json"])["passed"]
    assert [one["resource"] for one in check["resources"]] == [good]

    rows = [line for line in text["report.md"].splitlines() if line.startswith("| high | red | us-east-1 | open-ssh")]
    assert len(rows) == 1
    assert f"| {cell(name)} |" in rows[0]

    [result] = json.loads(text["report.sarif"])["runs"][0]["results"]
    assert result["properties"]["evidence"] == evidence
    assert result["locations"][0]["logicalLocations"][0]["name"] == name

    failed = [case for suite in JUnitXml.fromstring(written["report.junit.xml"]) for case in suite
              if case.name == "open-ssh" and case.classname == f"red.{EAST}"]
    assert plain(name).strip() in failed[0].result[0].text

    ocsf: Any = json.loads(text["report.ocsf.json"])[0]
    assert (ocsf["resources"][0]["name"], ocsf["unmapped"]["evidence"]) == (name, evidence)

    assert json.loads(text["report.ocsf.json"])[-1]["resources"][0]["name"] == good

    asff, good_asff = json.loads(text["report.asff.json"])
    assert good_asff["Resources"][0]["Id"] == good
    assert asff["Resources"][0]["Id"] == name
    assert asff["AwsAccountId"] == RED
    assert asff["ProductFields"]["aws-guardrails/evidence"] == cut(dumps(one.evidence), 2048)
    made.store.close()


@pytest.mark.parametrize("evil", EVIL)
def test_every_format_parses_and_holds_the_value(evil: str, tmp_path: Path) -> None:
    check(evil, tmp_path)


@settings(max_examples=40)
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_so_does_any_text(evil: str) -> None:
    with TemporaryDirectory() as directory:
        check(evil, Path(directory))


@given(st.text(st.characters(exclude_categories=())))
def test_sound_text_can_be_written_and_plain_text_is_xml(text: str) -> None:
    assert sound(text).encode().decode() == sound(text)
    assert JUnitXml.fromstring(f"<testsuites name={quoteattr(plain(text))}/>").name == plain(text)
    if text.isprintable():
        assert (sound(text), plain(text)) == (text, text)
