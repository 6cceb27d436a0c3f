"""A function's output as c7n writes it, for tests to lay out in a directory or in a bucket."""
from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from guardrails.policies.policy import Policy
from guardrails.yamlfile import YamlFile

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
RED, BLUE = "111111111111", "222222222222"
REGION = "eu-west-1"
PLACE = f"{RED}/{REGION}/volumes"


def policy(name: str = "volumes", resource: str = "aws.ebs", mode: str = "periodic", **extra: Any) -> Policy:
    data = {"name": name, "resource": resource, "metadata": {"severity": "high"}, **extra}
    if mode != "pull":
        data["mode"] = {"type": mode, "schedule": "rate(1 day)", "role": "r"}
    return Policy(data, YamlFile(Path("p.yml"), {}, None), 0)


def volumes(*names: str) -> list[dict[str, Any]]:
    return [{"VolumeId": name, "Encrypted": False, "c7n:MatchedFilters": ["Encrypted"]} for name in names]


@dataclass
class Wrote:
    """The files of one run. Without changes: of the periodic policy `volumes` in RED, whole, nothing found."""

    account: str = RED
    region: str = REGION
    policy: str = "volumes"
    mode: str = "periodic"
    dryrun: bool = False
    resources: Sequence[Mapping[str, Any]] | None = ()
    counted: int | None = -1
    """-1: as many as there are resources; None: the run did not come to counting."""
    log: Sequence[str] = ()
    """Lines after the counting, or instead of it; without time."""
    began: datetime = NOW - timedelta(hours=1)
    more: Mapping[str, Any] = field(default_factory=dict)

    def files(self) -> dict[str, bytes]:
        """Name to content, as they lie in a bucket."""
        counted = len(self.resources or ()) if self.counted == -1 else self.counted
        count = () if counted is None else (
            f"custodian.policy - INFO - policy:{self.policy} resource:aws.ebs region:{self.region} count:{counted} "
            "time:0.10",)
        metrics = [] if counted is None else [{"MetricName": "ResourceCount", "Value": counted, "Unit": "Count"}]
        metadata = {
            "policy": {"name": self.policy, "resource": "aws.ebs", "mode": {"type": self.mode}},
            "execution": {"start": self.began.timestamp()},
            "config": {"account_id": self.account, "region": self.region, "dryrun": self.dryrun},
            "metrics": metrics,
        }
        lines = "".join(
            line + "\n" if line.startswith(("Traceback", "  ", "botocore")) else f"2026-03-10 11:00:00,000 - {line}\n"
            for line in (*count, *self.log))
        made = {"metadata.json": json.dumps(metadata), "custodian-run.log": lines}
        if self.resources is not None:
            made["resources.json"] = json.dumps(self.resources)
        made |= {name: json.dumps(content) for name, content in self.more.items()}
        return {f"{name}.gz": gzip.compress(content.encode(), mtime=0) for name, content in made.items()}

    def into(self, root: Path, place: str, *, plain: bool = False) -> None:
        """Write them below `root`; `plain`: without gzip, as c7n does it in a directory."""
        directory = root / place
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in self.files().items():
            if plain:
                (directory / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
            else:
                (directory / name).write_bytes(content)


FAILED = (
    "custodian.output - ERROR - Error while executing policy", "Traceback (most recent call last):", "  File x",
)


def refused(operation: str, code: str = "UnauthorizedOperation") -> tuple[str, ...]:
    """What c7n logs when a call is refused."""
    return (*FAILED, f"botocore.exceptions.ClientError: An error occurred ({code}) when calling {operation}: no")
