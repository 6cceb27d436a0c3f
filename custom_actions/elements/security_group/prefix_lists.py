"""The contents of prefix lists, read from EC2.

Source: EC2's GetManagedPrefixListEntries. It shows the lists of the account, those shared with it, and AWS's own.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from ...aws import call, code_of, reason_of

PERMISSIONS = ("ec2:GetManagedPrefixListEntries",)
"""The permissions of an element that looks up prefix lists."""

_HIDDEN = ("InvalidPrefixListId.NotFound", "InvalidPrefixListID.NotFound", "UnauthorizedOperation", "AccessDenied")
"""The list was deleted, is no longer shared with this account, or the role may not read it."""

log = logging.getLogger("custodian.prefix-lists")


class PrefixListReader:
    """Gives the CIDR blocks in a prefix list, by its id. Each list is read once.

    None when AWS does not show the list; the log says why. Other errors of AWS are raised as ClientError.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        """`client`: makes an EC2 client of the group's region; called when the first list is looked up."""
        self._client = client
        self._known: dict[str, Sequence[str] | None] = {}

    def __call__(self, prefix_list: str) -> Sequence[str] | None:
        if prefix_list not in self._known:
            self._known[prefix_list] = self._read(prefix_list)
        return self._known[prefix_list]

    def _read(self, prefix_list: str) -> Sequence[str] | None:
        pages = self._client().get_paginator("get_managed_prefix_list_entries")
        try:
            found = call(lambda: list(pages.paginate(PrefixListId=prefix_list)))
        except ClientError as error:
            if code_of(error) not in _HIDDEN:
                raise
            log.warning("the contents of %s are unknown: %s", prefix_list, reason_of(error))
            return None
        return [entry["Cidr"] for page in found for entry in page["Entries"]]
