"""A probe of `guardrails doctor --fire`: the function logs that it is ready, and does nothing else.

No resource is read, and no filter or action runs.
"""
from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..aws import detail_of

log = logging.getLogger("custodian.guardrails")

PROBE_SOURCE = "guardrails.doctor"
"""The source of a probe. Events of AWS have a source that begins with `aws.`, which only AWS can use."""
PROBE_PREFIX = "guardrails-probe-"
"""The prefix of a probe's `detail.eventID`. The whole id is the marker that the log repeats."""


def config() -> dict[str, Any]:
    """The `config.json` that c7n puts into the archive: options and policies."""
    data: dict[str, Any] = json.loads(Path("config.json").read_text(encoding="utf-8"))
    return data


def probe_in(message: Mapping[str, Any]) -> str:
    """The marker of a probe; empty for every other message."""
    marker = detail_of(message).get("eventID")
    if message.get("source") != PROBE_SOURCE or not isinstance(marker, str) or not marker.startswith(PROBE_PREFIX):
        return ""
    return marker


def answer_probe(marker: str, data: dict[str, Any] | None = None) -> None:
    """Load and validate the policy as for a real event, log that it is ready, and stop.

    `data`: the options and policies to load, as in the archive's `config.json`; all of that file if it is None.

    Raises what a real event would raise: no credentials, an element that is missing in the archive.
    """
    log.info("probe %s: received", marker)
    from c7n.handler import init_config
    from c7n.policy import PolicyCollection
    from c7n.resources import load_resources
    from c7n.structure import StructureParser

    data = config() if data is None else data
    # c7n then asks STS, so a function without credentials is not ready.
    given = {name: value for name, value in (data.get("execution-options") or {}).items() if name != "account_id"}
    options = init_config({**data, "execution-options": given})
    load_resources(StructureParser().get_resource_types(data))
    for policy in PolicyCollection.from_data(data, options):
        policy.validate()
        log.info("probe %s: %s is ready; nothing was done", marker, policy.name)
