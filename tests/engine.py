"""c7n in this process, on one policy: pulled, or pushed an event as in Lambda."""
from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from c7n.config import Config
from c7n.policy import Policy, PolicyCollection
from c7n.resources import load_resources
from c7n.resources.aws import AWS

from .moto_server import ACCOUNT, REGION


def load(
    data: Mapping[str, Any], output: Path, *, dryrun: bool = False, variables: Mapping[str, Any] | None = None,
    account: str = ACCOUNT,
) -> Policy:
    """The policy, its variables filled in, validated as `custodian run` does it.

    `variables` are what an account's `vars` say in accounts.yml.
    """
    load_resources([data["resource"]])
    options = AWS().initialize(Config.empty(
        region=REGION, account_id=account, output_dir=str(output), dryrun=dryrun, cache_period=0, cache=None,
    ))
    # c7n fills in variables in place.
    [policy] = PolicyCollection.from_data({"policies": [json.loads(json.dumps(data))]}, options)
    policy.expand_variables(policy.get_variables(dict(variables or {})))
    policy.validate()
    return policy


def pull(data: Mapping[str, Any], output: Path, *, dryrun: bool = False) -> list[dict[str, Any]]:
    """Run the policy on the state; returns the resources that matched."""
    return list(load({key: value for key, value in data.items() if key != "mode"}, output, dryrun=dryrun)() or ())


def push(
    data: Mapping[str, Any], output: Path, event: Mapping[str, Any], *, variables: Mapping[str, Any] | None = None
) -> Any:
    """Run the policy on an event, as its function would."""
    return load(data, output, variables=variables).push(dict(event), None)
