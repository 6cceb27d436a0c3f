"""What people create once: roles, the compliance topic, the mailer and the hub, as JSON and CloudFormation."""
from __future__ import annotations

from typing import TYPE_CHECKING

from custom_actions.face import face

if TYPE_CHECKING:
    from .compliance_stack import compliance
    from .hub_stack import hub_template, member_template, patterns
    from .iam.documents import document, documents, filled, grants, size
    from .iam.needs import of_function, of_hub, of_securityhub, of_sweep
    from .iam.operator import of_deploy, of_doctor
    from .iam.responder import of_responder
    from .iam.template import IamRole, file_names, functions, members
    from .mailer_stack import mailer

__getattr__, __all__ = face(
    __name__,
    compliance_stack=("compliance",),
    hub_stack=("hub_template", "member_template", "patterns"),
    iam__documents=("document", "documents", "filled", "grants", "size"),
    iam__needs=("of_function", "of_hub", "of_securityhub", "of_sweep"),
    iam__operator=("of_deploy", "of_doctor"),
    iam__responder=("of_responder",),
    iam__template=("IamRole", "file_names", "functions", "members"),
    mailer_stack=("mailer",),
)
