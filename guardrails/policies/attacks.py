"""What attackers do in an account, which policy sees it, and what happens then: docs/attacks.md.

`controls/attacks/aws.yml` lists the events. Which policies see an event is computed, never typed: a row has the part of
the CloudTrail record that matters, and a policy sees the row when its event pattern lets the record through, its `ids`
find something, and its filters hold. Filters that judge the resource cannot be asked without an account; they count
only for rows that say which state of the resource is meant.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..command import CHECKOUT_COMMAND
from ..errors import GuardrailsError
from ..paths import CONTROLS, ROOT
from ..yamlfile import YamlError, YamlFile, read
from .event_pattern import mismatches, pattern_of
from .policy import Kind, Policy, load

ATTACKS = CONTROLS / "attacks" / "aws.yml"
ATTACKS_PAGE = ROOT / "docs" / "attacks.md"
ACCOUNT = "123456789012"
"""The account of the examples."""
_REGION = "us-east-1"
_SIGN_IN = "AWS Console Sign In via CloudTrail"
_KEYS = {"attack", "event", "form", "gain", "example", "state", "data", "action"}
_SHAPE = "a row has attack, event (source:Name) and gain; it may have form, example, state, data and action"
STATES = ("public", "foreign image")
# What a filter that judges the resource sees, by its type, or by its one key when it has the short form. A filter that
# is not here (a tag, say) is not taken for one that sees the row.
_JUDGES: Mapping[str, str] = {
    "shared-outside": "public", "public-access": "public", "ingress-drift": "public", "PubliclyAccessible": "public",
    "public-document": "public", "image": "foreign image",
}
# They judge the event, or the account as the event left it.
_ON_EVENTS = ("event", "event-actor")
_ALWAYS = ("deleted-trail",)
# Narrowings that say which resources a policy is about; in the defaults they leave nothing out.
_NARROWING = frozenset({"Name"})
# EventBridge hands over read-only events only to rules in a state of their own, which c7n does not set. These two are
# exceptions. Source: EventBridge's user guide, "Receiving read-only management events from AWS services".
_READ_ONLY = ("Describe", "Get", "List")
_READ_BUT_DELIVERED = frozenset({"GetFederationToken", "GetSessionToken"})


@dataclass(frozen=True)
class Attack:
    """One event of an attack, in one form."""

    tactic: str
    technique: str
    """The technique's id in MITRE ATT&CK."""
    technique_name: str
    source: str
    """CloudTrail's eventSource."""
    event: str
    """CloudTrail's eventName."""
    gain: str
    """What an attacker has from it."""
    form: str = ""
    """Which calls of the event are meant; empty when all are."""
    example: Mapping[str, Any] = field(default_factory=dict)
    """The part of the record that shows the form."""
    state: str = ""
    """What only the resource shows: one of STATES."""
    data_event: bool = False
    """Whether CloudTrail records it as a data event, which trails leave out by default."""
    console_action: bool = False
    """Whether it is an event of the sign-in service other than a sign-in."""
    where: str = ""
    """`file:line` of the row."""

    @property
    def read_only(self) -> bool:
        """Whether EventBridge keeps the event back, as a call that only reads."""
        return self.event.startswith(_READ_ONLY) and self.event not in _READ_BUT_DELIVERED

    @cached_property
    def record(self) -> dict[str, Any]:
        """The event as EventBridge hands it over."""
        sign_in = self.event == "ConsoleLogin"
        kind = _SIGN_IN if sign_in else "AWS API Call via CloudTrail"
        detail = {
            "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/eve", "accountId": ACCOUNT},
            "eventSource": self.source, "eventName": self.event, "awsRegion": _REGION,
            "requestParameters": None, "responseElements": None, "recipientAccountId": ACCOUNT,
            **deepcopy(dict(self.example)),
        }
        service = self.source.partition(".")[0]
        return {
            "account": ACCOUNT, "region": _REGION, "source": f"aws.{service}", "detail-type": kind, "detail": detail,
        }


def load_attacks(path: Path = ATTACKS) -> list[Attack]:
    """Every row of the catalogue, in its order. Raises GuardrailsError, with file and line, for a row that is wrong."""
    try:
        source = read(path)
    except YamlError as error:
        raise GuardrailsError(f"{path}:{error.line}: {error.message}", "correct the YAML") from None
    techniques, tactics = source.data["techniques"], source.data["tactics"]
    attacks: list[Attack] = []
    lines: dict[tuple[str, str, str, str], int] = {}
    for tactic, rows in tactics.items():
        for index, row in enumerate(rows):
            at = source.line(("tactics", tactic, index))
            attack = _attack(source, at, tactic, row, techniques)
            key = (attack.technique, attack.source, attack.event, attack.form)
            if key in lines:
                raise _wrong(source, at, f"the same row is in line {lines[key]}", "give one of them another form")
            lines[key] = at
            attacks.append(attack)
    return attacks


def _attack(source: YamlFile, line: int, tactic: str, row: Any, techniques: Mapping[str, str]) -> Attack:
    if not isinstance(row, Mapping) or not {"attack", "event", "gain"} <= row.keys() <= _KEYS:
        raise _wrong(source, line, f"not a row: {row!r}", _SHAPE)
    if row["attack"] not in techniques:
        raise _wrong(source, line, f"the technique {row['attack']} has no name", "add it to `techniques`")
    service, _, name = row["event"].partition(":")
    if not name:
        raise _wrong(source, line, f"{row['event']} must be source:Name", "such as iam:CreateUser")
    if row.get("state", STATES[0]) not in STATES:
        raise _wrong(source, line, f"there is no state {row['state']}", f"one of {', '.join(STATES)}")
    return Attack(
        tactic=tactic, technique=row["attack"], technique_name=techniques[row["attack"]],
        source=f"{service}.amazonaws.com", event=name, gain=row["gain"], form=row.get("form", ""),
        example=row.get("example", {}), state=row.get("state", ""), data_event=row.get("data", False),
        console_action=row.get("action", False), where=f"{source.path}:{line}",
    )


def _wrong(source: YamlFile, line: int, problem: str, fix: str) -> GuardrailsError:
    return GuardrailsError(f"{source.path}:{line}: {problem}", fix)


def seen_by(attack: Attack, policies: Iterable[Policy]) -> list[Policy]:
    """The policies that see the row with the parameters that they have by default, in their order.

    A policy in a profile is off by default, and sees nothing.
    """
    if attack.read_only or attack.data_event or attack.console_action:
        return []
    return [policy for policy in policies if _listens(policy) and _sees(policy, attack)]


def _listens(policy: Policy) -> bool:
    return policy.kind is Kind.REALTIME and policy.deploys and not policy.metadata.get("profile")


def _sees(policy: Policy, attack: Attack) -> bool:
    from c7n.cwe import CloudWatchEvents

    record = attack.record
    # The cheap checks first: most policies do not subscribe to the event.
    if next(mismatches(pattern_of(policy), record), None) is not None:
        return False
    if not CloudWatchEvents.get_ids(record, dict(policy.mode)):
        return False
    return all(_holds(entry, policy, attack) for entry in _filters(policy))


def _filters(policy: Policy) -> list[Any]:
    """The policy's filters, with the defaults of its parameters filled in."""
    from c7n.config import Config
    from c7n.policy import Policy as EnginePolicy

    from .engine import resource_class

    resource_class(policy.resource)
    data = {key: value for key, value in policy.data.items() if key not in ("actions", "conditions")}
    made = EnginePolicy(deepcopy(data), Config.empty(region=_REGION, account_id=ACCOUNT))
    made.expand_variables(made.get_variables({}))
    return list(made.data.get("filters") or ())


def _holds(entry: Any, policy: Policy, attack: Attack) -> bool:
    from .engine import resource_class, type_of

    if isinstance(entry, Mapping) and len(entry) == 1 and isinstance(next(iter(entry.values())), list):
        [(block, inner)] = entry.items()
        results = [_holds(each, policy, attack) for each in inner]
        return any(results) if block == "or" else not all(results) if block == "not" else all(results)
    kind = type_of(entry)
    if kind in _ON_EVENTS:
        element = resource_class(policy.resource).filter_registry.get(kind)
        return bool(element(dict(entry)).process([{}], attack.record))
    if kind in _ALWAYS:
        return True
    if kind == "value":
        kind = str(entry["key"] if "key" in entry else next(iter(entry)))
        if kind in _NARROWING:
            return True
    return bool(attack.state) and _JUDGES.get(kind) == attack.state


def why_not_seen(attack: Attack) -> str:
    """Why no policy sees a row that none sees."""
    if attack.data_event:
        return "A data event: trails leave it out by default, and there can be thousands a second."
    if attack.read_only:
        return "The call only reads: EventBridge hands it over to rules in a state that c7n does not set."
    if attack.console_action:
        return "An event of the sign-in service that is not a sign-in: no policy subscribes to it."
    return "No policy subscribes to this form: it is everyday work in most accounts."


def attacks_page(attacks: Sequence[Attack] | None = None, policies: Sequence[Policy] | None = None) -> str:
    """docs/attacks.md as Markdown: from the project's own catalogue and policies by default."""
    attacks = load_attacks() if attacks is None else attacks
    policies = sorted(load() if policies is None else policies, key=lambda policy: policy.name)
    listening = [policy for policy in policies if _listens(policy)]
    found = [(attack, seen_by(attack, listening)) for attack in attacks]
    seen = [row for row in found if row[1]]
    unseen = [attack for attack, by in found if not by]
    techniques = len({attack.technique for attack in attacks})
    return "\n".join([
        "# What attackers do, and what happens then",
        "",
        f"Made by `{CHECKOUT_COMMAND} rules` from `controls/attacks/aws.yml` and the policies; edit those. Which "
        "policy sees an event is computed from the policies' event patterns and filters, with the parameters that they "
        "have by default.",
        "",
        f"**{len(seen)} of {len(attacks)} events of {techniques} techniques are seen, {len(unseen)} are not.** The "
        "techniques are those of MITRE ATT&CK's cloud matrix.",
        "",
        *_limits(),
        *_seen_tables(seen),
        "## Not seen",
        "",
        *_table(("Technique", "Event", "What an attacker has from it", "Why it is not seen"), [
            [_technique(attack), _event(attack), _cell(attack.gain), why_not_seen(attack)] for attack in unseen
        ]),
        "",
    ])


def _limits() -> Iterator[str]:
    yield from [
        "What holds for every row:",
        "",
        "- An event is seen in the regions where the functions are deployed, and in no other. Deploy to every region "
        "that is enabled; `account:EnableRegion` is seen.",
        "- CloudTrail delivers an event within seconds to minutes. The alert comes after the change, not before it.",
        "- A call by a role in `expected_change_roles` or `remote_access_roles` is not reported. Both are empty by "
        "default. Put the role of your pipeline there, or every deployment is an alert.",
        "- A call that AWS refused is not reported, except for sign-ins and the root user.",
        "- Whoever can change our functions, rules or topic can silence them. `self-defence-*-alert` reports such "
        "changes, and a service control policy prevents them: [security.md](security.md).",
        "- Documents that name a principal or an action are read, with their wildcards; a customer managed policy is "
        "judged when it is written, not when it is attached.",
        "",
    ]


def _seen_tables(seen: Sequence[tuple[Attack, Sequence[Policy]]]) -> Iterator[str]:
    by_tactic: dict[str, list[tuple[Attack, Sequence[Policy]]]] = {}
    for attack, policies in seen:
        by_tactic.setdefault(attack.tactic, []).append((attack, policies))
    for tactic, rows in by_tactic.items():
        yield from [f"## {tactic}", ""]
        yield from _table(("Technique", "Event", "What an attacker has from it", "Policy", "What happens"), [
            [
                _technique(attack), _event(attack), _cell(attack.gain),
                "<br>".join(f"`{policy.name}`" for policy in policies),
                "<br>".join(_response(policy) for policy in policies),
            ]
            for attack, policies in rows
        ])
        yield ""


def _technique(attack: Attack) -> str:
    path = attack.technique.replace(".", "/")
    return f"[{attack.technique}](https://attack.mitre.org/techniques/{path}/) {attack.technique_name}"


def _event(attack: Attack) -> str:
    form = f", {attack.form}" if attack.form else ""
    return f"`{attack.source.removesuffix('.amazonaws.com')}:{attack.event}`{_cell(form)}"


def _response(policy: Policy) -> str:
    return "alert" if policy.response == "alert" else f"{policy.response}, alert"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}", *[f"| {' | '.join(row)} |" for row in rows]]
