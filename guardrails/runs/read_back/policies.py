"""Compares the resource policies of topics, queues, repositories, secrets and functions.

Source: SNS's GetTopicAttributes, SQS's GetQueueAttributes, ECR's GetRepositoryPolicy, Secrets Manager's
GetResourcePolicy, and Lambda's GetPolicy.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from custom_actions.aws import absent, call
from custom_actions.elements.resource_policy import WRITTEN, parameters_of

from .base import AS_FIXED, BACK, Observation, Parameters, Read, Reads, Receipt, changed, differs


def _document(kind: str, before: Callable[[Parameters], str], resource: Callable[[Parameters], Parameters]) -> Read:
    """Compares a policy that is written as a whole.

    Args:
        kind: c7n's name of the resource type.
        before: the policy in the parameters of the call.
        resource: the resource in the parameters of the call, as c7n names it.
    """
    def parsed(text: str | None) -> Any:
        return json.loads(text) if text else None

    def compare(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
        now = parsed(WRITTEN[kind].read(client, resource(parameters)))
        if now == parsed(before(parameters)):
            return BACK
        added = [parsed(change["Policy"]) for change in receipt.get("added") or () if "Policy" in change] or [None]
        return AS_FIXED if now in added else differs(json.dumps(now))

    return compare


def _same(parameters: Parameters) -> Parameters:
    return parameters


def _permission(client: Any, parameters: Parameters, _: Receipt) -> Observation:
    function, name = parameters["FunctionName"], parameters["StatementId"]
    answer = absent(client.get_policy, "ResourceNotFoundException", FunctionName=function)
    if answer is None:
        # The function has no policy, as after the fix, or it does not exist.
        call(client.get_function_concurrency, FunctionName=function)
        return AS_FIXED
    found = [each for each in json.loads(answer["Policy"])["Statement"] if each.get("Sid") == name]
    if not found:
        return AS_FIXED
    given = {key: value for key, value in parameters.items() if key not in ("FunctionName", "StatementId")}
    return BACK if parameters_of(found[0]) == given else changed(
        f"the permission {name} is now {json.dumps(found[0])}")


POLICIES: Reads = {
    ("sns", "set_topic_attributes"): _document("sns", lambda given: given["AttributeValue"], _same),
    ("sqs", "set_queue_attributes"): _document("sqs", lambda given: given["Attributes"]["Policy"], _same),
    ("ecr", "set_repository_policy"): _document("ecr", lambda given: given["policyText"], _same),
    ("secretsmanager", "put_resource_policy"): _document(
        "secrets-manager", lambda given: given["ResourcePolicy"], lambda given: {"ARN": given["SecretId"]}),
    ("lambda", "add_permission"): _permission,
}
