"""The responder: one function that runs the fixes of all policies, while all other functions only report.

Without it, every function's role may change the account, and each of a hundred roles can take production down. With it,
the other functions read and publish to the compliance topic. AWS Config's evaluations arrive there too. This function
is subscribed to the topic and runs the response of the policy. It does not trust a message: it reads the resource
again, and runs the policy's filters again, its scope and its exceptions included. What still matches is fixed, read
again and evaluated again.

    AWS Config -> EventBridge --+
                                +--> SNS topic --> responder --> read, filter --> fix --> read, filter
    policies' notify -----------+

Its archive holds every policy of the account that has a fix, in `config.json`. Each is marked, so that the responder
does not answer its own messages. A failure raises an error: Lambda tries twice more, and then moves the message to the
dead-letter queue.
"""
from __future__ import annotations

import functools
import json
import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from boto3 import Session
from botocore.exceptions import ClientError
from c7n import handler
from c7n.policy import LambdaMode, PolicyCollection
from c7n.resources import load_resources
from c7n.utils import local_session

from ..aws import detail_of, does_not_exist, event_by_id, reason_of
from ..errors import Refusal
from ..fixing import ATTEMPT, FixIncomplete, NotYet, wait
from ..names import FUNCTION_PREFIX
from ..vocabulary import PASSIVE
from .config_rules import Judge
from .messages import Alert, Ignored, Unreadable, Verdict, read_message, texts
from .probe import answer_probe, probe_in

log = logging.getLogger("custodian.guardrails.responder")

Resource = dict[str, Any]
Data = dict[str, Any]


class StillDrifting(Exception):
    """A resource still violates the policy after the policy's response."""


class Fix(Judge, LambdaMode):
    """Runs one policy on named resources."""

    def named(self, verdict: Verdict) -> list[Resource]:
        """The resource that AWS Config has evaluated, as AWS describes it now; empty when it is deleted.

        An evaluation of the account means every resource of the policy's type.
        """
        kind = self.policy.resource_manager.resource_type
        if verdict.resource_type == "AWS::::Account":
            return self.every()
        if kind.config_id in (None, kind.id) and (found := self.there([{kind.id: verdict.resource_id}])):
            return found
        # For some types AWS Config uses another id than c7n, for example GroupId for an IAM group.
        own = f"{verdict.resource_type.rpartition('::')[2]}Id"
        return [
            resource for resource in self.every()
            if verdict.resource_id in (self.config_id_of(resource), resource.get(own))
        ]

    def there(self, resources: Sequence[Resource]) -> list[Resource]:
        """The resources as AWS describes them now, without those that are deleted. Raises ClientError."""
        try:
            return self.read_again(resources)
        except ClientError as error:
            if does_not_exist(error):
                log.info("policy:%s %s", self.policy.name, reason_of(error))
                return []
            raise

    def fix_drift(self, resources: Sequence[Resource]) -> None:
        """Run the policy's response on the resources that match now, and verify it.

        Raises what the response raises, and StillDrifting.
        """
        name = self.policy.name
        event: dict[str, Any] = {}
        applicable = self.in_scope(resources, event)
        # exception_for logs what is excepted.
        drifting = [one for one in self.matching(applicable, event) if not self.exception_for(one, event)]
        if not drifting:
            log.info("policy:%s nothing to do: none of %d resources violates it", name, len(resources))
            return
        self.run_resource_set(event, drifting)
        compliant, violating = self.evaluate_again(drifting, event)
        for resource in drifting:
            key = self.id_of(resource)
            log.info("policy:%s resource:%s %s", name, key, "fixed and verified" if key in compliant else
                     "still violates it" if key in violating else "deleted")
        if violating:
            raise StillDrifting(f"{name}: still violated after the response: {', '.join(sorted(violating))}")


class Responder:
    """The policies of the archive, and how a message to one of them is handled."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        policies: list[Data] = config["policies"]
        self._options = config.get("execution-options") or {}
        self._by_name = {policy["name"]: policy for policy in policies}
        self._by_function = {
            f"{policy['mode'].get('function-prefix', FUNCTION_PREFIX)}{policy['name']}": policy for policy in policies
            if policy["mode"]["type"] in ("config-rule", "config-poll-rule")
        }

    def answer(self, text: str, attempt: int = 0) -> None:
        """Handle one message. `attempt`: how often it has been delivered before.

        Raises Ignored when there is nothing to do, NotYet when it will be delivered again, and what reading and fixing
        raise.
        """
        wanted = read_message(text)
        data = self._policy(wanted)
        options = _initialized(data, self._options)
        if (wanted.account, wanted.region) != (options.account_id, options.region):
            raise Ignored(f"{data['name']}: the message is about account {wanted.account}, {wanted.region}")
        if isinstance(wanted, Alert) and data["mode"]["type"] == "cloudtrail":
            again = {"Records": [{"Sns": {"Message": text}}], ATTEMPT: attempt}
            _replay(data, options, wanted.event, again)
            return
        fix = _fix(data, options)
        resources = fix.named(wanted) if isinstance(wanted, Verdict) else fix.there(_with_ids(wanted, fix))
        if not resources:
            raise Ignored(f"{data['name']}: the resource was deleted")
        fix.fix_drift(resources)

    def _policy(self, wanted: Verdict | Alert) -> Data:
        """The policy that the message is about. Raises Ignored when it has no fix here."""
        if isinstance(wanted, Verdict):
            name, data = wanted.function, self._by_function.get(wanted.function)
        else:
            name, data = wanted.policy, self._by_name.get(wanted.policy)
        if data is None:
            raise Ignored(f"{name}: this responder has no policy of that name with a fix")
        response = (data.get("metadata") or {}).get("response")
        if response in PASSIVE:
            raise Ignored(f"{name}: the response is {response}, so there is nothing to fix")
        return deepcopy(data)


def respond(event: Any) -> bool:
    """Handle each message of an SNS event. Anyone who may invoke the function may send anything else.

    Returns whether every message was about a fix. Raises what a fix raises, so that Lambda tries again.
    """
    if not isinstance(event, Mapping):
        log.error("event ignored: it is not a JSON object")
        return False
    if marker := probe_in(event):
        answer_probe(marker)
        return True
    found = list(texts(event))
    if not found:
        log.error("event ignored: expected an SNS event with Records; it has %s", sorted(event)[:20])
    attempt = event.get(ATTEMPT)
    answered = [_answered(text, attempt if isinstance(attempt, int) else 0) for text in found]
    return bool(answered) and all(answered)


def _answered(text: str, attempt: int) -> bool:
    try:
        _responder().answer(text, attempt)
    except Unreadable as problem:
        log.error("message ignored: %s", problem)
    except Ignored as reason:
        log.info("nothing to do: %s", reason)
    except NotYet as reason:
        log.info("waiting: %s", reason)
        return True
    except Refusal as refusal:
        log.error("not fixed: %s", refusal)
    except (FixIncomplete, StillDrifting) as error:
        log.error("not fixed: %s", error)
        raise
    else:
        return True
    return False


@functools.cache
def _responder() -> Responder:
    return Responder(json.loads(Path("config.json").read_text(encoding="utf-8")))


def _initialized(data: Data, options: Mapping[str, Any]) -> Any:
    """c7n's options for the policy, as in the policy's own function."""
    load_resources([data["resource"]])
    return handler.init_config({"execution-options": dict(options), "policies": [data]})


def _fix(data: Data, options: Any) -> Fix:
    """The policy, ready to run. Raises Ignored when its conditions do not hold."""
    [policy] = PolicyCollection.from_data({"policies": [data]}, options)
    policy.validate()
    if not policy.is_runnable():
        raise Ignored(f"{policy.name}: it is not enabled here")
    return Fix(policy)


def _with_ids(alert: Alert, fix: Fix) -> list[Resource]:
    """The ids of the alert's resources. Nothing else in the message is trusted."""
    key = fix.policy.resource_manager.resource_type.id
    if not alert.resources or not all(isinstance(resource.get(key), str) for resource in alert.resources):
        raise Unreadable(f"{alert.policy}: each resource of the alert must have a {key}")
    return [{key: resource[key]} for resource in alert.resources]


def _replay(data: Data, options: Any, event: Mapping[str, Any] | None, again: Mapping[str, Any]) -> None:
    """Run a realtime policy on the event of its alert, as the policy's own function would.

    The alert only names the event. What happened is read from CloudTrail's event history, by the event's id. `again`:
    what Lambda is to deliver once more when the history does not have the event yet.
    """
    event = event or {}
    heard = [(known["source"], known["event"]) for known in data["mode"]["events"] if isinstance(known, Mapping)]
    told = detail_of(event)
    name, event_id = str(told.get("eventName")), told.get("eventID")
    # The policy's own event rule matches no other call.
    if (told.get("eventSource"), name) not in heard and name not in data["mode"]["events"]:
        raise Unreadable(f"{data['name']}: the alert has an event that the policy does not subscribe to: {name[:100]}")
    if (event.get("account"), event.get("region")) != (options.account_id, options.region):
        raise Unreadable(f"{data['name']}: the alert has an event of another account or region")
    if not isinstance(event_id, str) or not event_id:
        raise Unreadable(f"{data['name']}: the alert has an event without an id")
    record = event_by_id(local_session(Session).client("cloudtrail"), event_id)
    if record is None:
        raise wait(again, event_id, name)
    if (record.get("eventSource"), record.get("eventName")) != (told.get("eventSource"), name):
        raise Unreadable(f"{data['name']}: the event {event_id} differs from the one in CloudTrail's event history")
    handler.policy_config, handler.policy_data = options, {"policies": [data]}
    handler.dispatch_event({
        "source": f"aws.{str(record['eventSource']).partition('.')[0]}", "detail-type": event.get("detail-type"),
        "account": options.account_id, "region": options.region, "detail": dict(record),
    }, None)
