"""Namespaces and workgroups. Source: Redshift Serverless's Create- and ListNamespaces, Create- and ListWorkgroups."""
from __future__ import annotations

from tests.moto_server import ACCOUNT, REGION, Moto


def test_what_is_created_is_listed(moto: Moto) -> None:
    client = moto.client("redshift-serverless")
    assert client.list_namespaces()["namespaces"] == client.list_workgroups()["workgroups"] == []
    namespace = client.create_namespace(namespaceName="shop", adminUsername="ours", adminUserPassword="Secret-123")
    workgroup = client.create_workgroup(workgroupName="reports", namespaceName="shop", publiclyAccessible=False)
    [listed] = client.list_namespaces()["namespaces"]
    assert listed == namespace["namespace"]
    assert (listed["namespaceName"], listed["adminUsername"]) == ("shop", "ours")
    [listed] = client.list_workgroups()["workgroups"]
    assert listed == workgroup["workgroup"]
    assert listed["workgroupArn"].startswith(f"arn:aws:redshift-serverless:{REGION}:{ACCOUNT}:workgroup/")
    assert listed["publiclyAccessible"] is False
    assert "enhancedVpcRouting" not in listed
