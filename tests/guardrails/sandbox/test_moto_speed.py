"""What is made once for all accounts is still each account's own where it must be."""
from __future__ import annotations

import copy
import gc
import re
import weakref
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.ec2.models.amis import AmiBackend

from guardrails.sandbox import LocalAws, moto_speed
from tests.moto_server import ACCOUNT, Moto

POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}'
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def test_what_a_managed_policy_is_attached_to_is_the_accounts_own(
    moto_server: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.iam.models import IAMBackend

    monkeypatch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    ours, theirs = (IAMBackend("aws", account) for account in ("111111111111", "222222222222"))
    role = ours.create_role("admin", "{}", "/", None, "", [], "3600")
    ours.attach_role_policy(ADMINISTRATOR, role.name)
    mine, other = (backend.managed_policies[ADMINISTRATOR] for backend in (ours, theirs))
    assert (mine.attachment_count, other.attachment_count) == (1, 0)
    assert (mine.account_id, other.account_id) == ("111111111111", "222222222222")
    assert mine.id == other.id and '"Action": "*"' in other.versions[0].document
    mine.versions.clear()
    assert other.versions


def test_ids_of_ec2_are_of_the_length_that_aws_gives_them(moto: Moto) -> None:
    made = moto.client("ec2").create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    assert re.fullmatch("vol-[0-9a-f]{17}", made)


def test_a_public_image_is_the_accounts_own_where_it_can_change(moto_server: Moto) -> None:
    from moto.ec2.models import EC2Backend

    ours, theirs, later = (EC2Backend("us-east-1", account * 12) for account in "123")
    name = next(iter(ours.amis))
    mine, other = ours.amis[name], theirs.amis[name]
    assert mine.ec2_backend is ours and other.ec2_backend is theirs
    assert other.ebs_snapshot.ec2_backend is other.ebs_snapshot.volume.ec2_backend is theirs
    assert theirs.snapshots[other.ebs_snapshot.id] is other.ebs_snapshot
    assert other.ebs_snapshot.volume.id not in theirs.volumes
    for image in (mine, other):
        image.launch_permissions.append({"UserId": "9" * 12})
        image.ebs_snapshot.create_volume_permission_groups.add("all")
        image.add_tag("team", "red")
        image.owner_id = "changed"
    unchanged, new = later.amis[name], EC2Backend("us-east-1", "4" * 12).amis[name]
    assert vars(unchanged) | {"ec2_backend": 0, "ebs_snapshot": 0} == vars(new) | {"ec2_backend": 0, "ebs_snapshot": 0}
    assert not {"UserId"} & {key for each in new.launch_permissions for key in each}
    assert new.owner_id != "changed" and not new.get_tags()
    assert not new.ebs_snapshot.create_volume_permission_groups


def test_images_are_copied_when_they_are_first_asked_for(moto_server: Moto) -> None:
    from moto.ec2.models import EC2Backend

    EC2Backend("us-east-1", "1" * 12)
    images, snapshots, neither = (EC2Backend("us-east-1", account * 12) for account in "234")
    volume = snapshots.create_volume(size=1, zone_name="us-east-1a")
    own = snapshots.create_snapshot(volume.id, "mine")
    assert own.id in snapshots.snapshots and len(snapshots.snapshots) == len(snapshots.amis) + 1
    assert set(images.amis) == set(snapshots.amis) and len(images.amis) > 1000
    assert not {"amis", "snapshots"} & set(vars(neither))
    assert copy.copy(neither).amis.keys() == images.amis.keys()
    with pytest.raises(AttributeError, match="'EC2Backend' object has no attribute 'no_such_thing'"):
        getattr(neither, "no_such_thing")  # noqa: B009


def test_another_local_aws_in_this_process_changes_moto_no_further(moto: Moto) -> None:
    before = AmiBackend._load_amis, moto_speed.serialize.ResponseSerializer.get_value
    other = LocalAws()
    try:
        assert before == (AmiBackend._load_amis, moto_speed.serialize.ResponseSerializer.get_value)
        other.reset()
        assert len(other.client("ec2").describe_snapshots()["Snapshots"]) > 1000
        assert moto.client("ec2").describe_images(ImageIds=["ami-12c6146b"])["Images"]
    finally:
        other.server.stop()


def test_snapshots_of_an_owner_are_listed_and_no_others(moto: Moto) -> None:
    ec2 = moto.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    own = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]

    def listed(*owners: str) -> set[str]:
        found = ec2.describe_snapshots(**({"OwnerIds": [*owners]} if owners else {}))["Snapshots"]
        return {snapshot["SnapshotId"] for snapshot in found}

    every = listed()
    assert listed("self") == listed(ACCOUNT) == {own} < every
    assert listed("amazon") == every - {own} and listed("amazon", "self") == every
    assert listed("999999999999") == set()
    assert ec2.describe_snapshots(OwnerIds=["self"], SnapshotIds=[own])["Snapshots"][0]["VolumeId"] == volume


def test_a_value_is_found_under_the_name_that_its_class_has_for_it(
    moto: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every value of these responses is what moto's own search finds, with the service's changes to it."""
    from moto.core import serialize

    quick = serialize.ResponseSerializer.get_value
    compared = []

    def both(serializer: Any, value: Any, key: str, shape: Any) -> Any:
        found = quick(serializer, value, key, shape)
        asked = serialize.AttributePickerContext(
            obj=value, key=key, shape=shape, operation_model=serializer.operation_model,
            service_model=serializer.operation_model.service_model, key_path=".".join(serializer.path))
        compared.append((key, repr(found), repr(serializer._value_picker(asked))))
        return found

    monkeypatch.setattr(serialize.ResponseSerializer, "get_value", both)
    iam, ec2 = moto.client("iam"), moto.client("ec2")
    for _ in range(2):
        iam.create_policy(PolicyName=f"p{len(compared)}", PolicyDocument=POLICY, Description="x")
        iam.create_role(RoleName=f"r{len(compared)}", AssumeRolePolicyDocument="{}")
        iam.list_roles()
        ec2.describe_images(ImageIds=[ec2.describe_images()["Images"][0]["ImageId"]])
        ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
        ec2.describe_network_interfaces()
        ec2.describe_security_groups()
    assert len(compared) > 1000 and {"CreationDate", "AssumeRolePolicyDocument"} <= {key for key, *_ in compared}
    # A list made for the answer has another address each time.
    differ = [each for each in compared if re.sub("0x[0-9a-f]+", "", each[1]) != re.sub("0x[0-9a-f]+", "", each[2])]
    assert not differ


@pytest.mark.parametrize("body", [
    {"A": {"@xmlns": 'x&"y', "B": [1, True, None, "<&>", {"C": ""}], "D": [], "E": {}, "F": {"#text": None}}},
    {"A": {"B": ("a", "b"), "C": {"#text": "t&", "@k": None, "@n": 1}, "D": b"\xff", "E": False, "F": 1.5}},
    {"A": {"B": "\u00fc\n"}},
    {"A": None}, {"A": []}, {"A": "text"}, {"A": {"B": [[], [{}], {"C": [{"D": "1"}, {"D": ["2", "3"]}]}]}},
    {"A": {"B": (), "C": {"D": [""]}, "#text": "mixed"}},
], ids=str)
@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("document", [False, True])
def test_xml_is_written_as_xmltodict_writes_it(moto_server: Moto, body: Any, short: bool, document: bool) -> None:
    import xmltodict
    from moto.core import serialize

    arguments = {"full_document": document, "short_empty_elements": short, "pretty": False}
    assert serialize.xmltodict is not xmltodict
    expected: Any
    try:
        expected = xmltodict.unparse(body, **arguments)
    except ValueError:
        # It writes no document without an element.
        assert document and body == {"A": []}
    else:
        assert serialize.xmltodict.unparse(body, **arguments) == expected


def test_a_key_of_kms_is_made_when_it_signs(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    original = rsa.generate_private_key

    def generate(public_exponent: int, key_size: int) -> Any:
        made.append(key_size)
        return original(public_exponent, key_size)

    monkeypatch.setattr(rsa, "generate_private_key", generate)
    kms = moto.client("kms")
    kms.create_key()
    first, second = (kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"] for _ in "12")
    assert not made
    signed = {"Message": b"text", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
    signature = kms.sign(KeyId=first, **signed)["Signature"]
    assert kms.verify(KeyId=first, Signature=signature, **signed)["SignatureValid"]
    assert made == [2048]
    assert kms.get_public_key(KeyId=first)["PublicKey"] != kms.get_public_key(KeyId=second)["PublicKey"]
    assert made == [2048, 2048]
    kept = moto_speed._KeyWhenUsed(lambda: rsa.generate_private_key(65537, 2048))
    assert copy.copy(kept).public_key() == kept.public_key() and copy.deepcopy(kept).public_key() == kept.public_key()
    assert len(made) == 3


def test_a_reset_lets_go_of_what_was_there(moto: Moto) -> None:
    from moto.backends import get_backend

    ec2 = moto.client("ec2")
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)
    backend = get_backend("ec2")[ACCOUNT]["us-east-1"]
    volume = weakref.ref(next(iter(backend.volumes.values())))
    own, public = weakref.ref(backend), weakref.ref(backend.amis["ami-12c6146b"])
    del backend
    moto.reset()
    gc.collect()
    assert not volume() and not own() and not public()
