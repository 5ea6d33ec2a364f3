"""The connection pool with which the registry calls the edge worker at the clients' hostname.

In a sandbox no public DNS name resolves, and the edge has a private certificate authority. Two variables of the
environment then name a proxy and the authority's file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import urllib3

from registry.cloudflare.api import Http, pool, proxy_of

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
    own = os.environ.get(PROXY_VARIABLE, "") if urlsplit(url).scheme == "https" else ""
    return pool(own or proxy_of(url), settings)
