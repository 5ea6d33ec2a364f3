"""Serves objects of the emulated Cloud Storage by the XML API.

Regional shields (caches) send requests to the host name of a bucket:
`https://<bucket>.storage.googleapis.com/<object>`. Their requests have a bearer token. Google's library for Go, which
the Pulumi engine uses, names the bucket in the path: `/<bucket>/<object>`. As in the JSON API, a request without a
token is treated as a request of the operator.

Only GET and HEAD are served. Errors are XML. The response has a header `x-goog-meta-…` for each metadata entry of the
object. Sources: Cloud Storage, "XML API" and "Request endpoints".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from flask import Flask, Response, request

from emulation.gcp.catalog import Refused
from emulation.gcp.objects.access import Access
from emulation.gcp.objects.media import media
from emulation.gcp.objects.versions import Versions
from emulation.origin_requests import Application
from emulation.state_store import StateStore

_HOST = re.compile(r"^(?P<bucket>[a-z0-9][a-z0-9._-]+)\.storage\.googleapis\.com(:\d+)?$")
_BUCKETS = "storage/v1/b"
_CODES = {401: "AuthenticationRequired", 403: "AccessDenied", 404: "NoSuchKey", 501: "NotImplemented"}


def addressed_object(environ: dict[str, Any]) -> tuple[str, str] | None:
    """Returns the bucket and the object name if a request goes to the host name of a Cloud Storage bucket. Returns None
    for any other request.
    """
    host = _HOST.match(environ.get("HTTP_HOST", ""))
    return (host["bucket"], environ["PATH_INFO"].lstrip("/")) if host else None


class BucketAddresses:
    """WSGI middleware. It passes requests for the host names and paths of Cloud Storage buckets to the XML API, and all
    other requests to the administrative API.
    """

    def __init__(self, api: Application, objects: Application, store: StateStore) -> None:
        self._api = api
        self._objects = objects
        self._store = store

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        first, separator, _ = environ["PATH_INFO"].lstrip("/").partition("/")
        at_path = bool(separator) and self._store.get("gcp", _BUCKETS, first) is not None
        answering = self._objects if addressed_object(environ) or at_path else self._api
        return answering(environ, start_response)


def create_app(store: StateStore, versions: Versions, access: Access) -> Flask:
    """Returns the WSGI application that serves Cloud Storage objects at the host names and paths of all buckets."""
    app = Flask(__name__)

    def read(_: str = "") -> Response:
        bucket, _path = addressed_object(request.environ) or ("", "")
        name = request.environ["REQUEST_URI"].partition("?")[0].lstrip("/")
        at_path = not bucket
        if at_path:
            bucket, _separator, name = name.partition("/")
        name = unquote(name)
        settings = store.get("gcp", _BUCKETS, bucket)
        if settings is None:
            raise Refused(404, "The specified bucket does not exist.")
        authorization = request.headers.get("Authorization")
        if not authorization and not at_path:
            raise Refused(403, "Anonymous caller does not have storage.objects.get access.")
        caller = access.caller(authorization) if authorization else ""
        if caller:
            access.expect(caller, settings, "storage.objects.get")
        if request.args or not name:
            raise Refused(501, f"not emulated: {request.method} {request.full_path}")
        found = versions.live(bucket, name)
        if found is None:
            # The caller may lack the permission to list the bucket. Such a caller gets an error about the permission,
            # because an error about a missing object would reveal that the object does not exist.
            if caller:
                access.expect(caller, settings, "storage.objects.list")
            raise Refused(404, "The specified key does not exist.")
        response = media(versions.path(found), found)
        for entry, value in found.get("metadata", {}).items():
            response.headers[f"x-goog-meta-{entry}"] = value
        response.headers["Server"] = "UploadServer"
        return response

    app.add_url_rule("/", view_func=read)
    app.add_url_rule("/<path:_>", view_func=read)
    app.register_error_handler(Refused, _refusal)
    app.register_error_handler(405, lambda _: _refusal(Refused(501, f"not emulated: {request.method} by the XML API")))
    return app


def _refusal(error: Refused) -> Response:
    code = _CODES.get(error.status, "InvalidArgument")
    text = f"<Error><Code>{code}</Code><Message>{escape(str(error))}</Message></Error>"
    return Response(
        f"<?xml version='1.0' encoding='UTF-8'?>{text}", error.status, content_type="application/xml; charset=UTF-8"
    )
