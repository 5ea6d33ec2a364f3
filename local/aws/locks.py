"""Object Lock of buckets that hold objects: S3 takes and changes it since 2023, and moto 5.2 of empty ones only."""

from __future__ import annotations

from typing import Any, cast

from moto.s3.exceptions import InvalidBucketState
from moto.s3.models import S3Backend


def put_object_lock_configuration(
    backend: S3Backend,
    bucket_name: str,
    lock_enabled: bool,
    mode: str | None = None,
    days: int | None = None,
    years: int | None = None,
) -> None:
    """Stands in for `S3Backend.put_object_lock_configuration`: what is in the bucket already is not locked by it."""
    bucket: Any = backend.get_bucket(bucket_name)
    if not bucket.is_versioned:
        raise InvalidBucketState("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
    bucket.object_lock_enabled = bucket.object_lock_enabled or lock_enabled
    bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years = mode, days, years


def lock_also_filled_buckets() -> None:
    """Makes moto do so from now on."""
    cast(Any, S3Backend).put_object_lock_configuration = put_object_lock_configuration
