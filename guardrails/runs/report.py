"""A report without a sweep: of an earlier audit, or of what deployed functions or c7n-org wrote."""
from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from ..accounts import listed_accounts
from ..assessment import SHOWN_FRAMEWORKS, Assessment, assess, assess_again
from ..command import command
from ..errors import GuardrailsError
from ..results import FILE, Exceptions, RunStore
from .audit import AuditRequest
from .collection import collect
from .heal_result import assess_heal_again


def assess_source(source: str, request: AuditRequest, target: Callable[[], Path]) -> tuple[Assessment, str]:
    """The assessment of `source`, and how to continue it; empty if it was not interrupted.

    The store of the assessment is open; close it after use.

    Args:
        source: the directory of an earlier audit, `s3://BUCKET/PREFIX`, or a directory that c7n-org wrote.
        request: the selection of policies and accounts; an earlier audit has its own.
        target: called for the directory in which results that are collected are saved, once the request has proved
            valid.

    Raises GuardrailsError if the source cannot be read or holds no results.
    """
    exceptions, controls = request.load_exceptions(), [Path(path) for path in request.controls]
    place = Path(source)
    if os.path.lexists(place / FILE) or place.name == FILE:
        store = RunStore.open(place)
        if store.get("verb") == "heal":
            return assess_heal_again(store, store.path.parent, controls=controls, exceptions=exceptions)
        return assess_again(store, controls=controls, exceptions=exceptions), ""
    request.check_shown()
    request.check_history()
    accounts = listed_accounts(
        Path(request.config), request.regions, request.choice) if request.config else None
    request.sources.check_accounts(accounts.listed if accounts else None)
    store = collect(
        source, accounts=accounts, policies=request.every,
        chosen={policy.name for policy in request.policies()}, target=target())
    store[SHOWN_FRAMEWORKS] = request.shown
    store["request"] = asdict(request)
    store.change_each(exceptions.apply)
    return assess(
        store, controls=controls, exceptions=exceptions, history=request.history or None), ""


def finished_audit(directory: Path, exceptions: Exceptions) -> Assessment:
    """The assessment of the audit or report in `directory`; its store is open, close it after use.

    Raises GuardrailsError if there is none, if it was interrupted, and for a heal.
    """
    store = RunStore.open(directory)
    verb, finished = store.get("verb"), store.get("finished")
    if verb in ("audit", "report") and finished:
        return assess_again(store, exceptions=exceptions)
    store.close()
    if finished:
        raise GuardrailsError(f"{directory}: a run of {verb}, not an audit", "name the directory of an audit")
    raise GuardrailsError(
        f"{directory}: the {verb} was interrupted", f"continue it: {command(verb)} --resume {directory}")
