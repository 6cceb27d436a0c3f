"""`rollback`: take a fix back, by the calls that its receipt holds."""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ..errors import GuardrailsError
from .options import yes_option


@dataclass(frozen=True)
class Undo:
    """One call that takes back a part of a fix."""

    account: str
    region: str
    resource: str
    service: str
    operation: str
    parameters: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.service}:{self.operation} {json.dumps(self.parameters, default=str)}"


@dataclass(frozen=True)
class Plan:
    """What a rollback will call, in order, and which receipts have nothing to take back."""

    calls: tuple[Undo, ...]
    empty: tuple[str, ...]
    """`resource (outcome)` of each receipt without an inverse."""


def read_receipts(files: Iterable[Path]) -> list[Mapping[str, Any]]:
    """The receipts of the files. Raises GuardrailsError for a file that holds none."""
    receipts: list[Mapping[str, Any]] = []
    for file in files:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise GuardrailsError(f"{file}: no JSON: {error}", _WHAT) from None
        if not isinstance(found, list) or not all(
            isinstance(receipt, dict) and {"account", "region", "resource", "inverse"} <= set(receipt)
            for receipt in found
        ):
            raise GuardrailsError(f"{file}: no list of receipts", _WHAT)
        receipts.extend(found)
    return receipts


# What the call would do is so already: a rollback that stopped can be run again.
_ALREADY = ("InvalidPermission.Duplicate", "InvalidPermission.NotFound")
_WHAT = "a receipt is what our actions write, action-revert-… beside resources.json, or a heal's receipts.json"


def plan(receipts: Sequence[Mapping[str, Any]]) -> Plan:
    """The calls that take the receipts back: the last fix first, each fix's calls in their own order.

    Raises GuardrailsError for an inverse that is no call.
    """
    calls, empty = [], []
    for receipt in sorted(receipts, key=lambda receipt: str(receipt.get("at", "")), reverse=True):
        if not receipt["inverse"]:
            empty.append(f"{receipt['resource']} ({receipt.get('outcome', 'no outcome')})")
        for call in receipt["inverse"]:
            whole = isinstance(call, dict) and {"service", "operation", "parameters"} <= set(call)
            if not whole or not isinstance(call["parameters"], dict):
                raise GuardrailsError(f"the receipt of {receipt['resource']}: {call!r} is no call", _WHAT)
            calls.append(Undo(
                str(receipt["account"]), str(receipt["region"]), str(receipt["resource"]),
                str(call["service"]), str(call["operation"]), call["parameters"],
            ))
    return Plan(tuple(calls), tuple(empty))


def refuse_other_accounts(calls: Iterable[Undo], account: str) -> None:
    """Raise GuardrailsError when a call is for another account than `account`: nothing is done then."""
    others = sorted({call.account for call in calls} - {account})
    if others:
        raise GuardrailsError(
            f"the receipts are of account {', '.join(others)}, and the credentials of {account}",
            "use credentials of the receipts' account; several accounts take one rollback each",
        )


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RECEIPTS...")
@yes_option
def rollback(files: tuple[Path, ...], yes: bool) -> None:
    """Make the calls that give back what a fix took away.

    RECEIPTS are the files that our actions write (action-revert-ingress, beside resources.json), or a heal's
    receipts.json. The calls are shown first. The first one that fails ends it, and what was and was not done is said.
    Runs with the current credentials, which must belong to the receipts' account. A policy that still runs will
    fix the same drift again: switch it off, or protect the rule.

    \b
    Example:
      ./run.sh rollback output/heal-20260101T120000Z/receipts.json
    """
    import boto3
    from botocore.exceptions import ClientError

    from ..accounts import AWS_ERRORS, reason_of
    from .console import confirm, err, table

    found = plan(read_receipts(files))
    for receipt in found.empty:
        click.echo(f"nothing to take back: {receipt}")
    if not found.calls:
        return
    try:
        identity = boto3.client("sts", region_name=found.calls[0].region or "us-east-1").get_caller_identity()
    except AWS_ERRORS as error:
        raise GuardrailsError(f"no way into AWS: {reason_of(error)}", "set the account's credentials") from None
    refuse_other_accounts(found.calls, identity["Account"])
    err().print(table(
        "Calls", ("account", "region", "resource", "call", "parameters"),
        [
            (c.account, c.region, c.resource, f"{c.service}:{c.operation}", json.dumps(c.parameters, default=str))
            for c in found.calls
        ],
    ))
    confirm(f"Make these {len(found.calls)} calls?", yes=yes)
    for number, call in enumerate(found.calls):
        try:
            client = boto3.client(call.service, region_name=call.region or None)
            if call.operation not in client.meta.method_to_api_mapping:
                raise GuardrailsError(f"{call.service} has no operation {call.operation}", _WHAT)
            getattr(client, call.operation)(**call.parameters)
        except (*AWS_ERRORS, GuardrailsError) as error:
            if isinstance(error, ClientError) and error.response.get("Error", {}).get("Code") in _ALREADY:
                click.echo(f"so already: {call}")
                continue
            reason = error.problem if isinstance(error, GuardrailsError) else reason_of(error)
            click.echo(f"failed: {call}\n  {reason}")
            for left in found.calls[number + 1:]:
                click.echo(f"not done: {left}")
            raise GuardrailsError(
                f"stopped at call {number + 1} of {len(found.calls)}: {number} done, {len(found.calls) - number} not",
                "mend the cause and run it again: security group rules that are back already count as done",
            ) from None
        click.echo(f"done: {call}")
