"""Requests to Cloudflare's API with urllib3.

Lambda's runtime brings urllib3 along; an archive with Cloudflare's SDK would need a dozen packages more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

_PUBLIC_API = "https://api.cloudflare.com/client/v4"
_TIMEOUT = urllib3.Timeout(connect=3, read=10)  # seconds
_PATIENT_TIMEOUT = urllib3.Timeout(connect=5, read=60)

# Client-error statuses after which a retry may succeed: timeout, conflict, rate limit. So may any status from 500 up.
_TRANSIENT = frozenset({408, 409, 429})
_RETRIED = _TRANSIENT | {500, 502, 503, 504, 520, 521, 522, 523, 524}
_RETRIES = 2


class CloudflareError(Exception):
    """Raised when Cloudflare refuses a request. The message holds nothing of the request's body."""


class CloudflareUnavailable(CloudflareError):
    """Raised when Cloudflare does not answer, or answers with a transient error. A retry may succeed."""


class Response(Protocol):
    """The part of urllib3's response that the client reads."""

    @property
    def status(self) -> int: ...

    @property
    def data(self) -> bytes: ...


class Http(Protocol):
    """A connection pool with urllib3.PoolManager's interface."""

    def request(self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]) -> Response: ...


class CloudflareApi:
    """Sends requests with one API token. An empty `base` means Cloudflare's public API.

    Without `http`, each request is sent once and times out after some ten seconds, to fit a function's time limit.
    """

    def __init__(self, token: str, base: str = "", http: Http | None = None) -> None:
        self._url = (base or _PUBLIC_API).rstrip("/")
        self._http: Http = http or cast(Http, urllib3.PoolManager(timeout=_TIMEOUT, retries=False))
        self._authorization = f"Bearer {token}"

    def ask(self, method: str, path: str, body: Any) -> Any:
        """Sends a JSON body and returns the result. Raises CloudflareError."""
        return self.send(method, path, json.dumps(body).encode(), "application/json")

    def send(self, method: str, path: str, body: bytes, content_type: str) -> Any:
        """Sends the bytes and returns the result. Raises CloudflareError."""
        return self._answer(method, path, body, {"Content-Type": content_type})["result"]

    def listed(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """Yields the items of a listing whose pages are linked by cursors. Raises CloudflareError."""
        parameters = dict(query)
        while True:
            page = self._answer("GET", f"{path}?{urlencode(parameters)}", None, {})
            yield from page["result"]
            position: Any = page.get("result_info") or {}
            parameters["cursor"] = position.get("cursor") or ""
            if not parameters["cursor"]:
                return

    def _answer(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Mapping[str, Any]:
        sent = {"Authorization": self._authorization, **headers}
        try:
            response = self._http.request(method, self._url + path, body=body, headers=sent)
        except urllib3.exceptions.HTTPError as error:
            cause = getattr(error, "reason", None) or error  # of the last retry
            raise CloudflareUnavailable(f"Cloudflare does not answer: {type(cause).__name__}") from None
        answer = _object(response.data)
        if response.status != 200:
            kind = CloudflareUnavailable if response.status in _TRANSIENT or response.status >= 500 else CloudflareError
            raise kind(f"Cloudflare answers {response.status}{_codes(answer)} to {method} {path}")
        if "result" not in answer:
            raise CloudflareUnavailable(f"Cloudflare answers {method} {path} without a result")
        return answer


def patient_http(base: str = "") -> Http:
    """Returns a connection pool for the command line: with retries, longer timeouts, and the environment's proxy."""
    retries = urllib3.Retry(
        _RETRIES,
        allowed_methods=None,
        status_forcelist=_RETRIED,
        backoff_factor=0.5,
        retry_after_max=60,
        raise_on_status=False,
    )
    settings: Mapping[str, Any] = {"timeout": _PATIENT_TIMEOUT, "retries": retries}
    place = urlsplit(base or _PUBLIC_API)
    proxy = getproxies().get(place.scheme)
    if proxy and not proxy_bypass(place.netloc):
        return cast(Http, urllib3.ProxyManager(proxy, **settings))
    return cast(Http, urllib3.PoolManager(**settings))


def _object(data: bytes) -> Mapping[str, Any]:
    """Returns the JSON object in an answer, or an empty one when the answer is no JSON object."""
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return cast(Mapping[str, Any], found) if isinstance(found, dict) else {}


def _codes(answer: Mapping[str, Any]) -> str:
    """Returns the error codes in an answer. Cloudflare's error texts are left out, because they may quote keys."""
    errors: Any = answer.get("errors") or ()
    codes = [str(each["code"]) for each in errors]
    return f" (error {', '.join(codes)})" if codes else ""
