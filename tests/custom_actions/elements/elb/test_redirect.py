"""What answers over plain HTTP, and the plan that ends it."""
from __future__ import annotations

from typing import Any

import pytest

from custom_actions.elements.elb.redirect import Listener, Rule, offending, plan_redirects

FORWARD = {"Type": "forward", "TargetGroupArn": "group"}
TLS = Listener("https", "HTTPS", 443)


def redirect(**config: Any) -> dict[str, Any]:
    return {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", **config}}


TO_HTTPS = redirect(Protocol="HTTPS", Port="443")


def http(*actions: Any, port: int = 80) -> Listener:
    """A listener with one rule for each list of actions; the last one is the default."""
    names = [*map(str, range(1, len(actions))), "default"]
    return Listener(f"http-{port}", "HTTP", port, tuple(
        Rule(f"rule-{port}-{name}", name, tuple(each)) for name, each in zip(names, actions, strict=True)))


@pytest.mark.parametrize(("actions", "redirects"), [
    ([TO_HTTPS], True),
    ([redirect(Protocol="HTTPS", Port="#{port}", Host="example.com")], True),
    ([TO_HTTPS, TO_HTTPS], True),
    ([FORWARD], False),
    ([FORWARD, TO_HTTPS], False),
    ([redirect(Protocol="HTTP")], False),
    ([redirect(Protocol="#{protocol}")], False),
    ([redirect()], False),
    ([{"Type": "redirect"}], False),
    ([{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}], False),
    ([], False),
])
def test_what_redirects_to_https(actions: list[Any], redirects: bool) -> None:
    assert Rule("r", "default", tuple(actions)).redirects is redirects


@pytest.mark.parametrize(("listener", "counted"), [
    (http([FORWARD]), 1), (Listener("t", "TCP", 80, http([FORWARD]).rules), 1),
    (Listener("h", "HTTPS", 443, http([FORWARD]).rules), 0), (Listener("t", "TLS", 443, http([FORWARD]).rules), 0),
    (Listener("g", "", 0, http([FORWARD]).rules), 0),
])
def test_listeners_that_encrypt_do_not_count(listener: Listener, counted: int) -> None:
    assert len(offending([listener])) == counted


def test_nothing_is_wrong_with_no_listener_and_with_https_alone() -> None:
    assert offending([]) == []
    assert not plan_redirects([], 443)
    assert not plan_redirects([TLS, http([TO_HTTPS])], 443)


def test_only_offending_rules_are_planned() -> None:
    plan = plan_redirects([TLS, http([TO_HTTPS], [FORWARD], [TO_HTTPS]), http([FORWARD], port=8080)], 443)
    assert [step.rule.arn for step in plan.steps] == ["rule-80-2", "rule-8080-default"]
    assert [str(step) for step in plan.steps] == ["port 80, rule 2: forward", "port 8080, default rule: forward"]
    assert plan.steps[0].actions == ({"Type": "redirect", "RedirectConfig": {
        "Protocol": "HTTPS", "Port": "443", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}",
        "StatusCode": "HTTP_301",
    }},)


def test_a_redirect_by_http_keeps_where_it_leads() -> None:
    config = {"Protocol": "HTTP", "Port": "80", "Host": "example.com", "Path": "/new", "StatusCode": "HTTP_302"}
    [step] = plan_redirects([TLS, http([redirect(**config)])], 443).steps
    assert step.actions[0]["RedirectConfig"] == {**config, "Protocol": "HTTPS", "Port": "443", "Query": "#{query}"}
    assert str(step) == "port 80, default rule: redirect to HTTP"


@pytest.mark.parametrize(("listeners", "port"), [
    ([http([FORWARD])], 443), ([http([FORWARD]), Listener("h", "HTTPS", 8443)], 443), ([http([FORWARD]), TLS], 8443),
    ([http([FORWARD]), Listener("odd", "HTTP", 443)], 443),
])
def test_a_redirect_into_nothing_is_refused(listeners: list[Listener], port: int) -> None:
    plan = plan_redirects(listeners, port)
    assert f"no HTTPS listener on port {port}" in plan.refused
    assert not plan.steps
    assert plan


def test_the_plan_of_what_was_planned_is_empty() -> None:
    before = [TLS, http([FORWARD], [redirect(Protocol="HTTP")])]
    done = {step.rule.arn: step.actions for step in plan_redirects(before, 443).steps}
    after = [TLS, *(
        Listener(one.arn, one.protocol, one.port, tuple(
            Rule(rule.arn, rule.priority, done[rule.arn]) for rule in one.rules))
        for one in before if one.plain
    )]
    assert not plan_redirects(after, 443)
