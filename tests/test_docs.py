"""The documentation leads somewhere: every link, every path, every verb and every option in it exists."""
from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from guardrails.cli.main import PASSED_THROUGH, VERBS, main

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
PATH = re.compile(
    r"`((?:custom_actions|guardrails|tests|policies|controls|mailer|examples|bench|requirements|packaging|docs)/[\w./-]+)`")
COMMAND = re.compile(r"(?:^ *|`|\$ |\()\./run\.sh (.+?)(?:`|  +#|$)", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def ids(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = []
    for link in re.findall(r"\]\(\s*([^)\s]+)\s*\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_path_is_there(page: Path) -> None:
    named = PATH.findall(page.read_text(encoding="utf-8"))
    assert [path for path in named if not (ROOT / path).exists() and not (ROOT / f"{path}.py").exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_command_has_a_verb_and_options_that_there_are(page: Path) -> None:
    """An option that goes to another program (pytest, c7n) is not looked at."""
    wrong = []
    for line in COMMAND.findall(page.read_text(encoding="utf-8")):
        words = shlex.split(line.partition(" #")[0].partition(" | ")[0].rstrip("\\").rstrip(")\""), posix=True)
        verb = words[0]
        if verb in {each.split()[0] for each in PASSED_THROUGH} | {"VERB", "<verb>"} or verb.startswith("-"):
            continue
        if verb not in VERBS:
            wrong.append(f"{verb} in: {line}")
            continue
        command = main.get_command(click.Context(main), verb)
        assert command is not None
        commands = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
        known = {option for each in commands for parameter in each.params for option in parameter.opts} | {"--help"}
        if verb != "test":
            wrong += [f"{word} in: {line}" for word in words[1:] if word.startswith("-") and word not in known]
    assert not wrong


def test_the_pages_have_commands_and_paths_to_check() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert len(COMMAND.findall(text)) > 100
    assert len(PATH.findall(text)) > 30
