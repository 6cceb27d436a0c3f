"""Accounts of the sandbox whose AWS Config records what policies are about."""
from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from c7n import utils
from c7n.provider import get_resource_class
from c7n.resources import load_resources

from guardrails.sandbox import Sandbox
from guardrails.sandbox.config.table import kinds
from tests import engine
from tests.moto_server import REGION

from .harness import TOPIC

VERDICTS = ("COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE")
_accounts = itertools.count(300000000001)


class RecordedAccount:
    """An account of the sandbox whose AWS Config records these types; this process is in it. The policies are to come.

    Attributes:
        number: the account's id.
        output: a directory for what c7n writes.
    """

    def __init__(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, output: Path, types: Iterable[str]) -> None:
        self.number = str(next(_accounts))
        self.sandbox, self.output = sandbox, output
        for name, value in sandbox.environment(self.number, REGION).items():
            monkeypatch.setenv(name, value)
        utils.reset_session_cache()
        role = self.client("iam").create_role(RoleName="guardrails", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        self.client("sns").create_topic(Name=TOPIC)
        config = self.client("config")
        config.put_configuration_recorder(ConfigurationRecorder={
            "name": "default", "roleARN": role, "recordingGroup": {"resourceTypes": sorted(types)}})
        self.client("s3").create_bucket(Bucket=f"config-{self.number}")
        config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": f"config-{self.number}"})
        config.start_configuration_recorder(ConfigurationRecorderName="default")

    def client(self, service: str) -> Any:
        name, _, region = service.partition("@")
        return self.sandbox.client(name, self.number, region or REGION)

    def verdicts(self, rule: str) -> dict[str, tuple[str, str]]:
        """Verdict and annotation of each resource, by the id that AWS Config has for it."""
        pages = self.client("config").get_paginator("get_compliance_details_by_config_rule").paginate(
            ConfigRuleName=rule, ComplianceTypes=list(VERDICTS))
        return {
            result["EvaluationResultIdentifier"]["EvaluationResultQualifier"]["ResourceId"]:
                (result["ComplianceType"], result["Annotation"])
            for page in pages for result in page["EvaluationResults"]
        }

    def config_ids(self, policy: Any, ids: Iterable[str] | None = None) -> dict[str, str]:
        """c7n's id of each resource, or of all resources of the policy's type, and AWS Config's."""
        kind = model(policy)
        key = _OTHER_IDS.get(policy["resource"], getattr(kind, "config_id", None) or kind.id)
        if ids is not None and key == kind.id:
            return {of: of for of in ids}
        everything = engine.load(
            {**policy, "filters": [], "actions": [], "conditions": []}, self.output, dryrun=True,
            account=self.number)()
        known = {str(resource[kind.id]): str(resource[key]) for resource in everything}
        return known if ids is None else {of: known[of] for of in ids}


def recorded(policy: Any) -> str:
    """The type to record: the policy's, or any if the policy polls and the sandbox's AWS Config does not know it."""
    kind = model(policy)
    wanted: str = kind.config_type or kind.cfn_type
    known = {each.type for each in kinds()}
    return "AWS::EC2::VPC" if policy["mode"]["type"] == "config-poll-rule" and wanted not in known else wanted


def model(policy: Any) -> Any:
    """What c7n knows of the policy's resource type."""
    load_resources([policy["resource"]])
    return get_resource_class(policy["resource"]).resource_type


_OTHER_IDS = {"aws.iam-group": "GroupId"}
"""Where AWS Config's id is another than c7n says."""
