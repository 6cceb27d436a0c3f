"""A message decides nothing about its mail but what it is about: hostile ones, and those of every shipped policy."""
from __future__ import annotations

import base64
import contextlib
import json
import logging
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest
from c7n_mailer import sqs_queue_processor, utils

from custom_actions.fixing import STOPPED, UNANSWERED
from guardrails.errors import GuardrailsError
from guardrails.mailer import hardening
from guardrails.mailer.hardening import Dropped, one_line, packed, trusted, unpacked
from guardrails.mailer.notices import notices
from guardrails.paths import POLICIES
from guardrails.policies import PolicySources
from guardrails.policies.policy import load
from tests.custom_actions.functions.test_malformed import mutants
from tests.moto_server import ACCOUNT, REGION, Moto

from .messages import FOLDERS, TELL, Page, made, rendered

PORTS = "security-group-admin-ports-revert"
SHIPPED = notices(PolicySources.of(POLICIES))
NOTICES: dict[str, Any] = {"ports": {
    "resource": "aws.security-group", "description": "A port was opened.", "metadata": {"severity": "critical"},
    "notify": [
        {"type": "notify", "to": ["account-emails"], "subject": "Fixed in {{ account_id }}",
         "template": "guardrails.html"},
        {"type": "notify", "to": ["oncall@example.com"], "subject": "Not fixed in {account_id}, {region} {other}",
         "template": "guardrails.txt"},
    ]}}


def message(**more: Any) -> dict[str, Any]:
    return {
        "account_id": ACCOUNT, "region": REGION, "partition": "aws", "account": "red", "event": None,
        "execution_start": 1.7e9, "resources": [{"GroupId": "sg-1"}], "version": "0.9", "execution_id": "x",
        "policy": {"name": "ports", "resource": "aws.security-group", "actions": ["revert-ingress"]},
        "action": {"type": "notify", "to": ["account-emails"], "subject": "Fixed in {{ account_id }}"}, **more}


def test_what_is_known_passes_and_says_what_the_policy_says() -> None:
    found = trusted(packed(message()), NOTICES)
    assert found["action"] == NOTICES["ports"]["notify"][0]
    assert found["policy"] == {
        "name": "ports", "resource": "aws.security-group", "actions": ["revert-ingress"],
        "description": "A port was opened.", "metadata": {"severity": "critical"}}
    assert set(found) == {
        "account_id", "region", "partition", "account", "execution_start", "event", "resources", "policy", "action"}


def test_the_notify_that_sent_it_is_found_by_its_subject() -> None:
    # c7n has filled in that of `otherwise`.
    subject = f"Not fixed in {ACCOUNT}, {REGION} {{other}}"
    found = trusted(packed(message(action={"subject": subject, "to": []})), NOTICES)["action"]
    assert (found["to"], found["subject"]) == (["oncall@example.com"], subject)
    assert trusted(packed(message(execution_start=None)), NOTICES)["execution_start"] is None
    # Another subject, or none: the policy's first.
    for action in ({"subject": "else"}, {}, {"subject": ["x"]}, [], None):
        assert trusted(packed(message(action=action)), NOTICES)["action"] == NOTICES["ports"]["notify"][0]


@pytest.mark.parametrize("subject", [STOPPED, UNANSWERED])
def test_what_a_realtime_fix_reports_besides_keeps_its_subject(subject: str) -> None:
    """That it stopped, or failed, goes to the recipients of `otherwise`, or of the policy's `notify`."""
    for name in (PORTS, "cloudtrail-logging-restart"):
        known = SHIPPED[name]
        policy = {"name": name, "resource": known["resource"]}
        found = trusted(packed(message(policy=policy, action={"subject": subject, "to": ["x@example.net"]})), SHIPPED)
        assert (found["action"]["subject"], found["action"]["to"]) == (subject, known["notify"][0]["to"])


def test_nothing_of_the_messages_action_is_used() -> None:
    evil = {
        "subject": "{{ ''.__class__.__mro__[1].__subclasses__() }}", "template": "../../etc/passwd",
        "slack_template": "/etc/passwd", "to": ["stranger@example.net"], "cc": ["stranger@example.net"],
        "owner_absent_contact": ["stranger@example.net"], "from": "ceo@example.com", "template_format": "x",
        "priority_header": "1", "resource_ldap_lookup_username": True, "transport": {"type": "sqs"}}
    assert trusted(packed(message(action=evil)), NOTICES)["action"] == NOTICES["ports"]["notify"][0]


@pytest.mark.parametrize(("more", "why"), [
    ({"policy": {"name": "strange", "resource": "aws.ec2"}}, "no policy of the name 'strange' notifies anybody"),
    ({"policy": {"name": "a\nb\x1b[2J", "resource": "x"}}, r"no policy of the name 'a\nb\x1b[2J' notifies"),
    ({"policy": {"name": "x" * 5000}}, "xxx…"),
    ({"policy": {"name": "ports", "resource": "aws.ec2"}}, "it is about 'aws.ec2', and ports about aws.security-group"),
    ({"policy": {"name": ["ports"]}}, "it names no policy"), ({"policy": None}, "it names no policy"),
    ({"resources": {"a": 1}}, "not a list of resources"), ({"resources": ["sg-1"]}, "not a list of resources"),
    ({"event": "x"}, "is not an event"), ({"account_id": "12\n3456789012"}, "the account_id of ports is"),
    ({"account_id": 123456789012}, "the account_id of ports is 123456789012"),
    ({"account_id": "../../x"}, "account_id"), ({"region": "{{ 7*7 }}"}, "the region of ports is '{{ 7*7 }}'"),
    ({"region": None}, "region"), ({"partition": "aws; rm"}, "partition"),
    ({"execution_start": 1e300}, "the time at which ports ran is 1e+300"), ({"execution_start": "now"}, "time"),
    ({"execution_start": True}, "time"), ({"execution_start": -1}, "time"),
])
def test_what_is_not_of_a_deployed_policy_is_dropped(more: dict[str, Any], why: str) -> None:
    with pytest.raises(Dropped) as dropped:
        trusted(packed(message(**more)), NOTICES)
    text = str(dropped.value)
    assert why in text and len(text) < 250 and text.isprintable()


def encoded(text: bytes) -> str:
    return base64.b64encode(zlib.compress(text)).decode()


@pytest.mark.parametrize(("body", "why"), [
    ("", "cannot be read"), ("terminate everything", "cannot be read"), ("é" * 10, "cannot be read"),
    (base64.b64encode(b"plain").decode(), "cannot be read"), (encoded(b"[1]"), "not a JSON object"),
    (encoded(b"{"), "cannot be read"), (encoded(b'{"a": NaN}'), "cannot be read"), (encoded(b"\xff"), "cannot be read"),
    (encoded(b"[" * 1_000_000), "cannot be read: RecursionError"), ('{"Subject": "x"}', "cannot be read: KeyError"),
    ('{"Message": 7}', "cannot be read"),
    ("A" * (hardening.ENCODED_CHARACTERS + 1), "it has 2097153 characters"),
    # A few kilobytes that would be gigabytes.
    (encoded(b" " * (hardening.DECODED_BYTES + 1)), "unpacked, it has more than"),
])
def test_what_cannot_be_read_is_dropped(body: str, why: str) -> None:
    with pytest.raises(Dropped, match=why):
        unpacked(body)


def test_each_field_of_a_message_gone_or_of_another_type() -> None:
    """It is dropped, or mailed as a deployed policy says."""
    deployed = NOTICES["ports"]["notify"]
    tried = list(mutants(message()))
    for what, mutant in tried:
        with contextlib.suppress(Dropped):
            found = trusted(packed(mutant), NOTICES)
            assert found["action"]["to"] in [each["to"] for each in deployed], what
            assert found["action"]["template"] in [each["template"] for each in deployed], what
    assert len(tried) > 300


def test_a_subscription_without_raw_delivery_is_read_too() -> None:
    assert unpacked(json.dumps({"Message": packed(message())})) == message()


def test_an_accounts_alias_is_one_short_line() -> None:
    found = trusted(packed(message(account="red\r\nBcc: x@example.net\u202e" + "y" * 500)), NOTICES)
    assert found["account"].startswith("red Bcc: x@example.net y") and len(found["account"]) == 100
    assert one_line(" a \n\x00\u2028b ", 10) == "a b"


@pytest.mark.parametrize("text", [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ self.__init__.__globals__ }}", "{{ lipsum.__globals__['os'].environ }}",
    "{{ '{0.__class__.__init__.__globals__}'.format(policy) }}", "{{ event.__class__.__base__ }}",
    "{{ (event | attr('__class__')).__mro__ }}", "{% for x in range(999999999) %}{% endfor %}",
    "{{ policy.update({'name': 'x'}) }}",
])
def test_subjects_and_templates_are_rendered_in_a_sandbox(text: str, reopened: None) -> None:
    hardening.install(NOTICES)
    values = {"policy": {"name": "ports"}, "event": {}}
    for template in (utils.jinja2.Template(text), utils.get_jinja_env([]).from_string(text)):
        try:
            shown = template.render(**values)
        except (jinja2.exceptions.SecurityError, OverflowError):
            continue
        assert shown == "", shown
    assert values["policy"] == {"name": "ports"}


def test_a_subject_is_one_line(reopened: None) -> None:
    hardening.install(NOTICES)
    subject = utils.get_message_subject({**message(), "action": {"subject": "{{ event.name }}" + "z" * 300},
                                         "event": {"name": "a\r\nBcc: b"}})
    assert subject.startswith("a Bcc: bzz") and len(subject) == hardening.SUBJECT_CHARACTERS


def test_our_templates_are_rendered_in_the_sandbox_as_without_it(moto: Moto, tmp_path: Path, reopened: None) -> None:
    policy = {"name": "ports", "resource": "aws.security-group", "actions": [TELL]}
    group = {"GroupId": "sg-1", "c7n:MatchedFilters": ["GroupId", "tag:x"], "c7n:Receipts": [{
        "resource": "sg-1", "resource_type": "aws.security-group", "region": REGION, "policy": "ports",
        "outcome": "reverted", "reason": "", "removed": [{"rule": "x"}], "added": [], "notes": [], "caused_by": None,
        "at": "2026-11-23T12:00:01+00:00",
        "inverse": [{"service": "ec2", "operation": "authorize_security_group_ingress", "parameters": {"a": 1}}]}]}
    event = {"detail": {"eventName": "X", "userIdentity": {"arn": "arn:x", "type": "IAMUser"}}}
    sent = {**made(moto.client, policy, [group], tmp_path, event), "execution_start": 1.7e9}
    before = {name: rendered(sent, name) for name in ("guardrails.html", "guardrails.txt", "slack_guardrails")}
    hardening.install(NOTICES)
    assert {name: rendered(sent, name) for name in before} == before
    assert "sg-1" in Page(before["guardrails.html"]).text


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_shipped_policys_own_message_passes(name: str) -> None:
    for notify in SHIPPED[name]["notify"]:
        subject = notify.get("subject", "")
        sent = message(
            policy={"name": name, "resource": SHIPPED[name]["resource"]},
            action={**notify, "subject": subject if "{{" in subject else subject.format(
                account_id=ACCOUNT, region=REGION)})
        found = trusted(packed(sent), SHIPPED)
        assert found["action"] == sent["action"]
        text = utils.get_rendered_jinja(
            "x", found, found["resources"], logging.getLogger(), "template", "default", FOLDERS)
        assert ACCOUNT in str(text)


def test_the_notices_are_of_all_policies_that_notify(tmp_path: Path) -> None:
    assert set(SHIPPED) == {policy.name for policy in load() if '"notify"' in json.dumps(policy.data, default=str)}
    # Its own, its `otherwise`, and what every realtime policy may report besides.
    assert len(SHIPPED[PORTS]["notify"]) == 4 and "transport" not in SHIPPED[PORTS]["notify"][0]
    assert "parameters" not in SHIPPED[PORTS]["metadata"]
    with pytest.raises(GuardrailsError):
        notices(PolicySources.of(tmp_path / "none"))


def processed(body: str, notices: Any, reopened: None, config: dict[str, Any] | None = None) -> Any:
    """The processor that has been given a message, with what it would have sent in `sent`."""
    processor = sqs_queue_processor.MailerSqsQueueProcessor
    handled: list[Any] = []
    hardening.install(notices)
    made = processor(config or {"queue_url": "x"}, None, logging.getLogger("custodian-mailer"))
    made.handle_targets = lambda sent, *_, **__: handled.append(sent)
    made.process_sqs_message({"MessageId": "1", "Body": body, "Attributes": {"SentTimestamp": "1"}})
    made.sent = handled
    return made


def test_installing_again_replaces_the_notices(reopened: None) -> None:
    assert processed(packed(message()), NOTICES, reopened).sent == [trusted(packed(message()), NOTICES)]
    assert processed(packed(message()), {}, reopened).sent == []
    assert len(processed(packed(message()), NOTICES, reopened).sent) == 1


def test_the_configuration_is_not_printed(reopened: None, capsys: pytest.CaptureFixture[str]) -> None:
    made = processed("x", NOTICES, reopened, {"queue_url": "x", "slack_token": "xoxb-secret"})
    assert made.config["slack_token"] == "xoxb-secret"
    for shown in (f"{made.config}", "%s" % made.config, repr(made.config)):  # noqa: UP031
        assert "secret" not in shown


def _notify(**change: Any) -> Callable[[], Any]:
    broken = json.loads(json.dumps(NOTICES))
    broken["ports"]["notify"][0].update(change)
    return lambda: trusted(packed(message()), broken)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "", "a b", ".hidden", "a/b"])
def test_a_policys_template_is_a_plain_name(name: str) -> None:
    with pytest.raises(Dropped, match="must be a file's name"):
        _notify(template=name)()
    with pytest.raises(Dropped, match="must be a file's name"):
        _notify(slack_template=name)()
