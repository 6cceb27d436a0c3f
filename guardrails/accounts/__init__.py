"""The accounts that a verb works on: which they are, how to access them, and what functions may do in them.

Imports only modules that belong to no package (errors, limits, paths, suggest, yamlfile).
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .account import (
        AWS_ERRORS,
        Account,
        Accounts,
        accounts_file,
        find_accounts,
        listed_accounts,
        make_session,
        reach,
        reason_of,
        unchecked_accounts,
    )
    from .choice import EVERY, AccountChoice
    from .credentials import Credentials
    from .entries import check_regions
    from .organization import (
        DEFAULT_ROLE,
        ManualSettings,
        OrganizationFile,
        manual_settings,
        organization_file,
        read_organization,
    )
    from .regions import account_region, partition_of
    from .response import KEY, Response, has_responder, healing, response_of
    from .s3_url import S3_SCHEME, S3Url

__getattr__, __all__ = face(
    __name__,
    account=(
        "AWS_ERRORS", "Account", "Accounts", "accounts_file", "find_accounts", "listed_accounts",
        "make_session", "reach", "reason_of", "unchecked_accounts",
    ),
    choice=("EVERY", "AccountChoice"),
    credentials=("Credentials",),
    entries=("check_regions",),
    organization=(
        "DEFAULT_ROLE", "ManualSettings", "OrganizationFile", "manual_settings", "organization_file",
        "read_organization",
    ),
    regions=("account_region", "partition_of"),
    response=("KEY", "Response", "has_responder", "healing", "response_of"),
    s3_url=("S3Url", "S3_SCHEME"),
)
