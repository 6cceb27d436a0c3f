"""One resource of several cannot be read: it is unknown, and all others are judged as before.

For every policy that looks at a state, and for every call that names one of its resources: the call is denied, fails
with a server error, ends with an answer that is not from AWS, or says that the resource is gone.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from c7n.provider import get_resource_class
from c7n.resources import load_resources

from custom_actions.resources import UNKNOWN, ResourcesUnknown, resource_arn, resource_id
from tests import engine
from tests.moto_server import ACCOUNT, REGION, Moto
from tests.wire import DELETED, DENIED, FAULTS, Wire

from .harness import Case, Engine, World, cases, policies

STATE = ("config-rule", "periodic")
NAMES = list({
    # An account is one resource, and has one recorder. Of policies that differ only in their fix, one is enough.
    json.dumps([policy["resource"], policy.get("filters")]): name for name, (mode, policy) in policies().items()
    if mode in STATE and policy["resource"] not in ("aws.account", "aws.config-recorder")}.values())

WITH_DETAILS = ("aws.s3", "aws.iam-user", "aws.iam-role", "aws.iam-group", "aws.app-elb", "aws.dynamodb-table")
# It looks at nothing that is not in the list.
WITHOUT_DETAILS = ("elb-multi-az",)
# c7n goes on without a detail that it may not read. It matters only if a filter looks at it.
DETAILS_OF_A_BUCKET = (
    "GetBucketTagging", "GetBucketPolicy", "GetBucketAcl", "GetBucketVersioning", "GetBucketLogging")
# c7n reads it in threads, and looks at no error of theirs. No policy uses what it says.
UNUSED = ("DescribeSecret",)
# c7n goes on without the tags of one that it cannot read, whatever the error. No policy looks at them.
UNUSED_TAGS = ("aws.dms-instance",)
# A user without a login profile matches, and one that was deleted has none.
WITHOUT_A_PROFILE = ("iam-console-without-mfa-forget",)


@pytest.fixture
def wire(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Wire:
    moto.share_clients(monkeypatch)
    monkeypatch.setattr("time.sleep", lambda _: None)
    made = Wire()
    made.install(monkeypatch)
    return made


class Judged:
    """A policy on the resources of a case, judged again and again."""

    def __init__(self, case: Case, world: World, output: Path) -> None:
        data = {key: value for key, value in case.policy.items() if key != "mode"}
        self._policy = engine.load(data, output, dryrun=True, variables=world.fill(case.vars))
        self._written = output / case.policy["name"] / UNKNOWN

    @property
    def in_force(self) -> bool:
        return bool(self._policy.is_runnable())

    def run(self) -> tuple[set[str], set[str]]:
        """The ids of the resources that match, and of those that are unknown."""
        self._written.unlink(missing_ok=True)
        output = self._written.with_name("resources.json")
        output.unlink(missing_ok=True)
        try:
            self._policy()
        except ResourcesUnknown:
            unknown = {each["resource"] for each in json.loads(self._written.read_text(encoding="utf-8"))}
            assert unknown
        else:
            assert not self._written.exists()
            unknown = set()
        kind = type(self._policy.resource_manager)
        return {resource_id(each, kind) for each in json.loads(output.read_text(encoding="utf-8"))}, unknown


@pytest.mark.parametrize("name", NAMES)
def test_the_others_are_judged(name: str, wire: Wire, moto: Moto, tmp_path: Path) -> None:
    case = next(case for case in cases(*STATE) if case.policy["name"] == name and len(case.match + case.passes) > 1)
    world = World(moto.client, give_answer=moto.give_answer)
    world.do(case.make)
    moto.client("iam").generate_credential_report()
    wire.memory = {}
    judged = Judged(case, world, tmp_path)
    assert judged.in_force
    every = Engine(case.policy, tmp_path / "all", world.fill(case.vars)).everything()
    wire.called.clear()
    matched, unknown = judged.run()
    assert not unknown
    calls = list(wire.called)
    for listed, faults in ((case.match, FAULTS), (case.passes, (DENIED, DELETED))):
        for victim in world.ids(listed)[:1]:
            own = _names(every[victim], case.policy["resource"])
            # A call about several resources ends the policy, if it is denied.
            others = frozenset().union(*(
                _names(resource, case.policy["resource"]) for of, resource in every.items() if of != victim))
            operations = dict.fromkeys(
                operation for _, operation, strings in calls if strings & own and not strings & others)
            assert (operations or listed is case.passes or name in WITHOUT_DETAILS
                    or case.policy["resource"] not in WITH_DETAILS)
            for operation in operations:
                if operation in UNUSED or (
                        operation == "ListTagsForResource" and case.policy["resource"] in UNUSED_TAGS):
                    continue
                for fault in faults:
                    wire.fail(operation, *own, fault=fault)
                    now, unknown = judged.run()
                    assert wire.failed
                    wire.fault = ""
                    told = f"{victim}: {operation}: {fault}: matched {now}, not {matched}; unknown: {unknown}"
                    assert now - own == matched - own, told
                    assert unknown <= own, told
                    if fault == DELETED:
                        assert not now & own or name in WITHOUT_A_PROFILE, told
                    elif not (fault == DENIED and operation in DETAILS_OF_A_BUCKET and now == matched):
                        assert unknown, told
                        assert not now & own, told


def _names(resource: Mapping[str, Any], resource_type: str) -> frozenset[str]:
    load_resources([resource_type])
    kind = get_resource_class(resource_type)
    meta = kind.resource_type
    return frozenset(filter(None, (
        resource_id(resource, kind), str(resource[meta.id]), str(resource.get(meta.name) or ""),
        resource_arn(resource, kind, ACCOUNT, REGION))))
