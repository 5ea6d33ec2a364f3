"""The origin on Cloud Storage, with conditional writes (Cloud Storage, "Request preconditions").

The module uses Google's client library, which has no type annotations. After a transient error, the library repeats a
request if the request's precondition makes the repetition safe. The library checks transfers by CRC32C. Cloud Storage
computes no SHA-256 digests, so the registry stores the digest as metadata of the object, as on S3.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar, cast

import requests

from registry.catalog.artifact import IMMUTABLE, MUTABLE, Blob, Document
from registry.origin import ObjectHead, StoreError

# Google's library prints warnings about old Python versions. The warnings are suppressed, because operators of the
# registry can do nothing about the warnings.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    from google.api_core.exceptions import GoogleAPIError, NotFound, PreconditionFailed
    from google.auth.exceptions import GoogleAuthError
    from google.cloud import storage  # pyright: ignore[reportMissingTypeStubs]

# The generation number in a precondition of Cloud Storage that means "the object does not exist".
_ABSENT = 0


@dataclass(frozen=True)
class Lock:
    """The object lock of published objects. For `days` days, Cloud Storage refuses to delete any version of an object.
    The class `Lock` in infra/blobs describes the lock's modes, `governance` and `compliance`.
    """

    mode: Literal["governance", "compliance"]
    days: int


_MODES = {"governance": "Unlocked", "compliance": "Locked"}

_Answer = TypeVar("_Answer")


def client() -> Any:
    """Returns a Cloud Storage client with the operator's Application Default Credentials.

    STORAGE_EMULATOR_HOST redirects the client to an emulated Cloud Storage. The client names no project, because
    requests for objects need none. Raises StoreError without credentials.
    """
    try:
        return cast(Any, storage.Client)(project=None)
    except GoogleAuthError as error:
        raise StoreError(f"Cloud Storage: no credentials: {' '.join(str(error).split())}") from None


class CloudStorage:
    """A bucket on Cloud Storage.

    The retention of immutable objects is set on each object. A retention policy of the whole bucket would also lock
    documents, which must be replaceable.
    """

    def __init__(self, client: Any, bucket: str, lock: Lock | None) -> None:
        self._bucket = client.bucket(bucket)
        self._lock = lock

    def find(self, key: str) -> ObjectHead | None:
        found = _call(key, lambda: self._bucket.get_blob(key))
        return None if found is None else ObjectHead(str(found.generation), found.metadata or {})

    def read(self, key: str) -> bytes:
        try:
            return _call(key, lambda: self._bucket.blob(key).download_as_bytes())
        except NotFound:
            raise StoreError(f"{key}: is not in the bucket {self._bucket.name}") from None

    def add(self, blob: Blob, metadata: Mapping[str, str]) -> bool:
        target = self._new(blob.key, metadata, IMMUTABLE)
        if self._lock is not None:
            _retain(target, self._lock)
        source = io.BytesIO(blob.source) if isinstance(blob.source, bytes) else blob.source.open("rb")
        with source:
            size = source.seek(0, io.SEEK_END)
            return _conditional(blob.key, lambda: self._upload(target, source, size, blob.content_type, _ABSENT))

    def replace(self, document: Document, body: bytes, metadata: Mapping[str, str], validator: str) -> bool:
        target, kind = self._new(document.key, metadata, MUTABLE), document.content_type
        return _conditional(
            document.key, lambda: self._upload(target, io.BytesIO(body), len(body), kind, int(validator or _ABSENT))
        )

    def remove(self, key: str, validator: str = "") -> bool:
        """Deletes the current version of an object. Cloud Storage keeps it as a noncurrent version, because the request
        does not say which generation to delete.
        """
        condition = {"if_generation_match": int(validator)} if validator else {}
        return _conditional(key, lambda: self._bucket.delete_blob(key, **condition))

    def copy(self, key: str, to: str) -> bool:
        def copied() -> None:
            token = None
            # Cloud Storage copies a large object in several requests. Each request contains the token from the response
            # to the previous request.
            while True:
                token, _, _ = self._bucket.blob(to).rewrite(self._bucket.blob(key), token=token)
                if token is None:
                    return

        return _conditional(key, copied)

    def _new(self, key: str, metadata: Mapping[str, str], cache_control: str) -> Any:
        target = self._bucket.blob(key)
        target.metadata, target.cache_control = dict(metadata), cache_control
        return target

    def _upload(self, target: Any, source: Any, size: int, content_type: str, generation: int) -> None:
        try:
            target.upload_from_file(
                source,
                rewind=True,
                size=size,
                content_type=content_type,
                if_generation_match=generation,
                checksum="crc32c",
            )
        # If only the object is missing, the precondition does not hold (status 412).
        except NotFound:
            raise StoreError(f"{target.name}: the bucket {self._bucket.name} does not exist") from None


def _retain(target: Any, lock: Lock) -> None:
    target.retention.mode = _MODES[lock.mode]
    target.retention.retain_until_time = datetime.now(UTC) + timedelta(days=lock.days)


def _conditional(key: str, write: Callable[[], object]) -> bool:
    """Runs a conditional write. Returns False when the write's precondition does not hold, or when the object does not
    exist.
    """
    try:
        _call(key, write)
    except (PreconditionFailed, NotFound):
        return False
    return True


def _call(key: str, request: Callable[[], _Answer]) -> _Answer:
    """Calls Google's storage library, and turns the library's errors into StoreError.

    The errors PreconditionFailed and NotFound are not changed, because callers expect them as results of conditional
    writes.
    """
    try:
        return request()
    except (PreconditionFailed, NotFound):
        raise
    except (GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
        raise StoreError(f"{key}: Cloud Storage refused: {' '.join(str(error).split())}") from error
