"""Parameters of one name mean one thing: an account overrides them once, for every file and mode that has them."""
from __future__ import annotations

from typing import Any

import yaml

from custom_actions import ports
from custom_actions.addresses import merge
from custom_actions.elements.security_group.rules import from_policy, port_ranges
from custom_actions.parameters import placeholders
from guardrails.policies.engine import resource_class
from guardrails.policies.policy import load

from .harness import POLICIES, policy_files

SEVERAL_MODES = {
    "security-group-admin-ports": "security-group-admin-ports-revert",
    "s3-bucket-public-acl": "s3-bucket-public-close",
    "ec2-unapproved-image": "ec2-unapproved-image-stop",
    "ami-public-revert": "ami-published-revert",
    "lambda-function-public-close": "lambda-function-public-revert",
    "sqs-queue-public-close": "sqs-queue-public-revert",
    "sns-topic-public-close": "sns-topic-public-revert",
    "ecr-repository-public-close": "ecr-repository-public-revert",
    "secret-public-close": "secret-public-revert",
    "ssm-document-not-public": "ssm-document-published-revert",
    "redshift-not-public-close": "redshift-public-revert",
    "ec2-imdsv2-require": "ec2-imdsv1-revert",
}
"""Policies on the same thing: one that looks at the state, and one that answers an event."""


def files() -> dict[str, dict[str, Any]]:
    return {
        str(path.relative_to(POLICIES)): yaml.safe_load(path.read_text(encoding="utf-8")) for path in policy_files()
    }


def test_a_parameter_has_the_same_default_in_every_file() -> None:
    defaults: dict[str, dict[str, Any]] = {}
    for file, data in files().items():
        for name, value in ((data.get("vars") or {}).get("parameters") or {}).items():
            defaults.setdefault(name, {})[file] = value
    differing = {
        name: values for name, values in defaults.items()
        if any(value != next(iter(values.values())) for value in values.values())
    }
    assert not differing, "the same name with two defaults: rename one, or make them equal"
    assert len(defaults) > 1


def test_a_check_in_two_modes_is_one_check() -> None:
    """The realtime policy has the filters of its twin, with the same parameters; they are shared, not alike by chance.

    A filter's options may differ where a mode needs it; its type and the parameters may not.
    """
    policies = {policy["name"]: policy for data in files().values() for policy in data["policies"]}
    for state, event in SEVERAL_MODES.items():
        own, others = policies[event]["filters"], policies[state]["filters"]
        types = {_type(each) for each in others}
        assert {_type(each) for each in own} <= types, f"{event} and {state} do not look in the same way"
        # What the engine fills in is no parameter.
        assert placeholders(own) == placeholders(others) - {"account_id"}, f"{event} and {state} have other parameters"


EC2_19 = (
    20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5500, 5601, 8080, 8088,
    8888, 9200, 9300,
)
"""The high-risk ports of Security Hub's control EC2.19."""


def opened(name: str) -> dict[str, list[tuple[int, int]]]:
    """The ports of a parameter with rules, by protocol, for IPv4 and IPv6 alike."""
    [entries] = {
        tuple(parameters[name]) for data in files().values()
        if name in (parameters := (data.get("vars") or {}).get("parameters") or {})
    }
    rules = [rule for entry in entries for rule in from_policy(entry)]
    assert all(str(entry).endswith(" from world") for entry in entries)
    return {
        protocol: merge((rule.from_port, rule.to_port) for rule in rules if rule.protocol == protocol)
        for protocol in sorted({rule.protocol for rule in rules})
    }


def test_the_policies_lists_of_ports_are_those_of_the_one_list() -> None:
    for name, services in (("admin_ports", ports.ADMIN), ("web_ports", ports.WEB)):
        assert opened(name) == {protocol: merge(found) for protocol, found in ports.ranges(services).items()}, name
    [exposed] = [
        parameters["ec2_exposed_ports"] for data in files().values()
        if "ec2_exposed_ports" in (parameters := (data.get("vars") or {}).get("parameters") or {})
    ]
    assert merge(port_ranges(exposed)) == merge((each.first, each.last) for each in ports.ADMIN)


def test_every_port_of_ec2_19_is_found_and_none_is_in_two_classes() -> None:
    admin, web = ports.ranges(ports.ADMIN)["tcp"], ports.ranges(ports.WEB)["tcp"]
    for port in EC2_19:
        assert sum(first <= port <= last for first, last in (*admin, *web)) == 1, port
    assert not any(first <= end and start <= last for first, last in admin for start, end in web)


def test_config_must_record_what_the_config_rules_judge() -> None:
    """All types except the global ones, which AWS Config records in one region only."""
    judged = {
        resource_class(policy.resource).resource_type for policy in load() if policy.mode["type"] == "config-rule"}
    wanted = {kind.config_type for kind in judged if not kind.global_resource}
    assert wanted == set(files()["periodic/config.yml"]["vars"]["parameters"]["config_required_types"])


def _type(entry: Any) -> str:
    return entry if isinstance(entry, str) else str(entry.get("type") or next(iter(entry)))
