"""Answers an image registry's authentication challenge. The answer has Basic credentials, or a token from the token
endpoint that the challenge names.

Sources: RFC 9110, section 11; CNCF Distribution, "Token Authentication Specification" and "OAuth2 Token
Authentication".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any
from urllib.request import parse_http_list

import httpx

from registry import RegistryError
from registry.importing.images import is_loopback
from registry.importing.images.credentials import Credentials

# The client ID of this program in requests to token endpoints. A request with an identity token must have a client ID.
_CLIENT = "artifact-edge"
# Matches the beginning of a challenge: the scheme, and the first parameter if there is one (RFC 9110, section 11.3). A
# word before an equals sign does not match, because it is the name of a parameter and not a scheme. Spaces can surround
# the equals sign.
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9-]*)(?: +(?P<parameter>(?! *=).*))?", re.DOTALL)


class Challenged(httpx.Auth):
    """Authenticates requests to one repository of one registry.

    The client answers the registry's first challenge with an Authorization header. All later requests to the registry
    contain this header. Requests to other hosts do not contain it: registries redirect requests for blobs to storage
    hosts, which often refuse an Authorization header. Raises RegistryError when the registry grants no access.
    """

    def __init__(self, registry: httpx.URL, repository: str, credentials: Callable[[], Credentials | None]) -> None:
        self._registry = registry
        self._repository = repository
        self._credentials = credentials
        self._header = ""

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        sent = self._header
        if sent and self._is_registry(request.url):
            request.headers["Authorization"] = sent
        response = yield request
        is_challenge = response.status_code == 401 and "www-authenticate" in response.headers
        if not is_challenge or not self._is_registry(response.request.url):
            return
        # `sent` is the Authorization header of this request, and `_header` is the newest Authorization header for the
        # registry. If they differ, another thread has obtained a new header in the meantime. The client then repeats
        # this request with the new header.
        if self._header == sent:
            self._header = yield from self._answer(response)
        request.headers["Authorization"] = self._header
        yield request

    def _answer(self, response: httpx.Response) -> Generator[httpx.Request, httpx.Response, str]:
        offered = dict(_challenges(response))
        credentials = self._credentials()
        if "bearer" in offered:
            return (yield from self._token(offered["bearer"], credentials))
        if "basic" in offered and credentials and not credentials.is_identity_token:
            return credentials.basic
        raise RegistryError(
            f"{self._registry}/{self._repository}: requires credentials; log in with: skopeo login {self._host}"
            if "basic" in offered
            else f"{self._registry}/{self._repository}: answers 401 and offers no supported authentication scheme"
        )

    def _token(
        self, challenge: dict[str, str], credentials: Credentials | None
    ) -> Generator[httpx.Request, httpx.Response, str]:
        realm = httpx.URL(challenge.get("realm", ""))
        if realm.scheme != "https" and not is_loopback(realm.host):
            raise RegistryError(f"{self._registry}: the token endpoint {realm} does not use https")
        parameters = {"service": challenge.get("service", ""), "scope": self._scope(challenge)}
        if credentials and credentials.is_identity_token:
            grant = {"grant_type": "refresh_token", "refresh_token": credentials.password, "client_id": _CLIENT}
            answer = yield httpx.Request("POST", realm, data={**parameters, **grant})
        else:
            headers = {"Authorization": credentials.basic} if credentials else {}
            answer = yield httpx.Request("GET", realm.copy_merge_params(parameters), headers=headers)
        answer.read()
        if answer.status_code == 429 or answer.status_code >= 500:
            # These status codes mean a temporary failure of the token endpoint. `raise_for_status` raises an exception,
            # and the caller then repeats the request to the registry.
            answer.raise_for_status()
        if answer.status_code != 200:
            why = "refuses the credentials for" if credentials else "requires credentials; log in with: skopeo login"
            raise RegistryError(f"{realm}: {why} {self._host} ({answer.status_code})")
        try:
            found: Any = answer.json()
            token = found.get("token") or found.get("access_token")
        except (ValueError, AttributeError):
            token = None
        if not isinstance(token, str):
            raise RegistryError(f"{realm}: the response contains no token")
        return f"Bearer {token}"

    def _scope(self, challenge: Mapping[str, str]) -> str:
        """Returns the scope of the token to request. If the challenge states a scope that names a repository, returns
        this scope. A registry behind a proxy may use another name for the repository than clients do. Otherwise,
        returns the scope for a pull from the repository under the name that clients use.
        """
        stated = challenge.get("scope", "")
        return stated if stated.startswith("repository:") else f"repository:{self._repository}:pull"

    def _is_registry(self, url: httpx.URL) -> bool:
        return (url.scheme, url.netloc) == (self._registry.scheme, self._registry.netloc)

    @property
    def _host(self) -> str:
        return self._registry.netloc.decode()


def _challenges(response: httpx.Response) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields each authentication scheme that the registry offers, in lower case, with the scheme's parameters."""
    for header in response.headers.get_list("www-authenticate"):
        scheme, parameters = "", dict[str, str]()
        for item in parse_http_list(header):
            # One header field may contain several challenges, separated by commas. Each item of this list is either a
            # further parameter of the current challenge, or the start of the next challenge: its scheme and its first
            # parameter.
            begins = _SCHEME.fullmatch(item)
            if begins:
                if scheme:
                    yield scheme, parameters
                scheme, parameters = begins["scheme"].lower(), dict[str, str]()
                item = begins["parameter"] or ""
            name, equals, value = (part.strip() for part in item.partition("="))
            if equals:
                parameters[name.lower()] = value[1:-1] if value.startswith('"') else value
        if scheme:
            yield scheme, parameters
