"""A history in S3: what another run wrote meanwhile is never lost, and a refusal is not a new history."""
from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import boto3
import pytest

from guardrails.errors import GuardrailsError
from guardrails.results import History, PastRun, absolute_history, history_place
from tests.moto_server import Moto

URL = "s3://central/team/history.db"


@pytest.fixture
def bucket(moto: Moto) -> Any:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="central")
    s3.put_bucket_versioning(Bucket="central", VersioningConfiguration={"Status": "Enabled"})
    return s3


def run(name: str) -> PastRun:
    return PastRun(name, "scope", f"2026-03-{name}T00:00:00+00:00", "", True, 1, 1, 50.0, 1, 0, 0, 1)


def names() -> list[str]:
    with history_place(URL).reading() as history:
        return [each.id for each in history.runs()]


def test_it_is_created_and_grows(bucket: Any) -> None:
    history_place(URL).check()
    assert "Contents" not in bucket.list_objects_v2(Bucket="central"), "a check creates nothing"
    with pytest.raises(GuardrailsError, match="the history file does not exist"):
        names()
    for name in ("01", "02"):
        history_place(URL).update(lambda history, name=name: history.record(run(name)))
    history_place(URL).check()
    assert names() == ["01", "02"]
    assert len(bucket.list_object_versions(Bucket="central")["Versions"]) == 2


@pytest.mark.parametrize("begun", [False, True])
def test_the_run_that_was_faster_is_kept(bucket: Any, begun: bool) -> None:
    if begun:
        history_place(URL).update(lambda history: history.record(run("01")))
    calls = []

    def change(history: History) -> str:
        calls.append([each.id for each in history.runs()])
        if len(calls) == 1:  # another machine ends its run now
            history_place(URL).update(lambda other: other.record(run("02")))
        history.record(run("03"))
        return "done"

    assert history_place(URL).update(change) == "done"
    before = ["01"] if begun else []
    assert calls == [before, [*before, "02"]]
    assert names() == [*before, "02", "03"]


def test_it_gives_up_when_it_always_changes(bucket: Any) -> None:
    def change(history: History) -> None:
        history_place(URL).update(lambda other: other.record(run(f"{10 + len(other.runs())}")))

    with pytest.raises(GuardrailsError, match="other runs changed it 10 times"):
        history_place(URL).update(change)
    assert len(names()) == 10


def test_what_cannot_be_used_is_an_error_that_names_the_object(bucket: Any, tmp_path: Path) -> None:
    bucket.put_object(Bucket="central", Key="team/history.db", Body=b"no database, but a text of some length")
    for attempt in (history_place(URL).check, names, lambda: history_place(URL).update(lambda _: None)):
        with pytest.raises(GuardrailsError, match=r"^s3://central/team/history\.db: not an SQLite file"):
            attempt()
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("create table t (a)")
    bucket.upload_file(str(tmp_path / "other.db"), "central", "team/history.db")
    with pytest.raises(GuardrailsError, match=r"s3://central/team/history\.db: .*belongs to another program"):
        history_place(URL).check()
    with pytest.raises(GuardrailsError, match=r"s3://nowhere/h.db: .*NoSuchBucket"):
        history_place("s3://nowhere/h.db").check()


def test_a_refusal_is_not_an_empty_history(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    call = BaseClient._make_api_call
    refused = {"GetObject"}

    def make(self: Any, operation_name: str, api_params: Any) -> Any:
        if operation_name in refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation_name)
        return call(self, operation_name, api_params)

    monkeypatch.setattr(BaseClient, "_make_api_call", make)
    with pytest.raises(GuardrailsError, match="AccessDenied") as error:
        history_place(URL).check()
    assert "s3:ListBucket" in error.value.fix
    refused.clear()
    refused.add("PutObject")
    with pytest.raises(GuardrailsError, match="AccessDenied"):
        history_place(URL).update(lambda history: history.record(run("01")))


@pytest.mark.parametrize("text", ["s3://central", "s3://central/", "s3://central/h.db?kms-key=k", "s3://central/{x}"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(GuardrailsError, match="not an"):
        history_place(text)


def test_a_path_becomes_absolute_and_a_url_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_history("output/history.db") == str(tmp_path / "output/history.db")
    assert absolute_history(f"{URL}?region=eu-west-1") == f"{URL}?region=eu-west-1"
