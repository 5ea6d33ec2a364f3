"""Runs the emulated Google Cloud API in the caller's process, without a listener, for unit tests."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from werkzeug.test import Client as WsgiClient
from werkzeug.test import TestResponse

from emulation.gcp.api import create_app
from emulation.gcp.objects.serving import with_objects
from emulation.state_store import StateStore

# The public addresses of test machines, from a documentation prefix (RFC 5737).
ADDRESSES = "198.51.100.0/24"

# The host of Google's IAM API. In the emulated Google Cloud, the paths of this API begin with `/iam`, because all APIs
# have the same host.
_IAM = "iam.googleapis.com"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def application(directory: Path) -> Application:
    """Returns the WSGI application of a new emulated Google Cloud, which stores its state in `directory`."""
    store = StateStore(directory / "gcp.sqlite")
    return with_objects(create_app(store, ADDRESSES), store, directory)


def client(directory: Path) -> httpx.Client:
    """Returns an HTTP client of a new emulated Google Cloud, which stores its state in `directory`."""
    return httpx.Client(transport=_Wire(application(directory)), base_url="http://googleapis.invalid")


def session(application: Application) -> requests.Session:
    """Returns a `requests` session for Google's client libraries. The session sends all requests to the emulated Google
    Cloud in this process.
    """
    made = requests.Session()
    made.mount("http://", _Adapter(application))
    made.mount("https://", _Adapter(application))
    return made


def _send(
    application: Application, method: str, url: str, headers: Iterable[tuple[str, Any]], body: Any
) -> TestResponse:
    parts = urlsplit(url)
    base, path = f"{parts.scheme}://{parts.netloc}", f"{parts.path}?{parts.query}" if parts.query else parts.path
    if parts.netloc == _IAM:
        path = f"/iam{path}"
    wanted = [(name, value) for name, value in headers if name.lower() not in ("host", "content-length")]
    return WsgiClient(application).open(path, base_url=base, method=method, headers=wanted, data=body or b"")


class _Wire(httpx.BaseTransport):
    def __init__(self, application: Application) -> None:
        self._application = application

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = _send(self._application, request.method, str(request.url), request.headers.items(), request.read())
        return httpx.Response(answer.status_code, headers=list(answer.headers), content=answer.get_data())


class _Adapter(BaseAdapter):
    def __init__(self, application: Application) -> None:
        super().__init__()
        self._application = application

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        body: Any = request.body
        sent = body.read() if hasattr(body, "read") else body
        answer = _send(self._application, request.method or "", request.url or "", request.headers.items(), sent)
        made = requests.Response()
        made.status_code, made.url, made.request = answer.status_code, request.url or "", request
        made.headers.update(dict(answer.headers))
        made.raw = HTTPResponse(
            io.BytesIO(answer.get_data()), dict(answer.headers), answer.status_code, preload_content=False
        )
        return made

    def close(self) -> None:
        pass
