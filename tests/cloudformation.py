"""What CloudFormation makes of our templates: parameters, conditions and functions filled in."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NO_VALUE = object()


class Stack:
    """A template with its parameters, as a stack in an account and region.

    `names` are what Ref and GetAtt give for resources, by logical id or `logical id.attribute`.
    """

    def __init__(
        self, template: Mapping[str, Any], account: str, region: str, names: Mapping[str, str], **parameters: Any
    ) -> None:
        given = {key: each.get("Default") for key, each in template.get("Parameters", {}).items()} | parameters
        self._template = template
        self._values = {
            "AWS::AccountId": account, "AWS::Region": region, "AWS::Partition": "aws", "AWS::NoValue": _NO_VALUE,
            **given, **names}

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of the resources of one type whose condition holds."""
        return {
            key: self.filled(each["Properties"]) for key, each in self._template["Resources"].items()
            if each["Type"] == kind and ("Condition" not in each or self.holds(each["Condition"]))}

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template holds."""
        return bool(self.filled(self._template["Conditions"][condition]))

    def filled(self, value: Any) -> Any:
        """A part of the template, filled in."""
        if isinstance(value, list):
            return [each for each in map(self.filled, value) if each is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) != 1 or not (next(iter(value)).startswith("Fn::") or set(value) <= {"Ref", "Condition"}):
            return {key: each for key, inner in value.items() if (each := self.filled(inner)) is not _NO_VALUE}
        [(function, argument)] = value.items()
        if function == "Condition" and isinstance(argument, dict):
            return {"Condition": self.filled(argument)}
        match function:
            case "Ref":
                return self._values[argument]
            case "Condition":
                return self.holds(argument)
            case "Fn::GetAtt":
                return self._values[".".join(argument)]
            case "Fn::Sub":
                for key, each in self._values.items():
                    argument = argument.replace(f"${{{key}}}", str(each))
                return argument.replace("${!", "${")  # what it must leave alone is written so
            case "Fn::If":
                return self.filled(argument[1] if self.holds(argument[0]) else argument[2])
            case "Fn::Join":
                return argument[0].join(self.filled(argument[1]))
            case "Fn::Split":
                return self.filled(argument[1]).split(argument[0])
            case "Fn::Select":
                index, values = argument
                return self.filled(values)[index]
            case "Fn::Equals":
                one, other = self.filled(argument)
                return one == other
            case "Fn::Not":
                return not self.filled(argument[0])
            case "Fn::And":
                return all(self.filled(argument))
            case "Fn::Or":
                return any(self.filled(argument))
        raise NotImplementedError(function)


def bus_policy(template: Mapping[str, Any], account: str, region: str, **parameters: Any) -> dict[str, Any]:
    """The policy of the hub's bus."""
    arn = f"arn:aws:events:{region}:{account}:event-bus/guardrails"
    stack = Stack(template, account, region, {"Bus": "guardrails", "Bus.Arn": arn}, **parameters)
    return {"Version": "2012-10-17", "Statement": [
        {"Sid": each["StatementId"], **each["Statement"]}
        for each in stack.resources("AWS::Events::EventBusPolicy").values()]}


def topic_policy(template: Mapping[str, Any], account: str, region: str, **parameters: Any) -> dict[str, Any]:
    """The policy of the compliance topic."""
    arn = f"arn:aws:sns:{region}:{account}:guardrails-compliance"
    stack = Stack(template, account, region, {"Topic": arn, "Failed": "queue", "Failed.Arn": "arn"}, **parameters)
    [found] = stack.resources("AWS::SNS::TopicPolicy").values()
    document: dict[str, Any] = found["PolicyDocument"]
    return document
