"""A sweep on Step Functions in the sandbox, against the same sweep on this machine: equal, and what each part costs.

    ./run.sh python bench/distributed.py
    ./run.sh python bench/distributed.py --accounts 200
    ./run.sh python bench/distributed.py --unit --size 30

So many accounts with one region and five policies are audited by `audit`, and by `audit --on step-functions`: a real
state machine with a Distributed Map, whose workers are real functions from the archive of `templates sweep`. Both
runs are compared check by check and finding by finding; a difference is an error. Then it is done again with a worker
that is killed, an account that is throttled, and a role that cannot be assumed; these must be named with their reasons,
nothing else may be missing, and `--resume` must give the first result again. Prints wall and processor seconds, and the
billed milliseconds of the functions.

--unit runs one shard with all policies of the project on one account in this process: calls, processor seconds and
bytes of its result. docs/scale.md computes with these.
"""
from __future__ import annotations

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.audit import HOME, REGION, ROOT, account_id, cloud, seed
from guardrails.results import RunStore
from guardrails.sandbox import Sandbox
from tests.step_functions import Faults, SweepStack, deploy, differences, make_archive, rows

POLICIES = """
policies:
- name: group-open
  resource: aws.security-group
  metadata: {severity: high, title: Groups are not open to everybody}
  filters: [{type: ingress, Cidr: {value: 0.0.0.0/0}}]
- name: group-unused
  resource: aws.security-group
  metadata: {severity: low, title: Groups are used}
  filters: [unused]
- name: volume-encrypted
  resource: aws.ebs
  metadata: {severity: high, title: Volumes are encrypted}
  filters: [{Encrypted: false}]
- name: user-policy
  resource: aws.iam-user
  metadata: {severity: medium, title: Users have no policies of their own}
  filters: [{type: has-inline-policy, value: true}]
- name: key-rotated
  resource: aws.kms-key
  metadata: {severity: medium, title: Keys are rotated}
  filters: [{type: key-rotation-status, key: KeyRotationEnabled, value: false}]
"""


def fill(sandbox: Sandbox, accounts: list[str]) -> None:
    """Each account has something that violates a policy, and something that does not; some more than others."""
    for number, account in enumerate(accounts):
        ec2, iam = sandbox.client("ec2", account, REGION), sandbox.client("iam", account, REGION)
        for port in range(1 + number % 3):
            group = ec2.create_security_group(GroupName=f"group-{port}", Description="bench")["GroupId"]
            if port:
                ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{
                    "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
        ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1, Encrypted=bool(number % 2))
        iam.create_user(UserName=f"user-{number}")
        if number % 4 == 0:
            iam.put_user_policy(UserName=f"user-{number}", PolicyName="all", PolicyDocument=(
                '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'))
        sandbox.client("kms", account, REGION).create_key()


class Bench:
    """The sandbox with its accounts and its stack, and the command line."""

    def __init__(self, directory: Path, sandbox: Sandbox, accounts: list[str], workers: int) -> None:
        self.directory, self.sandbox = directory, sandbox
        (directory / "policies").mkdir()
        (directory / "policies" / "bench.yml").write_text(POLICIES)
        self.config = directory / "accounts.yml"
        self.config.write_text("accounts:\n" + "".join(
            f"- {{name: account-{n}, account_id: '{each}', role: bench, regions: [{REGION}]}}\n"
            for n, each in enumerate(accounts)))
        fill(sandbox, accounts)
        self.stack: SweepStack = deploy(
            sandbox, make_archive(directory / "worker.zip"), account=HOME, region=REGION, MaxConcurrency=workers,
            # What AWS would say after some time, it says at once.
            variables={"AWS_MAX_ATTEMPTS": "2", "GUARDRAILS_CALLS_PER_SECOND": "0"})

    def audit(self, name: str, *options: str, resume: bool = False) -> tuple[Path, int, float, float]:
        """The directory, the exit code, wall seconds, and processor seconds of the command and its children."""
        output = self.directory / name
        selection = ["--resume", str(output)] if resume else [
            "-c", str(self.config), "--policies", str(self.directory / "policies"), "--evidence", "--history", "none",
            "-o", str(output)]
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        ended = subprocess.run(
            [str(Path(sys.executable).with_name("guardrails")), "audit", *selection, "--format", "json", *options],
            env={**os.environ, **self.sandbox.environment(HOME, REGION), "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=False, cwd=self.directory)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if ended.returncode not in (0, 2):
            raise SystemExit(f"audit {' '.join(options)} failed:\n{ended.stdout}\n{ended.stderr[-4000:]}")
        print(f"  {ended.stdout.splitlines()[0]}", file=sys.stderr)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return output, ended.returncode, time.perf_counter() - began, processor

    def billed(self, function: str) -> list[int]:
        """The milliseconds of each invocation so far."""
        log = self.sandbox.logs(f"guardrails-sweeps-{function}", HOME, REGION)
        return [int(each) for each in re.findall(r"Billed Duration: (\d+) ms", log)]


def compare(accounts: list[str], workers: int, directory: Path) -> None:
    """Both ways, the faults, and the resume. Raises SystemExit for any difference."""
    with Sandbox.start(directory / "sandbox") as sandbox:
        bench = Bench(directory, sandbox, accounts, workers)
        local, _, wall, processor = bench.audit("local")
        print(f"{len(accounts)} accounts, 5 policies, {len(rows(local)['checks'])} checks, "
              f"{len(rows(local)['findings'])} findings")
        print(f"{'':32} {'wall s':>8} {'processor s':>12}")
        print(f"{'audit on this machine':32} {wall:8.1f} {processor:12.1f}")
        far, _, wall, processor = bench.audit("distributed", "--on", "step-functions")
        times = bench.billed("worker")
        print(f"{'audit --on step-functions':32} {wall:8.1f} {processor:12.1f}  (the command alone)")
        print(f"  {len(times)} invocations of the worker, {workers} at once: median {statistics.median(times):.0f} ms, "
              f"largest {max(times)} ms, in all {sum(times) / 1000:.1f} s")
        print(f"  the reduce function: {bench.billed('reduce')} ms")
        if found := differences(local, far):
            raise SystemExit("the runs differ:\n" + "\n".join(found[:20]))
        print("  equal to the run on this machine, row by row")
        faults(bench, accounts, local)


def faults(bench: Bench, accounts: list[str], local: Path) -> None:
    """A killed worker, a throttled account, and a role that cannot be assumed; then the resume."""
    killed, throttled, locked = accounts[0], accounts[len(accounts) // 2], accounts[-1]
    bench.stack.fail(Faults(killed=[killed], throttled=[throttled], locked=[locked]))
    broken, code, wall, _ = bench.audit("faults", "--on", "step-functions")
    missing: Counter[tuple[str, str, str]] = Counter()
    with RunStore.open(broken) as store:
        for check in store.checks(missing=True):
            missing[check.account, check.state, re.sub(r"[0-9a-f-]{36}", "…", check.reason)] += 1
        there = len(store.states())
    for (account, state, reason), number in sorted(missing.items()):
        print(f"  {account}: {number} checks {state}: {reason}")
    if code != 2 or {each[0] for each in missing} != {killed, throttled, locked} or there != 5 * len(accounts):
        raise SystemExit(f"exactly {killed}, {throttled} and {locked} must miss checks, with exit 2, not {code}")
    bench.stack.fail(Faults())
    before = len(bench.billed("worker"))
    resumed, code, wall, _ = bench.audit("faults", resume=True)
    print(f"  --resume: {len(bench.billed('worker')) - before} shards in {wall:.1f} s")
    if code or (found := differences(local, resumed)):
        raise SystemExit("after --resume the runs differ:\n" + "\n".join(found[:20] if not code else [f"exit {code}"]))
    print("  equal to the run on this machine after --resume")


def unit(size: int) -> None:
    """One shard with all policies, in this process."""
    with cloud() as where:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update({k: v for k, v in where.environment().items() if k.startswith("AWS_")})
        os.environ["GUARDRAILS_ASK_ONCE"] = "1"
        import boto3

        from guardrails.accounts import Account, Accounts
        from guardrails.distributed import worker
        from guardrails.distributed.bucket import RunPlace, SweepBucket
        from guardrails.distributed.question import Question, digest
        from guardrails.distributed.shards import shards_of
        from guardrails.policies import load

        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bench")
        account = account_id(1)
        got = boto3.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/bench", RoleSessionName="bench")["Credentials"]
        seed(boto3.Session(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"], REGION), size)
        policies = [policy for policy in load() if policy.sweeps]
        question = Question(tuple(policies), Accounts(
            (Account(account, "bench", (REGION,), {"role": "bench"}),), ()).reached, {})
        content = question.text()
        [shard] = shards_of(question.accounts, REGION)
        print(f"{len(policies)} policies, size {size}; the question has {len(content)} bytes")
        print(f"{'':8} {'wall s':>8} {'processor s':>12} {'calls':>7} {'result KB':>10} {'peak MB':>8}")
        for name in ("cold", "warm"):
            place = RunPlace(SweepBucket("bench"), f"benchmark-{name}")
            place.bucket.create(place.question, content)
            where.asked()
            before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
            os.environ["BUCKET"] = "bench"
            worker.make_step({
                "step": "sweep", "run": place.run, "attempt": 1, "question": digest(content),
                "shard": replace(shard).to_dict()}, None, whole=False)
            after = resource.getrusage(resource.RUSAGE_SELF)
            seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            written = s3.head_object(Bucket="bench", Key=place.shard(shard.id, 1))["ContentLength"]
            print(f"{name:8} {time.perf_counter() - began:8.1f} {seconds:12.1f} {len(where.asked()):7} "
                  f"{written / 1024:10.1f} {after.ru_maxrss / 1024:8.0f}")


def main() -> None:
    """Compare, or measure one shard."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=12, help="how many, at least 3 [12]")
    parser.add_argument("--workers", type=int, default=2, help="shards at the same time [2]")
    parser.add_argument("--unit", action="store_true", help="measure one shard with all policies instead")
    parser.add_argument("--size", type=int, default=30, help="with --unit: buckets, users and so on [30]")
    options = parser.parse_args()
    if options.unit:
        unit(options.size)
        return
    accounts = [f"{210000000000 + number}" for number in range(max(3, options.accounts))]
    with tempfile.TemporaryDirectory(prefix="guardrails-bench-") as directory:
        compare(accounts, options.workers, Path(directory))


if __name__ == "__main__":
    main()
