"""c7n-mailer as `./run.sh c7n-mailer` closes it, and open again after the test."""
from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from c7n_mailer import deploy, sqs_queue_processor, utils

_make = utils.get_jinja_env


@cache
def _environment(kind: type[Any], folders: tuple[str, ...]) -> Any:
    """The environment of the class that c7n-mailer uses at the moment: `kind` is there to tell them apart."""
    return _make(list(folders))


@pytest.fixture(autouse=True)
def templates_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """c7n-mailer compiles the template again for each message, which takes most of the time of these tests."""
    def get_jinja_env(template_folders: Sequence[str]) -> Any:
        return _environment(utils.jinja2.Environment, tuple(template_folders))

    monkeypatch.setattr(utils, "get_jinja_env", get_jinja_env)


@pytest.fixture
def reopened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the test closes in this process is as before when it ends."""
    processor = sqs_queue_processor.MailerSqsQueueProcessor
    monkeypatch.setattr(utils, "jinja2", utils.jinja2)
    monkeypatch.setattr(processor, "process_sqs_message", processor.process_sqs_message)
    monkeypatch.setattr(processor, "__init__", processor.__init__)
    monkeypatch.setattr(deploy, "CORE_DEPS", list(deploy.CORE_DEPS))
    monkeypatch.setattr(deploy, "PythonPackageArchive", deploy.PythonPackageArchive)
    monkeypatch.setattr(deploy, "entry_source", deploy.entry_source)
