"""The edge of a world: how a test reads from it, and how it purges it."""

from __future__ import annotations

import ssl
from typing import Any

from cloudflare import Cloudflare

from emulation.layout import VANTAGES, Vantage
from local import health
from local.clients import Client
from tests.support.world.up import Up

US_EAST, EU_WEST, AP_SOUTHEAST = VANTAGES


def access(up: Up, vantage: Vantage, identity: str = "reader") -> dict[str, Any]:
    """How httpx reaches the edge from there, as that identity."""
    url = up.outputs()["url"]
    token = Client(up.world, identity, url).token()
    return {
        "base_url": url,
        "verify": ssl.create_default_context(cafile=health.edge_authority(up.world)),
        "proxy": health.vantage_proxy(up.world, vantage),
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "timeout": 30,
    }


def purge_edge(up: Up, key: str) -> None:
    outputs = up.outputs()
    api = Cloudflare(base_url=up.world.cloudflare_url, api_token="local")
    zone = next(iter(api.zones.list(name=outputs["zone"]["name"])))
    path = "/".join(part.replace("@", "%40") for part in key.split("/"))
    api.cache.purge(zone_id=zone.id, files=[f"https://{outputs['shields'][0]['host']}:8443/objects/{path}"])
