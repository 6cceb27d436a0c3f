"""What AWS knows us by: the names of what this project creates there, each in one place.

They stand at the ground because deployed functions need some of them, and policies come before deployments.
"""
from __future__ import annotations

FUNCTION_PREFIX = "custodian-"
"""How c7n names a policy's function and rule, unless the policy's `mode.function-prefix` says otherwise."""
PROJECT_TAG, PROJECT = "project", "aws-guardrails"
"""The tag on everything that this project deploys; `undeploy` goes by it."""

TOPIC = "guardrails-compliance"
"""The topic of an account and region where alerts go, and AWS Config's compliance changes."""
FAILED_QUEUE = "guardrails-compliance-failed"
"""The dead-letter queue of the topic's rule, and of the responder."""
RESPONDER = "custodian-guardrails-responder"
"""The function that hears that topic where the account's response is `respond`."""
MAILER = "guardrails-mailer"
"""The mailer's queue and its role; the second queue is `guardrails-mailer-failed`."""

FUNCTION_ROLE = "guardrails"
"""What the functions of the project's policies run as."""
RESPONDER_ROLE = "guardrails-respond"
"""What the responder runs as."""
HUB_ROLE, MEMBER_ROLE = "guardrails-central", "guardrails-member"
"""What the hub's functions run as, and what they assume in an account."""
REDELIVERY_ROLE = "guardrails-redeliver"
"""What EventBridge Scheduler assumes to deliver an event to a function again (fixing/confirmation.py)."""
REDELIVERY_PREFIX = "guardrails-confirm-"
"""How the one-time schedules that do so are named."""
HUB_BUS = "guardrails"
"""The hub's event bus: members forward their events to it, and the hub's realtime functions have their rules there."""
FORWARD_ROLE = "guardrails-forward"
"""What EventBridge assumes in a member to put events on the hub's bus."""
SWEEP_ROLE, HEAL_ROLE = "guardrails-sweep", "guardrails-heal"
DEPLOY_ROLE, DOCTOR_ROLE = "guardrails-deploy", "guardrails-doctor"
"""The roles that people run the verbs with, unless the stack says otherwise."""
