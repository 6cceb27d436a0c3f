"""For each fix, c7n's own included, resources with drift in moto: two at least, where an account can have two."""
from . import (
    identities,
    native,
    networks,
    own,
    services,
    settings,
    settings_account,
    settings_apps,
    settings_calls,
    settings_databases,
    settings_network,
    sharing,
    trails,
)
from .scenarios import DRIFTS

__all__ = [
    "DRIFTS",
    "identities",
    "native",
    "networks",
    "own",
    "services",
    "settings",
    "settings_account",
    "settings_apps",
    "settings_calls",
    "settings_databases",
    "settings_network",
    "sharing",
    "trails",
]
