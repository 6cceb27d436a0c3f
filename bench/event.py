"""From an event to a closed rule: the deployed realtime function against a bare boto3 function that does the same.

    ./run.sh python bench/event.py
    ./run.sh python bench/event.py --rounds 15 --events 15 --calls

The function is the archive of a realtime policy as c7n deploys it, unpacked, in a Python that has boto3 and nothing of
this project (the sandbox's `.venv-lambda`). The bare function has boto3 alone: it reads the group's rules and revokes
those that are open to the internet. Each round starts both in turn, in new processes, and gives each a first event
(cold), then a few more (warm). Each event is of a group that was opened just before.

Prints for each the median milliseconds, with the quartiles, until moto's server has revoked the rule (fixed) and until
the handler has returned (answered), the processor time, the ratios to the bare function, and the calls of an event.
Ends with an error when a rule is still open.
"""
from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import boto3
from audit import HOME, REGION, ROOT, Cloud, Counting, operation, seeded
from load import _open as opening

from custom_actions.names import STATE_TABLE
from guardrails.sandbox.runtime import ensure_runtime

POLICY = "security-group-admin-ports-revert"
BARE = '''
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
WORKER = '''
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


# -- the server: when each call was answered ---------------------------------------------------------------------------


class Timed(Counting):
    """Keeps, instead of what was asked in each call, when it was answered, in microseconds."""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "HTTP_AUTHORIZATION" not in environ:
            return super().__call__(environ, start_response)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        answer = self._application(environ, start_response)
        with self._lock:
            self._asked.append((operation(environ, body), int(time.time() * 1_000_000)))
        return answer


def serve() -> None:
    """Print the endpoint and serve until standard input is closed."""
    import audit

    audit.Counting = Timed  # type: ignore[misc]
    audit.serve()


@contextmanager
def timed_cloud() -> Iterator[Cloud]:
    """The server while it lasts; it ends with this process, however that ends."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Cloud(process.stdout.readline().strip())
    finally:
        process.stdin.close()
        process.wait()


# -- the two functions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Function:
    """Unpacked code, and its handler."""

    directory: Path
    handler: str


def archive() -> bytes:
    """The archive that c7n deploys for the policy into the account, a zip file."""
    from guardrails.accounts import Account
    from guardrails.deployment.blueprints import blueprint, code
    from guardrails.policies import load

    [policy] = [each for each in load() if each.name == POLICY]
    function = blueprint(policy, Account(HOME, "bench", (REGION,)), REGION, {}).function
    from c7n import mu

    function.archive = mu.PythonPackageArchive(cache_file=code(tuple(function.packages or ())).path)
    data: bytes = function.get_archive().get_bytes()
    return data


@cache
def unpacked(directory: Path) -> dict[str, Function]:
    """Both functions, unpacked below the directory."""
    bare, ours = directory / "bare", directory / "ours"
    bare.mkdir()
    (bare / "bare.py").write_text(BARE)
    zipfile.ZipFile(io.BytesIO(archive())).extractall(ours)
    return {"bare boto3": Function(bare, "bare.run"), "guardrails": Function(ours, "custom_actions.lambda_entry.run")}


class Container:
    """A process that runs a function, as an execution environment of Lambda does."""

    def __init__(self, function: Function, python: Path, where: Cloud, *options: str) -> None:
        name = f"custodian-{POLICY}"
        # Not a pipe: nobody reads it, and a full one would stop the function.
        self._log = tempfile.TemporaryFile("w+")
        # -B: what is unpacked in Lambda cannot be written to, so nothing that is compiled there is kept.
        self._process = subprocess.Popen(
            [str(python), "-I", "-B", *options, "-c", WORKER], cwd=function.directory, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=None if options else self._log, text=True, env={
                **{key: value for key, value in where.environment().items() if key.startswith("AWS_")},
                "_HANDLER": function.handler, "AWS_LAMBDA_FUNCTION_NAME": name,
                "FUNCTION_ARN": f"arn:aws:lambda:{REGION}:{HOME}:function:{name}", "LANG": "C.UTF-8"})
        self._processor = 0.0

    def invoke(self, event: Mapping[str, Any]) -> float:
        """Handle an event; returns the seconds of the processor since the last one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            raise SystemExit(f"the function ended:\n{self._log.read()[-4000:]}")
        answer, total = json.loads(line)
        taken, self._processor = total - self._processor, total
        if not answer:
            raise SystemExit("the function ignored the event")
        return float(taken)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._log.close()


# -- what is measured --------------------------------------------------------------------------------------------------


@dataclass
class Measured:
    """Seconds of some events: until the rule was revoked, until the handler returned, and of the processor."""

    fixed: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    """Of the last event, in their order."""


def opened(port: int, cidr: str) -> dict[str, Any]:
    """A permission for a TCP port."""
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}


class Account:
    """Opens groups, and measures how a function closes them."""

    def __init__(self, where: Cloud) -> None:
        self._where = where
        seeded(where, 0, 0)
        self._ec2 = boto3.client("ec2")
        boto3.client("sns").create_topic(Name="guardrails-compliance")
        boto3.client("dynamodb").create_table(
            TableName=STATE_TABLE, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}])
        self._number = 0

    def open(self) -> dict[str, Any]:
        """A new group with a port that is open to the internet, and the event of it."""
        self._number += 1
        group = self._ec2.create_security_group(GroupName=f"g-{self._number}", Description="bench")["GroupId"]
        self._ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[opened(443, "10.0.0.0/8")])
        event = opening(self._ec2, group, 22)
        self._where.asked()
        return event

    def measure(self, event: Mapping[str, Any], began: float, invoke: Callable[[], float], into: Measured) -> None:
        """Keep what one event takes since `began`. Ends with an error when the rule is still there."""
        processor = invoke()
        answered, calls = time.time(), self._where.asked()
        revoked = [at for name, at in calls if name.endswith(" RevokeSecurityGroupIngress")]
        [item] = event["detail"]["responseElements"]["securityGroupRuleSet"]["items"]
        left = self._ec2.describe_security_group_rules(
            Filters=[{"Name": "group-id", "Values": [item["groupId"]]}])["SecurityGroupRules"]
        open_rules = [rule["SecurityGroupRuleId"] for rule in left if not rule["IsEgress"] and rule["FromPort"] == 22]
        if len(revoked) != 1 or open_rules:
            raise SystemExit(f"the rule was revoked {len(revoked)} times, and is there still: {open_rules}")
        into.fixed.append(revoked[0] / 1_000_000 - began)
        into.answered.append(answered - began)
        into.processor.append(processor)
        into.calls = [name for name, _ in calls]


def measure(rounds: int, events: int, python: Path) -> dict[str, dict[str, Measured]]:
    """For each function, what its cold and its warm events take."""
    found: dict[str, dict[str, Measured]] = {}
    with timed_cloud() as where, tempfile.TemporaryDirectory() as directory:
        account = Account(where)
        for _ in range(rounds):
            for name, function in unpacked(Path(directory)).items():
                into = found.setdefault(name, {"cold": Measured(), "warm": Measured()})
                event, began = account.open(), time.time()
                with closing(Container(function, python, where)) as container:
                    account.measure(event, began, partial(container.invoke, event), into["cold"])
                    for _ in range(events):
                        event = account.open()
                        account.measure(event, time.time(), partial(container.invoke, event), into["warm"])
    return found


def line(name: str, kind: str, measured: Measured, base: Measured) -> str:
    """A row of the table."""
    cells = [f"{name:12} {kind:5}"]
    for what in ("fixed", "answered", "processor"):
        values, to = getattr(measured, what), getattr(base, what)
        low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        ratio = middle / statistics.median(to)
        cells.append(f"{middle * 1000:8.1f} {f'({low * 1000:.0f}-{high * 1000:.0f})':>13} x{ratio:5.2f}")
    return " ".join([*cells, f"{len(measured.calls):6}"])


def profile(options: Sequence[str], python: Path) -> None:
    """Start our function once with options of the interpreter, such as `-X importtime`; what it writes is shown."""
    with timed_cloud() as where, tempfile.TemporaryDirectory() as directory:
        account = Account(where)
        function = unpacked(Path(directory))["guardrails"]
        with closing(Container(function, python, where, *options)) as container:
            container.invoke(account.open())


def main() -> None:
    """Measure side by side and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="new processes of each function [7]")
    parser.add_argument("--events", type=int, default=7, metavar="N", help="warm events of each process [7]")
    parser.add_argument("--calls", action="store_true", help="print the calls of an event, in their order")
    parser.add_argument("--python", nargs="+", metavar="OPTION", help="only start our function with these options")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    python = ensure_runtime()
    if options.python:
        profile(["-" + each for each in options.python], python)
        return
    found = measure(options.rounds, options.events, python)
    print(f"{'function':12} {'':5} " + " ".join(f"{what:>29}" for what in ("fixed ms", "answered ms", "processor ms"))
          + f" {'calls':>6}")
    for kind in ("cold", "warm"):
        for name, of in found.items():
            print(line(name, kind, of[kind], found["bare boto3"][kind]))
    if options.calls:
        for name, of in found.items():
            for kind, measured in of.items():
                print(f"{name}, {kind}: {', '.join(measured.calls)}")


if __name__ == "__main__":
    main()
