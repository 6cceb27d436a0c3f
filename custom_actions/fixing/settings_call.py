"""A call that changes settings of a resource, and how to read these settings.

One declaration serves all that a fix of settings needs: the plan, the call that undoes it, the comparison before a
rollback, and the permissions. `ChangeSettings` is the base of our own fixes of this kind; c7n's actions that make such
calls use the declaration too (`elements/native`).
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from c7n.utils import jmespath_search

from ..aws import call
from ..errors import Refusal
from .inverses import Check, Inverse, Receipt, is_resource
from .receipt import Call

Parameters = Mapping[str, Any]
State = dict[str, Any]
"""Settings by name, with their values as the call takes them."""
Value = str | Callable[[Mapping[str, Any]], Any]
"""Where the description of a resource has the value of a setting: a JMESPath expression, or a function."""
SETTINGS = "Settings"
"""The key of the settings in `removed` and `added` of a receipt."""
_SECRETS = ("Password", "AuthToken", "Secret")
"""How the names of parameters end that hold a secret, if their value is text."""


@dataclass(frozen=True)
class Form:
    """How the parameters of a call hold the settings.

    Attributes:
        within: the parameter that holds the settings as a map; empty if each setting is a parameter.
        one: the parameters with the name and the value of a setting, for an operation that changes one setting a call.
    """

    within: str = ""
    one: tuple[str, str] | None = None


@dataclass(frozen=True)
class SettingsCall:
    """An operation that changes settings of one resource.

    Attributes:
        service, operation: boto3's names.
        identity: the parameters that name the resource, that of the receipt first.
        settings: where the description of the resource has each setting that the fix may change.
        describe: reads the description; takes boto3's client and the identity. `shown_by` makes one.
        reads, writes: the permissions to read the settings, and to change them.
        form: how the parameters hold the settings.
        constant: parameters that every call has, such as ApplyImmediately.
        ignored: other parameters that are allowed, and that change no setting.
        at_least: settings with a number that the fix only raises: a higher one is as good.
        matches: how the first parameter of the identity is compared with the receipt's resource.
        also: the checks of the other parameters of the identity.
        note: what the receipt says of every change, such as when it takes effect.
    """

    service: str
    operation: str
    identity: tuple[str, ...]
    settings: Mapping[str, Value]
    describe: Callable[[Any, Parameters], Mapping[str, Any]]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    form: Form = Form()
    constant: Parameters = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    at_least: tuple[str, ...] = ()
    matches: Check = is_resource
    also: Mapping[str, Check] = field(default_factory=dict)
    note: str = ""

    def identity_of(self, parameters: Parameters) -> State:
        """Those of the call's parameters that name the resource."""
        return {name: parameters[name] for name in self.identity}

    def settings_of(self, parameters: Parameters) -> State:
        """The settings in the call's parameters, without those that are not declared."""
        if self.form.one:
            name, value = self.form.one
            given: Parameters = {parameters[name]: parameters.get(value)}
        else:
            given = parameters.get(self.form.within) or {} if self.form.within else parameters
        return {name: given[name] for name in self.settings if name in given}

    def others(self, parameters: Parameters) -> list[str]:
        """What else the call changes. Raises Refusal if that is a secret: it would be in the receipt."""
        known = {*self.identity, *self.constant, *self.ignored}
        others: State = {}
        if self.form.one:
            name, value = self.form.one
            known |= {name, value}
            others[str(parameters[name])] = parameters.get(value)
        elif self.form.within:
            known.add(self.form.within)
            others |= parameters.get(self.form.within) or {}
        others |= {name: value for name, value in parameters.items() if name not in known}
        others = {name: value for name, value in others.items() if name not in self.settings}
        if secret := [name for name, value in others.items() if isinstance(value, str) and name.endswith(_SECRETS)]:
            raise Refusal(f"{', '.join(secret)} would be in the receipt, in plain text")
        return sorted(others)

    def now(self, client: Any, identity: Parameters, names: Sequence[str]) -> State:
        """The values of these settings now. Raises one of AWS_ERRORS, or Refusal if one of them cannot be read."""
        found = self.describe(client, identity)
        state = {name: _value(self.settings[name], found) for name in names}
        if unread := [name for name, value in state.items() if value is None]:
            raise Refusal(f"{', '.join(unread)} cannot be read, so it could not be restored")
        return state

    def calls(self, identity: Parameters, settings: State) -> list[Call]:
        """The calls that give the resource these settings: one, or one for each setting."""
        if self.form.one:
            name, value = self.form.one
            given: list[State] = [{name: each, value: settings[each]} for each in settings]
        elif self.form.within:
            given = [{self.form.within: dict(settings)}]
        else:
            given = [dict(settings)]
        return [Call(self.service, self.operation, {**identity, **self.constant, **each}) for each in given]

    def has(self, now: Any, name: str, wanted: Any) -> bool:
        """Whether the value `now` of a setting is `wanted`, or as good."""
        if name in self.at_least:
            return int(now) >= int(wanted)
        return contains(now, wanted)

    def differing(self, now: State, wanted: State) -> State:
        """Those of the `wanted` settings that are not set."""
        return {name: value for name, value in wanted.items() if not self.has(now.get(name), name, value)}

    def inverse(self) -> Inverse:
        """The declaration of the call that restores the settings."""
        def all_known(value: Any, _: Receipt) -> bool:
            return isinstance(value, Mapping) and bool(value) and value.keys() <= self.settings.keys()

        def known(value: Any, _: Receipt) -> bool:
            return value in self.settings

        def anything(value: Any, _: Receipt) -> bool:
            return isinstance(value, str)

        values: dict[str, Any] = {**self.constant, **self.also}
        if self.form.within:
            values[self.form.within] = all_known
        elif self.form.one:
            values |= dict(zip(self.form.one, (known, anything), strict=True))
        optional = () if self.form.within or self.form.one else tuple(self.settings)
        return Inverse(
            self.service, self.operation, self.identity[0], self.matches, values, optional, settings_call=self)


def _value(where: Value, description: Mapping[str, Any]) -> Any:
    return jmespath_search(where, description) if isinstance(where, str) else where(description)


def shown_by(
    operation: str, path: str = "", **parameters: str | list[str]
) -> Callable[[Any, Parameters], Mapping[str, Any]]:
    """Reads the description of a resource.

    Args:
        operation: boto3's name of the operation that shows it.
        path: where its answer has the description, as JMESPath; by default the answer is the description.
        parameters: the name of the parameter of the identity that it takes; in a list if it takes a list.
    """
    def describe(client: Any, identity: Parameters) -> Mapping[str, Any]:
        given = {name: [identity[each] for each in of] if isinstance(of, list) else identity[of]
                 for name, of in parameters.items()}
        answer = call(getattr(client, operation), **given)
        found = jmespath_search(path, answer) if path else answer
        if not isinstance(found, Mapping):
            raise Refusal(f"it no longer exists: {operation} shows nothing")
        return found

    return describe


def same_names(*settings: str, default: str = "") -> dict[str, Value]:
    """Settings that the description shows under their own name.

    `default`: the value of a setting that it does not show, as a JMESPath literal without its backticks.
    """
    return {name: f"not_null({name}, `{default}`)" if default else name for name in settings}


def contains(found: Any, wanted: Any) -> bool:
    """Whether every value of `wanted` is in `found`; an empty value only in an empty one."""
    if isinstance(wanted, Mapping) and wanted:
        return isinstance(found, Mapping) and all(contains(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list) and wanted:
        return isinstance(found, list) and len(found) == len(wanted) and all(map(contains, found, wanted))
    return bool(found == wanted) or (not found and not wanted)
