"""From an event to a closed rule: a deployed realtime function against a bare boto3 function. `./run.sh bench event`

The function is the archive of a policy as c7n deploys it, unpacked, in a Python that has boto3 and nothing of this
project (the sandbox's `.venv-lambda`). The bare function has boto3 alone: it reads the group's rules and revokes those
that are open to the internet. Each round starts both in turn, in new processes, and gives each a first event (cold),
then more (warm). Each event is of a group that was opened just before. *Fixed* is when the server has answered the call
that closes the rule, *answered* is when the handler has returned. Moto's server answers each call a little later, as
AWS does. It fails when a rule is still open, or was revoked twice.

    ./run.sh python -m bench.event --python Ximporttime   # starts our function with an option of the interpreter
"""
from __future__ import annotations

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from custom_actions.names import STATE_TABLE
from guardrails.sandbox.runtime import ensure_runtime

from .harness import Benchmark, Failed, Option, Section, Table, say
from .harness.cloud import HOME, REGION, Cloud, served

POLICY = "security-group-admin-ports-revert"
OURS, BARE = "ours", "bare"
_BARE = '''
import boto3

ec2 = boto3.client("ec2")


def run(event, context):
    group = event["detail"]["requestParameters"]["groupId"]
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    opened = [rule["SecurityGroupRuleId"] for rule in rules
              if not rule["IsEgress"] and rule.get("CidrIpv4") == "0.0.0.0/0"]
    if opened:
        ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=opened)
    return bool(opened)
'''
# What Lambda's runtime does: import the handler, then call it with one event after the other.
_WORKER = '''
import importlib, json, os, sys, time, types
answers, sys.stdout = sys.stdout, sys.stderr
sys.path.insert(0, os.getcwd())
module, _, name = os.environ["_HANDLER"].rpartition(".")
handler = getattr(importlib.import_module(module), name)
context = types.SimpleNamespace(
    function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"], invoked_function_arn=os.environ["FUNCTION_ARN"])
for line in sys.stdin:
    answer = handler(json.loads(line), context)
    print(json.dumps([bool(answer), time.process_time()]), file=answers, flush=True)
'''


@contextmanager
def timed_cloud(latency: float) -> Iterator[Cloud]:
    """A server that keeps when it answered each call, each `latency` seconds late."""
    with served("bench.harness.timed", str(latency)) as endpoint:
        yield Cloud(endpoint)


@dataclass(frozen=True)
class Function:
    """Unpacked code, and its handler."""

    directory: Path
    handler: str


def archive() -> bytes:
    """The archive that c7n deploys for the policy into the account, a zip file."""
    from c7n import mu

    from guardrails.accounts import Account
    from guardrails.deployment.blueprints import blueprint, code
    from guardrails.policies import load

    [policy] = [each for each in load() if each.name == POLICY]
    function = blueprint(policy, Account(HOME, "bench", (REGION,)), REGION, {}).function
    function.archive = mu.PythonPackageArchive(cache_file=code(tuple(function.packages or ())).path)
    data: bytes = function.get_archive().get_bytes()
    return data


def unpacked(directory: Path) -> dict[str, Function]:
    """Both functions, unpacked below the directory."""
    bare, ours = directory / BARE, directory / OURS
    bare.mkdir()
    (bare / "bare.py").write_text(_BARE)
    zipfile.ZipFile(io.BytesIO(archive())).extractall(ours)
    return {BARE: Function(bare, "bare.run"), OURS: Function(ours, "custom_actions.lambda_entry.run")}


class Container:
    """A process that runs a function, as an execution environment of Lambda does."""

    def __init__(self, function: Function, python: Path, where: Cloud, *options: str) -> None:
        self._stack, name = ExitStack(), f"custodian-{POLICY}"
        # Not a pipe: nobody reads it, and a full one would stop the function.
        self._log = self._stack.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115 - close() does
        # -B: what is unpacked in Lambda cannot be written to, so nothing that is compiled there is kept.
        self._process = subprocess.Popen(
            [str(python), "-I", "-B", *options, "-c", _WORKER], cwd=function.directory, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=None if options else self._log, text=True, env={
                **{key: value for key, value in where.environment().items() if key.startswith("AWS_")},
                "_HANDLER": function.handler, "AWS_LAMBDA_FUNCTION_NAME": name,
                "FUNCTION_ARN": f"arn:aws:lambda:{REGION}:{HOME}:function:{name}", "LANG": "C.UTF-8"})
        self._processor = 0.0

    def invoke(self, event: Mapping[str, Any]) -> float:
        """Handle an event; returns the seconds of the processor since the last one. Raises Failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer, total = json.loads(line) if line else (False, 0.0)
        if not answer:
            self._log.seek(0)
            raise Failed(f"the function did not handle its event:\n{self._log.read()[-4000:]}")
        taken, self._processor = total - self._processor, total
        return float(taken)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._stack.close()


@dataclass
class Measured:
    """Seconds of some events: until the rule was revoked, until the handler returned, and of the processor."""

    fixed: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    """Of the last event, in the order of their answers."""


def opened(port: int, cidr: str) -> dict[str, Any]:
    """A permission for a TCP port."""
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}


class Groups:
    """Opens groups, and measures how a function closes them."""

    def __init__(self, where: Cloud) -> None:
        self._where, self._number = where, 0
        where.use()
        self._ec2 = boto3.client("ec2")
        boto3.client("sns").create_topic(Name="guardrails-compliance")
        boto3.client("dynamodb").create_table(
            TableName=STATE_TABLE, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}])

    def open(self) -> dict[str, Any]:
        """A new group with a port that is open to the internet, and the event of it."""
        from .load import opening

        self._number += 1
        group = self._ec2.create_security_group(GroupName=f"g-{self._number}", Description="bench")["GroupId"]
        self._ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[opened(443, "10.0.0.0/8")])
        event = opening(self._ec2, group, 22)
        self._where.asked()
        return event

    def measure(self, event: Mapping[str, Any], began: float, invoke: Callable[[], float], into: Measured) -> None:
        """Keep what one event takes since `began`. Raises Failed when the rule is still there."""
        processor = invoke()
        answered, calls = time.time(), self._where.asked()
        revoked = [at for name, at in calls if name == "ec2 RevokeSecurityGroupIngress"]
        [item] = event["detail"]["responseElements"]["securityGroupRuleSet"]["items"]
        left = self._ec2.describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": [item["groupId"]]}])["SecurityGroupRules"]
        if len(revoked) != 1 or any(rule["FromPort"] == 22 for rule in left if not rule["IsEgress"]):
            raise Failed(f"the rule was revoked {len(revoked)} times, and is left: {left}")
        into.fixed.append(revoked[0] / 1_000_000 - began)
        into.answered.append(answered - began)
        into.processor.append(processor)
        into.calls = [name for name, _ in calls]


def events(rounds: int, warm: int, latency: float) -> dict[str, dict[str, Measured]]:
    """For each function, what its cold and its warm events take; of each round the median of the warm ones."""
    found = {name: {"cold": Measured(), "warm": Measured()} for name in (OURS, BARE)}
    python = ensure_runtime()
    with timed_cloud(latency) as where, tempfile.TemporaryDirectory() as directory:
        groups, functions = Groups(where), unpacked(Path(directory))
        for number in range(rounds):
            for name, function in functions.items():
                event, began, several = groups.open(), time.time(), Measured()
                with closing(Container(function, python, where)) as container:
                    groups.measure(event, began, partial(container.invoke, event), found[name]["cold"])
                    for _ in range(warm):
                        event = groups.open()
                        groups.measure(event, time.time(), partial(container.invoke, event), several)
                into = found[name]["warm"]
                into.calls = several.calls
                for values, of in ((into.fixed, several.fixed), (into.answered, several.answered),
                                   (into.processor, several.processor)):
                    values.append(statistics.median(of))
            say(f"round {number + 1} of {rounds}")
    return found


def measure(options: argparse.Namespace) -> Section:
    """Both functions, on calls of the given latency."""
    found = events(options.rounds, options.events, options.latency / 1000)
    section = Section(
        f"The deployed function of `{POLICY}` against a bare boto3 function that reads the group's rules and revokes "
        f"the open ones, both from the event of an opened group to the closed rule. Each call takes {options.latency} "
        f"ms longer than moto. Warm is the median of {options.events} events of a process.")
    rows = []
    for kind in ("cold", "warm"):
        ours, bare = found[OURS][kind], found[BARE][kind]
        for what, target in (("fixed", f"event.{kind}"), ("answered", ""), ("processor", "")):
            section.compare(
                target, f"{kind}, {what}", [each * 1000 for each in getattr(ours, what)],
                [each * 1000 for each in getattr(bare, what)], against="a bare boto3 function", unit="ms")
        rows += [[f"{kind}, {name}", len(of.calls), ", ".join(of.calls)]
                 for name, of in (("ours", ours), ("bare", bare))]
    section.tables.append(Table(("event", "calls", "in the order of their answers"), rows, "Calls of an event"))
    section.notes.append(
        "Beyond the bare function, ours checks that the event came from AWS, whether we caused it ourselves, and how "
        "often the same fix was made before; it reads the group again directly before the change and after it, writes "
        "a receipt, and sends a message.")
    return section


def start_with(options: list[str]) -> None:
    """Start our function once with options of the interpreter; what it writes is shown."""
    with timed_cloud(0) as where, tempfile.TemporaryDirectory() as directory:
        groups, function = Groups(where), unpacked(Path(directory))[OURS]
        with closing(Container(function, ensure_runtime(), where, *options)) as container:
            container.invoke(groups.open())


BENCHMARK = Benchmark("event", "How long does a fix take from its event, against a bare boto3 function?", measure, (
    Option("rounds", 7, 1, "new processes of each function"),
    Option("events", 9, 1, "warm events of each process"),
    Option("latency", 50, 0, "milliseconds that each call takes longer"),
))

if __name__ == "__main__":
    if sys.argv[1:2] == ["--python"]:
        start_with([f"-{each}" for each in sys.argv[2:]])
    else:
        BENCHMARK.main()
