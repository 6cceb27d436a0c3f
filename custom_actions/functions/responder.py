"""The responder: one function that does the fixes of all policies, for functions that only tell.

Where every evaluator may change the account, each of a hundred roles is one that can take production down. Here the
evaluators read and tell the compliance topic, AWS Config's verdicts arrive there too, and this function, subscribed to
it, runs the response that the policy names. It goes by no message's word: the resource is read again, and the policy's
filters are run again, its scope and exceptions among them. What still matches is fixed, read and filtered once more.

    AWS Config -> EventBridge --+
                                +--> SNS topic --> responder --> read, filter --> fix --> read, filter
    policies' notify -----------+

Its archive holds every policy of the account that has a fix, in `config.json` as c7n's own. Each is marked, so that
what the responder tells is not answered by it. What fails raises: Lambda tries twice more, and then the message is in
the dead-letter queue.
"""
from __future__ import annotations

import functools
import json
import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from c7n import handler
from c7n.policy import LambdaMode, PolicyCollection
from c7n.resources import load_resources

from ..aws import detail_of, reason_of
from ..fixing import FixIncomplete
from ..names import FUNCTION_PREFIX
from ..vocabulary import PASSIVE
from .config_rules import Judge
from .messages import Alert, Ignored, Unreadable, Verdict, asked, texts
from .probe import answer_probe, probe_in

log = logging.getLogger("custodian.guardrails.responder")

Resource = dict[str, Any]
Data = dict[str, Any]
# AWS has no one word for what is not there: InvalidGroup.NotFound, NoSuchEntity, DBInstanceNotFoundFault, …
_GONE = ("NotFound", "NoSuch", "DoesNotExist")


class StillDrifting(Exception):
    """A resource that the policy's response has not put right, as far as AWS tells now."""


class Fix(Judge, LambdaMode):
    """One policy at work on resources that somebody has named."""

    def named(self, verdict: Verdict) -> list[Resource]:
        """The resource that AWS Config has judged, as AWS describes it now; empty when it is gone.

        A verdict on the whole account is one on every resource of the policy's type.
        """
        kind = self.policy.resource_manager.resource_type
        if verdict.resource_type == "AWS::::Account":
            return self.every()
        if kind.config_id in (None, kind.id) and (found := self.there([{kind.id: verdict.resource_id}])):
            return found
        # AWS Config knows a group by its GroupId where c7n knows its name.
        own = f"{verdict.resource_type.rpartition('::')[2]}Id"
        return [
            resource for resource in self.every()
            if verdict.resource_id in (self.reported(resource), resource.get(own))
        ]

    def there(self, resources: Sequence[Resource]) -> list[Resource]:
        """The resources as AWS describes them now, without those that are gone. Raises ClientError."""
        try:
            return self.read_again(resources)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if any(word in code for word in _GONE):
                log.info("policy:%s %s", self.policy.name, reason_of(error))
                return []
            raise

    def put_right_what_drifts(self, resources: Sequence[Resource]) -> None:
        """Run the policy's response on what of the resources its filters match now, and see that it has helped.

        Raises what the response raises, and StillDrifting.
        """
        name = self.policy.name
        event: dict[str, Any] = {}
        applicable = self.in_scope(resources, event)
        # What an exception covers says so in the log.
        drifting = [one for one in self.matching(applicable, event) if not self.let_off(one, event)]
        if not drifting:
            log.info("policy:%s nothing to do: of %d resources none drifts", name, len(resources))
            return
        self.run_resource_set(event, drifting)
        right, wrong = self.judge_again(drifting, event)
        for resource in drifting:
            key = self.id_of(resource)
            log.info("policy:%s resource:%s %s", name, key, "put right, and read again" if key in right else
                     "still drifts" if key in wrong else "gone")
        if wrong:
            raise StillDrifting(f"{name}: after the response {', '.join(sorted(wrong))} still drifts")


class Responder:
    """The policies of the archive, and what is done when one of them is asked for."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        policies: list[Data] = config["policies"]
        self._options = config.get("execution-options") or {}
        self._by_name = {policy["name"]: policy for policy in policies}
        self._by_function = {
            f"{policy['mode'].get('function-prefix', FUNCTION_PREFIX)}{policy['name']}": policy for policy in policies
            if policy["mode"]["type"] in ("config-rule", "config-poll-rule")
        }

    def answer(self, text: str) -> None:
        """Do what the message asks for. Raises Ignored when that is nothing, and what reading and fixing raise."""
        wanted = asked(text)
        data = self._policy(wanted)
        options = _initialized(data, self._options)
        if (wanted.account, wanted.region) != (options.account_id, options.region):
            raise Ignored(f"{data['name']}: it is about account {wanted.account}, {wanted.region}")
        if isinstance(wanted, Alert) and data["mode"]["type"] == "cloudtrail":
            _replay(data, options, wanted.event)
            return
        fix = _fix(data, options)
        resources = fix.named(wanted) if isinstance(wanted, Verdict) else fix.there(_with_ids(wanted, fix))
        if not resources:
            raise Ignored(f"{data['name']}: what it names is gone")
        fix.put_right_what_drifts(resources)

    def _policy(self, wanted: Verdict | Alert) -> Data:
        """The policy with the fix. Raises Ignored when there is none."""
        if isinstance(wanted, Verdict):
            name, data = wanted.function, self._by_function.get(wanted.function)
        else:
            name, data = wanted.policy, self._by_name.get(wanted.policy)
        if data is None:
            raise Ignored(f"{name}: no policy of that name has a fix here")
        response = (data.get("metadata") or {}).get("response")
        if response in PASSIVE:
            raise Ignored(f"{name}: its response is {response}")
        return deepcopy(data)


def respond(event: dict[str, Any]) -> bool:
    """Answer each message that SNS hands over.

    Returns whether every message asked for something. Raises what a fix raises, so that Lambda tries again.
    """
    if marker := probe_in(event):
        answer_probe(marker)
        return True
    found = list(texts(event))
    if not found:
        log.error("event ignored: SNS hands over Records with messages; it has %s", sorted(event)[:20])
    answered = [_answered(text) for text in found]
    return bool(answered) and all(answered)


def _answered(text: str) -> bool:
    try:
        _responder().answer(text)
    except Unreadable as problem:
        log.error("message ignored: %s", problem)
    except Ignored as reason:
        log.info("nothing to do: %s", reason)
    except (FixIncomplete, StillDrifting) as error:
        log.error("not put right: %s", error)
        raise
    else:
        return True
    return False


@functools.cache
def _responder() -> Responder:
    return Responder(json.loads(Path("config.json").read_text(encoding="utf-8")))


def _initialized(data: Data, options: Mapping[str, Any]) -> Any:
    """c7n's options for the policy, as in its own function."""
    load_resources([data["resource"]])
    return handler.init_config({"execution-options": dict(options), "policies": [data]})


def _fix(data: Data, options: Any) -> Fix:
    """The policy, ready to work. Raises Ignored when its conditions do not hold."""
    [policy] = PolicyCollection.from_data({"policies": [data]}, options)
    policy.validate()
    if not policy.is_runnable():
        raise Ignored(f"{policy.name}: it is not in force here")
    return Fix(policy)


def _with_ids(alert: Alert, fix: Fix) -> list[Resource]:
    """The alert's resources, by nothing but their ids: the rest is a message's word."""
    key = fix.policy.resource_manager.resource_type.id
    if not alert.resources or not all(isinstance(resource.get(key), str) for resource in alert.resources):
        raise Unreadable(f"{alert.policy}: each resource of its alert has a {key}")
    return [{key: resource[key]} for resource in alert.resources]


def _replay(data: Data, options: Any, event: Mapping[str, Any] | None) -> None:
    """Run a realtime policy on the event of which it has told, as its own function would have done."""
    event = dict(event or {})
    heard = [(known["source"], known["event"]) for known in data["mode"]["events"] if isinstance(known, Mapping)]
    record = detail_of(event)
    name = str(record.get("eventName"))
    # By its event rule the policy hears of no other call, so here neither.
    if (record.get("eventSource"), name) not in heard and name not in data["mode"]["events"]:
        raise Unreadable(f"{data['name']}: its alert comes with an event that it does not listen to: {name[:100]}")
    if (event.get("account"), event.get("region")) != (options.account_id, options.region):
        raise Unreadable(f"{data['name']}: its alert comes with an event of another account or region")
    handler.policy_config, handler.policy_data = options, {"policies": [data]}
    handler.dispatch_event(event, None)
