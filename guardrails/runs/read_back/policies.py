"""Compares the resource policies of topics, queues, repositories, secrets and functions.

Source: SNS's GetTopicAttributes, SQS's GetQueueAttributes, ECR's GetRepositoryPolicy, Secrets Manager's
GetResourcePolicy, and Lambda's GetPolicy.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from custom_actions.aws import absent, call
from custom_actions.elements.resource_policy import parameters_of

from .base import AS_FIXED, BACK, Observation, Parameters, Read, Reads, Receipt, changed, differs


def _document(read: Callable[[Any, Parameters], str | None], before: Callable[[Parameters], str]) -> Read:
    """Compares a policy that is written as a whole.

    Args:
        read: reads it; None if there is none.
        before: the policy in the parameters of the call.
    """
    def parsed(text: str | None) -> Any:
        return json.loads(text) if text else None

    def compare(client: Any, parameters: Parameters, receipt: Receipt) -> Observation:
        now = parsed(read(client, parameters))
        if now == parsed(before(parameters)):
            return BACK
        added = [parsed(change["Policy"]) for change in receipt.get("added") or () if "Policy" in change] or [None]
        return AS_FIXED if now in added else differs(json.dumps(now))

    return compare


def _topic(client: Any, parameters: Parameters) -> str | None:
    found: str | None = call(
        client.get_topic_attributes, TopicArn=parameters["TopicArn"])["Attributes"].get("Policy")
    return found


def _queue(client: Any, parameters: Parameters) -> str | None:
    answer = call(client.get_queue_attributes, QueueUrl=parameters["QueueUrl"], AttributeNames=["Policy"])
    found: str | None = (answer.get("Attributes") or {}).get("Policy")
    return found


def _repository(client: Any, parameters: Parameters) -> str | None:
    answer = absent(client.get_repository_policy, "RepositoryPolicyNotFoundException",
                    repositoryName=parameters["repositoryName"])
    return answer["policyText"] if answer else None


def _secret(client: Any, parameters: Parameters) -> str | None:
    found: str | None = call(client.get_resource_policy, SecretId=parameters["SecretId"]).get("ResourcePolicy")
    return found


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
    ("sns", "set_topic_attributes"): _document(_topic, lambda given: given["AttributeValue"]),
    ("sqs", "set_queue_attributes"): _document(_queue, lambda given: given["Attributes"]["Policy"]),
    ("ecr", "set_repository_policy"): _document(_repository, lambda given: given["policyText"]),
    ("secretsmanager", "put_resource_policy"): _document(_secret, lambda given: given["ResourcePolicy"]),
    ("lambda", "add_permission"): _permission,
}
