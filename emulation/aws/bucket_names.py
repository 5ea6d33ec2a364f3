"""Makes the emulated S3 refuse a new bucket if its name is invalid or belongs to another account. moto 5.2 checks only
the length of a name, and knows no buckets of other accounts.
"""

from __future__ import annotations

from typing import Any, cast

from moto.s3.exceptions import InvalidBucketName, S3ClientError
from moto.s3.models import S3Backend

from emulation import bucket_names

_create: Any = cast(Any, S3Backend).create_bucket


def create_bucket(backend: S3Backend, bucket_name: str, *arguments: Any, **more: Any) -> Any:
    """Replaces `S3Backend.create_bucket`: refuses invalid names, and names that another account owns."""
    if not bucket_names.is_valid_on_s3(bucket_name):
        raise InvalidBucketName()
    if bucket_names.is_taken(bucket_name):
        # moto's exception for BucketAlreadyExists reads the existing bucket. Here, the bucket belongs to another
        # account and does not exist in the emulation, so the exception cannot be used.
        raise S3ClientError("BucketAlreadyExists", bucket_names.NOT_AVAILABLE)
    return _create(backend, bucket_name, *arguments, **more)


def patch_bucket_names() -> None:
    """Makes moto refuse bucket names that are invalid on S3 or that another account owns."""
    cast(Any, S3Backend).create_bucket = create_bucket
