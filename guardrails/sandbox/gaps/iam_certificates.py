"""IAM: the dates of a server certificate.

moto says of every server certificate that it was uploaded in 2010 and expires in 2012. Here it expires when its body
says, and was uploaded when it was.

Source: IAM's UploadServerCertificate, ListServerCertificates, GetServerCertificate (ServerCertificateMetadata).
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from cryptography.x509 import load_pem_x509_certificate
from moto.core.responses import ActionResult
from moto.iam.models import Certificate
from moto.iam.responses import IamResponse

_UPLOADED = "guardrails_uploaded"
_OPERATIONS = ("upload_server_certificate", "list_server_certificates", "get_server_certificate")


def apply() -> None:
    """Add the dates. Once in a process."""
    original = Certificate.__init__

    def made(certificate: Certificate, *args: Any, **kwargs: Any) -> None:
        original(certificate, *args, **kwargs)
        setattr(certificate, _UPLOADED, datetime.now(UTC).replace(microsecond=0))

    setattr(Certificate, "__init__", made)  # noqa: B010 - moto's classes are typed as not assignable
    for operation in _OPERATIONS:
        setattr(IamResponse, operation, _dated(getattr(IamResponse, operation)))


def _dated(original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    def operation(request: Any) -> ActionResult:
        answer: Any = original(request)
        for metadata in _metadata(answer.result):
            metadata.update(_dates(request.backend.get_server_certificate(metadata["ServerCertificateName"])))
        return ActionResult(answer.result)

    return operation


def _metadata(result: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from result.get("ServerCertificateMetadataList") or ()
    for holder in (result, result.get("ServerCertificate") or {}):
        if "ServerCertificateMetadata" in holder:
            yield holder["ServerCertificateMetadata"]


def _dates(certificate: Certificate) -> dict[str, datetime]:
    uploaded = {"UploadDate": getattr(certificate, _UPLOADED)}
    try:
        expires = load_pem_x509_certificate(certificate.cert_body.encode()).not_valid_after_utc
    except ValueError:
        # AWS would have refused the upload; moto takes any text.
        return uploaded
    return {**uploaded, "Expiration": expires}
