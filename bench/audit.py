"""What one audit asks of AWS and how long it takes, against plain Cloud Custodian on the same policies.

    ./run.sh python bench/audit.py
    ./run.sh python bench/audit.py --rounds 5 --repeated
    ./run.sh python bench/audit.py --memory --accounts 40

One seeded account is held by moto's server in a process of its own, which counts what it is asked. In turn, so many
rounds, everything that a sweep can run of policies/ is run (a) with `custodian run --dryrun` file by file, each with
an empty cache, (b) the same in one start for all files, with c7n's cache in memory, and (c) with `./run.sh audit`.
Prints seconds, calls, calls that had been asked before in the same run, and each one's ratio to (a). --memory
measures the largest resident set of the audit's own process and of all its children over so many accounts.
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
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

import boto3

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
REGION = "us-east-1"
HOME = "123456789012"
COUNTED = "/bench/calls"
"""The path on which the server tells what it was asked, and forgets it."""


# -- the server, a process of its own ----------------------------------------------------------------------------


class Counting:
    """A WSGI application around moto's that keeps what was asked: (service, operation, the whole request)."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._asked: list[tuple[str, int]] = []
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == COUNTED:
            with self._lock:
                asked, self._asked = self._asked, []
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(asked).encode()]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if "HTTP_AUTHORIZATION" in environ:
            name = operation(environ, body)
            # Not the key: every assumed role has one of its own. The account of a request is told apart by --accounts.
            whole = (name, environ["PATH_INFO"], environ.get("QUERY_STRING"), body, region_of(environ))
            with self._lock:
                self._asked.append((name, hash(whole)))
        return self._application(environ, start_response)


def region_of(environ: Mapping[str, Any]) -> str:
    """The region that the request was signed for."""
    scope = environ["HTTP_AUTHORIZATION"].partition("Credential=")[2].split("/")
    return scope[2] if len(scope) > 3 else ""


def operation(environ: Mapping[str, Any], body: bytes) -> str:
    """`service Operation` of a request; of REST services the method and the path, in which ids are dots."""
    scope = environ["HTTP_AUTHORIZATION"].partition("Credential=")[2].split("/")
    service = scope[3] if len(scope) > 3 else "?"
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return f"{service} {target.rpartition('.')[2]}"
    if action := parse_qs(body[:4096].decode("latin-1")).get("Action"):
        return f"{service} {action[0]}"
    query = environ.get("QUERY_STRING", "").partition("=")[0].partition("&")[0]
    path = "/".join("…" if any(c.isdigit() for c in part) else part for part in environ["PATH_INFO"].split("/"))
    return f"{service} {environ['REQUEST_METHOD']} {path}{'?' + query if query else ''}"


def serve() -> None:
    """Print the endpoint and serve until standard input is closed."""
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import ThreadedWSGIServer

    from guardrails.sandbox import moto_fixes

    class Handler(MotoRequestHandler):
        disable_nagle_algorithm = True

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Log nothing."""

    moto_fixes.apply()
    server = ThreadedWSGIServer("127.0.0.1", 0, Counting(DomainDispatcherApplication(create_backend_app)), Handler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    server.serve_forever()


@dataclass(frozen=True)
class Cloud:
    """The running server."""

    endpoint: str

    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use it, and nothing of the user's."""
        from guardrails.sandbox.functions import s3_control

        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GUARDRAILS_"))}
        return kept | {
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_ENDPOINT_URL_S3_CONTROL": s3_control(self.endpoint),
            "AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "x", "AWS_MAX_ATTEMPTS": "1", "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
        }

    def asked(self) -> list[tuple[str, int]]:
        """What was asked since the last time: each call's name, and a number that equal calls share."""
        with urlopen(self.endpoint + COUNTED) as answer:  # noqa: S310 - our own server
            return [(name, number) for name, number in json.load(answer)]

    def reset(self) -> None:
        """As empty as at the start."""
        urlopen(Request(f"{self.endpoint}/moto-api/reset", method="POST")).close()  # noqa: S310 - our own server


@contextmanager
def cloud() -> Iterator[Cloud]:
    """The server while it lasts; it ends with this process, however that ends."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Cloud(process.stdout.readline().strip())
    finally:
        process.stdin.close()
        process.wait()


# -- what is in an account ---------------------------------------------------------------------------------------


def seed(session: boto3.Session, size: int) -> None:
    """Fill an account: `size` buckets, users and volumes, more groups, a few of everything else; about half drifts."""
    _buckets(session, size)
    _principals(session, size)
    _network(session, size)
    _rest(session, size)


def _buckets(session: boto3.Session, size: int) -> None:
    account = session.client("sts").get_caller_identity()["Account"]
    s3 = session.client("s3")
    for number in range(size):
        name = f"bucket-{account}-{number}"
        s3.create_bucket(Bucket=name)
        if number % 2:
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        if number % 3 == 0:
            s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
                "Sid": "Read", "Effect": "Allow", "Principal": "*" if number % 2 else {"AWS": account},
                "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*",
            }]}))
        if number % 5 == 0:
            s3.put_bucket_acl(Bucket=name, ACL="public-read")


def _principals(session: boto3.Session, size: int) -> None:
    iam = session.client("iam")
    star = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    trust = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    policy = iam.create_policy(PolicyName="everything", PolicyDocument=star)["Policy"]["Arn"]
    for number in range(size):
        name = f"user-{number}"
        iam.create_user(UserName=name)
        iam.create_access_key(UserName=name)
        if number % 2:
            iam.create_login_profile(UserName=name, Password="Correct-horse-1")  # noqa: S106 - of nobody
        if number % 4 == 0:
            iam.attach_user_policy(UserName=name, PolicyArn=policy)
    for number in range(size // 3):
        iam.create_group(GroupName=f"group-{number}")
        iam.create_role(RoleName=f"role-{number}", AssumeRolePolicyDocument=trust)
        if number % 2:
            iam.put_role_policy(RoleName=f"role-{number}", PolicyName="all", PolicyDocument=star)


def _network(session: boto3.Session, size: int) -> None:
    ec2 = session.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    image = ec2.describe_images()["Images"][0]["ImageId"]
    for number in range(size + size // 3):
        group = ec2.create_security_group(GroupName=f"group-{number}", Description="bench", VpcId=vpc)["GroupId"]
        port = (22, 443, 3389, 8080)[number % 4]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{
            "IpProtocol": "tcp", "FromPort": port, "ToPort": port,
            "IpRanges": [{"CidrIp": "0.0.0.0/0" if number % 2 else "10.0.0.0/8"}]}])
    ec2.run_instances(ImageId=image, MinCount=size // 2 or 1, MaxCount=size // 2 or 1, SubnetId=subnet)
    for number in range(size * 2 // 3):
        volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1, Encrypted=bool(number % 2))["VolumeId"]
        if number % 2:
            ec2.create_snapshot(VolumeId=volume)


def _rest(session: boto3.Session, size: int) -> None:
    few = max(size // 8, 1)
    rds, dynamodb, efs = session.client("rds"), session.client("dynamodb"), session.client("efs")
    trails, logs, api = session.client("cloudtrail"), session.client("logs"), session.client("apigateway")
    for number in range(few):
        rds.create_db_instance(
            DBInstanceIdentifier=f"db-{number}", DBInstanceClass="db.t3.micro", Engine="mysql",
            StorageEncrypted=bool(number % 2), MasterUsername="admin", MasterUserPassword="Correct-horse-1",
            AllocatedStorage=20)
        dynamodb.create_table(
            TableName=f"table-{number}", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}])
        efs.create_file_system(CreationToken=f"fs-{number}", Encrypted=bool(number % 2))
        api.create_rest_api(name=f"api-{number}")
        logs.create_log_group(logGroupName=f"logs-{number}")
    account = session.client("sts").get_caller_identity()["Account"]
    trails.create_trail(Name="main", S3BucketName=f"bucket-{account}-0", IsMultiRegionTrail=True)
    trails.start_logging(Name="main")
    ec2, elb = session.client("ec2"), session.client("elbv2")
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"]][:2]
    for number in range(few):
        balancer = elb.create_load_balancer(Name=f"lb-{number}", Subnets=subnets)["LoadBalancers"][0]
        elb.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}])


def account_id(number: int) -> str:
    """The account of a number; the first is the one of the credentials."""
    return HOME if number == 0 else f"{210000000000 + number}"


def role(account: str) -> str:
    """The role by which an account is entered."""
    return f"arn:aws:iam::{account}:role/bench"


def seeded(where: Cloud, accounts: int, size: int) -> None:
    """Fill so many accounts."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update({k: v for k, v in where.environment().items() if k.startswith("AWS_")})
    for number in range(accounts):
        got = boto3.client("sts").assume_role(RoleArn=role(account_id(number)), RoleSessionName="bench")["Credentials"]
        seed(boto3.Session(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"], REGION), size)


# -- what is measured --------------------------------------------------------------------------------------------


def sweepable_files(directory: Path) -> list[Path]:
    """The project's policies that a sweep can run, without their modes: with one, plain c7n would want its role."""
    from guardrails.policies.policy import load, merged
    from guardrails.yamlfile import dump

    by_file: dict[Path, list[Any]] = {}
    for policy in (each for each in load() if each.sweeps):
        by_file.setdefault(policy.source.path, []).append(policy)
    files = []
    for path, policies in by_file.items():
        file = directory / f"{path.parent.name}-{path.name}"
        file.write_text(dump(merged(policies, mode=False, actions=False)))
        files.append(file)
    return files


def plain_file_by_file(where: Cloud, files: list[Path], directory: Path) -> None:
    """(a) `custodian run --dryrun`, a start and an empty cache for each file."""
    for file in files:
        _custodian(where, [file], directory / file.stem, ["--cache", str(directory / f"{file.stem}.cache")])


def plain_at_once(where: Cloud, files: list[Path], directory: Path) -> None:
    """(b) `custodian run --dryrun`, one start for all files, c7n's cache in memory."""
    _custodian(where, files, directory / "at-once", ["--cache", "memory"])


def _custodian(where: Cloud, files: list[Path], output: Path, options: list[str]) -> None:
    ended = subprocess.run(
        [str(BIN / "custodian"), "run", "--dryrun", "-s", str(output), "--region", REGION, *options, *map(str, files)],
        env=where.environment(), capture_output=True, text=True, check=False, cwd=ROOT,
    )
    # 2: a policy has failed, and the others have run.
    if ended.returncode not in (0, 2):
        raise SystemExit(f"custodian failed:\n{ended.stderr[-2000:]}")


def audit(where: Cloud, files: list[Path], directory: Path) -> None:
    """(c) `./run.sh audit`."""
    ended = subprocess.run(
        [str(ROOT / "run.sh"), "audit", "-r", REGION, "-o", str(directory / "audit")],
        env=where.environment(), capture_output=True, text=True, check=False, cwd=directory,
    )
    if ended.returncode not in (0, 2):
        raise SystemExit(f"the audit failed:\n{ended.stderr[-2000:]}")
    print(f"  {ended.stdout.splitlines()[0]}", file=sys.stderr)


WAYS: Mapping[str, Callable[[Cloud, list[Path], Path], None]] = {
    "custodian, file by file": plain_file_by_file,
    "custodian, one start": plain_at_once,
    "audit": audit,
}


@dataclass
class Measured:
    """What one way took, a number a round."""

    seconds: list[float]
    asked: list[Counter[str]]
    again: list[Counter[str]]
    """Of these, the calls that equal an earlier one of the same run."""


def compare(rounds: int, size: int, ways: Iterable[str]) -> dict[str, Measured]:
    """Each way once a round, in turn."""
    found = {way: Measured([], [], []) for way in ways}
    with cloud() as where, tempfile.TemporaryDirectory() as directory:
        seeded(where, 1, size)
        files = sweepable_files(Path(directory))
        for round_ in range(rounds):
            for way, measured in found.items():
                here = Path(directory) / f"{round_}-{way.replace(' ', '-')}"
                here.mkdir()
                where.asked()
                began = time.perf_counter()
                WAYS[way](where, files, here)
                measured.seconds.append(time.perf_counter() - began)
                asked = where.asked()
                measured.asked.append(Counter(name for name, _ in asked))
                times = Counter(asked)
                measured.again.append(Counter({name: 0 for name, _ in asked}))
                for (name, _), number in times.items():
                    measured.again[-1][name] += number - 1
    return found


def show(found: Mapping[str, Measured], *, repeated: bool) -> None:
    """The table, and with `repeated` which operations were asked again."""
    rows = {
        way: tuple(map(statistics.median, (
            m.seconds, [c.total() for c in m.asked], [c.total() for c in m.again]))) for way, m in found.items()
    }
    base = next(iter(rows.values()))
    print(f"{'':26} {'seconds':>8} {'ratio':>6} {'calls':>7} {'ratio':>6} {'asked again':>12}")
    for way, (seconds, calls, again) in rows.items():
        print(f"{way:26} {seconds:8.1f} {seconds / base[0]:6.2f} {calls:7.0f} {calls / base[1]:6.2f} {again:12.0f}")
    if repeated:
        for way, m in found.items():
            print(f"\n{way}: asked again")
            for name, number in m.again[-1].most_common():
                if number:
                    print(f"  {number:6}  of {m.asked[-1][name]:5}  {name}")


def memory(accounts: int, size: int) -> None:
    """One audit over so many accounts: the largest resident set of its process, and of the largest child."""
    with cloud() as where, tempfile.TemporaryDirectory() as directory:
        seeded(where, accounts, size)
        config = Path(directory) / "accounts.yml"
        config.write_text("accounts:\n" + "".join(
            f"- {{name: account-{n}, account_id: '{account_id(n)}', role: '{role(account_id(n))}'}}\n"
            for n in range(accounts)))
        began = time.perf_counter()
        program = (
            "import resource, sys; from guardrails.cli.main import main\n"
            "try: main(sys.argv[1:])\n"
            "finally: print('SELF', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "
            "resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program, "audit", "-c", str(config), "-r", REGION, "-o", f"{directory}/audit"],
            env=where.environment(), capture_output=True, text=True, check=False, cwd=directory,
        )
        seconds = time.perf_counter() - began
        print(ended.stdout.splitlines()[0] if ended.stdout else ended.stderr[-2000:])
        own, children = ended.stderr.rsplit("SELF ", 1)[1].split()
        print(f"{accounts} accounts: {seconds:.1f} s, the audit's process {int(own) / 1024:.0f} MiB, "
              f"its largest child {int(children) / 1024:.0f} MiB")


def main() -> None:
    """Measure side by side and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is run, in turn [3]")
    parser.add_argument("--size", type=int, default=30, help="buckets, users and so on in an account [30]")
    parser.add_argument("--way", action="append", choices=list(WAYS), help="only this one; may be repeated")
    parser.add_argument("--repeated", action="store_true", help="show which operations were asked again")
    parser.add_argument("--memory", action="store_true", help="measure memory over --accounts accounts instead")
    parser.add_argument("--accounts", type=int, default=10, help="how many, for --memory [10]")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
    elif options.memory:
        memory(options.accounts, options.size)
    else:
        show(compare(options.rounds, options.size, options.way or WAYS), repeated=options.repeated)


if __name__ == "__main__":
    main()
