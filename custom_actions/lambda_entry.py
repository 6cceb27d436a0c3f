"""The entry point of every function that we deploy: `mode.handler: custom_actions.lambda_entry.run`.

c7n's default handler never imports our package, so a policy with one of our elements would die on its first event
with `Invalid action type`. This one registers the elements and hands over to c7n, after a look at the message: what
c7n would answer with a traceback ends in one clear log line here, and for AWS Config in the right evaluation.

Where one function answers the events of many accounts, central.py makes the policy that account's own before.

A probe, which `guardrails doctor --fire` sends, gets an answer in the log and nothing else: no resource is looked up,
no filter and no action runs.
"""
from __future__ import annotations

import functools
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from c7n.handler import dispatch_event, init_config
from c7n.policy import PolicyCollection
from c7n.resources import load_resources
from c7n.structure import StructureParser

from .central import Members, NotOfAMember, is_central
from .events import detail_of
from .plugin import register

log = logging.getLogger("custodian.guardrails")

PROBE_SOURCE = "guardrails.doctor"
"""The source of a probe. An event of AWS's own comes from `aws.…`, which nobody else may put on a bus."""
PROBE_PREFIX = "guardrails-probe-"
"""How a probe's `detail.eventID` begins; all of it is the marker that the log repeats."""

if not logging.root.handlers:
    # AWS's runtime has one; a runtime that has none would print warnings only, and no receipt.
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s")

# At import: Lambda gives a starting function more processor than a running one, and this happens once.
register()


def run(event: dict[str, Any], context: Any) -> bool:
    """Run the function's policy for each message in `event`; the name and the arguments are Lambda's.

    Returns whether every message could be used. Raises what c7n raises, so that Lambda counts an error and
    delivers the event again.
    """
    usable = True
    for message in messages(event):
        if marker := probe_in(message):
            answer_probe(marker)
            continue
        if problem := unusable(message, policy_mode()):
            log.error("event ignored: %s", problem)
            usable = False
            continue
        if members := _members():
            try:
                where = members.prepare(message)
            except NotOfAMember as problem:
                log.error("event ignored: %s", problem)
                usable = False
                continue
            log.info("the event is of account %s, %s", where.account, where.region)
        dispatch_event(message, context)
    return usable


def messages(event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The event itself, or what SNS wraps: one message for each of its records.

    A record that is no JSON object becomes `{"unreadable": text}`.
    """
    records = [record["Sns"]["Message"] for record in event.get("Records") or () if "Sns" in record]
    if not records:
        yield dict(event)
    for text in records:
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        yield message if isinstance(message, dict) else {"unreadable": text}


def unusable(message: Mapping[str, Any], mode: str) -> str:
    """Why a policy of this mode cannot work on `message`; empty when it can."""
    if "unreadable" in message:
        return f"the SNS message is not a JSON object: {str(message['unreadable'])[:200]!r}"
    if mode == "cloudtrail":
        detail = detail_of(message)
        missing = [name for name in ("eventName", "eventSource") if not detail.get(name)]
        if missing:
            return f"a CloudTrail event needs detail.{' and detail.'.join(missing)}; it has {sorted(message)}"
    if mode in ("config-rule", "config-poll-rule"):
        missing = [name for name in ("invokingEvent", "resultToken") if not message.get(name)]
        if missing:
            return (
                f"an AWS Config event needs {' and '.join(missing)}, without which no evaluation can be posted; "
                f"it has {sorted(message)}"
            )
    return ""


def probe_in(message: Mapping[str, Any]) -> str:
    """The marker of a probe; empty for every other message, so that no real event can pass for one."""
    marker = detail_of(message).get("eventID")
    if message.get("source") != PROBE_SOURCE or not isinstance(marker, str) or not marker.startswith(PROBE_PREFIX):
        return ""
    return marker


def answer_probe(marker: str) -> None:
    """Make the policy ready as for a real event, say so in the log, and stop there.

    Raises what a real event would meet on that way: no credentials, an element that is not in the archive.
    """
    log.info("probe %s: received", marker)
    data = _config()
    options = init_config(data)
    load_resources(StructureParser().get_resource_types(data))
    for policy in PolicyCollection.from_data(data, options):
        policy.validate()
        log.info("probe %s: %s is ready; nothing was done", marker, policy.name)


@functools.cache
def policy_mode() -> str:
    """The mode of the function's policy, from the `config.json` that c7n puts into the archive."""
    return str(_config()["policies"][0]["mode"]["type"])


@functools.cache
def _members() -> Members | None:
    """The accounts that the function answers for; None for a function that knows its own account only."""
    config = _config()
    return Members(config) if is_central(config["policies"][0]) else None


def _config() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(Path("config.json").read_text(encoding="utf-8"))
    return data
