"""Lists the handlers with which the emulated Cloudflare provider creates, reads, changes and deletes resources.
Handlers call the emulated Cloudflare with the official SDK."""

from __future__ import annotations

from collections.abc import Iterable

from emulation.providers.cloudflare import certificates, custom_hostnames, rulesets, workers, zones
from emulation.providers.cloudflare.clients import Clients, from_environment
from emulation.providers.handler import Function, Handler


def handlers(clients: Clients = from_environment) -> Iterable[Handler]:
    """Returns the handlers of all Cloudflare resource types of the project. `clients` creates the API client when a
    handler needs one."""
    return [
        zones.ZoneSetting(clients),
        zones.DnsRecord(clients),
        custom_hostnames.CustomHostname(clients),
        custom_hostnames.FallbackOrigin(clients),
        rulesets.Ruleset(clients),
        workers.KvNamespace(clients),
        workers.Script(clients),
        workers.Route(clients),
        certificates.MtlsCertificate(clients),
    ]


def functions(clients: Clients = from_environment) -> Iterable[Function]:
    """Returns the handlers of all Cloudflare data sources of the project. `clients` creates the API client when a
    handler needs one."""
    return [
        zones.IpRanges(clients),
        zones.GetZone(clients),
        custom_hostnames.GetCustomHostname(clients),
        custom_hostnames.GetDcvDelegation(clients),
    ]
