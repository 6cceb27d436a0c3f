"""Makes c7n-mailer treat every message as hostile.

c7n-mailer 0.6.52 takes the subject, the templates and the recipients from the message, and renders the subject as a
Jinja template without a sandbox. So anyone who can publish to the topic could run code in the mailer and send mail from
its address to anyone. With this module:

- a message must name a deployed policy that notifies; other messages are dropped, with one log line each;
- subject, templates, recipients and every other setting come from that policy's `notify`, never from the message;
- every template is rendered in Jinja's sandbox, and a subject is one short line;
- a message that is too large or nested too deeply is dropped before it fills the memory.

Others control the rest of a message (resources, event, account). The templates escape it.

This file is also copied into the mailer's function, which contains nothing else of this project. So it imports only
the standard library, Jinja and c7n-mailer.
"""
from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import jinja2
from c7n_mailer import sqs_queue_processor, utils
from jinja2.sandbox import ImmutableSandboxedEnvironment

ENCODED_CHARACTERS, DECODED_BYTES = 2 * 1024 * 1024, 16 * 1024 * 1024
"""The largest message, as SQS has it (SQS itself allows 1 MiB) and unpacked. c7n fills a message up to 256 KiB."""
SUBJECT_CHARACTERS = 200
Notices = Mapping[str, Mapping[str, Any]]
"""By policy: its `resource`, `description`, `metadata`, and `notify`, a list of its actions of that type."""
Message = dict[str, Any]

_FORMATS = {
    "account_id": re.compile(r"\d{12}"), "region": re.compile(r"[a-z]{2}(-[a-z]+)+-\d"),
    "partition": re.compile(r"aws[a-z-]*"),
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_PLACEHOLDER = re.compile(r"\{(account_id|region|partition)\}")
_TEMPLATE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_LATEST = 4_102_444_800
"""The year 2100, for the time at which a policy ran."""


class Dropped(Exception):
    """A message that is not sent. The text gives the reason, on one line, whatever the message contains."""


def install(notices: Notices) -> None:
    """Patch c7n-mailer in this process: it sends only what `notices` contain. Calling it again replaces the notices."""
    utils.jinja2 = SimpleNamespace(
        Environment=ImmutableSandboxedEnvironment, Template=_SubjectTemplate, FileSystemLoader=jinja2.FileSystemLoader)
    processor = sqs_queue_processor.MailerSqsQueueProcessor
    process = getattr(processor.process_sqs_message, "unguarded", processor.process_sqs_message)
    start = getattr(processor.__init__, "unguarded", processor.__init__)

    def guarded(self: Any, encoded: Mapping[str, Any]) -> None:
        try:
            message = trusted(str(encoded.get("Body") or ""), notices)
        except Dropped as reason:
            # c7n-mailer then deletes the message from the queue, like a message that was sent.
            self.logger.error("message dropped: %s", reason)
            return
        process(self, {**encoded, "Body": packed(message)})

    def started(self: Any, config: Mapping[str, Any], *more: Any, **options: Any) -> None:
        start(self, _Unprinted(config), *more, **options)

    guarded.unguarded, started.unguarded = process, start  # type: ignore[attr-defined]
    processor.process_sqs_message, processor.__init__ = guarded, started


class _SubjectTemplate(jinja2.Template):
    """Replaces jinja2.Template, which c7n-mailer uses only to render subjects."""

    environment_class = ImmutableSandboxedEnvironment

    def render(self, *arguments: Any, **values: Any) -> str:
        return one_line(super().render(*arguments, **values), SUBJECT_CHARACTERS)


class _Unprinted(dict[str, Any]):
    """The configuration, without its decrypted secrets when c7n-mailer prints it after a mail could not be sent."""

    def __repr__(self) -> str:
        return "(not shown)"


def trusted(body: str, notices: Notices) -> Message:
    """The message in an SQS message's body, with the settings of the deployed policy in place of its own.

    Raises Dropped.
    """
    message = unpacked(body)
    given = message.get("policy")
    name = given.get("name") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(name, str):
        raise Dropped("it names no policy")
    notice = notices.get(name)
    if notice is None:
        raise Dropped(f"no policy of the name {_shown(name)} notifies anybody")
    if _type(given.get("resource")) != _type(notice["resource"]):
        raise Dropped(f"it is about {_shown(given.get('resource'))}, and {name} about {notice['resource']}")
    resources, event = message.get("resources"), message.get("event")
    if not isinstance(resources, list) or not all(isinstance(each, dict) for each in resources):
        raise Dropped(f"the resources of {name} are not a list of resources")
    if event is not None and not isinstance(event, dict):
        raise Dropped(f"the event of {name} is not an event")
    values = {key: message.get(key) for key in _FORMATS}
    for key, format_ in _FORMATS.items():
        if not isinstance(values[key], str) or not format_.fullmatch(str(values[key])):
            raise Dropped(f"the {key} of {name} is {_shown(values[key])}")
    started = message.get("execution_start")
    # Without it, c7n-mailer uses the current time.
    if started is not None and not (type(started) in (int, float) and 0 < started < _LATEST):
        raise Dropped(f"the time at which {name} ran is {_shown(started)}")
    claimed = message.get("action")
    return {
        **{key: str(value) for key, value in values.items()},
        "account": one_line(str(message.get("account") or ""), 100),
        "execution_start": started, "event": event, "resources": resources,
        "policy": {
            **given, "resource": notice["resource"], "description": notice["description"],
            "metadata": notice["metadata"]},
        "action": _action(notice["notify"], claimed if isinstance(claimed, dict) else {}, values),
    }


def _action(notify: Sequence[Mapping[str, Any]], claimed: Mapping[str, Any], values: Mapping[str, Any]) -> Message:
    """The deployed `notify` that sent the message: the one with the same subject, or the policy's first.

    c7n fills in the subject of `otherwise`, and leaves that of the policy's own `notify` to the mailer.
    """
    filled = [{**each, "subject": _filled(str(each["subject"]), values)} if "subject" in each else dict(each)
              for each in notify]
    subjects = [(each.get("subject"), written.get("subject")) for each, written in zip(filled, notify, strict=True)]
    chosen = next((number for number, either in enumerate(subjects) if claimed.get("subject") in either), 0)
    action = filled[chosen]
    for key in ("template", "slack_template"):
        if key in action and not _TEMPLATE.fullmatch(str(action[key])):
            raise Dropped(f"{key} of the deployed policy must be a file's name without .j2: {_shown(action[key])}")
    # In some places c7n-mailer fails without `to`.
    return {**action, "to": list(action.get("to") or ())}


def _filled(subject: str, values: Mapping[str, Any]) -> str:
    """The subject as c7n fills it in; Jinja's `{{ account_id }}` stays as it is."""
    if "{{" in subject:
        return subject
    return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), subject)


def unpacked(body: str) -> Message:
    """The message as `notify` packed it: JSON, compressed, in base64. Raises Dropped."""
    if len(body) > ENCODED_CHARACTERS:
        raise Dropped(f"it has {len(body)} characters")
    try:
        if body.lstrip().startswith("{"):
            # A subscription without raw delivery wraps it.
            body = json.loads(body)["Message"]
        decompressor = zlib.decompressobj()
        text = decompressor.decompress(base64.b64decode(body, validate=True), DECODED_BYTES)
        if decompressor.unconsumed_tail:
            raise Dropped(f"unpacked, it has more than {DECODED_BYTES} bytes")
        message = json.loads(text, parse_constant=_no_constant)
    # RecursionError: JSON that is nested too deep.
    except (binascii.Error, zlib.error, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Dropped(f"it cannot be read: {type(error).__name__}") from None
    if not isinstance(message, dict):
        raise Dropped("it is not a JSON object")
    return message


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def packed(message: Mapping[str, Any]) -> str:
    """The message as `notify` packs it."""
    return base64.b64encode(zlib.compress(json.dumps(message).encode())).decode()


def one_line(text: str, limit: int) -> str:
    """The text on one line of at most `limit` characters, without control characters and marks of writing direction."""
    flat = " ".join(_CONTROL.sub(" ", text).split())
    return flat if len(flat) <= limit else f"{flat[:limit - 1]}…"


def _shown(value: Any) -> str:
    """A value of a message, for one line of the log."""
    return one_line(repr(value) if isinstance(value, str | int | float | type(None)) else type(value).__name__, 80)


def _type(resource: Any) -> str:
    return str(resource).removeprefix("aws.")
