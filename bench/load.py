"""What load the product holds: many groups audited, many findings healed, and a burst of events at a realtime function.

    ./run.sh python bench/load.py                                   # small sizes
    ./run.sh python bench/load.py audit --groups 1000 10000         # of ten rules each
    ./run.sh python bench/load.py heal --findings 250 1000
    ./run.sh python bench/load.py burst --events 1000 --over 50 --instances 8

The account is moto's server of bench/audit.py, in a process of its own, which counts what it is asked. Prints for each
size: seconds, the most memory of all processes together (PSS), and the calls; with several sizes also the order of
growth of the time (1: as the size). Exits with an error when something is lost, doubled, or done again and again:

* audit: each group that is open is a finding, and no other; the number of calls does not grow with the findings.
* heal: each finding has one receipt, each open rule is revoked in one call, and nothing is left.
* burst: each event is handled once and none fails, each rule that was opened is closed by exactly one receipt, and
  there is no call after the last event.
"""
from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import yaml
from c7n.config import Config
from c7n.policy import PolicyCollection
from c7n.resources import load_resources
from c7n.resources.aws import AWS

from bench.harness.cloud import HOME, REGION, ROOT, Cloud, cloud

POLICY = "security-group-admin-ports"
REALTIME = "security-group-admin-ports-revert"
RULES = 10
"""In each group of the audit."""
PORTS = (20, 21, 22, 23, 111, 135, 137, 138, 139, 389, 445, 512, 513, 514, 1433, 1434, 1521, 2049, 3306, 3389, 5432)
"""Ports that the realtime policy closes to the internet."""


def run(where: Cloud, directory: Path, *command: str) -> tuple[float, float, Counter[str]]:
    """Run a command: its seconds, the most memory, and the calls that it made."""
    used = where.run(command, cwd=directory, more={"PYTHONPATH": str(ROOT)})
    return used.wall, used.memory, Counter(used.calls)


def check(condition: bool, problem: str) -> None:
    """End with the problem unless the condition holds."""
    if not condition:
        raise SystemExit(problem)


def group(ec2: Any, name: str, permissions: Sequence[Mapping[str, Any]]) -> str:
    """A security group with these rules."""
    made: str = ec2.create_security_group(GroupName=name, Description="bench")["GroupId"]
    if permissions:
        ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=list(permissions))
    return made


def opened(port: int, *cidrs: str) -> dict[str, Any]:
    """A permission for a TCP port."""
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": each} for each in cidrs]}


def guardrails(verb: str, output: Path, *more: str) -> list[str]:
    """The command line of a verb on the policy."""
    start = "from guardrails.cli.main import main; main()"
    return [sys.executable, "-c", start, verb, "-r", REGION, "--policy", POLICY, "-o", str(output), *more]


# -- three kinds of load ------------------------------------------------------------------------------------------


def audit(where: Cloud, directory: Path, size: int) -> tuple[float, float, Counter[str]]:
    """So many groups with ten rules each; every tenth is open."""
    ec2 = boto3.client("ec2")
    inside = [opened(443, *(f"10.{n}.0.0/16" for n in range(RULES - 1)))]
    expected = {
        group(ec2, f"g-{n}", [*inside, opened(22, "10.0.0.0/8" if n % 10 else "0.0.0.0/0")]): n for n in range(size)}
    measured = run(where, directory, *guardrails("audit", directory / "audit", "--history", "none", "--format", "json"))
    [report] = (directory / "audit").glob("*.json")
    found = Counter(each["resource"] for each in json.loads(report.read_text())["findings"])
    check(found == Counter(each for each, n in expected.items() if n % 10 == 0), "findings are lost or doubled")
    check(measured[2]["ec2 DescribeSecurityGroups"] <= size / 100 + 10, f"too many calls: {measured[2]}")
    return measured


def heal(where: Cloud, directory: Path, size: int) -> tuple[float, float, Counter[str]]:
    """So many groups that are open."""
    ec2 = boto3.client("ec2")
    groups = [group(ec2, f"g-{n}", [opened(22, "0.0.0.0/0"), opened(443, "0.0.0.0/0")]) for n in range(size)]
    measured = run(where, directory, *guardrails("heal", directory / "heal", "--yes", "--limit", str(size)))
    made = json.loads((directory / "heal/receipts.json").read_text())
    check(Counter(each["resource"] for each in made) == Counter(groups), "receipts are lost or doubled")
    check({each["outcome"] for each in made} == {"reverted"}, "a finding was not fixed")
    check(measured[2]["ec2 RevokeSecurityGroupIngress"] == size, f"not one revocation for each: {measured[2]}")
    left = [rule for page in ec2.get_paginator("describe_security_groups").paginate() for each in page["SecurityGroups"]
            for rule in each["IpPermissions"] if rule.get("FromPort") == 22]
    check(not left, "a rule is left")
    return measured


def burst(where: Cloud, directory: Path, size: int, over: int, instances: int) -> tuple[float, float, Counter[str]]:
    """So many events, in turn over some groups, for so many instances of the function."""
    ec2 = boto3.client("ec2")
    boto3.client("sns").create_topic(Name="guardrails-compliance")
    groups = [group(ec2, f"g-{n}", ()) for n in range(over)]
    check(size <= over * len(PORTS), f"at most {len(PORTS)} events for each group")
    events = [opening(ec2, groups[n % over], PORTS[n // over]) for n in range(size)]
    (directory / "config.json").write_text(json.dumps({
        "policies": [_deployed()],
        "execution-options": {"output_dir": str(directory), "account_id": HOME, "region": REGION}}))
    for number in range(instances):
        (directory / f"events-{number}.json").write_text(json.dumps(events[number::instances]))
    measured = run(where, directory, sys.executable, __file__, "--drive", str(instances))
    records = [json.loads(line) for path in directory.glob("result-*.jsonl") for line in path.read_text().splitlines()]
    ended = [each for each in records if "event" in each]
    check(Counter(each["event"] for each in ended) == Counter(each["detail"]["eventID"] for each in events),
          "events are lost or doubled")
    check(not (failed := [each["error"] for each in ended if each["error"]]), f"events failed: {failed[:3]}")
    removed = Counter(
        rule["SecurityGroupRuleId"] for each in records if "receipt" in each for rule in each["receipt"]["removed"])
    wanted = Counter(
        rule["securityGroupRuleId"] for each in events
        for rule in each["detail"]["responseElements"]["securityGroupRuleSet"]["items"])
    check(removed == wanted, f"rules closed {removed.total()}, of them different {len(removed)}, opened {size}")
    left = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": groups}])["SecurityGroupRules"]
    check(all(rule["IsEgress"] for rule in left), "a rule is left")
    check(not where.asked()[1:], "the function goes on")  # one call is the one above
    return measured


def opening(ec2: Any, group_id: str, port: int) -> dict[str, Any]:
    """Open a port to the world, and the event of it."""
    [rule] = ec2.authorize_security_group_ingress(
        GroupId=group_id, IpPermissions=[opened(port, "0.0.0.0/0")])["SecurityGroupRules"]
    return {
        "source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "account": HOME, "region": REGION,
        "detail": {
            "eventName": "AuthorizeSecurityGroupIngress", "eventSource": "ec2.amazonaws.com",
            "eventID": f"e-{rule['SecurityGroupRuleId']}",
            "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "awsRegion": REGION, "sourceIPAddress": "192.0.2.1", "recipientAccountId": HOME,
            "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{HOME}:user/script", "accountId": HOME},
            "requestParameters": {"groupId": group_id},
            "responseElements": {"securityGroupRuleSet": {"items": [{
                "securityGroupRuleId": rule["SecurityGroupRuleId"], "groupId": group_id, "isEgress": False,
                "ipProtocol": "tcp", "fromPort": port, "toPort": port, "cidrIpv4": "0.0.0.0/0"}]}},
        },
    }


def _deployed() -> dict[str, Any]:
    """The policy as the function's archive has it: with the values of its parameters."""
    file = yaml.safe_load((ROOT / "policies/realtime/security-group.yml").read_text())
    [policy] = [each for each in file["policies"] if each["name"] == REALTIME]
    load_resources([policy["resource"]])
    options = AWS().initialize(Config.empty(region=REGION, account_id=HOME, output_dir="", cache_period=0))
    [filled] = PolicyCollection.from_data({"policies": [policy]}, options)
    filled.expand_variables(filled.get_variables({}))
    return dict(filled.data)


def drive(instances: int) -> None:
    """Run so many instances of the function at once, each a process, as Lambda does; wait for all."""
    children = [subprocess.Popen([sys.executable, __file__, "--instance", str(n)]) for n in range(instances)]
    sys.exit(max(child.wait() for child in children))


def instance(number: int) -> None:
    """One instance: hand its events to the real entry point, and write down how each ended, and the receipts."""
    import logging

    from custom_actions import lambda_entry

    class Receipts(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            _, receipt, text = record.getMessage().partition(" receipt {")
            if receipt:
                print(json.dumps({"receipt": json.loads("{" + text)}), file=out)

    with Path(f"result-{number}.jsonl").open("w") as out:
        logging.getLogger("custodian").setLevel(logging.INFO)
        logging.getLogger("custodian.actions").addHandler(Receipts())
        for event in json.loads(Path(f"events-{number}.json").read_text()):
            problem = ""
            try:
                if not lambda_entry.run(event, None):
                    problem = "ignored"
            except Exception as error:  # noqa: BLE001 - Lambda counts it, whatever it is
                problem = f"{type(error).__name__}: {error}"
            print(json.dumps({"event": event["detail"]["eventID"], "error": problem}), file=out)


# -- the table ----------------------------------------------------------------------------------------------------


def measure(name: str, sizes: Sequence[int], options: argparse.Namespace) -> None:
    """Each size in an empty account; prints a row for each."""
    first: tuple[int, float] | None = None
    for size in sorted(sizes):
        with cloud() as where, tempfile.TemporaryDirectory() as directory:
            where.use()
            here = Path(directory)
            if name == "burst":
                seconds, peak, calls = burst(where, here, size, options.over, options.instances)
            else:
                seconds, peak, calls = {"audit": audit, "heal": heal}[name](where, here, size)
        first = first or (size, seconds)
        order = f"{math.log(seconds / first[1]) / math.log(size / first[0]):6.2f}" if size > first[0] else f"{'-':>6}"
        named = ", ".join(f"{number} {call.partition(' ')[2]}" for call, number in calls.most_common(5))
        print(f"{name:6} {size:7} {seconds:9.1f} {order} {peak:7.0f} {calls.total():8}  {named}", flush=True)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", help="[all]")
    parser.add_argument("--groups", type=int, nargs="+", default=[100], metavar="N", help="audited [100]")
    parser.add_argument("--findings", type=int, nargs="+", default=[20], metavar="N", help="healed [20]")
    parser.add_argument("--events", type=int, nargs="+", default=[50], metavar="N", help="in the burst [50]")
    parser.add_argument("--over", type=int, default=5, metavar="N", help="groups that the events are about [5]")
    parser.add_argument("--instances", type=int, default=4, metavar="N", help="of the function at once [4]")
    parser.add_argument("--drive", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--instance", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive is not None:
        drive(options.drive)
    elif options.instance is not None:
        instance(options.instance)
    else:
        print(f"{'load':6} {'size':>7} {'seconds':>9} {'order':>6} {'MiB':>7} {'calls':>8}  most frequent")
        for name in options.which or ("audit", "heal", "burst"):
            measure(name, {"audit": options.groups, "heal": options.findings, "burst": options.events}[name], options)


if __name__ == "__main__":
    main()
