"""The connection pool for the registry's requests to the edge worker. The pool uses the hostname that clients connect
to.

A sandbox (emulated clouds on this machine) has no public DNS, and its certificates come from its own certificate
authority. Two environment variables name the sandbox's proxy and the file with the authority's certificate.
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
    """Returns the connection pool for requests to the edge worker at `url`. The pool does not retry requests."""
    settings: Mapping[str, Any] = {
        "timeout": _TIMEOUT,
        "retries": False,
        "ca_certs": os.environ.get(AUTHORITY_VARIABLE) or None,
    }
    own = os.environ.get(PROXY_VARIABLE, "") if urlsplit(url).scheme == "https" else ""
    return pool(own or proxy_of(url), settings)
