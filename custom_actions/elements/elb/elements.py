"""What a policy sees: the filter `http-without-redirect` and the action `redirect-to-https` on `aws.app-elb`."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError
from c7n.actions import Action
from c7n.filters import Filter
from c7n.utils import local_session, type_schema

from ...aws import reason_of
from ...fixing import Outcome, Receipt, finish, receipt_of
from .apply import Result, apply, read_listeners
from .redirect import Listener, Plan, offending, plan_redirects

_READS = ("elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules")
_APPLICATION = "application"


class HttpWithoutRedirect(Filter):
    """Application Load Balancers that answer over plain HTTP with anything else than a redirect to HTTPS.

    Every rule of every HTTP listener is looked at, default rules too; the offending ones are kept on the load balancer
    as `c7n:HttpWithoutRedirect`. A load balancer without a listener serves nothing over HTTP and does not match.
    Combine it with `Type: application`: what is not encrypted on a network load balancer is not HTTP to it.

    Written because c7n's `listener` sees default actions only, and `listener-rule` pools the rules of all listeners,
    so that what an HTTPS listener forwards would be reported.

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
        client = local_session(self.manager.session_factory).client("elbv2")
        served = []
        for balancer in resources:
            found = offending(read_listeners(client, balancer["LoadBalancerArn"]))
            if found:
                balancer[self.annotation_key] = [f"port {listener.port}, {rule}" for listener, rule in found]
                served.append(balancer)
        return served


class RedirectToHttps(Action):
    """Make what an Application Load Balancer answers over plain HTTP redirect to HTTPS, and prove it.

    Only rules that do not redirect to HTTPS are changed, and only their actions: conditions, priorities and all HTTPS
    listeners stay. The new action redirects (301) to the same host, path and query by HTTPS on `port`, 443 unless
    said otherwise; a rule that redirected by HTTP keeps its target and its status. What the HTTP rules told apart,
    the rules of the HTTPS listener have to tell apart now.

    A load balancer without an HTTPS listener on that port is refused: the redirect would lead into nothing. Each one
    ends as reverted, already-ok, partial, failed or refused, in a receipt with the actions removed and added and the
    calls that take it back. One failing load balancer does not stop the others; when all are done, a failed or
    partial one makes the policy fail.

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

    schema = type_schema("redirect-to-https", port={"type": "integer", "minimum": 1, "maximum": 65535})
    permissions = (
        *_READS, "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule",
    )

    @property
    def name(self) -> str:
        """c7n names the file of the receipts after it."""
        return str(self.type)

    def process(self, resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Redirect each load balancer; returns the receipts. Raises FixIncomplete when one still answers."""
        client = local_session(self.manager.session_factory).client("elbv2")
        fixed = []
        for balancer in resources:
            result = self._redirect(client, balancer)
            fixed.append((balancer, self._receipt(balancer, result)))
            level = self.log.error if result.outcome.needs_a_person else self.log.info
            level("%s %s: %s %s", self.type, balancer["LoadBalancerArn"], result.outcome, result.reason)
        return finish(self, fixed)

    def _redirect(self, client: Any, balancer: Mapping[str, Any]) -> Result:
        if balancer.get("Type") != _APPLICATION:
            return Result(Outcome.REFUSED, f"a load balancer of type {balancer.get('Type')} has no HTTP listeners")

        def read() -> list[Listener]:
            return read_listeners(client, balancer["LoadBalancerArn"])

        def plan(listeners: Sequence[Listener]) -> Plan:
            return plan_redirects(listeners, self.data.get("port", 443))

        try:
            now = read()
        except ClientError as error:
            return Result(Outcome.FAILED, reason_of(error))
        return apply(client, plan(now), read, plan)

    def _receipt(self, balancer: Mapping[str, Any], result: Result) -> Receipt:
        return receipt_of(
            self,
            balancer["LoadBalancerArn"],
            result.outcome,
            reason=result.reason,
            removed=[{"rule": step.rule.arn, "actions": list(step.rule.actions)} for step in result.done],
            added=[{"rule": step.rule.arn, "actions": list(step.actions)} for step in result.done],
            inverse=result.inverse,
        )
