"""CloudFront: an origin keeps what makes it one of S3, and its origin access control."""
from __future__ import annotations

from typing import Any

from moto.cloudfront.models import Origin

from ..moto_fixes import replaces


def apply() -> None:
    """Apply the changes, once in the server's process."""
    original: Any = Origin.__init__

    @replaces(Origin, "__init__")
    def init(origin: Any, config: dict[str, Any]) -> None:
        original(origin, config)
        origin.origin_access_control_id = config.get("OriginAccessControlId") or ""
        if "S3OriginConfig" in config:
            origin.s3_origin_config = {"OriginAccessIdentity": config["S3OriginConfig"].get("OriginAccessIdentity", "")}
