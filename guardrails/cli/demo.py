"""`demo`: the whole product on a laptop. Drift in two accounts of a local AWS is found, fixed, and reverted at once.

Everything that it prints really happens. Sweeps, fixes and deployments are this project's own verbs, in processes of
their own. Changes to resources are made with boto3, and results are read back from the local AWS. No process is left
running.
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

from ..command import command
from ..errors import GuardrailsError
from ..paths import output_directory
from .console import out, print_json, severity, table, talk
from .options import json_option, output_option, talk_options
from .talk import is_quiet

if TYPE_CHECKING:
    from ..sandbox import Sandbox

# A few policies, to keep the demo short: each has findings here, and half of them have a fix.
AUDITED = (
    "security-group-admin-ports", "security-group-web-exact", "security-group-default-closed", "s3-bucket-encryption",
    "s3-bucket-versioning", "ebs-volume-encrypted", "ebs-unattached-volume-encrypted", "ebs-encryption-by-default",
    "ec2-unapproved-image", "ec2-image-gone", "iam-user-mfa",
)
REALTIME = ("security-group-admin-ports-revert", "cloudtrail-logging-restart", "cloudtrail-settings-restore")
REGION = "eu-central-1"
ACCOUNTS = {"production": "111111111111", "staging": "222222222222"}
_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.05


@click.command()
@output_option
@click.option("--keep", is_flag=True, help="Leave the local AWS running, and print how to use it.")
@json_option()
@talk_options
def demo(output: str | None, keep: bool, as_json: bool) -> None:
    """Find, fix and report drift in a local AWS with two accounts; needs no AWS account and no Docker.

    \b
    Example:
      {command} demo
      {command} demo --keep        # then try your own changes
    """
    from ..sandbox import Sandbox

    target = output_directory(output, "demo").resolve()
    show = Show(time.monotonic(), as_json=as_json)
    show.step("Start a local AWS: one endpoint, several accounts, real Lambda archives")
    with _sandbox(Sandbox, None if keep else target / "sandbox", keep) as sandbox:
        show.say(f"{sandbox.endpoint} is ready")
        seed(sandbox, show)
        reverted, findings = _run_verbs(sandbox, target, show)
        processes = [] if keep else sandbox.stop()
    _check_ended(processes)
    seconds = round(show.seconds, 1)
    show.step(f"Done in {seconds:.0f} s")
    if not keep:
        show.say(f"all {len(processes)} processes of the local AWS have ended")
    for line in _next_steps(target, keep=keep):
        show.say(line)
    if as_json:
        print_json({
            "seconds": seconds, "directory": target, "reverted": reverted, **findings,
            "rollback": rollback_command(target)})


def rollback_command(target: Path) -> str:
    """The command that undoes the fixes of the demo in `target`, in the account called production."""
    return command(shlex.join(["rollback", str(target / "heal"), "--account", ACCOUNTS["production"]]))


def _next_steps(target: Path, *, keep: bool) -> Iterator[str]:
    """What to look at, how to undo the fixes, and what to do next."""
    for name in ("before", "after"):
        yield f"report {name} the fixes: {target / name / 'report.html'}"
    yield f"receipts of the fixes, with the calls that undo them: {target / 'heal' / 'receipts.json'}"
    if keep:
        production = f"--account {ACCOUNTS['production']} --region {REGION}"
        yield "the local AWS is still running; to use it:"
        yield f'  eval "$({command("sandbox env", production)})"'
        yield "then, to undo the fixes in the account production:"
    else:
        yield f"to undo the fixes in the account production, while the local AWS runs ({command('demo --keep')}):"
    yield f"  {rollback_command(target)}"
    if keep:
        yield f"to stop it: {command('sandbox stop')}"
    yield "next, with credentials of your own account (an audit changes nothing):"
    yield f"  {command('audit')}"
    yield "then, to make a repository for your own policies in the directory team:"
    yield f"  {command('init team')}"


def _run_verbs(sandbox: Sandbox, target: Path, show: Show) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Audit, deploy, heal, and audit again. Returns what `defend` and `show_difference` return."""
    accounts = target / "accounts.yml"
    accounts.write_text(_accounts_file(), encoding="utf-8")
    verbs = VerbRunner(sandbox, accounts, target, show)
    chosen = [option for name in AUDITED for option in ("--policy", name)]
    # A history of this demo alone: its accounts do not belong in the user's own.
    history = ("--history", str(target / "history.db"))

    show.step("audit: find drift in both accounts with c7n-org; changes nothing")
    verbs.run("audit", "before", *chosen, *history)

    show.step("deploy: put realtime policies into the accounts, as Lambda functions that c7n builds")
    verbs.run("deploy", "deploy", *REALTIME, "--yes")
    reverted = defend(sandbox, show)

    show.step("heal: run the fixes of the other policies")
    verbs.run("heal", "heal", *chosen, "--yes")

    show.step("audit: the same sweep again")
    verbs.run("audit", "after", *chosen, *history)
    return reverted, show_difference(target, show)


class Show:
    """The demo's own output on the terminal; with --json, it is talk on standard error."""

    def __init__(self, began: float, *, as_json: bool) -> None:
        self._began = began
        self._console = talk() if as_json else out()
        self.verbs_to = (subprocess.DEVNULL if is_quiet() else 2) if as_json else None
        """Where the standard output of verbs goes, as a file descriptor; None for the demo's own."""

    @property
    def seconds(self) -> float:
        """Seconds since the start of the demo."""
        return time.monotonic() - self._began

    def step(self, title: str) -> None:
        """Print a heading with the seconds since the start."""
        self._console.print()
        self._console.rule(f"[bold]{title}[/bold]  [dim]{self.seconds:.0f} s[/dim]", align="left")

    def say(self, line: str, style: str = "") -> None:
        """Print one line literally."""
        self._console.print(line, style=style, markup=False)

    def print(self, shown: Any) -> None:
        """Print anything that rich can print."""
        self._console.print(shown)


class VerbRunner:
    """Runs this project's own verbs against the sandbox, as a user would."""

    def __init__(self, sandbox: Sandbox, accounts: Path, target: Path, show: Show) -> None:
        self._environment = {**os.environ, **sandbox.environment(account=ACCOUNTS["production"], region=REGION)}
        self._accounts = accounts
        self._target = target
        self._show = show

    def run(self, verb: str, output: str, *options: str) -> None:
        """Run a verb; its output goes to the terminal. Raises GuardrailsError if it fails."""
        arguments = [verb, "-c", str(self._accounts), *options, "-o", str(self._target / output)]
        self._show.say(f"$ {command(shlex.join(arguments))}", style="bold cyan")
        # The verb writes to the terminal itself; the output of this process must come first.
        sys.stdout.flush()
        done = subprocess.run(
            [sys.executable, "-c", "from guardrails.cli.main import main; main()", *arguments,
             *(["--quiet"] if is_quiet() else [])],
            env=self._environment, check=False, stdout=self._show.verbs_to,
        )
        if done.returncode:
            raise GuardrailsError(
                f"demo: {verb} failed with exit code {done.returncode}", f"see its files in {self._target / output}"
            )


def seed(sandbox: Sandbox, show: Show) -> None:
    """Create resources in two accounts: most are compliant, and some are not."""
    show.step("Create two accounts, with compliant resources and with drift")
    for name, account in ACCOUNTS.items():
        _seed_compliant(sandbox, name, account)
    _seed_drift(sandbox)
    for name, account in ACCOUNTS.items():
        show.say(f"{name} ({account}): {len(sandbox.events(account))} changes made")


def _seed_compliant(sandbox: Sandbox, name: str, account: str) -> None:
    ec2, s3 = sandbox.client("ec2", account, REGION), sandbox.client("s3", account, REGION)
    iam, trail = sandbox.client("iam", account, REGION), sandbox.client("cloudtrail", account, REGION)
    iam.create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")
    # Policies on global resources, such as IAM users, send their messages from us-east-1.
    for region in (REGION, "us-east-1"):
        sandbox.client("sns", account, region).create_topic(Name="guardrails-compliance")
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


def _seed_drift(sandbox: Sandbox) -> None:
    account = ACCOUNTS["production"]
    ec2, s3 = sandbox.client("ec2", account, REGION), sandbox.client("s3", account, REGION)
    bastion = _group(ec2, "bastion")
    _open(ec2, bastion, 22, 22, "0.0.0.0/0", "192.0.2.0/24")
    _open(ec2, _group(ec2, "legacy"), 0, 65535, "0.0.0.0/0")
    _open(ec2, _group(ec2, "shop", {"guardrails-ingress": "web"}), 8080, 8080, "0.0.0.0/0")
    s3.create_bucket(Bucket="customer-exports", CreateBucketConfiguration={"LocationConstraint": REGION})
    ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=8, Encrypted=False)
    sandbox.client("iam", account, REGION).create_user(UserName="contractor")
    staging = sandbox.client("ec2", ACCOUNTS["staging"], REGION)
    # Canonical's images: a public owner that the policy does not approve.
    images = staging.describe_images(Filters=[{"Name": "owner-id", "Values": ["099720109477"]}])["Images"]
    staging.run_instances(ImageId=images[0]["ImageId"], MinCount=1, MaxCount=1)


def defend(sandbox: Sandbox, show: Show) -> list[dict[str, Any]]:
    """Make changes that the realtime policies forbid, and measure how soon they are reverted.

    Returns each change, whether the function had a cold or a warm start, and the seconds until it was reverted.
    """
    show.step("Open SSH to the world, and stop the audit trail: the functions revert both")
    account = ACCOUNTS["production"]
    ec2, trail = sandbox.client("ec2", account, REGION), sandbox.client("cloudtrail", account, REGION)
    group = _group(ec2, "quick-fix")
    reverted = []
    for start in ("cold", "warm"):
        def is_open() -> bool:
            found = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
            return any(source["CidrIp"] == "0.0.0.0/0" for rule in found for source in rule["IpRanges"])

        show.say(f"$ aws ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 22 "
                 "--cidr 0.0.0.0/0", style="bold cyan")
        seconds = _until(lambda: not is_open(), lambda: _open(ec2, group, 22, 22, "0.0.0.0/0"))
        reverted.append({"change": "port 22 closed to the world again", "start": start, "seconds": round(seconds, 2)})
        show.say("$ aws cloudtrail stop-logging --name main", style="bold cyan")
        seconds = _until(
            lambda: trail.get_trail_status(Name="main")["IsLogging"], lambda: trail.stop_logging(Name="main"))
        reverted.append({"change": "the trail logs again", "start": start, "seconds": round(seconds, 2)})
        _settle(sandbox, account)
    show.print(table("Reverted by the functions", ("change", "function start", "after"), [
        (each["change"], each["start"], f"{each['seconds']:.2f} s") for each in reverted]))
    log = sandbox.logs("custodian-security-group-admin-ports-revert", account, REGION)
    receipt = next(_receipts(log), None)
    if receipt is None:
        raise GuardrailsError("demo: the function's log has no receipt", f"to see the log: {command('demo --keep')}")
    show.say(f"the function's receipt: {receipt['outcome']}, removed {json.dumps(receipt['removed'][0])}")
    show.say(f"who made the change: {receipt['caused_by']['arn']} with {receipt['caused_by']['event']}")
    return reverted


def show_difference(target: Path, show: Show) -> dict[str, list[dict[str, Any]]]:
    """Print which findings of the first audit are fixed, and which are still there.

    Returns the open findings `before` and `after`, as report.json has them.
    """
    before, after = _findings(target / "before"), _findings(target / "after")
    names = {account: name for name, account in ACCOUNTS.items()}
    by_severity = sorted({**after, **before}.items(), key=lambda item: (SEVERITIES.index(item[1]["severity"]), item[0]))
    rows = [
        (severity(finding["severity"]), names[finding["account"]], finding["policy"], finding["resource"],
         "new" if key not in before else "still there" if key in after else "fixed")
        for key, finding in by_severity
    ]
    show.print(table("Before and after", ("severity", "account", "policy", "resource", "now"), rows))
    show.say(f"{len(before)} findings before, {len(after)} after; for those that are left, the policies only alert")
    if new := set(after) - set(before):
        raise GuardrailsError(f"demo: there are new findings after the fixes: {sorted(new)}", f"see {target / 'after'}")
    return {"before": list(before.values()), "after": list(after.values())}


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
    """Make the change, and wait until `done` is true.

    Returns the seconds from the end of the call. Raises GuardrailsError after a minute.
    """
    change()
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > _TIMEOUT_SECONDS:
            raise GuardrailsError(
                f"demo: the change was not reverted within {_TIMEOUT_SECONDS:.0f} s",
                f"to see the functions' logs: {command('demo --keep')}",
            )
        time.sleep(_POLL_SECONDS)
    return time.monotonic() - began


def _settle(sandbox: Sandbox, account: str) -> None:
    """Wait until the functions are idle, so that the next change starts warm functions and not busy ones."""
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


def _check_ended(processes: list[int]) -> None:
    from ..sandbox import still_running

    if left := still_running(processes):
        raise GuardrailsError(
            f"demo: processes of the local AWS are still running: {left}", f"kill {' '.join(map(str, left))}")
