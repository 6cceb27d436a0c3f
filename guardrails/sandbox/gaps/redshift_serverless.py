"""Redshift Serverless: namespaces and workgroups can be created and listed. moto lacks the service.

Source: Redshift Serverless's CreateNamespace, CreateWorkgroup, ListNamespaces and ListWorkgroups.
"""
from __future__ import annotations

import json
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import utcnow
from moto.moto_api._internal import mock_random
from moto.utilities.utils import get_partition

from ..moto_fixes import add_service

_NAME = "redshift-serverless"
_MODULE = "redshiftserverless"


class RedshiftServerlessBackend(BaseBackend):
    """The namespaces and workgroups of an account in a region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.namespaces: dict[str, dict[str, Any]] = {}
        self.workgroups: dict[str, dict[str, Any]] = {}

    def create(self, kind: str, given: dict[str, Any]) -> dict[str, Any]:
        """Create a namespace or a workgroup, which is available at once. What is not given is not there."""
        identity = str(mock_random.uuid4())
        made = {
            **{key: value for key, value in given.items() if key not in ("tags", "adminUserPassword")},
            f"{kind}Id": identity, "status": "AVAILABLE", "creationDate": utcnow(),
            f"{kind}Arn": f"arn:{get_partition(self.region_name)}:redshift-serverless:{self.region_name}:"
                          f"{self.account_id}:{kind}/{identity}",
        }
        self.all_of(kind)[given[f"{kind}Name"]] = made
        return made

    def all_of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The namespaces or workgroups by their names."""
        return self.namespaces if kind == "namespace" else self.workgroups


class RedshiftServerlessResponse(BaseResponse):
    """Answers requests."""

    def __init__(self) -> None:
        super().__init__(service_name=_NAME)

    @property
    def _backend(self) -> RedshiftServerlessBackend:
        found: RedshiftServerlessBackend = redshiftserverless_backends[self.current_account][self.region]
        return found

    def create_namespace(self) -> ActionResult:
        """CreateNamespace."""
        return ActionResult({"namespace": self._backend.create("namespace", json.loads(self.body))})

    def create_workgroup(self) -> ActionResult:
        """CreateWorkgroup."""
        return ActionResult({"workgroup": self._backend.create("workgroup", json.loads(self.body))})

    def list_namespaces(self) -> ActionResult:
        """ListNamespaces."""
        return ActionResult({"namespaces": list(self._backend.namespaces.values())})

    def list_workgroups(self) -> ActionResult:
        """ListWorkgroups."""
        return ActionResult({"workgroups": list(self._backend.workgroups.values())})


# What moto looks for in a service's modules.
redshiftserverless_backends = BackendDict(RedshiftServerlessBackend, _NAME)
url_bases = [r"https?://redshift-serverless\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/$": RedshiftServerlessResponse.dispatch}


def apply() -> None:
    """Make the service known to moto, once in a process."""
    add_service(_MODULE, __name__, RedshiftServerlessBackend)
