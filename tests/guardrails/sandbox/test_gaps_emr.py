"""Security configurations of EMR, as its API reference documents ListSecurityConfigurations."""
from __future__ import annotations

from tests.moto_server import Moto


def test_security_configurations_are_listed(moto: Moto) -> None:
    emr = moto.client("emr")
    assert emr.list_security_configurations()["SecurityConfigurations"] == []
    emr.create_security_configuration(Name="a", SecurityConfiguration="{}")
    [found] = emr.list_security_configurations()["SecurityConfigurations"]
    assert found["Name"] == "a" and found["CreationDateTime"]
