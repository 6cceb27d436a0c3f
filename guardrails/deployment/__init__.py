"""Putting policies to work as Lambda functions: their form, what c7n would deploy, and what is left over."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from . import leftovers, responder
    from .blueprints import Blueprint, blueprint
    from .forms import as_deployed, is_ours, marked
    from .hub import answered_centrally, as_central, hub_of, own_regions, telling_the_hub
    from .leftovers import Thing, gone, inventory, places, why_gone
    from .plans import Change, Deployed, Planned, outcomes, plan, regions_for, settled, still_to_do
    from .responder import answering, topic_arn
    from .selection import deployable

__getattr__, __all__ = face(
    __name__,
    blueprints=("Blueprint", "blueprint"),
    forms=("as_deployed", "is_ours", "marked"),
    hub=("answered_centrally", "as_central", "hub_of", "own_regions", "telling_the_hub"),
    leftovers=("leftovers", "Thing", "gone", "inventory", "places", "why_gone"),
    plans=("Change", "Deployed", "Planned", "outcomes", "plan", "regions_for", "settled", "still_to_do"),
    responder=("responder", "answering", "topic_arn"),
    selection=("deployable",),
)
