"""The filter and the action through c7n, against moto."""
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from custom_actions.fixing.receipt import FixIncomplete
from custom_actions.resources import ResourcesUnknown
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto

Fails = Callable[[dict[str, Any]], str | None]
"""From a call's parameters, the code with which it fails; None to let it through."""


class Balancer:
    """An application load balancer with listeners, and errors on demand."""

    def __init__(self, moto: Moto) -> None:
        self.client = moto.client("elbv2")
        subnets = moto.client("ec2").describe_subnets()["Subnets"]
        self.group = self.client.create_target_group(
            Name="web", Protocol="HTTP", Port=80, VpcId=subnets[0]["VpcId"])["TargetGroups"][0]["TargetGroupArn"]
        self.certificate = moto.client("acm").request_certificate(DomainName="example.com")["CertificateArn"]
        self.arn = self.client.create_load_balancer(
            Name="web", Subnets=[subnet["SubnetId"] for subnet in subnets[:2]])["LoadBalancers"][0]["LoadBalancerArn"]
        self.failing: dict[str, Fails] = {}
        self.calls: list[str] = []

    def listen(self, protocol: str, port: int) -> str:
        """A listener that forwards."""
        certificates = {"Certificates": [{"CertificateArn": self.certificate}]} if protocol == "HTTPS" else {}
        return str(self.client.create_listener(
            LoadBalancerArn=self.arn, Protocol=protocol, Port=port, **certificates,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.group}],
        )["Listeners"][0]["ListenerArn"])

    def rule(self, listener: str, priority: int) -> str:
        """A rule that forwards."""
        groups = [{"TargetGroupArn": self.group, "Weight": 1}]
        return str(self.client.create_rule(
            ListenerArn=listener, Priority=priority, Conditions=[{"Field": "path-pattern", "Values": [f"/{priority}"]}],
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        )["Rules"][0]["RuleArn"])

    def state(self) -> list[Any]:
        """Listeners and rules as AWS tells them."""
        listeners = self.client.describe_listeners(LoadBalancerArn=self.arn)["Listeners"]
        return [
            (listener, self.client.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"])
            for listener in listeners
        ]


@pytest.fixture
def balancer(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Balancer:
    made = Balancer(moto)
    real = BaseClient._make_api_call

    def intercept(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
        if client is not made.client:
            made.calls.append(operation)
            if (fails := made.failing.get(operation)) and (code := fails(parameters)):
                raise ClientError({"Error": {"Code": code, "Message": "not today"}}, operation)
        return real(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", intercept)
    monkeypatch.setattr("custom_actions.aws.calls._READ_BACK_DELAYS", (0.0, 0.0))
    return made


def found(output: Path) -> list[dict[str, Any]]:
    return engine.pull({"name": "f", "resource": "aws.app-elb", "filters": ["http-without-redirect"]}, output)


def fix(output: Path, **options: Any) -> list[dict[str, Any]]:
    """The receipts of one run of the action."""
    try:
        engine.pull(
            {"name": "p", "resource": "aws.app-elb", "actions": [{"type": "redirect-to-https", **options}]}, output)
    finally:
        written = output / "p" / "action-redirect-to-https"
        receipts = json.loads(written.read_text(encoding="utf-8")) if written.exists() else []
    return receipts


def test_the_reasons_are_on_the_load_balancer(balancer: Balancer, tmp_path: Path) -> None:
    balancer.listen("HTTPS", 443)
    balancer.rule(balancer.listen("HTTP", 8080), 7)
    [match] = found(tmp_path)
    assert match["c7n:HttpWithoutRedirect"] == ["port 8080, rule 7: forward", "port 8080, default rule: forward"]
    # Rules of what encrypts are not asked for.
    assert balancer.calls.count("DescribeRules") == 1


def test_more_rules_than_one_page(balancer: Balancer, tmp_path: Path) -> None:
    listener = balancer.listen("HTTP", 80)
    for priority in range(1, 56):
        balancer.rule(listener, priority)
    [match] = found(tmp_path)
    assert len(match["c7n:HttpWithoutRedirect"]) == 56


@pytest.mark.parametrize("operation", ["DescribeListeners", "DescribeRules"])
def test_what_cannot_be_read_is_an_error(balancer: Balancer, tmp_path: Path, operation: str) -> None:
    balancer.listen("HTTP", 80)
    balancer.failing[operation] = lambda _: "AccessDenied"
    with pytest.raises(ResourcesUnknown, match="AccessDenied"):
        found(tmp_path)


@pytest.mark.parametrize(("operation", "code"), [
    ("DescribeListeners", "LoadBalancerNotFound"), ("DescribeRules", "ListenerNotFound"),
])
def test_what_is_deleted_meanwhile_serves_nothing(
    balancer: Balancer, tmp_path: Path, operation: str, code: str
) -> None:
    balancer.listen("HTTP", 80)
    balancer.failing[operation] = lambda _: code
    assert found(tmp_path) == []


def test_everything_redirects_and_the_inverse_gives_the_start_back(balancer: Balancer, tmp_path: Path) -> None:
    https, plain = balancer.listen("HTTPS", 443), balancer.listen("HTTP", 80)
    balancer.rule(https, 1)
    balancer.rule(plain, 1)
    before = balancer.state()

    [receipt] = fix(tmp_path)

    assert receipt["outcome"] == "reverted"
    assert (receipt["resource"], receipt["account"], receipt["region"]) == (balancer.arn, ACCOUNT, REGION)
    assert len(receipt["removed"]) == len(receipt["added"]) == 2
    after = balancer.state()
    assert after[0] == before[0], "an HTTPS listener was touched"
    assert [rule["Actions"][0]["RedirectConfig"]["Protocol"] for rule in after[1][1]] == ["HTTPS", "HTTPS"]
    assert [rule["Conditions"] for rule in after[1][1]] == [rule["Conditions"] for rule in before[1][1]]
    assert found(tmp_path) == []
    assert sorted(call["operation"] for call in receipt["inverse"]) == ["modify_listener", "modify_rule"]
    for call in receipt["inverse"]:
        getattr(balancer.client, call["operation"])(**call["parameters"])
    assert balancer.state() == before


def test_a_second_run_has_nothing_to_do(balancer: Balancer, tmp_path: Path) -> None:
    balancer.listen("HTTPS", 443)
    balancer.listen("HTTP", 80)
    fix(tmp_path)
    balancer.calls.clear()
    [receipt] = fix(tmp_path)
    assert (receipt["outcome"], receipt["inverse"]) == ("already-ok", [])
    assert not [call for call in balancer.calls if call.startswith("Modify")]


def test_without_https_nothing_is_changed(balancer: Balancer, tmp_path: Path) -> None:
    balancer.listen("HTTP", 80)
    balancer.listen("HTTPS", 8443)
    before = balancer.state()
    [receipt] = fix(tmp_path)
    assert receipt["outcome"] == "refused"
    assert "no HTTPS listener on port 443" in receipt["reason"]
    assert balancer.state() == before
    [receipt] = fix(tmp_path, port=8443)
    assert receipt["outcome"] == "reverted"
    assert receipt["added"][0]["actions"][0]["RedirectConfig"]["Port"] == "8443"


def test_one_rule_that_fails_does_not_stop_the_others(balancer: Balancer, tmp_path: Path) -> None:
    balancer.listen("HTTPS", 443)
    plain = balancer.listen("HTTP", 80)
    stubborn = balancer.rule(plain, 1)
    balancer.rule(plain, 2)
    balancer.failing["ModifyRule"] = lambda call: "AccessDenied" if call["RuleArn"] == stubborn else None
    with pytest.raises(FixIncomplete, match="port 80, rule 1"):
        fix(tmp_path)
    [receipt] = json.loads((tmp_path / "p" / "action-redirect-to-https").read_text(encoding="utf-8"))
    assert receipt["outcome"] == "partial"
    assert len(receipt["inverse"]) == 2
    [match] = found(tmp_path)
    assert match["c7n:HttpWithoutRedirect"] == ["port 80, rule 1: forward"]


def test_what_cannot_be_read_back_is_not_done(balancer: Balancer, tmp_path: Path) -> None:
    balancer.listen("HTTPS", 443)
    balancer.listen("HTTP", 80)
    asked: list[Any] = []

    def once(_: dict[str, Any]) -> str | None:
        asked.append(1)
        return "AccessDenied" if len(asked) > 1 else None

    balancer.failing["DescribeRules"] = once
    with pytest.raises(FixIncomplete, match="could not read it back"):
        fix(tmp_path)


def test_nothing_done_is_failed(balancer: Balancer, tmp_path: Path) -> None:
    balancer.listen("HTTPS", 443)
    balancer.listen("HTTP", 80)
    balancer.failing["ModifyListener"] = lambda _: "AccessDenied"
    with pytest.raises(FixIncomplete, match=r"failed: .*AccessDenied"):
        fix(tmp_path)


def test_a_network_load_balancer_is_refused(balancer: Balancer, moto: Moto, tmp_path: Path) -> None:
    balancer.listen("HTTPS", 443)
    subnets = [subnet["SubnetId"] for subnet in moto.client("ec2").describe_subnets()["Subnets"][:2]]
    network = balancer.client.create_load_balancer(Name="network", Subnets=subnets, Type="network")
    receipts = {receipt["resource"]: receipt for receipt in fix(tmp_path)}
    assert receipts[network["LoadBalancers"][0]["LoadBalancerArn"]]["outcome"] == "refused"
    assert receipts[balancer.arn]["outcome"] == "already-ok"
