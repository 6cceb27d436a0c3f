"""A listener has a security policy when it speaks TLS, and only then."""
from __future__ import annotations

from typing import Any

from tests.moto_server import Moto


def test_only_a_tls_listener_has_a_security_policy(moto: Moto) -> None:
    client = moto.client("elbv2")
    subnets = [subnet["SubnetId"] for subnet in moto.client("ec2").describe_subnets()["Subnets"][:2]]
    certificate = moto.client("acm").request_certificate(DomainName="example.com")["CertificateArn"]
    balancer = client.create_load_balancer(Name="web", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    answer = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]

    def listen(protocol: str, port: int, **more: Any) -> Any:
        return client.create_listener(
            LoadBalancerArn=balancer, Protocol=protocol, Port=port, DefaultActions=answer, **more)["Listeners"][0]

    plain = listen("HTTP", 80)
    assert "SslPolicy" not in plain
    tls = listen("HTTPS", 443, Certificates=[{"CertificateArn": certificate}])
    assert tls["SslPolicy"] == "ELBSecurityPolicy-2016-08"
    named = listen("HTTPS", 8443, Certificates=[{"CertificateArn": certificate}],
                   SslPolicy="ELBSecurityPolicy-TLS13-1-3-2021-06")
    assert named["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-3-2021-06"
    shown = client.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    assert [listener.get("SslPolicy") for listener in shown] == [
        None, "ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS13-1-3-2021-06"]
    [changed] = client.modify_listener(
        ListenerArn=plain["ListenerArn"], Protocol="HTTPS", Certificates=[{"CertificateArn": certificate}])["Listeners"]
    assert changed["SslPolicy"] == "ELBSecurityPolicy-2016-08"
    [changed] = client.modify_listener(ListenerArn=named["ListenerArn"], Protocol="HTTP")["Listeners"]
    assert "SslPolicy" not in changed
