"""Deploying policies as Lambda functions: their form, what c7n would deploy, and which functions are obsolete."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from . import removal, responder, shared
    from .blueprints import Blueprint, blueprint
    from .forms import as_deployed, is_ours, marked
    from .group_triggers import is_addressed
    from .hub import answered_centrally, as_central, hub_of, is_hub, own_regions, telling_the_hub
    from .inventory import places
    from .plans import DeploymentChange, regions_for
    from .removal import RemovalPlan, RemovalReport
    from .responder import answering, topic_arn
    from .rollout import Rollout, RolloutReport, RolloutRequest, apply_rollout, plan_rollout, response_label
    from .selection import deployable
    from .serving import Service, deployed_groups, served
    from .shared import queue_attributes, queue_differences
    from .triggers import config_rule_settings

__getattr__, __all__ = face(
    __name__,
    blueprints=("Blueprint", "blueprint"),
    forms=("as_deployed", "is_ours", "marked"),
    group_triggers=("is_addressed",),
    hub=("answered_centrally", "as_central", "hub_of", "is_hub", "own_regions", "telling_the_hub"),
    inventory=("places",),
    plans=("DeploymentChange", "regions_for"),
    removal=("removal", "RemovalPlan", "RemovalReport"),
    responder=("responder", "answering", "topic_arn"),
    rollout=("Rollout", "RolloutReport", "RolloutRequest", "apply_rollout", "plan_rollout", "response_label"),
    selection=("deployable",),
    serving=("Service", "deployed_groups", "served"),
    shared=("shared", "queue_attributes", "queue_differences"),
    triggers=("config_rule_settings",),
)
