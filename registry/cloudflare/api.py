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

# Answers that another try of the same request may change: timeout, conflict, rate limit. Others are 500 and above.
_TRANSIENT = frozenset({408, 409, 429})
_RETRIED = _TRANSIENT | {500, 502, 503, 504, 520, 521, 522, 523, 524}
_RETRIES = 2


class CloudflareError(Exception):
    """Cloudflare did not do what was asked. The message holds nothing of what was sent."""


class CloudflareUnavailable(CloudflareError):
    """Cloudflare gave no answer, or one that the same request may not get again."""


class Response(Protocol):
    """The part of urllib3's response that the client reads."""

    @property
    def status(self) -> int: ...

    @property
    def data(self) -> bytes: ...


class Http(Protocol):
    """A pool of connections, as urllib3.PoolManager is one."""

    def request(self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]) -> Response: ...


class CloudflareApi:
    """Sends requests with one API token. An empty `base` means Cloudflare's public API.

    Without `http`, each request is tried once and times out after some ten seconds, as a function needs it.
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
        """Yields the items of a listing, page after page, where a page ends in a cursor. Raises CloudflareError."""
        asked = dict(query)
        while True:
            page = self._answer("GET", f"{path}?{urlencode(asked)}", None, {})
            yield from page["result"]
            position: Any = page.get("result_info") or {}
            asked["cursor"] = position.get("cursor") or ""
            if not asked["cursor"]:
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
    """Makes the connections of a command line: with retries, longer timeouts, and the proxy of the environment."""
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
    """Reads an answer's JSON object; one that cannot be read is empty."""
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return cast(Mapping[str, Any], found) if isinstance(found, dict) else {}


def _codes(answer: Mapping[str, Any]) -> str:
    """Names the error codes of an answer. Cloudflare's texts stay out: they may quote keys."""
    errors: Any = answer.get("errors") or ()
    codes = [str(each["code"]) for each in errors]
    return f" (error {', '.join(codes)})" if codes else ""
