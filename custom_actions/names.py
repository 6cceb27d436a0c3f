"""The names of everything that this project creates in AWS, each defined once.

They are in this package because deployed functions need some of them.
"""
from __future__ import annotations

import re

FUNCTION_PREFIX = "custodian-"
"""The prefix of a policy's function and rule in c7n, unless the policy sets `mode.function-prefix`."""
PROJECT_TAG, PROJECT = "project", "aws-guardrails"
"""The tag on everything that this project deploys. `undeploy` uses it to find what to remove."""

RESPONSE_TAG = "guardrails-response"
"""The tag on a function whose policy has a fix: what it may do. `deploy` asks before a function stops fixing."""

GROUP = "group-"
"""After the prefix, the start of the name of a function that runs many policies (`deploy --grouped`)."""
_GROUP_NAME = re.compile(r"[\w-]*group-[a-z0-9-]+-(short|long)(-\d+mb)?-[0-9a-f]{8}(-\d+of\d+)?")
GROUP_TAG = "guardrails-group"
"""The tag on such a function: the mode of its policies."""
EVENTS_STATEMENT, CONFIG_STATEMENT = "guardrails-events", "guardrails-config"
"""The statements of such a function's resource policy: one for each service that invokes it, not one for each rule."""

TOPIC = "guardrails-compliance"
"""The topic of an account and region that receives alerts and AWS Config's compliance changes."""
FAILED_QUEUE = "guardrails-compliance-failed"
"""The dead-letter queue of the topic's rule, and of the responder."""
EVENTS_QUEUE = "guardrails-events-failed"
"""The dead-letter queue of an account and region: events that a realtime function, or its event rule, failed on."""
STATE_TABLE = "guardrails-state"
"""The DynamoDB table of an account and region that its functions share (aws/shared_state.py)."""
RESPONDER = "custodian-guardrails-responder"
"""The function that subscribes to that topic in accounts with the response `respond`."""
MAILER = "guardrails-mailer"
"""The mailer's queue and its role; the second queue is `guardrails-mailer-failed`."""

FUNCTION_ROLE = "guardrails"
"""The role of the policies' functions."""
RESPONDER_ROLE = "guardrails-respond"
"""The role of the responder."""
HUB_ROLE, MEMBER_ROLE = "guardrails-central", "guardrails-member"
"""The role of the hub's functions, and the role that they assume in a member account."""
REDELIVERY_ROLE = "guardrails-redeliver"
"""The role that EventBridge Scheduler assumes to deliver an event to a function again (fixing/confirmation.py)."""
REDELIVERY_PREFIX = "guardrails-confirm-"
"""The start of the names of these one-time schedules."""
HUB_BUS = "guardrails"
"""The hub's event bus: member accounts forward events to it, and the hub's realtime functions have rules on it."""
FORWARD_ROLE = "guardrails-forward"
"""The role that EventBridge assumes in a member account to put events on the hub's bus."""
SWEEP_ROLE, HEAL_ROLE = "guardrails-sweep", "guardrails-heal"
DEPLOY_ROLE, DOCTOR_ROLE = "guardrails-deploy", "guardrails-doctor"
"""The default names of the roles that people use to run the commands."""
NIGHTLY = "guardrails-nightly"
"""The nightly audit: its build project, role, schedule, event rule, alarm and topic."""
SWEEPS = "guardrails-sweeps"
"""Sweeps on Step Functions: the state machine; its functions, roles, schedule and alarm begin with it."""
OPERATOR_ROLES = frozenset({FUNCTION_ROLE, RESPONDER_ROLE, HUB_ROLE, MEMBER_ROLE, HEAL_ROLE})
"""The roles that change resources for a policy. A fix never undoes their changes in their own account."""


def is_group_name(function: str) -> bool:
    """Whether a function with this name runs many policies (`deploy --grouped`), with any prefix."""
    return _GROUP_NAME.fullmatch(function) is not None
