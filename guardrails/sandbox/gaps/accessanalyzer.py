"""IAM Access Analyzer: analyzers can be created, listed and deleted. moto lacks the service, and they find nothing.

Source: IAM Access Analyzer's CreateAnalyzer ("only one analyzer per account per Region" of a type), GetAnalyzer,
ListAnalyzers and DeleteAnalyzer.
"""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.utilities.utils import get_partition

from ..moto_fixes import add_service

_NAME = "accessanalyzer"


class _Refused(JsonRESTError):
    def __init__(self, code: int, kind: str, message: str) -> None:
        self.code = code
        super().__init__(kind, message)


class AccessAnalyzerBackend(BaseBackend):
    """The analyzers of an account in a region."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.analyzers: dict[str, dict[str, Any]] = {}

    def create(self, name: str, kind: str) -> dict[str, Any]:
        """Create an analyzer, which is active at once."""
        if name in self.analyzers:
            raise _Refused(409, "ConflictException", f"The analyzer {name} already exists.")
        if any(each["type"] == kind for each in self.analyzers.values()):
            raise _Refused(402, "ServiceQuotaExceededException", "There is an analyzer of this type already.")
        self.analyzers[name] = {
            "name": name, "type": kind, "status": "ACTIVE", "createdAt": datetime.now(UTC),
            "arn": f"arn:{get_partition(self.region_name)}:access-analyzer:{self.region_name}:{self.account_id}:"
                   f"analyzer/{name}"}
        return self.analyzers[name]

    def get(self, name: str) -> dict[str, Any]:
        """The analyzer of this name."""
        if name not in self.analyzers:
            raise _Refused(404, "ResourceNotFoundException", f"There is no analyzer {name}.")
        return self.analyzers[name]


class AccessAnalyzerResponse(BaseResponse):
    """Answers requests."""

    def __init__(self) -> None:
        super().__init__(service_name=_NAME)

    @property
    def _backend(self) -> AccessAnalyzerBackend:
        found: AccessAnalyzerBackend = accessanalyzer_backends[self.current_account][self.region]
        return found

    def _named(self) -> str:
        return self.uri.partition("?")[0].rpartition("/")[2]

    def create_analyzer(self) -> ActionResult:
        """CreateAnalyzer."""
        made = self._backend.create(self._get_param("analyzerName"), self._get_param("type"))
        return ActionResult({"arn": made["arn"]})

    def get_analyzer(self) -> ActionResult:
        """GetAnalyzer."""
        return ActionResult({"analyzer": self._backend.get(self._named())})

    def list_analyzers(self) -> ActionResult:
        """ListAnalyzers."""
        kind = self._get_param("type")
        return ActionResult({"analyzers": [
            each for each in self._backend.analyzers.values() if kind in (None, each["type"])]})

    def delete_analyzer(self) -> ActionResult:
        """DeleteAnalyzer."""
        del self._backend.analyzers[self._backend.get(self._named())["name"]]
        return EmptyResult()


# What moto looks for in a service's modules.
accessanalyzer_backends = BackendDict(AccessAnalyzerBackend, _NAME)
url_bases = [r"https?://access-analyzer\.(.+)\.amazonaws\.com"]
url_paths = {
    "{0}/analyzer$": AccessAnalyzerResponse.dispatch,
    "{0}/analyzer/(?P<name>[^/]+)$": AccessAnalyzerResponse.dispatch,
}


def apply() -> None:
    """Make the service known to moto, once in a process."""
    add_service(_NAME, __name__, AccessAnalyzerBackend)
