"""Handlers of the Cloudflare resource types that the project uses. They call the API with the official SDK."""

from __future__ import annotations

from collections.abc import Iterable

from emulation.providers.cloudflare import certificates, custom_hostnames, workers, zones
from emulation.providers.cloudflare.clients import Clients, from_environment
from emulation.providers.handler import Function, Handler


def handlers(clients: Clients = from_environment) -> Iterable[Handler]:
    """Returns one handler for each resource type. `clients` creates the API client when a handler needs one."""
    return [
        zones.ZoneSetting(clients),
        zones.DnsRecord(clients),
        custom_hostnames.CustomHostname(clients),
        custom_hostnames.FallbackOrigin(clients),
        workers.KvNamespace(clients),
        workers.Script(clients),
        workers.Route(clients),
        certificates.MtlsCertificate(clients),
        certificates.CustomOriginTrustStore(clients),
    ]


def functions(clients: Clients = from_environment) -> Iterable[Function]:
    """Returns one handler for each data source. `clients` creates the API client when a handler needs one."""
    return [
        zones.IpRanges(clients),
        zones.GetZone(clients),
        custom_hostnames.GetCustomHostname(clients),
        custom_hostnames.GetDcvDelegation(clients),
    ]
