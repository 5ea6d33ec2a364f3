"""`python -m workers.entitlements.answer`: the metadata API as a Cloud Run service that reads Spanner (lookup.py)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from contract.tokens import PARTITION, Record, decode_row
from workers.entitlements import settings
from workers.entitlements.lookup import SIGNATURE_HEADER, Answer, DatabaseUnavailable, Lookups
from workers.entitlements.spanner import Spanner, SpannerError
from workers.foreign_secret import ForeignSecret, SecretUnreadable
from workers.google import Identity, NoIdentity
from workers.service_log import structured
from workers.serving import serve

_READ = "SELECT sk, document, version, expires FROM items WHERE pk = $1 AND sk = $2"
_LONGEST_BODY = 1024  # bytes; a digest takes about a tenth of it
_THREADS = 16

_HEADER = f"HTTP_{SIGNATURE_HEADER.upper().replace('-', '_')}"


class MetadataApi:
    """The WSGI application of the metadata API. It reads the signing key at the first request and keeps the key."""

    def __init__(self, spanner: Spanner, secret: ForeignSecret) -> None:
        self._spanner, self._secret = spanner, secret
        self._key = ""
        self._lookups = Lookups()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        answer = Answer(200, "ok\n") if environ["PATH_INFO"] == "/healthz" else self._answer(environ)
        status = HTTPStatus(answer.status)
        start(f"{status.value} {status.phrase}", list(answer.headers.items()))
        return [answer.body.encode()]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        body = environ["wsgi.input"].read(_LONGEST_BODY).decode(errors="replace")
        try:
            self._key = self._key or self._secret.read("key")
        except (SecretUnreadable, NoIdentity) as error:
            return Answer(503, f"{error}\n", {"content-type": "text/plain", "retry-after": "1"})
        return self._lookups.answer(environ.get(_HEADER, ""), body, self._key, self._find, time.time())

    def _find(self, digest: str) -> Record | None:
        try:
            rows = self._spanner.query(_READ, ("STRING", PARTITION), ("STRING", digest))
        except (SpannerError, NoIdentity) as error:
            raise DatabaseUnavailable(str(error)) from error
        return decode_row(*rows[0]) if rows else None


def main() -> None:
    structured()
    identity = Identity()
    serve(MetadataApi(settings.spanner(identity), settings.secret(identity)), _THREADS)


if __name__ == "__main__":
    main()
