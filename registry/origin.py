"""The origin bucket: immutable objects that are never overwritten, and documents that never go back in time."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from registry import RegistryError
from registry.artifact import IMMUTABLE, MUTABLE, Blob, Document

_TRIES = 20


class Origin:
    """The primary bucket of a stack, through a client of S3, which copies what is written here to the others."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def create(self, blob: Blob) -> None:
        """Writes an object that is not there yet, and leaves it alone where it is there with the same bytes.

        S3 decides (If-None-Match, "Conditional writes" in its user guide), so that of two publishers one wins.
        """
        body: Any = blob.source if isinstance(blob.source, bytes) else blob.source.open("rb")
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=blob.key,
                Body=body,
                ContentType=blob.content_type,
                CacheControl=IMMUTABLE,
                ChecksumAlgorithm="SHA256",  # asked for by a bucket with a lock, though the checksum names it
                ChecksumSHA256=blob.checksum,
                Metadata={"sha256": blob.sha256} | ({"digest": blob.digest} if blob.digest else {}),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if _code(error) not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise
            self._expect_same(blob)
        finally:
            if not isinstance(body, bytes):
                body.close()

    def holds(self, key: str, sha256: str) -> bool:
        """Whether the object is there with these bytes."""
        try:
            return self._s3.head_object(Bucket=self._bucket, Key=key)["Metadata"].get("sha256") == sha256
        except ClientError as error:
            if _code(error) in ("404", "NoSuchKey"):
                return False
            raise

    def _expect_same(self, blob: Blob) -> None:
        there = self._s3.head_object(Bucket=self._bucket, Key=blob.key)["Metadata"].get("sha256", "unknown")
        if there != blob.sha256:
            raise RegistryError(
                f"{blob.key}: exists with other bytes (SHA-256 {there}, not {blob.sha256}), and what was published "
                "never changes; publish a new version"
            )

    def read(self, key: str) -> bytes:
        return self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def render(self, document: Document, revision: int, published: str) -> bool:
        """Writes the document, or removes it, unless one of the same or a later revision is there; says whether it did.

        Two publishers may render at once. Each write is bound to what was seen before it, and the later revision, which
        knows all that the earlier knew, stays.
        """
        for _ in range(_TRIES):
            etag, there = self._revision_of(document.key)
            if there >= revision or (document.body is None and not etag):
                return False
            if document.body is None:
                self._s3.delete_object(Bucket=self._bucket, Key=document.key)
                return True
            condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
            try:
                self._s3.put_object(
                    Bucket=self._bucket,
                    Key=document.key,
                    Body=document.body,
                    ContentType=document.content_type,
                    CacheControl=MUTABLE,
                    Metadata={"revision": str(revision), "published": published}
                    | ({"digest": document.digest} if document.digest else {}),
                    **condition,
                )
            except ClientError as error:
                if _code(error) not in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"):
                    raise
            else:
                return True
        raise RegistryError(f"{document.key}: others kept writing it; publish again to bring it up to date")

    def quarantine(self, key: str) -> None:
        """Moves an object to where no URL leads, for those who have to look into it."""
        try:
            self._s3.copy_object(
                Bucket=self._bucket, Key=f"quarantine/{key}", CopySource={"Bucket": self._bucket, "Key": key}
            )
        except ClientError as error:
            if _code(error) not in ("404", "NoSuchKey"):
                raise
        self._s3.delete_object(Bucket=self._bucket, Key=key)

    def _revision_of(self, key: str) -> tuple[str, int]:
        try:
            head = self._s3.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _code(error) in ("404", "NoSuchKey"):
                return "", 0
            raise
        return head["ETag"], int(head["Metadata"].get("revision", 0))


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")
