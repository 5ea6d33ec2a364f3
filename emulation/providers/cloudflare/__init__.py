"""Handlers of the Cloudflare resource types that the program uses, over the real API calls of the official SDK."""

from __future__ import annotations

from collections.abc import Iterable

from emulation.providers.cloudflare import certificates, workers, zones
from emulation.providers.cloudflare.clients import Clients, from_environment
from emulation.providers.handler import Function, Handler


def handlers(clients: Clients = from_environment) -> Iterable[Handler]:
    """One handler a resource type; `clients` gives the API client, when one is needed."""
    return [
        zones.Zone(clients),
        zones.ZoneSetting(clients),
        zones.DnsRecord(clients),
        workers.KvNamespace(clients),
        workers.Script(clients),
        workers.Route(clients),
        certificates.MtlsCertificate(clients),
        certificates.CustomOriginTrustStore(clients),
    ]


def functions(clients: Clients = from_environment) -> Iterable[Function]:
    """One handler a data source."""
    return [zones.IpRanges(clients)]
