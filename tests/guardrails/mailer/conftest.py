"""c7n-mailer as `./run.sh c7n-mailer` closes it, and open again after the test."""
from __future__ import annotations

import pytest
from c7n_mailer import deploy, sqs_queue_processor, utils


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
