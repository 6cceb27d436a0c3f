"""`root-authority-on`: it names the root authorities, and no others."""
from __future__ import annotations

from pathlib import Path

from tests import engine
from tests.moto_server import Moto


def test_the_authorities_are_named(moto: Moto, tmp_path: Path) -> None:
    client = moto.client("acm-pca")
    arns = [client.create_certificate_authority(
        CertificateAuthorityType=kind, CertificateAuthorityConfiguration={
            "KeyAlgorithm": "RSA_2048", "SigningAlgorithm": "SHA256WITHRSA", "Subject": {"CommonName": "ca"}},
    )["CertificateAuthorityArn"] for kind in ("ROOT", "SUBORDINATE", "ROOT")]
    client.update_certificate_authority(CertificateAuthorityArn=arns[2], Status="DISABLED")
    policy = {"name": "p", "resource": "aws.account", "filters": ["root-authority-on"]}
    [account] = engine.pull(policy, tmp_path)
    assert account["c7n:RootAuthorityOn"] == [arns[0]]
    client.update_certificate_authority(CertificateAuthorityArn=arns[0], Status="DISABLED")
    assert engine.pull(policy, tmp_path) == []
