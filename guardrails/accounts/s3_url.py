"""The URL of a place in S3."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from botocore.config import Config
from botocore.exceptions import ClientError

from ..errors import GuardrailsError
from .account import AWS_ERRORS, make_session, reason_of

S3_SCHEME = "s3://"
_CLIENT = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "max_attempts": 5})


@dataclass(frozen=True)
class S3Url:
    """`s3://BUCKET/PREFIX?region=…&kms-key=…`, as c7n accepts it, with c7n's settings in the query."""

    bucket: str
    prefix: str
    """Without leading and trailing slashes; may be empty."""
    query: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> S3Url:
        """Parse a URL. Raises GuardrailsError for any other text."""
        parts = urlsplit(text)
        if parts.scheme != "s3" or not parts.netloc or "{" in text or "}" in text or parts.fragment:
            raise GuardrailsError(
                f"{text}: not an S3 URL", f"use {S3_SCHEME}BUCKET/PREFIX, without braces")
        return cls(parts.netloc, parts.path.strip("/"), tuple(parse_qsl(parts.query)))

    def __str__(self) -> str:
        query = f"?{urlencode(self.query, safe=':/')}" if self.query else ""
        return f"{S3_SCHEME}{'/'.join(filter(None, (self.bucket, self.prefix)))}{query}"

    @property
    def region(self) -> str | None:
        """The bucket's region; None if the URL does not have it."""
        return dict(self.query).get("region")

    def client(self) -> Any:
        """A client of S3 for the bucket, with the current credentials."""
        return make_session().client("s3", region_name=self.region, config=_CLIENT)

    def located(self) -> S3Url:
        """This URL with the bucket's region: without it every function would look it up at each cold start.

        Raises GuardrailsError if the bucket does not exist or S3 cannot be reached.
        """
        if self.region:
            return self
        try:
            answer = make_session().client("s3", config=_CLIENT).head_bucket(Bucket=self.bucket)
        except ClientError as error:
            # Credentials that may only write are denied, but the response contains the region.
            answer = error.response
            if answer["ResponseMetadata"].get("HTTPStatusCode") == 404:
                raise GuardrailsError(f"{self}: no such bucket", "create it first; see docs/scheduling.md") from None
        except AWS_ERRORS as error:
            raise GuardrailsError(
                f"{self}: {reason_of(error)}", "specify the region: s3://…?region=eu-west-1") from None
        region = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("x-amz-bucket-region")
        return replace(self, query=(*self.query, ("region", region))) if region else self
