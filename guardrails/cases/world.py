"""The resources that a case makes, and the calls that look at them afterwards."""
from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import boto3
import jmespath
from botocore.exceptions import ClientError

from custom_actions.names import TOPIC

from ..sandbox import ACCOUNT, REGION
from .outcome import expect

_BESIDE = ("keep", "expect", "as", "refused")
"""Keys of a step beside its call."""


class World:
    """The resources that a case made, by the names that it gave them."""

    def __init__(
        self, client: Callable[[str], Any], settle: Callable[[], None] = lambda: None, *,
        backdate: Callable[..., None], set_owner: Callable[..., None], account: str = ACCOUNT,
        put: Callable[[str, dict[str, Any]], None] | None = None, set_state: Callable[..., None] | None = None,
        give_answer: Callable[..., None] | None = None,
    ) -> None:
        """A world without resources.

        Args:
            client: gives the boto3 client of a service, or of `service@region`.
            settle: waits until the functions have handled every event so far.
            backdate: as `LocalAws.backdate`.
            set_owner: as `LocalAws.set_owner`.
            account: the number of the account that `client` is of.
            put: puts an event, of a detail-type and a detail, on the bus; None where there is none.
            set_state: as `LocalAws.set_state`; None where moto runs in another process.
            give_answer: as `LocalAws.give_answer`.
        """
        self._client = client
        self._settle = settle
        self._backdate = backdate
        self._set_owner = set_owner
        self._put = put
        self._set_state = set_state
        self._give_answer = give_answer
        self.names: dict[str, Any] = {"account_id": account, "region": REGION}

    def do(self, steps: list[Any]) -> None:
        """Make the calls; each is `service.operation: parameters`, with `keep: {name: JMESPath}` beside it.

        `as: access key id`, beside it too, makes the call with that key; `refused: code` says that AWS refuses it.

        The step `settle` waits until the functions have handled every event so far; `backdate` makes a date in moto's
        state one of so many days ago; `owner` gives a network resource to another account; `state`, with a `value`,
        sets a value in moto's state that no call sets; `answer: service.operation`, with `gives`, is what AWS answers
        to a call that moto does not know; `event`, with a `detail-type` and a `detail`, puts an event on
        the bus that no API call makes, such as a sign-in.

        Raises NotAsExpected, and what the calls raise, with the step as a note.
        """
        for step in steps:
            with _named(step):
                self._do(step)

    def _do(self, step: Any) -> None:
        place = {"account": self.names["account_id"], "region": REGION}
        if step == "settle":
            self._settle()
        elif "event" in step:
            if self._put is None:
                raise ValueError("only cases of realtime policies have a bus for events")
            self._put(step["event"]["detail-type"], self.fill(step["event"]["detail"]))
        elif "backdate" in step:
            self._backdate(self.fill(step["backdate"]), step["days"], **place)
        elif "owner" in step:
            self._set_owner(self.fill(step["owner"]), step["account"], **place)
        elif "state" in step:
            if self._set_state is None:
                raise ValueError("only cases of policies that look at a state can set one")
            self._set_state(self.fill(step["state"]), self.fill(step["value"]), **place)
        elif "answer" in step:
            if self._give_answer is None:
                raise ValueError("only cases of policies that look at a state can give an answer")
            self._give_answer(step["answer"], self.fill(step["gives"]), account=place["account"])
        elif "refused" in step:
            try:
                self._call(step)
            except ClientError as error:
                expect(step["refused"] in str(error), f"AWS refuses it with {step['refused']}: {step}", error)
            else:
                expect(False, f"AWS refuses it with {step['refused']}: {step}", "the call was accepted")
        else:
            answer = self._call(step)
            for name, expression in (step.get("keep") or {}).items():
                value = jmespath.search(expression, answer)
                expect(value is not None, f"the answer of {step} has {expression}", answer)
                self.names[name] = value

    def check(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """Make the calls and compare: each has `expect: {JMESPath: value}`. Raises as `do`."""
        for step in steps:
            with _named(step):
                answer = self._call(step)
                for expression, wanted in step["expect"].items():
                    seen, expected = jmespath.search(self.fill(expression), answer), self.fill(wanted)
                    expect(seen == expected, f"{step}: {expression} is {expected!r}", f"{seen!r} in {answer}")

    def search(self, expression: str, data: Any) -> Any:
        """A JMESPath expression on data, names filled in."""
        return jmespath.search(self.fill(expression), data)

    def ids(self, names: list[str]) -> list[str]:
        """The ids of resources: what was kept under a name; what was not is an id."""
        return [str(self.names.get(name, name)) for name in names]

    def _call(self, step: Mapping[str, Any]) -> Any:
        calls = [(key, value) for key, value in step.items() if key not in _BESIDE]
        if len(calls) != 1 or calls[0][0].count(".") != 1:
            raise ValueError("a step is one call, such as s3.create_bucket: {Bucket: bad}")
        [(call, parameters)] = calls
        service, operation = call.split(".")
        client = self._client(service)
        if "as" in step:
            # Not the session that boto3 keeps: another test may have made it, for another configuration.
            client = boto3.Session().client(
                service, region_name=client.meta.region_name, endpoint_url=client.meta.endpoint_url,
                aws_access_key_id=self.fill(step["as"]), aws_secret_access_key="test",  # noqa: S106
            )
        return getattr(client, operation)(**self.fill(parameters or {}))

    def fill(self, value: Any) -> Any:
        """`{name}` in any string becomes what was kept under that name; other braces stay."""
        if isinstance(value, dict):
            return {key: self.fill(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self.fill(entry) for entry in value]
        if isinstance(value, str):
            for name, kept in self.names.items():
                if value == f"{{{name}}}":
                    return kept
                value = value.replace(f"{{{name}}}", str(kept))
        return value


@contextmanager
def _named(step: Any) -> Iterator[None]:
    """Say in an error which step it is of."""
    try:
        yield
    except Exception as error:
        error.add_note(f"step: {step}")
        raise


@contextmanager
def heard(client: Callable[[str], Any], topics: Sequence[str] = (TOPIC,)) -> Iterator[list[dict[str, Any]]]:
    """Topics with a queue behind them; the messages that arrived are in the list afterwards."""
    queue = client("sqs").create_queue(QueueName=TOPIC)["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for name in topics:
        topic = client("sns").create_topic(Name=name)["TopicArn"]
        client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    messages: list[dict[str, Any]] = []
    yield messages
    for message in client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ()):
        messages.append(read_notify(json.loads(message["Body"])["Message"]))


def read_notify(text: str) -> dict[str, Any]:
    """What c7n's `notify` sent: JSON, compressed, in base64."""
    message: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text)))
    return message


def topics_of(policy: Mapping[str, Any]) -> list[str]:
    """The SNS topics that a policy notifies through, by name."""
    named: dict[str, None] = {}
    for action in policy.get("actions") or ():
        for each in (action, action.get("otherwise")) if isinstance(action, Mapping) else ():
            transport = each.get("transport") if isinstance(each, Mapping) else None
            if isinstance(transport, Mapping) and transport.get("type") == "sns":
                named[str(transport.get("topic")).rpartition(":")[2]] = None
    return list(named)
