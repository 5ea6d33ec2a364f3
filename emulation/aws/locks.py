"""Corrects S3 Object Lock in the two cases in which moto 5.2 is stricter than S3. S3 accepts a request that activates
Object Lock on a bucket with objects (since 2023). S3 also accepts a CopyObject request to a bucket with Object Lock if
the request has no checksum.
"""

from __future__ import annotations

from typing import Any, cast

from moto.s3.exceptions import InvalidBucketState
from moto.s3.models import S3Backend
from moto.s3.responses import S3Response
from werkzeug.datastructures import Headers

_put = cast(Any, S3Response)._key_response_put


def put_object_lock_configuration(
    backend: S3Backend,
    bucket_name: str,
    lock_enabled: bool,
    mode: str | None = None,
    days: int | None = None,
    years: int | None = None,
) -> None:
    """Replaces `S3Backend.put_object_lock_configuration`: accepts a bucket that already contains objects. Object Lock
    protects only the object versions that are written after this call.
    """
    bucket: Any = backend.get_bucket(bucket_name)
    if not bucket.is_versioned:
        raise InvalidBucketState("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
    bucket.object_lock_enabled = bucket.object_lock_enabled or lock_enabled
    bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years = mode, days, years


def key_response_put(response: Any, query: dict[str, Any], key: str) -> Any:
    """Replaces `S3Response._key_response_put`: accepts a copy without a checksum in a locked bucket. S3 requires a
    checksum only for uploads, because S3 already has the bytes that it copies (Amazon S3 API, "CopyObject")."""
    if "x-amz-copy-source" in response.headers:
        given = list(response.headers.items())
        response.headers = Headers([*given, ("x-amz-sdk-checksum-algorithm", "SHA256")])
    return _put(response, query, key)


def patch_object_lock() -> None:
    """Makes moto apply S3's rules for Object Lock."""
    cast(Any, S3Backend).put_object_lock_configuration = put_object_lock_configuration
    cast(Any, S3Response)._key_response_put = key_response_put
