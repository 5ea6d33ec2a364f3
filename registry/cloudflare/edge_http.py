"""The connection pool with which the registry calls the edge worker at the clients' hostname.

In a sandbox no public DNS name resolves, and the edge has a private certificate authority. Two variables of the
environment then name a proxy and the authority's file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from registry.cloudflare.api import Http

PROXY_VARIABLE = "ARTIFACT_EDGE_PROXY"
AUTHORITY_VARIABLE = "ARTIFACT_EDGE_CA_FILE"
_TIMEOUT = urllib3.Timeout(connect=3, read=10)


def edge_http(url: str) -> Http:
    """Returns the connection pool for requests to the edge worker at `url`. It sends each request once."""
    settings: Mapping[str, Any] = {
        "timeout": _TIMEOUT,
        "retries": False,
        "ca_certs": os.environ.get(AUTHORITY_VARIABLE) or None,
    }
    proxy = _proxy(url)
    if proxy:
        return cast(Http, urllib3.ProxyManager(proxy, **settings))
    return cast(Http, urllib3.PoolManager(**settings))


def _proxy(url: str) -> str:
    place, own = urlsplit(url), os.environ.get(PROXY_VARIABLE, "")
    if place.scheme == "https" and own:
        return own
    return "" if proxy_bypass(place.netloc) else getproxies().get(place.scheme, "")
