"""The platform of a notebook instance."""
from __future__ import annotations

from tests.moto_server import Moto


def test_a_notebook_instance_has_a_platform(moto: Moto) -> None:
    client = moto.client("sagemaker")
    notebook = {"InstanceType": "ml.t3.medium", "RoleArn": "arn:aws:iam::123456789012:role/notebook"}
    client.create_notebook_instance(NotebookInstanceName="old", **notebook)
    client.create_notebook_instance(NotebookInstanceName="new", PlatformIdentifier="notebook-al2023-v1", **notebook)
    assert [client.describe_notebook_instance(NotebookInstanceName=name)["PlatformIdentifier"]
            for name in ("old", "new")] == ["notebook-al1-v1", "notebook-al2023-v1"]
