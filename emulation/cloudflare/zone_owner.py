"""Adds a zone to an emulated Cloudflare account and delegates the zone's domain to Cloudflare.

For a real account, an operator does this in Cloudflare's dashboard and at the domain's registrar.
"""

from __future__ import annotations

from cloudflare import Cloudflare

from emulation.cloudflare.zones import REGISTRAR_PATH


def active_zone(api: Cloudflare, account_id: str, name: str) -> str:
    """Adds the zone to the Cloudflare account if the account does not have the zone yet. Then delegates the zone's
    domain to Cloudflare, and returns the zone's id.
    """
    zone = next(iter(api.zones.list(name=name)), None) or api.zones.create(
        account={"id": account_id}, name=name, type="full"
    )
    api.put(f"{REGISTRAR_PATH}/{name}", cast_to=object)
    return zone.id if zone else ""
