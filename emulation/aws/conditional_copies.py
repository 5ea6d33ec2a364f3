"""Makes the emulated S3 check the `If-Match` header of CopyObject against the object at the destination. moto 5.2
ignores this header.

Source: S3 User Guide, "How to prevent object overwrites with conditional writes".
"""

from __future__ import annotations

from typing import Any, cast

from moto.s3.exceptions import MissingKey, PreconditionFailed
from moto.s3.responses import S3Response

_copy: Any = cast(Any, S3Response).copy_object


def copy_object(response: Any) -> Any:
    """Replaces `S3Response.copy_object`: refuses a copy if the object at the destination does not exist or does not
    have the ETag in the request's header `If-Match`.
    """
    wanted: str | None = response.headers.get("If-Match")
    if wanted is not None:
        key = response.parse_key_name()
        there = response.backend.get_object(response.bucket_name, key)
        if there is None:
            raise MissingKey(key=key)
        if wanted.strip('"') != there.etag.strip('"'):
            raise PreconditionFailed("If-Match")
    return _copy(response)


def patch_conditional_copies() -> None:
    """Makes moto check the `If-Match` header of CopyObject."""
    cast(Any, S3Response).copy_object = copy_object
