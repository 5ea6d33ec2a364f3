"""`python -m workers.entitlements.answer`: runs the metadata API (protocol.py) as a Cloud Run service. The service
reads the metadata database on Spanner.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Any

from contract.tokens import PARTITION, Record, decode_row
from workers.entitlements import settings
from workers.entitlements.endpoint import Endpoint
from workers.entitlements.protocol import SIGNATURE_HEADER, Answer, DatabaseUnavailable, refusal
from workers.entitlements.spanner import Parameter, Row, Spanner, SpannerError
from workers.foreign_secret import ForeignSecret, SecretUnreadable
from workers.google import Identity, NoIdentity
from workers.service_log import structured
from workers.serving import serve

_READ = "SELECT sk, document, version, expires FROM items WHERE pk = $1 AND sk = $2"
_READ_AFTER = "SELECT document FROM items WHERE pk = $1 AND sk > $2 ORDER BY sk"
_LONGEST_BODY = 1024  # the maximum length of a request body in bytes; a token look-up has 77 bytes
_THREADS = 16

_HEADER = f"HTTP_{SIGNATURE_HEADER.upper().replace('-', '_')}"


class SpannerDatabase:
    """Reads token records and feed items for the metadata API from the metadata database on Spanner."""

    def __init__(self, spanner: Spanner) -> None:
        self._spanner = spanner

    def token(self, digest: str) -> Record | None:
        rows = self._query(_READ, ("STRING", PARTITION), ("STRING", digest))
        return decode_row(*rows[0]) if rows else None

    def documents(self, partition: str, after: str) -> Sequence[Any]:
        return [row[0] for row in self._query(_READ_AFTER, ("STRING", partition), ("STRING", after))]

    def _query(self, sql: str, *parameters: Parameter) -> Sequence[Row]:
        try:
            return self._spanner.query(sql, *parameters)
        except (SpannerError, NoIdentity) as error:
            raise DatabaseUnavailable(str(error)) from error


class MetadataApi:
    """The WSGI application of the metadata API. The application reads the signing key at the first request and keeps
    the key.
    """

    def __init__(self, spanner: Spanner, secret: ForeignSecret) -> None:
        self._database, self._secret = SpannerDatabase(spanner), secret
        self._key = ""
        self._endpoint = Endpoint()

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
            return refusal(503, str(error), {"retry-after": "1"})
        return self._endpoint.answer(environ.get(_HEADER, ""), body, self._key, self._database, time.time())


def main() -> None:
    structured()
    identity = Identity()
    serve(MetadataApi(settings.spanner(identity), settings.secret(identity)), _THREADS)


if __name__ == "__main__":
    main()
