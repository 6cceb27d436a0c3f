"""From outputs to the file of a run: every account, region and policy that should have answered is named."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from custom_actions.exceptions.entries import parse_rule
from guardrails.accounts.account import Account, Accounts
from guardrails.errors import GuardrailsError
from guardrails.policies.policy import Policy
from guardrails.results.exceptions import Exceptions
from guardrails.results.finding import Status
from guardrails.results.state import State
from guardrails.results.store import RunStore
from guardrails.runs.collected_run import CollectedRun, read
from guardrails.runs.collection import NOTES, collect
from guardrails.runs.outputs import Directory, policy_runs
from tests.moto_server import Moto

from .layout import BLUE, FAILED, NOW, PLACE, RED, REGION, Wrote, policy, refused, volumes

DEPLOYED = ("custodian.policy - INFO - Provisioning policy lambda: volumes region: eu-west-1",)
OWNER = Account(RED, "red", (REGION,))


def answer_of(tmp_path: Path, wrote: Wrote, *, place: str = PLACE, of: Policy | None = None) -> CollectedRun | None:
    wrote.into(tmp_path, f"{place}/2026/03/10/110000")
    source = Directory(tmp_path)
    [run] = policy_runs(source.files(place), place)
    return read(source, run, of or policy(), OWNER, REGION)


@pytest.mark.parametrize(("wrote", "state", "reason"), [
    (Wrote(), State.RAN, ""),
    (Wrote(resources=volumes("v-1")), State.RAN, ""),
    # The function failed while it read: it wrote no resources, and its log says why.
    (Wrote(resources=None, counted=None, log=refused("DescribeVolumes")), State.DENIED, "DescribeVolumes"),
    (Wrote(resources=None, counted=None, log=refused("DescribeVolumes", "RequestLimitExceeded")), State.THROTTLED,
     "RequestLimitExceeded"),
    (Wrote(resources=None, counted=None, log=(*FAILED, "botocore.exceptions.Nonsense: boom")), State.ERROR, "boom"),
    (Wrote(resources=None, counted=None), State.NOT_RUN, "wrote no output"),
    # A run of the same hour left its resources where this one failed.
    (Wrote(resources=volumes("v-1"), counted=None, log=refused("DescribeVolumes")), State.DENIED, "DescribeVolumes"),
    (Wrote(resources=volumes("v-1"), counted=0), State.ERROR, "different runs: 0 found, 1 written"),
    (Wrote(resources=[{"VolumeId": "v-1", "c7n:DeniedMethods": ["describe"]}]), State.DENIED, "single resources"),
    (Wrote(resources=volumes("v-1"), more={"unknown.json": [{"resource": "v-2", "reason": "denied"}]}), State.PARTIAL,
     "resources unknown: v-2: denied"),
    (Wrote(resources=volumes("v-1"), counted=0, more={"unknown.json": [{"resource": "v-2", "reason": "denied"}]}),
     State.ERROR, "different runs"),
    (Wrote(more={"unknown.json": [{"resource": "half \ud800", "reason": "denied"}]}), State.ERROR, "surrogate"),
    (Wrote(more={"unknown.json": {"v-2": "denied"}}), State.ERROR, "unknown.json"),
    (Wrote(account=BLUE), State.ERROR, f"metadata is of account {BLUE}"),
    (Wrote(region="us-east-1"), State.ERROR, "metadata is of region us-east-1"),
    (Wrote(policy="other"), State.ERROR, "metadata is of policy other"),
])
def test_only_a_whole_output_has_run(tmp_path: Path, wrote: Wrote, state: State, reason: str) -> None:
    answer = answer_of(tmp_path, wrote)
    assert answer is not None
    assert answer.state is state, answer
    assert reason in answer.reason


@pytest.mark.parametrize("wrote", [
    Wrote(resources=None, counted=None, log=DEPLOYED),
    Wrote(mode="config-rule", resources=volumes("v-1"), counted=None),
    Wrote(mode="cloudtrail", resources=volumes("v-1"), counted=None),
])
def test_a_deployment_and_an_event_are_no_answer(tmp_path: Path, wrote: Wrote) -> None:
    assert answer_of(tmp_path, wrote) is None


def test_a_dry_run_of_a_policy_on_events_is_an_answer(tmp_path: Path) -> None:
    answer = answer_of(tmp_path, Wrote(mode="config-rule", dryrun=True, resources=volumes("v-1")))
    assert answer is not None and answer.state is State.RAN


def test_a_fix_that_fails_after_all_was_seen_takes_nothing_from_what_was_seen(tmp_path: Path) -> None:
    answer = answer_of(tmp_path, Wrote(resources=volumes("v-1"), log=refused("Publish", "AuthorizationError")))
    assert answer is not None
    assert (answer.state, len(answer.resources)) == (State.RAN, 1)
    assert answer.trouble.startswith("its actions failed: ") and "AuthorizationError" in answer.trouble


def test_a_warning_of_an_action_is_no_failure(tmp_path: Path) -> None:
    answer = answer_of(tmp_path, Wrote(log=("custodian.actions - WARNING - skipped one",)))
    assert answer is not None and (answer.state, answer.trouble) == (State.RAN, "")


def test_what_is_cut_short_is_an_error(tmp_path: Path) -> None:
    Wrote().into(tmp_path, f"{PLACE}/2026/03/10/110000")
    for name in ("resources.json.gz", "metadata.json.gz", "custodian-run.log.gz"):
        file = tmp_path / PLACE / "2026/03/10/110000" / name
        whole = file.read_bytes()
        file.write_bytes(whole[:-10])
        source = Directory(tmp_path)
        [run] = policy_runs(source.files(PLACE), PLACE)
        answer = read(source, run, policy(), OWNER, REGION)
        assert answer is not None and answer.state is State.ERROR and name in answer.reason
        file.write_bytes(whole)


def test_without_metadata_it_did_not_end(tmp_path: Path) -> None:
    place = f"{PLACE}/2026/03/10/110000"
    Wrote().into(tmp_path, place)
    (tmp_path / place / "metadata.json.gz").unlink()
    source = Directory(tmp_path)
    [run] = policy_runs(source.files(PLACE), PLACE)
    answer = read(source, run, policy(), OWNER, REGION)
    assert answer is not None and (answer.state, answer.reason) == (State.NOT_RUN, "it was started but did not finish")


# Into the run's file.


def checks(store: RunStore) -> dict[tuple[str, str, str], tuple[str, str]]:
    return {(row.account_name, row.region, row.policy): (row.state, row.reason) for row in store.checks()}


def collected(
    source: Path | str, tmp_path: Path, policies: Sequence[Policy], *, accounts: Iterable[Account] | None = None,
    since: datetime | None = None, variables: Mapping[str, Any] | None = None, chosen: set[str] | None = None,
) -> RunStore:
    target = tmp_path / "report"
    target.mkdir(parents=True, exist_ok=True)
    known = None if accounts is None else Accounts(tuple(accounts), (), variables or {})
    return collect(str(source), accounts=known, policies=policies, target=target, since=since, now=NOW, chosen=chosen)


@pytest.fixture
def bucket(moto: Moto, tmp_path: Path) -> Any:
    """Puts runs under s3://central/guardrails; LastModified is the time of the test, which is later."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="central")

    def put(wrote: Wrote, when: datetime, *, account: str = "") -> None:
        folder = f"{account or wrote.account}/{wrote.region}/{wrote.policy}/{when:%Y/%m/%d/%H%M%S}"
        for name, content in wrote.files().items():
            s3.put_object(Bucket="central", Key=f"guardrails/{folder}/{name}", Body=content)

    return put


URL = "s3://central/guardrails"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_the_newest_output_of_each_account_is_the_answer(bucket: Any, tmp_path: Path) -> None:
    bucket(Wrote(resources=volumes("v-old")), NOW - DAY)
    bucket(Wrote(resources=volumes("v-1", "v-2")), NOW - HOUR)
    bucket(Wrote(account=BLUE), NOW - 2 * HOUR)
    with collected(URL, tmp_path, [policy()]) as store:
        assert checks(store) == {
            (RED, REGION, "volumes"): ("ran", ""), (BLUE, REGION, "volumes"): ("ran", "")}
        found = list(store.findings())
        assert [(f.account, f.region, f.resource) for f in found] == [(RED, REGION, "v-1"), (RED, REGION, "v-2")]
        assert found[0].arn == f"arn:aws:ec2:{REGION}:{RED}:volume/v-1"
        assert [(a.id, a.regions) for a in store.accounts()] == [(RED, (REGION,)), (BLUE, (REGION,))]
        assert "only accounts with output" in store[NOTES][0]
        assert (store["verb"], bool(store["scope"])) == ("report", True)


def test_a_report_is_as_new_as_its_newest_answer(bucket: Any, tmp_path: Path) -> None:
    bucket(Wrote(), NOW - 3 * HOUR)
    bucket(Wrote(account=BLUE), NOW - 5 * HOUR)
    with collected(URL, tmp_path, [policy()]) as store:
        assert store["started"] == store["finished"] == (NOW - 3 * HOUR).isoformat()


def test_a_report_is_not_older_than_one_before_it(bucket: Any, tmp_path: Path) -> None:
    hourly = policy("hourly")
    hourly = replace(hourly, data={**hourly.data, "mode": {**hourly.mode, "schedule": "rate(1 hour)"}})
    bucket(Wrote(policy="hourly"), NOW - 3 * HOUR)
    bucket(Wrote(), NOW - 5 * HOUR)
    # Three hours ago the newest answer was the hourly policy's, which is silent since.
    with collected(URL, tmp_path, [policy(), hourly]) as store:
        assert sorted(state for state, _ in checks(store).values()) == ["not-run", "ran"]
        assert store["started"] == (NOW - 3 * HOUR).isoformat()


def test_what_should_have_answered_and_did_not_is_named(bucket: Any, tmp_path: Path) -> None:
    bucket(Wrote(), NOW - HOUR)
    bucket(Wrote(account="333333333333"), NOW - HOUR)
    asked = [Account(RED, "red", (REGION, "us-east-1")), Account(BLUE, "blue", (REGION,))]
    policies = [
        policy(), policy("users", "aws.iam-user"), policy("event", mode="cloudtrail"), policy("hand", mode="pull")]
    none = f"no output under {URL}"
    with collected(URL, tmp_path, policies, accounts=asked) as store:
        assert checks(store) == {
            ("red", REGION, "volumes"): ("ran", ""), ("red", "us-east-1", "volumes"): ("not-run", none),
            ("red", "global", "users"): ("not-run", none), ("blue", "global", "users"): ("not-run", none),
            ("blue", REGION, "volumes"): ("not-run", none),
        }
        assert store[NOTES] == ["not in accounts.yml, and therefore not in this report: 333333333333"]
        # What judges events is counted; what nobody runs on a schedule is known, and was not asked.
        assert set(store.policies()) == {"volumes", "users", "event"}
        assert set(store["not_chosen"]) == {"hand"}


def test_only_what_was_chosen_should_have_answered(bucket: Any, tmp_path: Path) -> None:
    bucket(Wrote(), NOW - HOUR)
    policies = [policy(), policy("users", "aws.iam-user"), policy("event", mode="cloudtrail")]
    with collected(URL, tmp_path, policies, chosen={"volumes"}) as store:
        assert checks(store) == {(RED, REGION, "volumes"): ("ran", "")}
        assert set(store["not_chosen"]) == {"users", "event"}


@pytest.mark.parametrize(("age", "state"), [(47 * HOUR, "ran"), (49 * HOUR, "not-run"), (40 * DAY, "not-run")])
def test_an_answer_is_good_for_two_intervals(bucket: Any, tmp_path: Path, age: timedelta, state: str) -> None:
    bucket(Wrote(resources=volumes("v-1")), NOW - age)
    with collected(URL, tmp_path, [policy()]) as store:
        [(found, reason)] = checks(store).values()
        assert found == state
        if state == "not-run":
            assert reason.startswith(f"its last output is from {NOW - age:%Y-%m-%d %H:%M} UTC, ")
            assert not list(store.findings())


def test_a_deployment_does_not_hide_the_answer_before_it(bucket: Any, tmp_path: Path) -> None:
    bucket(Wrote(resources=volumes("v-1")), NOW - 2 * HOUR)
    bucket(Wrote(resources=None, counted=None, log=DEPLOYED), NOW - HOUR)
    with collected(URL, tmp_path, [policy()]) as store:
        assert list(checks(store).values()) == [("ran", "")]
        assert len(list(store.findings())) == 1


def test_a_failure_after_a_success_counts(bucket: Any, tmp_path: Path) -> None:
    bucket(Wrote(), NOW - 2 * HOUR)
    bucket(Wrote(resources=None, counted=None, log=refused("DescribeVolumes")), NOW - HOUR)
    with collected(URL, tmp_path, [policy()]) as store:
        [(state, reason)] = checks(store).values()
        assert state == "denied" and "DescribeVolumes" in reason


def test_what_is_the_whole_accounts_may_come_from_any_region(bucket: Any, tmp_path: Path) -> None:
    users = policy("users", "aws.iam-user")
    user = {"UserName": "u", "Arn": f"arn:aws:iam::{RED}:user/u"}
    bucket(Wrote(policy="users", region="us-east-1", resources=[user]), NOW - HOUR)
    bucket(Wrote(policy="users", resources=None, counted=None, log=refused("ListUsers", "AccessDenied")), NOW - HOUR)
    with collected(URL, tmp_path, [users], accounts=[Account(RED, "red", (REGION,))]) as store:
        assert checks(store) == {("red", "global", "users"): ("ran", "")}
        assert [finding.region for finding in store.findings()] == ["global"]


def test_what_the_function_put_right_and_read_again_is_fixed(bucket: Any, tmp_path: Path) -> None:
    begun = NOW - HOUR

    def receipt(resource: str, outcome: str, at: datetime) -> dict[str, Any]:
        return {"resource": resource, "outcome": outcome, "at": at.isoformat(timespec="seconds")}

    bucket(Wrote(resources=volumes("v-1", "v-2", "v-3"), began=begun, more={"action-fix": [
        receipt("v-1", "reverted", begun), receipt("v-2", "failed", begun),
        # Left over from an earlier run of the same hour: found again since.
        receipt("v-3", "reverted", begun - timedelta(minutes=9)),
    ]}), begun)
    with collected(URL, tmp_path, [policy()]) as store:
        assert [f.resource for f in store.findings(Status.FIXED)] == ["v-1"]
        assert [f.resource for f in store.findings(Status.OPEN)] == ["v-2", "v-3"]


def test_what_an_exception_let_off_is_in_the_report(bucket: Any, tmp_path: Path) -> None:
    bucket(Wrote(resources=volumes("v-1"), more={"excepted.json": volumes("v-2")}), NOW - HOUR)
    with collected(URL, tmp_path, [policy()]) as store:
        assert [row.matched for row in store.checks()] == [2]
        assert [finding.resource for finding in store.findings()] == ["v-1", "v-2"]


def test_an_exception_by_name_can_be_applied_to_what_was_collected(bucket: Any, tmp_path: Path) -> None:
    group = {"GroupId": "sg-1", "GroupName": "k8s-web", "Tags": [{"Key": "team", "Value": "web"}]}
    bucket(Wrote(resources=[group]), NOW - HOUR)
    with collected(URL, tmp_path, [policy(resource="aws.security-group")]) as store:
        [finding] = store.findings()
        assert (finding.name, finding.tags) == ("k8s-web", {"team": "web"})
        entry = {"policy": finding.policy, "account": finding.account, "name": "k8s-*", "tags": {"team": "*"},
                 "reason": "r", "owner": "o", "expires": "2999-01-01"}
        store.change_each(Exceptions(rules=(parse_rule(entry),), lines=(1,)).apply)
        assert [finding.status for finding in store.findings()] == [Status.EXCEPTED]
        # The decision depends on the tags, so others than ours are not read.
        store._connection.execute("update findings set tags = '[\"team\"]'")
        with pytest.raises(GuardrailsError, match="tags must be strings"):
            list(store.findings())


OFF = {"conditions": [{"type": "value", "key": "policy.metadata.profile", "op": "in", "value": "{profiles}"}],
       "metadata": {"profile": "brave", "parameters": {"profiles": []}}}


def test_a_policy_whose_profile_nobody_chose_is_skipped(bucket: Any, tmp_path: Path) -> None:
    bucket(Wrote(), NOW - HOUR)
    bold = Account(BLUE, "blue", (REGION,), {"vars": {"profiles": ["brave"]}})
    with collected(
        URL, tmp_path, [policy(), policy("extra", **OFF)], accounts=[Account(RED, "red", (REGION,)), bold]
    ) as store:
        assert checks(store)["red", REGION, "extra"] == ("skipped", "its conditions are not met here")
        assert checks(store)["blue", REGION, "extra"] == ("not-run", f"no output under {URL}")


def test_a_profile_that_was_on_is_not_taken_for_off_where_nobody_says_so(bucket: Any, tmp_path: Path) -> None:
    bucket(Wrote(policy="extra"), NOW - 9 * DAY)
    with collected(URL, tmp_path, [policy("extra", **OFF)]) as store:
        [(state, reason)] = checks(store).values()
        assert state == "not-run" and "9 days old" in reason


def test_a_bucket_that_refuses_is_an_error_of_the_user_and_one_file_is_not(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(GuardrailsError, match="NoSuchBucket"):
        collected("s3://elsewhere/x", tmp_path, [policy()])
    bucket(Wrote(), NOW - HOUR)
    bucket(Wrote(account=BLUE), NOW - HOUR)
    from guardrails.runs.outputs import Bucket

    real = Bucket.read

    def refuse(self: Bucket, path: str) -> bytes:
        if path.startswith(BLUE):
            return real(self, path + ".not")
        return real(self, path)

    monkeypatch.setattr(Bucket, "read", refuse)
    with collected(URL, tmp_path, [policy()]) as store:
        assert checks(store)[RED, REGION, "volumes"] == ("ran", "")
        state, reason = checks(store)[BLUE, REGION, "volumes"]
        assert state == "error" and "NoSuchKey" in reason


def test_a_directory_of_c7n_org_holds_what_one_start_was_given(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Wrote(mode="config-rule", dryrun=True, resources=volumes("v-1")).into(out, f"red/{REGION}/volumes", plain=True)
    Wrote(account=BLUE, mode="config-rule", dryrun=True).into(out, f"blue/{REGION}/volumes", plain=True)
    # Written by no run that is known to be that account's.
    Wrote(account="", policy="other").into(out, f"green/{REGION}/other", plain=True)
    policies = [policy(mode="config-rule"), policy("other"), policy("never")]
    with collected(out, tmp_path, policies) as store:
        assert [(a.id, a.name) for a in store.accounts()] == [(BLUE, "blue"), ("green", "green"), (RED, "red")]
        states = {key: state for key, (state, _) in checks(store).items()}
        assert states == {
            ("red", REGION, "volumes"): "ran", ("blue", REGION, "volumes"): "ran", ("green", REGION, "other"): "ran",
            ("green", REGION, "volumes"): "not-run", ("red", REGION, "other"): "not-run",
            ("blue", REGION, "other"): "not-run",
        }
        assert [finding.account for finding in store.findings()] == [RED]
    with collected(out, tmp_path / "later", policies, since=NOW + 365 * 10 * DAY) as store:
        assert {state for state, _ in checks(store).values()} == {"not-run"}


def test_what_names_no_account_is_said_to_be_unread(tmp_path: Path) -> None:
    out = tmp_path / "out"
    Wrote().into(out, f"red/{REGION}/volumes")
    # `custodian run -s DIR` over several regions: whose it is, nothing says.
    Wrote().into(out, f"{REGION}/volumes", plain=True)
    with collected(out, tmp_path, [policy()], accounts=[OWNER]) as store:
        assert store[NOTES] == [f"not read, because it is not ACCOUNT/REGION/POLICY: {REGION}"]
        assert list(checks(store).values()) == [("ran", "")]


def test_a_source_without_any_output_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    with pytest.raises(GuardrailsError, match="no output of any of the 1 policies"):
        collected(tmp_path, tmp_path, [policy()])


def test_regions_of_an_account_that_nobody_could_ask_are_those_seen(bucket: Any, tmp_path: Path) -> None:
    bucket(Wrote(), NOW - HOUR)
    bucket(Wrote(region="us-east-1"), NOW - HOUR)
    everywhere = [Account(RED, "red", ("all",)), Account(BLUE, "blue", ("all",))]
    with collected(URL, tmp_path, [policy()], accounts=everywhere) as store:
        assert {key: state for key, (state, _) in checks(store).items()} == {
            ("red", REGION, "volumes"): "ran", ("red", "us-east-1", "volumes"): "ran",
            ("blue", REGION, "volumes"): "not-run", ("blue", "us-east-1", "volumes"): "not-run"}
