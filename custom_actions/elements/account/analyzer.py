"""The action `create-analyzer` on the account.

Source: IAM Access Analyzer's ListAnalyzers, CreateAnalyzer and DeleteAnalyzer.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from c7n.utils import type_schema

from ...aws import call
from ...fixing import OTHERWISE, Call, Fix, FixPlan, FixResult, Inverse, Step, fix_by_plan, is_added

EXTERNAL = ("ACCOUNT", "ORGANIZATION")
_WORKS = ("ACTIVE", "CREATING")


def plan_analyzer(analyzers: Sequence[Mapping[str, Any]], name: str) -> FixPlan:
    """Create an analyzer for external access where none works."""
    external = [each for each in analyzers if each["type"] in EXTERNAL]
    if any(each["status"] in _WORKS for each in external):
        return FixPlan()
    if external:
        return FixPlan(cannot=(
            f"the analyzer {external[0]['name']} is {external[0]['status']}: find out why, and delete it or repair it"))
    wanted = {"analyzerName": name, "type": "ACCOUNT"}
    return FixPlan([Step(
        f"create the analyzer {name}", Call("accessanalyzer", "create_analyzer", wanted),
        Call("accessanalyzer", "delete_analyzer", {"analyzerName": name}), added=wanted)])


class CreateAnalyzer(Fix):
    """Create an analyzer of IAM Access Analyzer for external access in this region, and verify the result.

    It costs nothing. Refused if there is one that does not work. An account does not see the analyzer of its
    organization; it then shows the same findings once more.

    Written because c7n has no action for analyzers.

    :example:

    .. code-block:: yaml

        policies:
          - name: access-analyzer-create
            resource: aws.account
            actions:
              - type: create-analyzer
                name: external-access
    """

    schema = type_schema("create-analyzer", required=["name"], otherwise=OTHERWISE, name={"type": "string"})
    inverses = (
        Inverse("accessanalyzer", "delete_analyzer", "analyzerName", is_added, already=("ResourceNotFoundException",)),
    )
    # Access Analyzer makes its role when the account has none.
    permissions: tuple[str, ...] = (
        "access-analyzer:ListAnalyzers", "access-analyzer:CreateAnalyzer", "iam:CreateServiceLinkedRole")

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Create the analyzer."""
        client = session.client("accessanalyzer")

        def plan() -> FixPlan:
            found = call(lambda: client.get_paginator("list_analyzers").paginate().build_full_result())
            return plan_analyzer(found["analyzers"], self.data["name"])

        yield fix_by_plan(lambda service: client, plan)
