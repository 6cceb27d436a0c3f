"""SageMaker: the platform of a notebook instance, which moto does not keep.

Source: SageMaker's CreateNotebookInstance and DescribeNotebookInstance. A notebook instance
that was made without one runs on the oldest platform.
"""
from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.sagemaker.responses import SageMakerResponse

_KEPT = "guardrails_platform"
_OLDEST = "notebook-al1-v1"


def apply() -> None:
    """Apply the changes, once in a process."""
    create, describe = SageMakerResponse.create_notebook_instance, SageMakerResponse.describe_notebook_instance

    def create_notebook_instance(request: Any) -> ActionResult:
        answer = create(request)
        made = request.sagemaker_backend.get_notebook_instance(request._get_param("NotebookInstanceName"))
        setattr(made, _KEPT, request._get_param("PlatformIdentifier"))
        return answer

    def describe_notebook_instance(request: Any) -> ActionResult:
        answer: Any = describe(request)
        found = request.sagemaker_backend.get_notebook_instance(request._get_param("NotebookInstanceName"))
        return ActionResult({**answer.result, "PlatformIdentifier": getattr(found, _KEPT, None) or _OLDEST})

    for operation in (create_notebook_instance, describe_notebook_instance):
        setattr(SageMakerResponse, operation.__name__, operation)
