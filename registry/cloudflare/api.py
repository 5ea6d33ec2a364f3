"""A client of Cloudflare's API that uses urllib3.

AWS Lambda's Python runtime includes urllib3. Cloudflare's SDK would add a dozen packages to the archives of the Lambda
functions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol, cast
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

_PUBLIC_API = "https://api.cloudflare.com/client/v4"
# Timeouts of requests to Cloudflare in seconds. The first timeout is for Lambda functions, whose running time is
# limited. The second timeout is for the `registry` command, which can wait longer.
_TIMEOUT = urllib3.Timeout(connect=3, read=10)
_PATIENT_TIMEOUT = urllib3.Timeout(connect=5, read=60)

# HTTP statuses below 500 after which a retry may succeed: timeout, conflict, rate limit.
_TRANSIENT = frozenset({408, 409, 429})
_RETRIED = _TRANSIENT | {500, 502, 503, 504, 520, 521, 522, 523, 524}
_RETRIES = 2


class CloudflareError(Exception):
    """Raised when Cloudflare refuses a request. The message contains no part of the request's body."""


class CloudflareUnavailable(CloudflareError):
    """Raised when Cloudflare does not answer, or answers with a transient error. A retry may succeed."""


class Response(Protocol):
    """The attributes of urllib3's response that the Cloudflare client reads."""

    @property
    def status(self) -> int: ...

    @property
    def data(self) -> bytes: ...


class Http(Protocol):
    """The HTTP client that the class CloudflareApi needs, such as a urllib3.PoolManager."""

    def request(self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]) -> Response: ...


def is_token(text: str) -> bool:
    """Returns whether a text can be the token in a header `Authorization`: it has no white space and is not empty."""
    return re.fullmatch(r"[!-~]+", text) is not None


class CloudflareApi:
    """A client of Cloudflare's API that uses one API token. If `base` is empty, the client uses Cloudflare's public
    API. Raises CloudflareError for a token that cannot be a part of a header.

    `http` sends the requests. By default, it sends each request once. It waits at most 3 s for the connection and 10 s
    for the answer, because a Lambda function has little time.
    """

    def __init__(self, token: str, base: str = "", http: Http | None = None) -> None:
        # A secret often ends with a line break. Python's HTTP client quotes the whole header in its error for a line
        # break, and the error would show the token.
        token = token.strip()
        if not is_token(token):
            raise CloudflareError("the Cloudflare API token has a space or a line break inside; copy the token again")
        self._url = (base or _PUBLIC_API).rstrip("/")
        self._http: Http = http or cast(Http, urllib3.PoolManager(timeout=_TIMEOUT, retries=False))
        self._authorization = f"Bearer {token}"

    def ask(self, method: str, path: str, body: Any) -> Any:
        """Sends a request with a JSON body to Cloudflare's API, and returns the answer's field `result`.

        Raises CloudflareError if Cloudflare refuses the request or does not answer.
        """
        return self.send(method, path, json.dumps(body).encode(), "application/json")

    def send(self, method: str, path: str, body: bytes, content_type: str) -> Any:
        """Sends a request with the bytes `body` to Cloudflare's API, and returns the answer's field `result`.

        Raises CloudflareError if Cloudflare refuses the request or does not answer.
        """
        return self._answer(method, path, body, {"Content-Type": content_type})["result"]

    def listed(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """Yields all items of a list in Cloudflare's API. Reads one page after another: each page contains the cursor
        of the next page.

        Raises CloudflareError if Cloudflare refuses a request or does not answer.
        """
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
            # The error message names the type of the original error. After several attempts, urllib3's exception has
            # the original error in its attribute `reason`.
            cause = getattr(error, "reason", None) or error
            raise CloudflareUnavailable(f"Cloudflare does not answer: {type(cause).__name__}") from None
        answer = _object(response.data)
        if response.status != 200:
            kind = CloudflareUnavailable if response.status in _TRANSIENT or response.status >= 500 else CloudflareError
            raise kind(f"Cloudflare answers {response.status}{_codes(answer)} to {method} {path}")
        if "result" not in answer:
            raise CloudflareUnavailable(f"Cloudflare answers {method} {path} without a result")
        return answer


def patient_http(base: str = "") -> Http:
    """Returns the connection pool with which the command line calls Cloudflare.

    The pool repeats failed requests. Its timeouts are longer than those of the Lambda functions. If environment
    variables such as HTTPS_PROXY name a proxy, the pool uses this proxy.
    """
    retries = urllib3.Retry(
        _RETRIES,
        allowed_methods=None,
        status_forcelist=_RETRIED,
        backoff_factor=0.5,
        retry_after_max=60,
        raise_on_status=False,
    )
    settings: Mapping[str, Any] = {"timeout": _PATIENT_TIMEOUT, "retries": retries}
    return pool(proxy_of(base or _PUBLIC_API), settings)


def proxy_of(url: str) -> str:
    """Returns the URL of the proxy for requests to `url`. Environment variables such as HTTPS_PROXY name the proxy.
    Returns an empty string if there is no proxy.
    """
    place = urlsplit(url)
    return "" if proxy_bypass(place.netloc) else getproxies().get(place.scheme, "")


def pool(proxy: str, settings: Mapping[str, Any]) -> Http:
    """Returns a connection pool with the given settings of urllib3. `proxy` is the URL of a proxy that the pool uses,
    or empty for no proxy.
    """
    made = urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)
    return cast(Http, made)


def _object(data: bytes) -> Mapping[str, Any]:
    """Returns the JSON object in a response from Cloudflare, or an empty object if the response contains no JSON
    object.
    """
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return cast(Mapping[str, Any], found) if isinstance(found, dict) else {}


def _codes(answer: Mapping[str, Any]) -> str:
    """Returns the error codes in an answer of Cloudflare. Leaves out the error messages, because they may quote keys
    from the request.
    """
    errors: Any = answer.get("errors") or ()
    codes = [str(each["code"]) for each in errors]
    return f" (error {', '.join(codes)})" if codes else ""
