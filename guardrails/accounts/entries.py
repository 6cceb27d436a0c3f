"""What accounts.yml may contain. Anything else is an error: a misspelled key must not silently narrow a scope."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from ..errors import GuardrailsError
from ..suggest import nearest
from ..yamlfile import YamlFile
from .response import KEY, Response

HUB = "guardrails-hub"
"""The key of an account's entry that makes it the hub: in this region it answers the events of all other accounts."""
# c7n-org's keys, in the order of its documentation, and ours.
_KEYS = (
    "account_id", "name", "display_name", "org_id", "email", "role", "profile", "external_id", "regions", "tags",
    "vars", KEY, HUB)
_TOP = ("accounts", "vars")
_OWN = "x-"
"""The prefix of keys for a team's own notes."""
ALL = "all"
"""In place of a region: every region that is enabled in the account."""


def check_top(source: YamlFile) -> None:
    """Raise GuardrailsError for a key at the top of accounts.yml that is not known."""
    for key in source.data:
        if key not in _TOP and not str(key).startswith(_OWN):
            where = f"{source.path}:{source.line((str(key),))}"
            raise GuardrailsError(f"{where}: unknown key {key} at the top of accounts.yml", _near(str(key), _TOP))


def check_entry(source: YamlFile, index: int, entry: Mapping[Any, Any]) -> None:
    """Raise GuardrailsError for a key or a value in an account's entry that is not known."""

    def fail(key: str, problem: str, fix: str) -> None:
        raise GuardrailsError(f"{source.path}:{source.line(('accounts', index, key))}: {problem}", fix)

    for key in entry:
        if key not in _KEYS and not str(key).startswith(_OWN):
            fail(str(key), f"unknown key {key} of an account", _near(str(key), _KEYS))
    if "tags" in entry and not _texts(entry["tags"]):
        fail("tags", f"tags must be a list of strings, got {entry['tags']!r}", 'tags: ["owner:ann"]')
    if "vars" in entry and not isinstance(entry["vars"], Mapping):
        fail("vars", f"vars must be a mapping of parameters to values, got {entry['vars']!r}", "vars: {profiles: []}")
    if "regions" in entry:
        if not _texts(entry["regions"]):
            fail("regions", f"regions must be a list of region names, got {entry['regions']!r}",
                 "regions: [eu-central-1]")
        for problem, fix in unknown_regions(entry["regions"]):
            fail("regions", problem, fix)
    responses = [each.value for each in Response]
    if KEY in entry and entry[KEY] not in responses:
        fail(KEY, f"{KEY}: {entry[KEY]!r} is not valid", _near(str(entry[KEY]), responses))


def check_regions(regions: Iterable[str]) -> None:
    """Raise GuardrailsError for a region of `--region` that no partition of AWS has."""
    for problem, fix in unknown_regions(regions):
        raise GuardrailsError(f"--region: {problem}", fix)


def unknown_regions(regions: Iterable[str]) -> list[tuple[str, str]]:
    """A problem and how to fix it for each region that no partition of AWS has. `all` is not a problem."""
    named = [region.strip() for each in regions for region in each.split(",") if region.strip()]
    return [
        (f"AWS has no region {region!r}", nearest(region, known_regions())
         or "a region that is newer than the installed botocore needs a newer botocore")
        for region in named if region != ALL and region not in known_regions()]


@cache
def known_regions() -> frozenset[str]:
    """Every region of every partition that the installed botocore knows."""
    from botocore.session import get_session

    from custom_actions.patches import prepare_sessions

    # So that the sessions that are made later do not read the file with the regions again.
    prepare_sessions()
    session = get_session()
    return frozenset(
        region for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition))


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and each.strip() for each in value)


def _near(name: str, known: Sequence[str]) -> str:
    return nearest(name, known, give_all=True)
