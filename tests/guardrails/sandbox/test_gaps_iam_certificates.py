"""A server certificate of IAM expires when its body says (ListServerCertificates, GetServerCertificate)."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.moto_server import Moto

UNTIL_2999 = """\
-----BEGIN CERTIFICATE-----
MIIBGTCBwaADAgECAgEBMAoGCCqGSM49BAMCMBYxFDASBgNVBAMMC2V4YW1wbGUu
Y29tMCAXDTIwMDEwMTAwMDAwMFoYDzI5OTkwMTAxMDAwMDAwWjAWMRQwEgYDVQQD
DAtleGFtcGxlLmNvbTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPdxjbCw5jUI
TkCC5Kq/Q72a9+ukj9D6ZO5IWpbJjuyGRlo5KQJp+bDK64euTQSE/3TY6p41LWoX
qhOiljW3QIswCgYIKoZIzj0EAwIDRwAwRAIgd55kC3TRPbNyu2jSKnGYPHcRm1rp
fiIfypLPfnalpEYCIFR3Ad6fEyz8Y0q7XorDrM+byVf48wBff9yo/luIVskL
-----END CERTIFICATE-----
"""


def test_the_dates_are_those_of_the_certificate(moto: Moto) -> None:
    iam = moto.client("iam")
    made = iam.upload_server_certificate(
        ServerCertificateName="c", CertificateBody=UNTIL_2999, PrivateKey="none")["ServerCertificateMetadata"]
    [listed] = iam.list_server_certificates()["ServerCertificateMetadataList"]
    got = iam.get_server_certificate(ServerCertificateName="c")["ServerCertificate"]["ServerCertificateMetadata"]
    for metadata in (made, listed, got):
        assert metadata["Expiration"] == datetime(2999, 1, 1, tzinfo=UTC)
        assert datetime.now(UTC) - metadata["UploadDate"] < timedelta(minutes=1)
