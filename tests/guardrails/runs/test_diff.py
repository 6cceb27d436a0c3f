"""`diff`: two versions of a policy directory on one account, and what stays unknown."""
from __future__ import annotations

import json
from pathlib import Path

from guardrails.policies.policy import Policy, load
from guardrails.report.diff_comment import comment_on
from guardrails.results.finding import Finding
from guardrails.runs.diff import PolicyChange, PolicyDiff, differences, policy_changes
from guardrails.runs.diff import VersionFindings as Side

from ..conftest import BLUE, HOME, Cloud, guardrails

OLD = """\
policies:
  - name: open-ssh
    resource: aws.security-group
    filters:
      - {type: ingress-drift, forbidden: [tcp 22 from world]}
  - name: same
    resource: aws.iam-user
  - name: gone
    resource: aws.iam-user
    filters: [{UserName: ann}]
  - name: described-differently
    resource: aws.iam-user
    description: one
  - name: on-an-event
    resource: aws.iam-user
    mode: {type: cloudtrail, events: [{source: iam.amazonaws.com, event: CreateUser, ids: requestParameters.userName}]}
"""
NEW = (
    OLD.replace("[tcp 22 from world]", "[tcp 3389 from world]").replace("name: gone", "name: come")
    .replace("description: one", "description: two\n    actions: [{type: tag, tags: {a: b}}]")
    .replace("event: CreateUser", "event: DeleteUser")
)


def directories(tmp_path: Path) -> tuple[Path, Path]:
    for name, text in (("old", OLD), ("new", NEW)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "p.yml").write_text(text)
    return tmp_path / "old", tmp_path / "new"


def test_what_is_matched_now_and_no_longer(cloud: Cloud, tmp_path: Path) -> None:
    old, new = directories(tmp_path)
    ssh = cloud.open_group(HOME, "us-east-1")
    ec2 = cloud.client("ec2")
    rdp = ec2.create_security_group(GroupName="rdp", Description="d")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=rdp, IpProtocol="tcp", FromPort=3389, ToPort=3389, CidrIp="0.0.0.0/0")
    cloud.client("iam").create_user(UserName="ann")
    result = guardrails("diff", old, new, "-r", "us-east-1", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "**2 newly matched, 2 no longer matched**; 5 policies changed, 1 did not." in lines
    assert "| open-ssh | changed | 1 | 1 | 1 | 1 | 0 |" in lines
    assert "| gone | removed | 1 | 0 | 0 | 1 | 0 |" in lines
    assert "| come | added | 0 | 1 | 1 | 0 | 0 |" in lines
    by_name = {each["policy"]: each for each in json.loads((tmp_path / "out/diff.json").read_text())}
    assert [finding["resource"] for finding in by_name["open-ssh"]["newly"]] == [rdp]
    assert [finding["resource"] for finding in by_name["open-ssh"]["no_longer"]] == [ssh]
    assert set(by_name) == {"open-ssh", "gone", "come"}
    assert "- described-differently: actions changed, but not which resources it matches" in lines
    assert "- on-an-event (changed) handles events: guardrails replay shows what it does with one" in lines


def finding(resource: str, account: str = HOME, region: str = "us-east-1") -> Finding:
    return Finding(
        account=account, account_name=account, region=region, policy="open-ssh", resource_type="aws.security-group",
        resource=resource, arn="", severity="high", title="t", response="none")


def ssh(tmp_path: Path) -> PolicyChange:
    old, new = directories(tmp_path)
    before: list[Policy] = load(old)
    return next(each for each in policy_changes(before, load(new)) if each.name == "open-ssh")


def test_where_one_sweep_did_not_see_nothing_is_new_and_nothing_is_gone(tmp_path: Path) -> None:
    place = (BLUE, "us-east-1", "open-ssh")
    stays, seen, unseen = finding("sg-1"), finding("sg-2"), finding("sg-3", BLUE)
    policy = ssh(tmp_path)
    [one] = differences([policy], Side([stays], {place: "denied: no way in"}), Side([stays, seen, unseen]))
    assert (one.newly, one.no_longer, one.unsure) == ((seen,), (), (unseen,))
    assert one.missing == (f"before, {BLUE} us-east-1: denied: no way in",)
    [other] = differences([policy], Side([stays, seen, unseen]), Side([stays], {place: "denied: no way in"}))
    assert (other.newly, other.no_longer, other.unsure) == ((), (seen,), (unseen,))
    text = comment_on(PolicyDiff([policy], 0, [other]))
    assert "**INCOMPLETE: 1 policies could not be evaluated everywhere. 0 newly matched, 1 no longer matched**" in text
    assert "| open-ssh | changed | 3 | 1 | 0 | 1 | 1 in 1 places |" in text


def test_a_long_list_is_cut_and_says_so(tmp_path: Path) -> None:
    policy = ssh(tmp_path)
    found = differences([policy], Side(), Side([finding(f"sg-{number}") for number in range(60)]))
    assert "- and 10 more" in comment_on(PolicyDiff([policy], 0, found))


def test_a_comment_stays_within_what_github_takes(tmp_path: Path) -> None:
    policy = ssh(tmp_path)
    found = differences([policy] * 30, Side(), Side([finding("sg-" + str(number) * 40) for number in range(60)]))
    text = comment_on(PolicyDiff([policy], 0, found))
    assert 50_000 < len(text) < 65_536
    assert "more policies are in diff.json." in text.splitlines()[-1]


def test_two_equal_directories_need_no_account(tmp_path: Path) -> None:
    old, _ = directories(tmp_path)
    result = guardrails("diff", old, old, "-o", tmp_path / "out")
    assert result.exit_code == 0
    assert "0 policies changed, 5 did not." in result.stdout
