"""Access of the tests to a sandbox's edge: settings for reads, and cache purges."""

from __future__ import annotations

import ssl
from typing import Any

from cloudflare import Cloudflare

from emulation.layout import CLIENT_LOCATIONS, ClientLocation
from local import health
from local.clients import Client
from tests.support.sandbox.up import Up

US_EAST, EU_WEST, AP_SOUTHEAST = CLIENT_LOCATIONS


def access(up: Up, client_location: ClientLocation, identity: str = "reader") -> dict[str, Any]:
    """Returns the httpx settings that reach the edge from a client location with the token of `identity`."""
    url = up.outputs()["url"]
    token = Client(up.sandbox, identity, url).token()
    return {
        "base_url": url,
        "verify": ssl.create_default_context(cafile=health.edge_authority(up.sandbox)),
        "proxy": health.client_location_proxy(up.sandbox, client_location),
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "timeout": 30,
    }


def purge_edge(up: Up, key: str) -> None:
    outputs = up.outputs()
    api = Cloudflare(base_url=up.sandbox.cloudflare_url, api_token="local")
    path = "/".join(part.replace("@", "%40") for part in key.split("/"))
    api.cache.purge(
        zone_id=outputs["edge_zone"]["id"], files=[f"https://{outputs['shields'][0]['host']}:8443/objects/{path}"]
    )
