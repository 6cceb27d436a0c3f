"""The filter `http-without-redirect` and the action `redirect-to-https` on `aws.app-elb`."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...errors import Refusal
from ...fixing import OTHERWISE, Fix, FixPlan, FixResult, Inverse, fix_by_plan, is_listener
from .apply import read_listeners, steps_of
from .redirect import Listener, offending, plan_redirects

_READS = ("elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules")
_APPLICATION = "application"


class HttpWithoutRedirect(Filter):
    """Application Load Balancers that respond to plain HTTP with anything other than a redirect to HTTPS.

    Every rule of every HTTP listener is checked, including default rules; the violations are kept on the load balancer
    as `c7n:HttpWithoutRedirect`. A load balancer without a listener serves nothing over HTTP and does not match.
    Combine it with `Type: application`: a network load balancer does not process HTTP.

    Written because c7n's `listener` checks only default actions, and `listener-rule` mixes the rules of all listeners,
    so it would report what an HTTPS listener forwards.

    :example:

    .. code-block:: yaml

        policies:
          - name: alb-http-served
            resource: aws.app-elb
            filters:
              - Type: application
              - http-without-redirect
    """

    schema = type_schema("http-without-redirect")
    permissions = _READS
    annotation_key = "c7n:HttpWithoutRedirect"

    def process(self, resources: list[dict[str, Any]], event: Any = None) -> list[dict[str, Any]]:
        read = self.reader(local_session(self.manager.session_factory))
        served = []
        for balancer in resources:
            found = offending(read(balancer))
            if found:
                balancer[self.annotation_key] = [f"port {listener.port}, {rule}" for listener, rule in found]
                served.append(balancer)
        return served

    def reader(self, session: Any) -> Callable[[Mapping[str, Any]], list[Listener]]:
        """A function that returns the listeners of a load balancer."""
        client = session.client("elbv2")
        return lambda balancer: read_listeners(client, balancer["LoadBalancerArn"])


class RedirectToHttps(Fix):
    """Redirect plain HTTP requests of an Application Load Balancer to HTTPS, and verify the result.

    Only rules that do not redirect to HTTPS are changed, and only their actions: conditions, priorities and HTTPS
    listeners stay. The new action redirects (301) to HTTPS on `port` (default 443), with the same host, path and query.
    A rule that already redirects, but to HTTP, keeps its target and its status. From then on, the rules of the HTTPS
    listener decide where a request goes.

    A load balancer without an HTTPS listener on that port is refused, because the redirect would cause an outage. The
    outcome of each load balancer is reverted, already-ok, partial, failed or refused. Its receipt has the actions
    removed and added, and the calls that undo the fix. One that fails does not stop the others; after all are done, a
    failed or partial one makes the policy fail.

    Written because c7n's `modify-listener` cannot set actions, and no action of c7n changes rules.

    :example:

    .. code-block:: yaml

        policies:
          - name: alb-http-redirect
            resource: aws.app-elb
            filters:
              - http-without-redirect
            actions:
              - type: redirect-to-https
                port: 443
    """

    schema = type_schema(
        "redirect-to-https", otherwise=OTHERWISE, port={"type": "integer", "minimum": 1, "maximum": 65535})
    inverses = (
        Inverse("elbv2", "modify_listener", "ListenerArn", is_listener, optional=("DefaultActions",)),
        Inverse("elbv2", "modify_rule", "RuleArn", is_listener, optional=("Actions",)),
    )
    permissions = (
        *_READS, "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule",
    )

    def fix(self, session: Any, resource: dict[str, Any]) -> Iterator[FixResult]:
        """Redirect the HTTP rules of one load balancer."""
        if resource.get("Type") != _APPLICATION:
            raise Refusal(f"a load balancer of type {resource.get('Type')} has no HTTP listeners")
        client = session.client("elbv2")

        def plan() -> FixPlan:
            listeners = read_listeners(client, resource["LoadBalancerArn"])
            return FixPlan(steps_of(plan_redirects(listeners, self.data.get("port", 443))))

        yield fix_by_plan(lambda service: client, plan)
