"""What every element of ours must have; a new one cannot be added without."""
from __future__ import annotations

from pathlib import Path

import boto3
import pytest
import yaml
from c7n.loader import SchemaValidator
from c7n.resources import load_resources
from c7n.resources.aws import AWS

from custom_actions.element_packages import form_problem
from custom_actions.plugin import ELEMENTS, Element, load
from guardrails.policies.element_checks import element_problems, yaml_examples
from guardrails.stacks import ActionCatalogue
from tests import engine
from tests.moto_server import Moto

PERMISSION_ONLY = {
    "iam:PassRole", "s3:GetAccountPublicAccessBlock", "s3:GetBucketPublicAccessBlock", "s3:GetEncryptionConfiguration",
    "s3:GetBucketObjectLockConfiguration", "s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration",
    "s3:ListBucket", "s3:PutBucketPublicAccessBlock", "apigateway:GET", "apigateway:PATCH",
}
"""Actions of IAM that no API call is named after."""
CLIENTS = {
    "access-analyzer": ("accessanalyzer",), "elasticfilesystem": ("efs",), "elasticloadbalancing": ("elbv2", "elb"),
    "elasticmapreduce": ("emr",),
}
"""boto3's names of a service, where IAM has another."""
CALLS_NOTHING = {"event-actor", "latest-revision", "rotation-overdue", "world-ports"}
"""Elements that decide by the event alone."""

pytestmark = pytest.mark.parametrize("element", ELEMENTS, ids=lambda element: f"{element.resource}.{element.type}")


def registered(element: Element) -> type:
    load_resources([f"aws.{element.resource}"])
    return getattr(AWS.resources[element.resource], f"{element.kind}_registry")[element.type]


def test_it_is_registered_under_its_name(element: Element) -> None:
    assert registered(element) is load(element)
    assert form_problem(element, load(element)) is None
    assert list(element_problems(element, load(element), ActionCatalogue.shipped().knows)) == []


def test_its_examples_use_it_and_are_valid(element: Element, moto: Moto, tmp_path: Path) -> None:
    found = yaml_examples(load(element))
    assert found, "the docstring has no YAML example"
    for example in found:
        data = yaml.safe_load(example)
        for policy in data["policies"]:
            load_resources([policy["resource"]])
            errors = SchemaValidator().validate({"policies": [policy]}, [policy["resource"]])
            assert not errors, errors
            engine.load(policy, tmp_path)
        assert element.type in example


def test_its_permissions_are_calls_that_aws_knows(element: Element, moto: Moto, tmp_path: Path) -> None:
    for example in yaml_examples(load(element)):
        for policy in yaml.safe_load(example)["policies"]:
            manager = engine.load(policy, tmp_path).resource_manager
            found = [used for used in (*manager.actions, *manager.iter_filters()) if isinstance(used, load(element))]
            assert found
            for used in found:
                assert used.get_permissions() or element.type in CALLS_NOTHING, "no permission: it calls nothing"
                for permission in used.get_permissions():
                    service, _, action = permission.partition(":")
                    operations = {
                        name for client in CLIENTS.get(service, (service,))
                        for name in boto3.client(client, region_name="us-east-1").meta.service_model.operation_names}
                    assert action in operations or permission in PERMISSION_ONLY, permission
