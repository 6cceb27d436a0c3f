"""c7n in this process, on one policy: on the state, or on an event as in Lambda."""
from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..sandbox import ACCOUNT, REGION


def load(
    data: Mapping[str, Any], output: Path, *, dryrun: bool = False, variables: Mapping[str, Any] | None = None,
    account: str = ACCOUNT,
) -> Any:
    """The policy, its variables filled in, validated as `custodian run` does it.

    `variables` are what an account's `vars` say in accounts.yml.
    """
    from c7n.config import Config
    from c7n.policy import PolicyCollection
    from c7n.resources import load_resources
    from c7n.resources.aws import AWS

    # A resource type without its provider is one of AWS; load_resources demands the full name.
    resource = str(data["resource"])
    load_resources([resource if "." in resource else f"aws.{resource}"])
    options = AWS().initialize(Config.empty(
        region=REGION, account_id=account, output_dir=str(output), dryrun=dryrun, cache_period=0, cache=None,
    ))
    # c7n fills in variables in place.
    [policy] = PolicyCollection.from_data({"policies": [json.loads(json.dumps(data))]}, options)
    policy.expand_variables(policy.get_variables(dict(variables or {})))
    policy.validate()
    return policy


def push(
    data: Mapping[str, Any], output: Path, event: Mapping[str, Any], *, variables: Mapping[str, Any] | None = None
) -> Any:
    """Run the policy on an event, as its function would."""
    return load(data, output, variables=variables).push(dict(event), None)


@dataclass(frozen=True)
class Matching:
    """What a policy's filters say of some resources, by id."""

    matched: set[str]
    in_scope: set[str]
    """Those that pass the filter `scope`; all of them without one."""


class Engine:
    """c7n on one policy, in pull mode."""

    def __init__(self, policy: Mapping[str, Any], output: Path, variables: Mapping[str, Any] | None = None) -> None:
        self.data = {key: value for key, value in policy.items() if key != "mode"}
        self.output = output
        self.variables = variables

    def everything(self) -> dict[str, dict[str, Any]]:
        """All that the policy looks at, by id: what would match if its filters and conditions were gone."""
        return self._run({**self.data, "filters": [], "actions": [], "conditions": []}, dryrun=True)

    def run(self, *, dryrun: bool) -> dict[str, dict[str, Any]]:
        """The resources that match, by id; without `dryrun` the actions have run on them."""
        return self._run(self.data, dryrun=dryrun)

    def in_force(self) -> bool:
        """Whether the policy's conditions hold, such as a profile that is chosen."""
        return bool(load(self.data, self.output, variables=self.variables).is_runnable())

    def matching(self, filters: list[Any], of: Mapping[str, Any]) -> Matching | None:
        """What other filters would match among the resources `of`; None when c7n does not take them."""
        try:
            policy = load(
                {**self.data, "filters": filters, "actions": []}, self.output, dryrun=True, variables=self.variables)
            id_key = policy.resource_manager.get_model().id
            # Read once for all: filters note what they find on the resource itself.
            resources = copy.deepcopy(list(of.values()))
            scope = next((each for each in policy.resource_manager.filters if getattr(each, "is_scope", False)), None)
            inside = scope.process(copy.deepcopy(resources)) if scope else resources
            found = policy.resource_manager.filter_resources(resources)
            return Matching(*({str(resource[id_key]) for resource in each} for each in (found, inside)))
        except Exception:  # noqa: BLE001 - any error would be seen
            return None

    def _run(self, data: dict[str, Any], *, dryrun: bool) -> dict[str, dict[str, Any]]:
        policy = load(data, self.output, dryrun=dryrun, variables=self.variables)
        id_key = policy.resource_manager.get_model().id
        return {str(resource[id_key]): resource for resource in policy() or ()}
