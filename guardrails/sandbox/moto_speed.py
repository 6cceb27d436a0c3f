"""Makes moto do some work once instead of for every request or account. Its responses stay the same.

A new account has 1600 managed policies, and 1300 images in each region: made one by one as moto makes them, the first
call to IAM or EC2 takes a quarter of a second, in every account of every test.
"""
from __future__ import annotations

import copy
import functools
import threading
import types
from collections.abc import Callable
from string import ascii_letters, digits
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import xmltodict
from cryptography.hazmat.primitives.asymmetric import rsa
from moto import backends
from moto.core import responses, serialize
from moto.core import utils as core_utils
from moto.core.utils import MISSING, get_value
from moto.ec2 import utils as ec2_utils
from moto.ec2.models.amis import Ami, AmiBackend
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.ec2.models.subnets import Subnet
from moto.iam.models import IAMBackend, ManagedPolicy
from moto.kms import utils as kms_utils
from moto.moto_api._internal import mock_random
from moto.moto_api._internal.moto_random import MotoRandom
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.settings import load_iam_aws_managed_policies
from moto.sns.models import Subscription


def apply() -> None:
    """Apply all changes, once in a process and after those to managed policies."""
    _list_services_once()
    _list_operations_once()
    _draw_ids_at_once()
    _make_managed_policies_once()
    _make_public_images_once()
    _look_only_at_the_groups_of_a_filter()
    _find_names_once()
    _sign_with_one_key()
    _make_keys_when_used()
    _list_models_once()
    _let_go_of_subnets()
    _look_for_no_files()
    _write_xml_at_once()


def _list_services_once() -> None:
    """moto lists its own directory for each request, to learn which services there are."""
    services = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: services


def _list_operations_once() -> None:
    """moto lists a service's operations for each request, from all members of the class that answers."""
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)


def _draw_ids_at_once() -> None:
    """moto generates ids letter by letter. Each response has one, and each image also has a volume and a snapshot."""

    def random_resource_id(size: int = 8) -> str:
        return f"{mock_random.getrandbits(4 * size):0{size}x}"

    def random_string(self: Any, length: int = 20, include_digits: bool = True, lower_case: bool = False) -> str:
        text = "".join(self.choices(ascii_letters + digits * include_digits, k=length))
        return text.lower() if lower_case else text

    ec2_utils.random_resource_id = random_resource_id
    MotoRandom.get_random_string = random_string  # type: ignore[method-assign]


def _look_only_at_the_groups_of_a_filter() -> None:
    """moto copies the rules of every group, and then drops those of other groups than the ones in the filter."""
    original = SecurityGroupBackend.describe_security_group_rules

    def describe(backend: Any, sg_rule_ids: list[str], filters: dict[str, list[str]]) -> Any:
        ids = filters.get("group-id") or ()
        if ids and not any(character in group_id for group_id in ids for character in "*?"):
            every = backend.groups
            backend = copy.copy(backend)
            backend.groups = {vpc: {each: groups[each] for each in ids if each in groups}
                              for vpc, groups in every.items()}
        return original(backend, sg_rule_ids, filters)

    SecurityGroupBackend.describe_security_group_rules = describe  # type: ignore[method-assign, assignment]


def _make_managed_policies_once() -> None:
    """AWS's policies are read from their file for each account. They are the same in all, on AWS their ids too."""
    original = IAMBackend._init_aws_policies
    made: dict[tuple[str, bool], list[ManagedPolicy]] = {}

    def init_aws_policies(backend: IAMBackend) -> list[ManagedPolicy]:
        # All of them, or those of gaps/iam_managed_policies.py: that can change while a process runs.
        which = (backend.region_name, load_iam_aws_managed_policies())
        if not made.get(which):
            made[which] = original(backend)
        return [_of_account(policy, backend.account_id) for policy in made[which]]

    IAMBackend._init_aws_policies = init_aws_policies  # type: ignore[method-assign, assignment]


def _of_account(policy: ManagedPolicy, account: str) -> ManagedPolicy:
    """The policy in one account: the attachments are the account's own, the document is shared."""
    own = copy.copy(policy)
    own.account_id = account
    own.versions, own.tags = list(policy.versions), dict(policy.tags)
    return own


def _make_public_images_once() -> None:
    """The images that AWS and others offer are read from their file for each account, and get new snapshots.

    They are the same in all accounts, on AWS their snapshots too. An account gets its own copies when somebody first
    asks for its images or snapshots: most never do.
    """
    original = AmiBackend._load_amis
    made: dict[str, list[Ami]] = {}
    copying = threading.Lock()

    def load_amis(backend: Any) -> None:
        region = backend.region_name
        if not made.get(region):
            original(backend)
            images = [_of_backend(image, backend) for image in backend.amis.values()]
            # Tags are not in the image but in the account: images that have some are made for each account, as before.
            if not any(image.get_tags() for image in images):
                made[region] = images
            return
        # From here on `own` is asked, because the attributes are not there.
        for name in _OF_IMAGES:
            delattr(backend, name)

    def own(backend: Any, name: str) -> Any:
        if name not in _OF_IMAGES:
            raise AttributeError(f"{type(backend).__name__!r} object has no attribute {name!r}", name=name, obj=backend)
        with copying:
            if name not in vars(backend):
                images = {image.id: _of_backend(image, backend) for image in made[backend.region_name]}
                snapshots = {image.ebs_snapshot.id: image.ebs_snapshot for image in images.values()}
                vars(backend).update(amis=images, snapshots=snapshots)
            return vars(backend)[name]

    AmiBackend._load_amis = load_amis  # type: ignore[method-assign, assignment]
    AmiBackend.__getattr__ = own  # type: ignore[attr-defined]


_OF_IMAGES = frozenset({"amis", "snapshots"})


def _of_backend(image: Ami, backend: Any) -> Ami:
    """A copy of the image, with its snapshot and volume, that shares nothing which can change."""
    own, snapshot, volume = _copy(image), _copy(image.ebs_snapshot), _copy(image.ebs_snapshot.volume)
    own.ec2_backend = snapshot.ec2_backend = volume.ec2_backend = backend
    own.ebs_snapshot, snapshot.volume = snapshot, volume
    return own


def _copy(model: Any) -> Any:
    own = object.__new__(type(model))
    own.__dict__.update(vars(model))
    for name, value in vars(model).items():
        if type(value) in _CONTAINERS:
            setattr(own, name, value.copy())
    return own


_CONTAINERS = frozenset({dict, list, set})


def _find_names_once() -> None:
    """For each value of each response, moto finds out again under which names an object may have it, and whether one
    of the service's functions changes it.

    Both depend only on the object's class and on the value's place in the response.
    """
    original = serialize.ResponseSerializer.get_value
    usual = serialize.DEFAULT_ALIAS_PROVIDERS
    found: dict[tuple[Any, ...], tuple[tuple[str, ...], Any, list[tuple[str, Any]]]] = {}

    def look(picker: Any, value: Any, key: str, shape: Any) -> tuple[tuple[str, ...], Any, list[tuple[str, Any]]]:
        context = serialize.AttributePickerContext(obj=value, key=key, shape=shape)
        # A function belongs to the end of a path; one whose end does not fit the key fits no path with that key.
        return tuple(dict.fromkeys(picker.get_possible_keys(context))), picker.response_transformers, [
            (end, change) for end, change in picker.response_transformers.items()
            if end.endswith(key) or key.endswith(end)]

    def get(serializer: Any, value: Any, key: str, shape: Any) -> Any:
        picker = serializer._value_picker
        if type(picker) is not serialize.XFormedAttributePicker or picker.alias_providers is not usual:
            return original(serializer, value, key, shape)
        place = (type(value), key, shape, getattr(shape, "parent", None))
        names, changes, fitting = found.get(place) or ((), None, [])
        if changes is not picker.response_transformers and changes != picker.response_transformers:
            names, _, fitting = found[place] = look(picker, value, key, shape)
        for name in names:
            if (got := get_value(value, name, MISSING)) is not MISSING:
                break
        else:
            got = None
        path = f"{'.'.join(serializer.path)}.{key}" if fitting else ""
        return next((change(got) for end, change in fitting if path.endswith(end)), got)

    serialize.ResponseSerializer.get_value = get  # type: ignore[method-assign, assignment]


def _sign_with_one_key() -> None:
    """moto makes an RSA key, which takes a tenth of a second, for each SNS subscription, to sign its messages."""
    key = functools.cache(lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048))
    Subscription.private_key = lambda subscription: key()  # type: ignore[method-assign, assignment]


def _make_keys_when_used() -> None:
    """moto makes an RSA key for each key of KMS, the symmetric ones too. Few are ever used to sign."""

    def generate(**size: int) -> _KeyWhenUsed:
        return _KeyWhenUsed(lambda: rsa.generate_private_key(**size))

    kms_utils.rsa = types.SimpleNamespace(**{**vars(rsa), "generate_private_key": generate})  # type: ignore[assignment]


class _KeyWhenUsed:
    """A private key that is made when something is asked of it."""

    def __init__(self, make: Callable[[], rsa.RSAPrivateKey]) -> None:
        self._make = functools.cache(make)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python asks for some of these before `_make` is there, as when this is copied
            raise AttributeError(name)
        return getattr(self._make(), name)


def _list_models_once() -> None:
    """moto makes a loader for each model of a service, and each lists the directories of all 400 services again."""
    core_utils.create_loader = functools.cache(core_utils.create_loader)


def _let_go_of_subnets() -> None:
    """moto caches the free addresses of each subnet for good, and with the subnet its account: 10,000 objects that stay
    after a reset, and that the garbage collector looks through again and again.
    """

    def hosts(subnet: Any) -> Any:
        if "free_addresses" not in vars(subnet):
            subnet.free_addresses = subnet.cidr.hosts()
        return subnet.free_addresses

    Subnet._base_avail_ip_iterator = hosts  # type: ignore[method-assign, assignment]


def _look_for_no_files() -> None:
    """moto's applications are in Flask's debug mode, which looks for uploaded files in each request."""
    original = DomainDispatcherApplication.__init__

    def init(dispatcher: Any, create_app: Any) -> None:
        def create(backend: Any) -> Any:
            application = create_app(backend)
            # As in debug mode, what fails is raised to the server, which logs it.
            application.debug, application.config["PROPAGATE_EXCEPTIONS"] = False, True
            return application

        original(dispatcher, create)

    DomainDispatcherApplication.__init__ = init  # type: ignore[method-assign, assignment]


def _write_xml_at_once() -> None:
    """moto writes a response in XML through a generator of SAX events, and checks the names of its elements."""

    def unparse(body: Any, *, full_document: bool, short_empty_elements: bool, pretty: bool) -> Any:
        if pretty or len(body) != 1:
            return xmltodict.unparse(
                body, full_document=full_document, short_empty_elements=short_empty_elements, pretty=pretty)
        [(name, value)] = body.items()
        written = [_DECLARATION] if full_document else []
        _write_element(name, value, short_empty_elements, written)
        return "".join(written)

    serialize.xmltodict = types.SimpleNamespace(unparse=unparse)


_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'


def _write_element(name: str, value: Any, short: bool, written: list[str]) -> None:
    """An element, or one for each entry of a list, as xmltodict writes them; `short` writes `<a/>` for an empty one."""
    several = hasattr(value, "__iter__") and not isinstance(value, str | bytes | dict)
    for each in value if several else (value,):
        if not isinstance(each, dict):
            each = {} if each is None else {"#text": each}
        inner: list[str] = []
        text = attributes = ""
        for key, own in each.items():
            if key == "#text":
                text = "" if own is None else escape(_text(own))
            elif key.startswith("@"):
                attributes += f" {key[1:]}={quoteattr('' if own is None else _text(own))}"
            elif own != []:
                _write_element(key, own, short, inner)
        if short and not inner and not text:
            written.append(f"<{name}{attributes}/>")
        else:
            written += (f"<{name}{attributes}>", *inner, text, f"</{name}>")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
