"""The origin on S3, with conditional writes (Amazon S3 User Guide, "Conditional requests")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from registry.catalog.artifact import IMMUTABLE, MUTABLE, Blob, Document
from registry.origin import ObjectHead

_PRECONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict")
_MISSING = ("404", "NoSuchKey")


class S3:
    """A bucket on S3. `s3` is a boto3 client for the bucket's region. If the bucket has a default retention, S3 applies
    it to each new object.
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def find(self, key: str) -> ObjectHead | None:
        try:
            head = self._s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error_code(error) in _MISSING:
                return None
            raise
        return ObjectHead(head["ETag"], head["Metadata"])

    def read(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def add(self, blob: Blob, metadata: Mapping[str, str]) -> bool:
        body: Any = blob.source if isinstance(blob.source, bytes) else blob.source.open("rb")
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=blob.key,
                Body=body,
                ContentType=blob.content_type,
                CacheControl=IMMUTABLE,
                # a bucket with Object Lock requires ChecksumAlgorithm, even in a request that has ChecksumSHA256
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=blob.checksum,
                Metadata=metadata,
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error_code(error) not in _PRECONDITION_FAILED:
                raise
            return False
        finally:
            if not isinstance(body, bytes):
                body.close()
        return True

    def replace(self, document: Document, body: bytes, metadata: Mapping[str, str], validator: str) -> bool:
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=document.key,
                Body=body,
                ContentType=document.content_type,
                CacheControl=MUTABLE,
                Metadata=metadata,
                **({"IfMatch": validator} if validator else {"IfNoneMatch": "*"}),
            )
        except ClientError as error:
            if error_code(error) not in (*_PRECONDITION_FAILED, *_MISSING):
                raise
            return False
        return True

    def remove(self, key: str, validator: str = "") -> bool:
        try:
            self._s3.delete_object(Bucket=self._bucket, Key=key, **({"IfMatch": validator} if validator else {}))
        except ClientError as error:
            if error_code(error) not in (*_PRECONDITION_FAILED, *_MISSING):
                raise
            return False
        return True

    def copy(self, key: str, to: str) -> bool:
        try:
            self._s3.copy_object(Bucket=self._bucket, Key=to, CopySource={"Bucket": self._bucket, "Key": key})
        except ClientError as error:
            if error_code(error) not in _MISSING:
                raise
            return False
        return True


def error_code(error: ClientError) -> str:
    """Returns the error code in an error response of S3, such as NoSuchKey."""
    return error.response.get("Error", {}).get("Code", "")
