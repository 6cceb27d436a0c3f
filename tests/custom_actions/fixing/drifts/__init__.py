"""For each fix of ours, resources with drift in moto: two at least, where an account can have two."""
from . import identities, networks, own, services, settings, sharing, trails
from .scenarios import DRIFTS

__all__ = ["DRIFTS", "identities", "networks", "own", "services", "settings", "sharing", "trails"]
