"""Finds the objects of the primary S3 bucket that S3 could not replicate, and makes S3 replicate them again.

S3 never repeats a replication that failed (S3 User Guide, "Getting replication status information"). A copy of the
object to its own key is a new version, and S3 replicates new versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from registry.origin.s3 import error_code

_AT_ONCE = 16
_PAGE = 1000
# The maximum size, in bytes, of an object that one CopyObject request accepts (S3 User Guide, "Copying, moving, and
# renaming objects").
MOST_BYTES = 5 * 1024**3
# Headers of an S3 object that a copy of the object must have, too. HeadObject and CopyObject use the same names for
# these headers.
_COPIED_HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "StorageClass",
)


@dataclass(frozen=True)
class FailedObject:
    """An object whose newest version has the replication status FAILED. `head` is S3's response to HeadObject."""

    key: str
    head: dict[str, Any]

    @property
    def bytes(self) -> int:
        return self.head["ContentLength"]


class FailedReplication:
    """Finds and repeats failed replications of the objects in a bucket. `s3` is a client for the bucket's region."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def find(self, prefix: str = "") -> Iterator[FailedObject]:
        """Yields the objects that S3 could not replicate.

        S3 offers no list of failed replications, so the method sends one HeadObject request for each object.
        """
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, PaginationConfig={"PageSize": _PAGE}
        )
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for page in pages:
                keys = [each["Key"] for each in page.get("Contents", [])]
                yield from (found for found in pool.map(self._failed, keys) if found)

    def copy_again(self, found: FailedObject) -> bool:
        """Copies an object to its own key, so that S3 replicates the copy. Returns False if the object was changed or
        deleted after `find` had found it.

        After such a change, no copy is needed, because S3 replicates the object's newer version by itself.
        """
        try:
            self._s3.copy_object(
                Bucket=self._bucket,
                Key=found.key,
                CopySource={"Bucket": self._bucket, "Key": found.key, "VersionId": found.head["VersionId"]},
                IfMatch=found.head["ETag"],
                # S3 refuses to copy an object to its own key unless the request replaces something, such as the
                # metadata.
                MetadataDirective="REPLACE",
                Metadata=found.head["Metadata"],
                ChecksumAlgorithm="SHA256",
                **{name: found.head[name] for name in _COPIED_HEADERS if name in found.head},
            )
        except ClientError as error:
            if error_code(error) not in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"):
                raise
            return False
        return True

    def _failed(self, key: str) -> FailedObject | None:
        try:
            head = self._s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error_code(error) != "404":
                raise
            return None  # the object was deleted after S3 listed it
        return FailedObject(key, head) if head.get("ReplicationStatus") == "FAILED" else None
