"""Generated security-group rules: few distinct values, so that overlaps, halves and duplicates really happen."""
from __future__ import annotations

from hypothesis import strategies as st

from custom_actions.elements.security_group.rules import CIDR4, CIDR6, GROUP, PREFIX_LIST, Rule

PORTS = (0, 1, 21, 22, 23, 80, 443, 3388, 3389, 3390, 65534, 65535)
CIDRS4 = ("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8", "10.1.0.0/16", "10.128.0.0/9", "192.0.2.7/32")
CIDRS6 = ("::/0", "::/1", "8000::/1", "2001:db8::/32", "2001:db8:1::/48")

peers = st.one_of(
    st.tuples(st.just(CIDR4), st.sampled_from(CIDRS4)),
    st.tuples(st.just(CIDR6), st.sampled_from(CIDRS6)),
    st.tuples(st.just(GROUP), st.sampled_from(("sg-0aaa", "sg-0bbb"))),
    st.tuples(st.just(PREFIX_LIST), st.sampled_from(("pl-0aaa",))),
)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Any rule that EC2 could hold."""
    kind, peer = draw(peers)
    protocol = draw(st.sampled_from(("tcp", "tcp", "tcp", "udp", "-1", "icmp", "50")))
    if protocol in ("tcp", "udp"):
        start, end = sorted((draw(st.sampled_from(PORTS)), draw(st.sampled_from(PORTS))))
        ports = draw(st.sampled_from(((start, end), (start, end), (0, 65535))))
    elif protocol == "icmp":
        ports = draw(st.sampled_from(((-1, -1), (8, -1), (8, 0), (3, 4))))
    else:
        ports = (-1, -1)
    return Rule.of(protocol, *ports, kind, peer, description=draw(st.sampled_from(("", "office", "break-glass"))))


rule_sets = st.lists(rules(), max_size=8, unique=True).map(
    lambda found: [
        Rule(*(getattr(rule, name) for name in ("protocol", "from_port", "to_port", "peer_kind", "peer")),
             rule_id=f"sgr-{index:04}", description=rule.description)
        for index, rule in enumerate(found)
    ]
)
"""The ingress of a group: rules that differ, each with an id."""

baseline_rules = st.lists(rules(), min_size=1, max_size=4).map(tuple)
