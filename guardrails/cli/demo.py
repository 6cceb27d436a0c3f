"""The whole product on a laptop: two accounts of a local AWS, found drifting, healed, and defended in real time.

It does what it prints. Sweeps, fixes and deployments are this project's own verbs, in processes of their own; what
somebody changes is changed through boto3; what comes back is seen by asking AWS again. Nothing is left running.
"""
from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from custom_actions.vocabulary import SEVERITIES

from ..errors import GuardrailsError
from ..paths import output_directory
from .console import out, severity, table
from .options import output_option

if TYPE_CHECKING:
    from ..sandbox import Sandbox

# Some of the policies, so that the show is short: each finds something here, and half of them can put it right.
STORY = (
    "security-group-admin-ports", "security-group-web-exact", "security-group-default-closed", "s3-bucket-encryption",
    "s3-bucket-versioning", "ebs-volume-encrypted", "ebs-encryption-by-default", "ec2-unapproved-image",
    "ec2-image-gone", "iam-user-mfa",
)
DEFENCE = ("security-group-admin-ports-revert", "cloudtrail-logging-restart", "cloudtrail-settings-restore")
REGION = "eu-central-1"
ACCOUNTS = {"production": "111111111111", "staging": "222222222222"}
_PATIENCE_SECONDS = 60.0
_POLL_SECONDS = 0.05


@click.command()
@output_option
@click.option("--keep", is_flag=True, help="Leave the local AWS running, and say how to talk to it.")
def demo(output: str | None, keep: bool) -> None:
    """Show drift found, reverted and reported, on a local AWS with two accounts; needs no AWS and no Docker.

    \b
    Example:
      ./run.sh demo
      ./run.sh demo --keep        # then try your own changes against it
    """
    from ..sandbox import Sandbox

    began = time.monotonic()
    target = output_directory(output, "demo").resolve()
    target.mkdir(parents=True, exist_ok=True)
    show = Show(began)
    show.step("A local AWS starts: one endpoint, several accounts, real Lambda archives")
    place = None if keep else target / "sandbox"
    with _sandbox(Sandbox, place, keep) as sandbox:
        show.say(f"{sandbox.endpoint} is ready")
        accounts = target / "accounts.yml"
        accounts.write_text(_accounts_file(), encoding="utf-8")
        seed(sandbox, show)
        verbs = Verbs(sandbox, accounts, target, show)

        chosen = [option for name in STORY for option in ("--policy", name)]
        show.step("What drifts? A sweep of both accounts with c7n-org; it changes nothing")
        # Of this demo alone: the user's own history is not for its accounts.
        kept = ("--history", str(target / "history.db"))
        verbs.run("audit", "before", *chosen, *kept)

        show.step("Realtime policies go live: c7n builds the archives and deploys them as functions")
        verbs.run("deploy", "deploy", *DEFENCE, "--yes")
        defend(sandbox, show)

        show.step("The fixes of the other policies run: heal")
        verbs.run("heal", "heal", *chosen, "--yes")

        show.step("And now? The same sweep again")
        verbs.run("audit", "after", *chosen, *kept)
        difference(target, show)
        processes = [] if keep else sandbox.stop()
    _assert_gone(processes)
    show.step(f"Done in {time.monotonic() - began:.0f} s")
    if keep:
        production = f"--account {ACCOUNTS['production']} --region {REGION}"
        show.say(f'the local AWS is still there: eval "$(./run.sh sandbox env {production})", then try it')
        show.say("./run.sh sandbox stop ends it")
    else:
        show.say(f"all {len(processes)} processes of the local AWS are gone")
    for name in ("before", "after"):
        show.say(f"report {name}, for a browser: {target / name / 'report.html'}")
    show.say(f"what was done, and the calls that take it back: {target / 'heal' / 'receipts.json'}")


class Show:
    """What the person in front of the terminal sees."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._console = out()

    def step(self, title: str) -> None:
        """A heading, with the seconds since the start."""
        self._console.print()
        self._console.rule(f"[bold]{title}[/bold]  [dim]{time.monotonic() - self._began:.0f} s[/dim]", align="left")

    def say(self, line: str, style: str = "") -> None:
        """One line, shown as it is."""
        self._console.print(line, style=style, markup=False)

    def print(self, shown: Any) -> None:
        """Anything that rich can show."""
        self._console.print(shown)


class Verbs:
    """This project's own verbs, run as a person would run them, against the sandbox."""

    def __init__(self, sandbox: Sandbox, accounts: Path, target: Path, show: Show) -> None:
        self._environment = {**os.environ, **sandbox.environment(account=ACCOUNTS["production"], region=REGION)}
        self._accounts = accounts
        self._target = target
        self._show = show

    def run(self, verb: str, output: str, *options: str) -> None:
        """Run a verb and show what it prints. Raises GuardrailsError when it fails."""
        arguments = [verb, "-c", str(self._accounts), *options, "-o", str(self._target / output)]
        self._show.say(f"$ ./run.sh {shlex.join(arguments)}", style="bold cyan")
        # The verb writes to the terminal itself; what this process has written must come first.
        sys.stdout.flush()
        done = subprocess.run(
            [sys.executable, "-c", "from guardrails.cli.main import main; main()", *arguments],
            env=self._environment, check=False,
        )
        if done.returncode:
            raise GuardrailsError(
                f"demo: {verb} ended with exit code {done.returncode}", f"its files are in {self._target / output}"
            )


def seed(sandbox: Sandbox, show: Show) -> None:
    """Two accounts as they are found in the wild: much that is right, and some that is not."""
    show.step("Two accounts, with resources that comply and resources that drift")
    for name, account in ACCOUNTS.items():
        ec2, s3 = sandbox.client("ec2", account, REGION), sandbox.client("s3", account, REGION)
        iam, trail = sandbox.client("iam", account, REGION), sandbox.client("cloudtrail", account, REGION)
        iam.create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
        sandbox.client("sns", account, REGION).create_topic(Name="guardrails-compliance")
        location = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket=f"{name}-logs", CreateBucketConfiguration=location)
        s3.put_bucket_versioning(Bucket=f"{name}-logs", VersioningConfiguration={"Status": "Enabled"})
        trail.create_trail(
            Name="main", S3BucketName=f"{name}-logs", IsMultiRegionTrail=True, EnableLogFileValidation=True)
        trail.start_logging(Name="main")
        web = _group(ec2, "web", {"guardrails-ingress": "web"})
        _open(ec2, web, 80, 80, "0.0.0.0/0")
        _open(ec2, web, 443, 443, "0.0.0.0/0")
        office = _group(ec2, "office")
        _open(ec2, office, 22, 22, "192.0.2.0/24", "10.0.0.0/8")
        ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=8, Encrypted=True)
    account = ACCOUNTS["production"]
    ec2, s3 = sandbox.client("ec2", account, REGION), sandbox.client("s3", account, REGION)
    bastion = _group(ec2, "bastion")
    _open(ec2, bastion, 22, 22, "0.0.0.0/0", "192.0.2.0/24")
    _open(ec2, _group(ec2, "legacy"), 0, 65535, "0.0.0.0/0")
    _open(ec2, _group(ec2, "shop", {"guardrails-ingress": "web"}), 8080, 8080, "0.0.0.0/0")
    s3.create_bucket(Bucket="customer-exports", CreateBucketConfiguration={"LocationConstraint": REGION})
    ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=8, Encrypted=False)
    sandbox.client("iam", account, REGION).create_user(UserName="contractor")
    stranger = sandbox.client("ec2", ACCOUNTS["staging"], REGION)
    images = stranger.describe_images(Filters=[{"Name": "owner-id", "Values": ["099720109477"]}])["Images"]
    stranger.run_instances(ImageId=images[0]["ImageId"], MinCount=1, MaxCount=1)
    for name, account in ACCOUNTS.items():
        show.say(f"{name} ({account}): {len(sandbox.events(account))} changes made")


def defend(sandbox: Sandbox, show: Show) -> None:
    """Change what must not change, as anybody might, and see how soon it is back."""
    show.step("Somebody opens SSH to the world, and stops the audit trail")
    account = ACCOUNTS["production"]
    ec2, trail = sandbox.client("ec2", account, REGION), sandbox.client("cloudtrail", account, REGION)
    group = _group(ec2, "quick-fix")
    rows = []
    for temperature in ("cold", "warm"):
        def opened() -> bool:
            found = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
            return any(source["CidrIp"] == "0.0.0.0/0" for rule in found for source in rule["IpRanges"])

        command = f"aws ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 22"
        show.say(f"$ {command} --cidr 0.0.0.0/0", style="bold cyan")
        seconds = _until(lambda: not opened(), lambda: _open(ec2, group, 22, 22, "0.0.0.0/0"))
        rows.append(("port 22 closed to the world again", temperature, f"{seconds:.2f} s"))
        show.say("$ aws cloudtrail stop-logging --name main", style="bold cyan")
        seconds = _until(
            lambda: trail.get_trail_status(Name="main")["IsLogging"], lambda: trail.stop_logging(Name="main"))
        rows.append(("the trail logs again", temperature, f"{seconds:.2f} s"))
        _settle(sandbox, account)
    show.print(table("Answered by the functions", ("what", "start", "seconds after the call"), rows))
    log = sandbox.logs("custodian-security-group-admin-ports-revert", account, REGION)
    receipt = next(_receipts(log), None)
    if receipt is None:
        raise GuardrailsError("demo: the function's log has no receipt", "see the function's log: ./run.sh demo --keep")
    show.say(f"the function's receipt: {receipt['outcome']}, removed {json.dumps(receipt['removed'][0])}")
    show.say(f"who did it: {receipt['caused_by']['arn']} with {receipt['caused_by']['event']}")


def difference(target: Path, show: Show) -> None:
    """What the second sweep no longer finds, and what it still does."""
    before, after = _findings(target / "before"), _findings(target / "after")
    names = {account: name for name, account in ACCOUNTS.items()}
    by_severity = sorted({**after, **before}.items(), key=lambda item: (SEVERITIES.index(item[1]["severity"]), item[0]))
    rows = [
        (severity(finding["severity"]), names[finding["account"]], finding["policy"], finding["resource"],
         "new" if key not in before else "still there" if key in after else "fixed")
        for key, finding in by_severity
    ]
    show.print(table("Before and after", ("severity", "account", "policy", "resource", "now"), rows))
    show.say(f"{len(before)} findings before, {len(after)} after: what is left has no safe fix, and needs a person")
    if new := set(after) - set(before):
        raise GuardrailsError(f"demo: the fixes made new findings: {sorted(new)}", f"see {target / 'after'}")


@contextmanager
def _sandbox(kind: type[Sandbox], directory: Path | None, keep: bool) -> Iterator[Sandbox]:
    if not keep:
        with kind.start(directory=directory) as sandbox:
            yield sandbox
        return
    from ..sandbox import process

    process.start(process.default_directory(), detached=True)
    sandbox = kind.attach()
    sandbox.reset()
    yield sandbox


def _accounts_file() -> str:
    return yaml.safe_dump({"accounts": [
        {
            "name": name, "account_id": account, "role": f"arn:aws:iam::{account}:role/guardrails", "regions": [REGION],
            "guardrails": "heal",
        }
        for name, account in ACCOUNTS.items()
    ]}, sort_keys=False)


def _group(ec2: Any, name: str, tags: Mapping[str, str] | None = None) -> str:
    listed = [{"ResourceType": "security-group", "Tags": [{"Key": k, "Value": v} for k, v in (tags or {}).items()]}]
    made = ec2.create_security_group(GroupName=name, Description=name, TagSpecifications=listed if tags else [])
    return str(made["GroupId"])


def _open(ec2: Any, group: str, start: int, end: int, *sources: str) -> None:
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": start, "ToPort": end, "IpRanges": [{"CidrIp": cidr} for cidr in sources]}])


def _until(done: Callable[[], bool], change: Callable[[], object]) -> float:
    """Make the change; seconds until `done` says that it was answered. Raises GuardrailsError after a minute."""
    change()
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > _PATIENCE_SECONDS:
            raise GuardrailsError(
                f"demo: nothing answered the change within {_PATIENCE_SECONDS:.0f} s",
                "see the functions' logs: ./run.sh demo --keep",
            )
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - began


def _settle(sandbox: Sandbox, account: str) -> None:
    """Wait until the functions are at rest, so that the next change meets warm ones and not busy ones."""
    names = ("custodian-security-group-admin-ports-revert", "custodian-cloudtrail-logging-restart")
    last, since = "", time.monotonic()
    while time.monotonic() - since < 1.5:
        logs = "".join(sandbox.logs(name, account, REGION) for name in names)
        busy = logs.count("START RequestId") != logs.count("END RequestId")
        if logs != last or busy:
            last, since = logs, time.monotonic()
        time.sleep(0.2)


def _receipts(log: str) -> Iterator[dict[str, Any]]:
    for line in log.splitlines():
        _, found, text = line.partition("revert-ingress receipt ")
        if found:
            receipt: dict[str, Any] = json.loads(text)
            yield receipt


def _findings(directory: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    report = json.loads((directory / "report.json").read_text(encoding="utf-8"))
    return {
        (found["account"], found["policy"], found["resource"]): found
        for found in report["findings"] if found["status"] == "open"}


def _assert_gone(processes: list[int]) -> None:
    from ..sandbox import still_running

    if left := still_running(processes):
        raise GuardrailsError(f"demo: processes of the local AWS still run: {left}", f"kill {' '.join(map(str, left))}")
