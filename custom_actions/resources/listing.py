"""Lets c7n list all resources of two types, of which it would miss some.

- Multi-Region Access Points belong to no Region, and AWS lists them in us-west-2 only. c7n asks in the Region of
  the run.
- ACM lists certificates of the key types that the call names. c7n does not name RSA with 3072 bits.

Source: S3's ListMultiRegionAccessPoints ("must be directed to the US West (Oregon) Region"); ACM's ListCertificates.
"""
from __future__ import annotations

from typing import Any

from c7n.utils import get_partition, local_session

_ACCESS_POINTS, _CERTIFICATES = "s3-access-point-multi", "acm-certificate"
_LISTED_IN = "us-west-2"
_KEY_TYPE = "RSA_3072"


def list_all(resource_class: Any) -> None:
    """Change what c7n asks for the resources of such a type; others stay as they are. Again, it has no effect."""
    if resource_class.type == _ACCESS_POINTS:
        resource_class.get_client = _client_of_access_points
    elif resource_class.type == _CERTIFICATES:
        operation, path, parameters = resource_class.resource_type.enum_spec
        known = parameters["Includes"]["keyTypes"]
        resource_class.resource_type.enum_spec = (
            operation, path, {"Includes": {"keyTypes": [*(each for each in known if each != _KEY_TYPE), _KEY_TYPE]}})


def _client_of_access_points(manager: Any) -> Any:
    # Other partitions have none, and no such Region.
    region = _LISTED_IN if get_partition(manager.config.region) == "aws" else manager.config.region
    return local_session(manager.session_factory).client("s3control", region_name=region)
