"""Probe of custom hostnames and zones on Cloudflare. Checks which hostnames, zones and routes Cloudflare refuses. Also
checks that an accepted hostname or zone stays pending while public DNS has no records for it.

The probe uses hostnames below a domain that has no zone in the account, and publishes no DNS record.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudflare import CloudflareError

from probes.fact import Fact, Probe
from probes.zone import Zone, error_code

_PARTIAL_REFUSED = "1104"


def _hostnames(zone: Zone) -> Iterator[Fact]:
    hostnames, name = zone.api.custom_hostnames, f"{zone.name}.{zone.domain}"
    certificate = {"type": "dv", "method": "txt"}
    code = zone.refusal(_route, zone, name)
    yield Fact("a route for a host outside of the zone is refused", code != "accepted", code)
    hostname = hostnames.create(zone_id=zone.id, hostname=name, ssl=certificate)
    zone.later(hostnames.delete, hostname.id, zone_id=zone.id)
    found = hostnames.get(hostname.id, zone_id=zone.id)
    yield Fact("a custom hostname is pending without a DNS record", found.status == "pending", str(found.status))
    status = str(found.ssl.status)
    yield Fact("its certificate is not active either", status != "active", status)
    record = hostname.ownership_verification
    holds = (record.type, record.name) == ("txt", f"_cf-custom-hostname.{name}")
    yield Fact("a TXT record proves who controls the hostname", holds, f"{record.type} {record.name}")
    delegation = zone.api.dcv_delegation.get(zone_id=zone.id).uuid
    yield Fact("the zone has an ID for delegated validation of certificates", bool(delegation), "an ID")
    code = zone.refusal(hostnames.create, zone_id=zone.id, hostname=zone.host("own"), ssl=certificate)
    yield Fact("a custom hostname in the zone itself is refused", code != "accepted", code)
    code = zone.refusal(_route, zone, name)
    yield Fact("a route for a custom hostname is accepted", code == "accepted", code)
    yield from _zones(zone)


def _route(zone: Zone, host: str) -> None:
    """Creates a Cloudflare route for a host. The route leads to no worker script. It is deleted when the probe ends."""
    route = zone.api.workers.routes.create(zone_id=zone.id, pattern=f"{host}/*")
    zone.later(zone.api.workers.routes.delete, route.id, zone_id=zone.id)


def _zones(zone: Zone) -> Iterator[Fact]:
    for kind in ("partial", "full"):
        code, created = _created(zone, kind)
        if created is not None:
            zone.api.zones.delete(zone_id=created.id)
        if kind == "partial":
            yield Fact("a new partial zone is refused", code == _PARTIAL_REFUSED, code)
        else:
            status = str(created.status) if created is not None else code
            yield Fact("a new zone is pending until its domain is delegated", status == "pending", status)


def _created(zone: Zone, kind: str) -> tuple[str, Any]:
    """Adds a zone for the user's domain to the account. Returns `accepted` and the zone. If Cloudflare refuses the
    zone, returns Cloudflare's first error code and None.
    """
    try:
        return "accepted", zone.api.zones.create(account={"id": zone.account}, name=zone.domain, type=kind)
    except CloudflareError as error:
        return error_code(error), None


PROBES = (Probe("custom-hostnames", 'Cloudflare for SaaS, "Hostname validation"', _hostnames),)
