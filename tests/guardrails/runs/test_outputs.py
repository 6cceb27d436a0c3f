"""Where an output lies: in a bucket as in a directory, the newest first, none of it too large to read."""
from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from guardrails.accounts import S3Url
from guardrails.errors import GuardrailsError
from guardrails.policies.policy import load
from guardrails.runs import outputs
from guardrails.runs.outputs import (
    Bucket,
    Directory,
    File,
    Unreadable,
    last_run,
    policy_runs,
    source_of,
    with_output,
)
from tests.moto_server import Moto

from .layout import NOW, PLACE, Wrote, policy


def test_a_scheduled_policy_is_told_a_place_of_its_own() -> None:
    url = S3Url.parse("s3://central/some/where/?region=eu-west-1&kms-key=arn:aws:kms:eu-west-1:1:key/k")
    data = with_output(policy(), url).data
    assert data["mode"]["execution-options"]["output_dir"] == (
        "s3://central/some/where/{account_id}/{region}/volumes/{now:%Y/%m/%d/%H%M%S}"
        "?region=eu-west-1&kms-key=arn:aws:kms:eu-west-1:1:key/k")
    assert data["mode"]["schedule"] == "rate(1 day)"
    assert "execution-options" not in policy().data["mode"]


def test_what_a_function_saw_on_one_event_goes_nowhere() -> None:
    url = S3Url.parse("s3://central")
    for one in load():
        told = "execution-options" in with_output(one, url).mode
        assert told == (one.mode["type"] in ("periodic", "config-poll-rule")), one.name


@pytest.mark.parametrize("text", ["central/prefix", "s3://", "https://central/p", "s3://central/{region}", "s3://b/#x"])
def test_what_is_no_place_in_s3_is_refused(text: str) -> None:
    with pytest.raises(GuardrailsError, match="not an S3 URL"):
        S3Url.parse(text)


def test_the_bucket_is_asked_for_where_it_is(moto: Moto) -> None:
    boto3.client("s3").create_bucket(
        Bucket="central", CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"})
    assert str(S3Url.parse("s3://central/p").located()) == "s3://central/p?region=ap-southeast-2"
    assert str(S3Url.parse("s3://other/p?region=eu-west-1").located()) == "s3://other/p?region=eu-west-1"
    with pytest.raises(GuardrailsError, match="no such bucket"):
        S3Url.parse("s3://nowhere/p").located()


@pytest.mark.parametrize("kind", ["bucket", "directory"])
def test_a_bucket_and_a_directory_look_the_same(moto: Moto, tmp_path: Path, kind: str) -> None:
    for day in ("2026/03/08", "2026/03/09", "2026/03/10"):
        Wrote().into(tmp_path, f"{PLACE}/{day}/110000")
    if kind == "bucket":
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="central")
        for file in tmp_path.rglob("*.gz"):
            s3.upload_file(str(file), "central", f"deep/down/{file.relative_to(tmp_path)}")
        s3.put_object(Bucket="central", Key="deep/downward/x/y/z", Body=b"")
    source = Bucket(S3Url.parse("s3://central/deep/down/")) if kind == "bucket" else Directory(tmp_path)
    account, region, name = PLACE.split("/")
    assert (source.folders(""), source.folders(account), source.folders(f"{account}/{region}")) == (
        [account], [region], [name])
    assert source.folders("nobody") == []
    assert len(list(source.files(PLACE))) == 9
    recent = policy_runs(source.files(PLACE, after="2026/03/09"), PLACE)
    assert [run.place for run in recent] == [f"{PLACE}/2026/03/{day}/110000" for day in ("10", "09")]
    assert sorted(recent[0].files) == ["custodian-run.log", "metadata.json", "resources.json"]
    assert source.read(recent[0].files["resources.json"]) == b"[]"
    last = last_run(source, PLACE)
    assert last is not None and last.place == recent[0].place


def test_a_listing_of_many_pages_is_read_to_its_end(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "_PAGE", 2)
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="central")
    for number in range(5):
        s3.put_object(Bucket="central", Key=f"{number}/x", Body=b"")
    source = Bucket(S3Url.parse("s3://central"))
    assert source.folders("") == ["0", "1", "2", "3", "4"]
    assert len(list(source.files(""))) == 5


def test_the_time_of_a_run_is_in_its_folders_name() -> None:
    def when(folder: str, modified: datetime = NOW) -> datetime:
        [run] = policy_runs([File(f"{PLACE}/{folder}/metadata.json.gz", modified)], PLACE)
        return run.when

    assert when("2026/03/01/110203") == datetime(2026, 3, 1, 11, 2, 3, tzinfo=UTC)
    # c7n's own folders are of an hour; a run in it may have been at its end.
    assert when("2026/03/01/11") == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert when("2026/03/01/11", datetime(2026, 3, 1, 11, 20, tzinfo=UTC)) == datetime(2026, 3, 1, 11, 20, tzinfo=UTC)
    # A clock that runs ahead does not hide later answers.
    assert when("2027/01/01/000000") == NOW
    assert when("2026/13/01/110000") == NOW
    assert when("whatever") == NOW


def test_files_directly_in_the_policys_folder_are_a_run() -> None:
    [run] = policy_runs(
        [File(f"{PLACE}/metadata.json", NOW), File(f"{PLACE}/resources.json", NOW - timedelta(1))], PLACE)
    assert (run.place, run.when, set(run.files)) == (PLACE, NOW, {"metadata.json", "resources.json"})


def test_what_is_cut_short_or_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(b"x" * 1000)
    assert outputs.unpacked(packed, "a.gz") == b"x" * 1000
    for broken in (packed[:-9], b"no gzip", b""):
        with pytest.raises(Unreadable, match=r"a\.gz"):
            outputs.unpacked(broken, "a.gz")
    monkeypatch.setattr(outputs, "LARGEST_FILE", 999)
    for name, content in (("a.gz", packed), ("a", b"x" * 1000)):
        with pytest.raises(Unreadable, match="larger than"):
            outputs.unpacked(content, name)


def test_a_source_is_a_bucket_or_a_directory_that_is_there(tmp_path: Path) -> None:
    assert isinstance(source_of("s3://central/p"), Bucket)
    assert isinstance(source_of(str(tmp_path)), Directory)
    with pytest.raises(GuardrailsError, match="no such directory"):
        source_of(str(tmp_path / "nothing"))
