"""Which resources a policy found compliant: `audit --evidence` keeps their ids, so that an auditor can sample them.

An audit lists 100,000 resources, and a hundred policies judge them. So the names of the resources are stored once: all
that c7n listed, sorted, in a gzipped file that is named after its content. Policies that list the same resources share
the file. Each policy writes only a bitmap of those that passed (`PASSED`).

It is active in c7n's pull mode if the environment variable SWITCH names the directory for these files. A deployed
function never writes them.
"""
from __future__ import annotations

import gzip
import json
import os
import re
import tempfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from .output_file import write_output

SWITCH = "GUARDRAILS_EVIDENCE"
"""The environment variable: the directory for the lists of resources; empty to keep none."""
PASSED = "passed.json"
"""The file in a policy's output: an object with the fields of PassedResources."""
LIST_BYTES = 128 * 1024 * 1024
"""The largest list, unpacked: about a million resources. No ids are kept of a longer one."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ResourceName(NamedTuple):
    """A resource as a finding names it."""

    resource: str
    """Its id."""
    arn: str
    """Empty when it has none."""


@dataclass(frozen=True)
class ResourceList:
    """The resources that c7n listed, each once, in the order of their names."""

    names: tuple[ResourceName, ...]
    digest: str
    """The SHA-256 of the unpacked content."""

    @classmethod
    def of(cls, names: Iterable[ResourceName]) -> ResourceList | None:
        """The list of these resources; None if it is longer than LIST_BYTES."""
        ordered = tuple(sorted(set(names)))
        plain = _plain(ordered)
        return None if len(plain) > LIST_BYTES else cls(ordered, sha256(plain).hexdigest())

    def packed(self) -> bytes:
        """The content of its file."""
        return gzip.compress(_plain(self.names), mtime=0)

    @classmethod
    def parse(cls, content: bytes, digest: str) -> ResourceList:
        """From the content of a file. Raises ValueError if it is not the list with this digest."""
        packed = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            plain = packed.decompress(content, LIST_BYTES + 1)
        except zlib.error as error:
            raise ValueError(f"the list of resources cannot be unpacked: {error}") from None
        if len(plain) > LIST_BYTES:
            raise ValueError(f"the list of resources is larger than {LIST_BYTES // 1024 ** 2} MB")
        if sha256(plain).hexdigest() != digest:
            raise ValueError("the list of resources is incomplete, or another one")
        try:
            found = json.loads(plain)
        except RecursionError as error:
            raise ValueError(str(error)) from None
        if not isinstance(found, list) or not all(map(_is_name, found)):
            raise ValueError("the list of resources must have pairs of id and ARN")
        return cls(tuple(ResourceName(*each) for each in found), digest)


def list_file(directory: Path, digest: str) -> Path:
    """The file of a list of resources."""
    return directory / f"{digest}.json.gz"


@dataclass(frozen=True)
class PassedResources:
    """The resources of a list that one run of one policy found compliant."""

    list: str
    """The digest of the list."""
    number: int
    """How many passed."""
    bits: bytes
    """A bitmap over the list, the lowest bit of the first byte first, compressed with zlib."""

    @classmethod
    def of(cls, listed: ResourceList, passed: Collection[ResourceName]) -> PassedResources:
        """From the resources that passed; `passed` is best a set."""
        bits = bytearray((len(listed.names) + 7) // 8)
        number = 0
        for place, name in enumerate(listed.names):
            if name in passed:
                bits[place >> 3] |= 1 << (place & 7)
                number += 1
        return cls(listed.digest, number, zlib.compress(bytes(bits), 9))

    @classmethod
    def parse(cls, content: bytes) -> PassedResources:
        """From the content of PASSED. Raises ValueError if it is not what `write` writes.

        Only `names` shows whether it fits to its list.
        """
        try:
            found = json.loads(content)
        except RecursionError as error:
            raise ValueError(str(error)) from None
        if not isinstance(found, dict):
            raise ValueError("must be an object")
        digest, number, bits = (found.get(name) for name in ("list", "number", "bits"))
        if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            raise ValueError("list must be a SHA-256 in hexadecimal digits")
        if type(number) is not int or not isinstance(bits, str):
            raise ValueError("number must be a number, and bits a string")
        return cls(digest, number, b64decode(bits, validate=True))

    def write(self, output: Any) -> None:
        """Write the file PASSED into c7n's `output`, readable by the owner only. Raises OSError."""
        write_output(output, PASSED, {**asdict(self), "bits": b64encode(self.bits).decode()})

    def names(self, listed: ResourceList) -> Iterator[ResourceName]:
        """The resources that passed, in the order of the list. Raises ValueError at once if they do not fit to it."""
        size = (len(listed.names) + 7) // 8
        packed = zlib.decompressobj()
        try:
            bits = packed.decompress(self.bits, size + 1)
        except zlib.error as error:
            raise ValueError(f"bits cannot be unpacked: {error}") from None
        number = int.from_bytes(bits, "little")
        if (len(bits) != size or number.bit_length() > len(listed.names) or number.bit_count() != self.number
                or listed.digest != self.list):
            raise ValueError("bits and number do not fit to the list of resources")
        return (name for place, name in enumerate(listed.names) if bits[place >> 3] >> (place & 7) & 1)


def keep_passed(
    directory: Path, output: Any, name_of: Callable[[Any], ResourceName], *, listed: Sequence[Any],
    in_scope: Sequence[Any], matched: Sequence[Any], unknown: Collection[str],
) -> None:
    """Write which resources passed: those in scope that have not matched, and are not unknown.

    Nothing is written if this cannot be known, because a filter returned resources that it was not given, and if the
    list is longer than LIST_BYTES. Raises OSError.

    Args:
        directory: for the list of resources.
        output: c7n's output.
        name_of: the name of a resource.
        listed: all resources, before the policy's filters.
        in_scope: those to which the policy applies.
        matched: those that are not compliant, with the excepted ones.
        unknown: ids of resources that could not be read, or that do not exist any more.
    """
    write_output(output, PASSED, None)
    known = {id(resource): name_of(resource) for resource in listed}

    def named(resources: Sequence[Any]) -> set[ResourceName]:
        """Most filters return the resources that they were given, whose names are known."""
        return {known.get(id(resource)) or name_of(resource) for resource in resources}

    names, applicable, violating = set(known.values()), named(in_scope), named(matched)
    if not violating <= applicable <= names or (resources := ResourceList.of(names)) is None:
        return
    file = list_file(directory, resources.digest)
    if not file.exists():
        _write(file, resources.packed())
    passed = {name for name in applicable - violating if name.resource not in unknown}
    PassedResources.of(resources, passed).write(output)


def _write(file: Path, content: bytes) -> None:
    """Write the file whole or not at all: other processes may write the same one now."""
    handle, part = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(part).replace(file)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def _plain(names: Sequence[ResourceName]) -> bytes:
    return json.dumps(names, separators=(",", ":")).encode()


def _is_name(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)
