"""AWS Config: records what resources look like, has rules' functions judge it, and keeps their verdicts.

A call that changes something is followed by a look at the resources of its service (`snapshot`); what differs from the
last item becomes a new one (`recorder`, `history`); each is handed to the functions of the rules that cover it
(`rules`), and what these post is kept (`evaluations`). `service` ties them together, `api` answers requests.
"""
from .service import Config

__all__ = ["Config"]
