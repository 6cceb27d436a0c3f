"""Macie: automated discovery of sensitive data, and the update of a session, which moto lacks; times in UTC.

Source: Macie's GetMacieSession, GetAutomatedDiscoveryConfiguration, UpdateAutomatedDiscoveryConfiguration and
UpdateMacieSession.
"""
from __future__ import annotations

import json
from typing import Any

from moto.macie2 import urls
from moto.macie2.exceptions import ResourceNotFoundException
from moto.macie2.models import MacieBackend
from moto.macie2.responses import MacieResponse

from ..moto_fixes import replaces

_KEPT = "guardrails_discovery"
"""Where a backend keeps the configuration."""


def apply() -> None:
    """Add the APIs. Once in a process."""
    urls.url_paths["{0}/automated-discovery/configuration$"] = MacieResponse.dispatch
    original = MacieBackend.get_macie_session

    @replaces(MacieBackend, "get_macie_session")
    def get_macie_session(backend: Any) -> dict[str, Any]:
        found = original(backend)
        return {**found, **{name: f"{found[name]}Z" for name in ("createdAt", "updatedAt")}}

    for operation in (
        get_automated_discovery_configuration, update_automated_discovery_configuration, update_macie_session,
    ):
        setattr(MacieResponse, operation.__name__, operation)


def get_automated_discovery_configuration(request: Any) -> str:
    """Whether it is on; off until it is turned on."""
    return json.dumps({"status": "DISABLED", "autoEnableOrganizationMembers": "NONE", **_kept(request)})


def update_automated_discovery_configuration(request: Any) -> str:
    """Turn it on or off."""
    _kept(request).update({
        key: json.loads(request.body)[key] for key in ("status", "autoEnableOrganizationMembers")
        if key in json.loads(request.body)})
    return "{}"


def update_macie_session(request: Any) -> str:
    """Pause Macie, resume it, or change how often it publishes findings."""
    session = request.macie_backend.macie_session
    if not session:
        raise ResourceNotFoundException("Macie is not enabled.")
    session.update({
        key: json.loads(request.body)[key] for key in ("status", "findingPublishingFrequency")
        if key in json.loads(request.body)})
    return "{}"


def _kept(request: Any) -> dict[str, str]:
    backend = request.macie_backend
    if not backend.macie_session:
        raise ResourceNotFoundException("Macie is not enabled.")
    kept: dict[str, str] = backend.__dict__.setdefault(_KEPT, {})
    return kept
