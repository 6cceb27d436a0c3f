"""What was added to moto's Athena, as AWS has it."""
from __future__ import annotations

from tests.moto_server import Moto


def test_a_workgroup_keeps_its_time(moto: Moto) -> None:
    athena = moto.client("athena")
    athena.create_work_group(Name="w")
    first, second = (athena.get_work_group(WorkGroup="w")["WorkGroup"]["CreationTime"] for _ in range(2))
    assert first == second
    assert first in {each["CreationTime"] for each in athena.list_work_groups()["WorkGroups"]}


def test_an_update_changes_what_it_names(moto: Moto) -> None:
    athena = moto.client("athena")
    athena.create_work_group(Name="w", Configuration={"RequesterPaysEnabled": True})
    athena.update_work_group(WorkGroup="w", ConfigurationUpdates={"PublishCloudWatchMetricsEnabled": True})
    found = athena.get_work_group(WorkGroup="w")["WorkGroup"]["Configuration"]
    assert (found["RequesterPaysEnabled"], found["PublishCloudWatchMetricsEnabled"]) == (True, True)
