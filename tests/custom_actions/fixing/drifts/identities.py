"""Users, groups, roles and the account's password policy."""
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.moto_server import ACCOUNT

from ..cloud import Cloud, event, policy, record
from ..faults import Drift, State
from .scenarios import DRIFTS, ONE_AN_ACCOUNT, ONE_EVENT, drifts, pulled

EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
SOME = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def _principals(cloud: Cloud, kind: str) -> dict[str, str]:
    """Two users, groups or roles: their names by their ARNs."""
    iam, made = cloud.client("iam"), {}
    trust = {"AssumeRolePolicyDocument": TRUST} if kind == "role" else {}
    for name in ("one", "two"):
        found = getattr(iam, f"create_{kind}")(**{f"{kind.capitalize()}Name": name}, **trust)
        made[found[kind.capitalize()]["Arn"]] = name
    return made


def _policies(cloud: Cloud, kind: str, principals: Mapping[str, str]) -> Callable[[], State]:
    iam = cloud.client("iam")

    def state() -> State:
        found = {}
        for arn, name in principals.items():
            named = {f"{kind.capitalize()}Name": name}
            attached = getattr(iam, f"list_attached_{kind}_policies")(**named)["AttachedPolicies"]
            inline = getattr(iam, f"list_{kind}_policies")(**named)["PolicyNames"]
            found[arn] = {
                "attached": sorted(each["PolicyName"] for each in attached),
                "inline": {each: getattr(iam, f"get_{kind}_policy")(**named, PolicyName=each)["PolicyDocument"]
                           for each in sorted(inline)},
            }
        return found

    return state


def _full_star(cloud: Cloud, kind: str) -> Drift:
    iam, principals = cloud.client("iam"), _principals(cloud, kind)
    everything, some = (
        iam.create_policy(PolicyName=name, PolicyDocument=document)["Policy"]["Arn"]
        for name, document in (("everything", EVERYTHING), ("some", SOME)))
    one, two = ({f"{kind.capitalize()}Name": name} for name in principals.values())
    for arn in (everything, some):
        getattr(iam, f"attach_{kind}_policy")(**one, PolicyArn=arn)
    for name, document in (("everything", EVERYTHING), ("also-everything", EVERYTHING), ("some", SOME)):
        getattr(iam, f"put_{kind}_policy")(**two, PolicyName=name, PolicyDocument=document)

    def wrong(found: Any) -> set[str]:
        names = {*found["attached"], *found["inline"]}
        return {f"has {name}" for name in names if "everything" in name} | (set() if "some" in names else {"lost some"})

    return Drift(pulled(f"iam-{kind}", "revoke-full-star", "full-star"), list(principals),
                 _policies(cloud, kind, principals), wrong)


def _missing_policies(cloud: Cloud, kind: str) -> Drift:
    iam, principals, wanted = cloud.client("iam"), _principals(cloud, kind), ("first", "second")
    for name in wanted:
        iam.create_policy(PolicyName=name, PolicyDocument=SOME)
    return Drift(
        pulled(f"iam-{kind}", "attach-missing-policies", {"type": "missing-policies", "policies": list(wanted)}),
        list(principals), _policies(cloud, kind, principals),
        lambda found: {name for name in wanted if name not in found["attached"]})


for _kind in ("user", "group", "role"):
    DRIFTS[f"iam-{_kind}", "revoke-full-star", ""] = lambda cloud, kind=_kind: _full_star(cloud, kind)
for _kind in ("user", "role"):
    DRIFTS[f"iam-{_kind}", "attach-missing-policies", ""] = lambda cloud, kind=_kind: _missing_policies(cloud, kind)


def _keys_of(cloud: Cloud, principals: Mapping[str, str]) -> Callable[[], State]:
    def state() -> State:
        return {arn: {key["AccessKeyId"]: key["Status"] for key in cloud.client("iam").list_access_keys(
            UserName=name)["AccessKeyMetadata"]} for arn, name in principals.items()}

    return state


@drifts("iam-user", "disable-keys")
def keys(cloud: Cloud) -> Drift:
    iam, principals = cloud.client("iam"), _principals(cloud, "user")
    for name in principals.values():
        for _ in range(2):
            iam.create_access_key(UserName=name)
    return Drift(
        pulled("iam-user", "disable-keys", {"type": "unused-keys", "days": 0}), list(principals),
        _keys_of(cloud, principals),
        lambda found: {key for key, status in found.items() if status == "Active"})


@drifts("iam-user", "disable-created-key")
def created_key(cloud: Cloud) -> Drift:
    iam = cloud.client("iam")
    iam.create_user(UserName="one")
    old, new = (iam.create_access_key(UserName="one")["AccessKey"]["AccessKeyId"] for _ in range(2))
    made = record("CreateAccessKey", {"userName": "one"}, {"accessKey": {"accessKeyId": new, "userName": "one"}},
                  source="iam")
    return Drift(
        policy("iam-user", "disable-created-key", "iam", ("CreateAccessKey", "responseElements.accessKey.userName")),
        ["one"], _keys_of(cloud, {"one": "one"}),
        lambda found: ({"the new one is active"} if found[new] == "Active" else set()) | (
            set() if found[old] == "Active" else {"the old one is not"}),
        event(made), ONE_EVENT)


@drifts("account", "strengthen-password-policy")
def passwords(cloud: Cloud) -> Drift:
    iam = cloud.client("iam")
    iam.update_account_password_policy(MinimumPasswordLength=8, RequireNumbers=True, MaxPasswordAge=30)

    def wrong(settings: Any) -> set[str]:
        return {name for name, good in (
            ("length", settings["MinimumPasswordLength"] >= 14), ("symbols", settings["RequireSymbols"]),
            ("numbers", settings["RequireNumbers"]), ("age", settings.get("MaxPasswordAge", 0) == 30),
        ) if not good}

    return Drift(
        pulled("account", {"type": "strengthen-password-policy", "policy": {
            "MinimumPasswordLength": 14, "RequireSymbols": True, "MaxPasswordAge": 90}}),
        [ACCOUNT], lambda: {ACCOUNT: iam.get_account_password_policy()["PasswordPolicy"]}, wrong,
        alone=ONE_AN_ACCOUNT)
