"""AWS Config: records the state of resources, has rules' functions evaluate it, and stores their evaluations.

After a call that changes something, the resources of its service are read (`snapshot`). A difference from the last item
becomes a new item (`recorder`, `history`). Each item is passed to the functions of the rules that cover it (`rules`),
and their evaluations are stored (`evaluations`). `service` connects all of this, and `resource_api` and `verdict_api`
answer requests.
"""
from .service import Config

__all__ = ["Config"]
