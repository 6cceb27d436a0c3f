"""Whether a replication group fails over, and of which node its backups are made."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.elasticache.settings import backup_source, fails_over
from custom_actions.errors import Refusal


@pytest.mark.parametrize(("now", "pending", "expected"), [
    ("enabled", None, True), ("enabling", None, True), ("disabled", None, False), ("disabling", None, False),
    ("disabled", "enabled", True), ("enabled", "disabled", False), (None, None, False),
])
def test_a_change_that_waits_counts(now: str | None, pending: str | None, *, expected: bool) -> None:
    group = {"AutomaticFailover": now, "PendingModifiedValues": {"AutomaticFailoverStatus": pending} if pending else {}}
    assert fails_over(group) is expected


def shard(**roles: str) -> dict[str, Any]:
    return {"NodeGroupMembers": [{"CacheClusterId": name, "CurrentRole": role} for name, role in roles.items()]}


@pytest.mark.parametrize(("group", "expected"), [
    ({"MemberClusters": ["a", "b"], "NodeGroups": [shard(a="primary", b="replica")]}, "b"),
    ({"MemberClusters": ["b", "a"], "NodeGroups": [shard(a="replica", b="primary")]}, "a"),
    ({"MemberClusters": ["a"], "NodeGroups": [shard(a="primary")]}, "a"),
    ({"MemberClusters": ["a", "b"], "SnapshottingClusterId": "a"}, ""),
    ({"MemberClusters": ["a", "b"], "ClusterEnabled": True}, ""),
])
def test_backups_are_made_of_a_replica_if_there_is_one(group: dict[str, Any], expected: str) -> None:
    assert backup_source(group) == expected


def test_a_group_without_nodes_is_refused() -> None:
    with pytest.raises(Refusal, match="no node"):
        backup_source({"MemberClusters": []})
