"""`public_addresses`: instance groups and instance fleets are asked for in different ways."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.emr.primary import public_addresses


class Listing:
    """A client whose ListInstances has two pages, and remembers what it was asked."""

    asked: dict[str, Any]

    def get_paginator(self, operation: str) -> Listing:
        assert operation == "list_instances"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        self.asked = asked
        return [{"Instances": [{"Id": "a"}]}, {"Instances": [{"Id": "b", "PublicIpAddress": "9.9.9.9"}]}]


@pytest.mark.parametrize(("kind", "key", "value"), [
    ("INSTANCE_FLEET", "InstanceFleetType", "MASTER"),
    ("INSTANCE_GROUP", "InstanceGroupTypes", ["MASTER"]),
    (None, "InstanceGroupTypes", ["MASTER"]),
])
def test_groups_and_fleets(kind: str | None, key: str, value: object) -> None:
    client = Listing()
    assert public_addresses(client, {"Id": "j-1", "InstanceCollectionType": kind}) == ["9.9.9.9"]
    assert client.asked["ClusterId"] == "j-1" and client.asked[key] == value
