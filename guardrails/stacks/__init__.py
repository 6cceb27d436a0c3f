"""What people create once: roles, the compliance topic, the mailer and the hub, as JSON and CloudFormation."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .iam.catalogue import ActionCatalogue
    from .iam.documents import size
    from .iam.needs import of_function, redelivers
    from .iam.roles import NeededRoles, RoleRequest, in_force, needed_roles
    from .self_defence import OPERATORS, permissions_boundary, service_control_policy
    from .templates import deployment_sizes, templates_for

__getattr__, __all__ = face(
    __name__,
    iam__catalogue=("ActionCatalogue",),
    iam__documents=("size",),
    iam__needs=("of_function", "redelivers"),
    iam__roles=("NeededRoles", "RoleRequest", "in_force", "needed_roles"),
    self_defence=("OPERATORS", "permissions_boundary", "service_control_policy"),
    templates=("deployment_sizes", "templates_for"),
)
