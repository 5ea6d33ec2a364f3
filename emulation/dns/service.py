"""Runs the DNS server, the health checkers and the client proxies of a sandbox (emulated clouds) in one process."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
from random import SystemRandom

import dns.name
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from emulation.aws.changes import ChangedRegions
from emulation.dns.answers import Authority
from emulation.dns.client_locations import ClientLocationProxy
from emulation.dns.cloudflare import CloudflareZones, Listed, cloudflare_zone
from emulation.dns.health import Check, HealthChecks
from emulation.dns.metrics import HealthMetrics
from emulation.dns.route53 import Route53, Served, Snapshot, serve
from emulation.dns.server import DnsServer
from emulation.dns.stand_ins import stand_ins
from emulation.layout import CLIENT_LOCATION_PORT, CLIENT_LOCATIONS, DNS_PORT, POP_HTTPS_PORT, POPS, Pop, Sandbox

_log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0


class DnsService:
    """The DNS of a sandbox (emulated clouds on this machine). The file `run/dns.json` contains the served zones, the
    refused records and the state of the health checks.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._route53 = Route53(sandbox.aws_url)
        self._changes = ChangedRegions(sandbox.aws_url, {"globalaccelerator", "route53"})
        self._checks = HealthChecks(self._addresses_anywhere, self._probed_from)
        self._metrics = HealthMetrics(sandbox.aws_url)
        self._cloudflare = CloudflareZones(sandbox.cloudflare_url)
        self._stand_ins = stand_ins(sandbox)
        self._listed = self._snapshot = Snapshot()
        self._edge_zones: tuple[Listed, ...] = ()
        self._served = Served((), (), ())
        self._authority = Authority(self._stand_ins)
        self._reported = ""
        self._silent = False

    async def run(self) -> None:
        self._checks.configure(self._pop_checks())
        # Reads the zones before the DNS server starts. Otherwise, the server would first refuse queries for names in
        # these zones.
        await self._read_zones()
        await DnsServer(lambda: self._authority).serve(self._sandbox.dns_address, DNS_PORT)
        for client_location in CLIENT_LOCATIONS:
            proxy = ClientLocationProxy(client_location, (self._sandbox.dns_address, DNS_PORT), self._is_served)
            await proxy.serve(self._sandbox.client_location_address(client_location), CLIENT_LOCATION_PORT)
        _log.info("answering on %s:%d", self._sandbox.dns_address, DNS_PORT)
        try:
            while True:
                await asyncio.sleep(_POLL_SECONDS)
                await self._read_zones()
        finally:
            await self._checks.stop()

    async def _read_zones(self) -> None:
        """Reads the DNS zones of the emulated Route 53 and the emulated Cloudflare, so that the DNS server serves their
        current records. Also sends the state of each health check to CloudWatch as a metric.
        """
        try:
            self._apply(await asyncio.to_thread(self._read_route53), await asyncio.to_thread(self._read_cloudflare))
            healthy = {check.id: self._checks.healthy(check.id) for check in self._served.checks}
            await asyncio.to_thread(self._metrics.publish, healthy)
            self._silent = False
        except (BotoCoreError, ClientError, httpx.HTTPError) as error:
            if not self._silent:
                _log.warning("the emulated Route 53 does not answer; its last records stay served: %s", error)
            self._silent = True
        self._report()

    def _read_route53(self) -> Snapshot:
        """Returns the zones, records and health checks of the emulated Route 53. Reads them only after a change."""
        now = self._changes.now()
        if self._changes.since_seen(now):
            self._listed = self._route53.read()
            self._changes.seen(now)
        return self._listed

    def _read_cloudflare(self) -> tuple[Listed, ...]:
        """Returns the zones of the emulated Cloudflare. When the Cloudflare API does not answer, returns the zones from
        the last successful read.
        """
        try:
            return self._cloudflare.read()
        except httpx.HTTPError:
            return self._edge_zones

    def _apply(self, snapshot: Snapshot, edge_zones: tuple[Listed, ...]) -> None:
        if (snapshot, edge_zones) == (self._snapshot, self._edge_zones):
            return
        self._snapshot, self._edge_zones = snapshot, edge_zones
        self._served = serve(snapshot, self._checks.healthy, SystemRandom())
        on_cloudflare = [cloudflare_zone(self._sandbox, zone, self._listening) for zone in edge_zones]
        self._authority = Authority([*self._stand_ins, *on_cloudflare, *self._served.zones])
        self._checks.configure([*self._served.checks, *self._pop_checks()])
        _log.info("serving %s", ", ".join(str(zone.origin) for zone in self._served.zones) or "no zone")

    def _addresses_anywhere(self, name: str) -> list[str]:
        """Returns all addresses that a DNS name has for clients at any location. The health checkers probe these
        addresses.

        Route 53's own checkers also resolve a name from many countries.
        """
        return sorted(
            {
                address
                for client_location in CLIENT_LOCATIONS
                for address in self._authority.addresses(name, client_location)
            }
        )

    def _probed_from(self, address: str) -> list[str]:
        """Returns the source addresses from which health checkers probe an address. A static address of an accelerator
        is probed from all client locations, because a different server can answer at each location.
        """
        if ipaddress.ip_address(address) not in ipaddress.ip_network(self._sandbox.accelerator_network):
            return [""]
        return [self._sandbox.client_location_address(each) for each in CLIENT_LOCATIONS]

    def _pop_checks(self) -> list[Check]:
        """Returns a health check for each PoP. A PoP is unhealthy after one failed probe. The emulated anycast routing
        then sends its clients to other PoPs.
        """
        return [
            Check(id=_pop_id(pop), type="TCP", address=self._sandbox.pop_address(pop), port=POP_HTTPS_PORT, failures=1)
            for pop in POPS
        ]

    def _listening(self, pop: Pop) -> bool:
        return self._checks.healthy(_pop_id(pop))

    def _is_served(self, name: str) -> bool:
        owner = dns.name.from_text(name)
        return any(owner.is_subdomain(zone.origin) for zone in self._served.zones)

    def _report(self) -> None:
        """Writes the state of the DNS of the sandbox (emulated clouds) to `run/dns.json`, for people and tests.

        The method replaces the file in one step. Readers therefore never see an incomplete file.
        """
        report = {
            "zones": [str(zone.origin) for zone in self._served.zones],
            "refused": self._served.refused,
            "health_checks": self._checks.report(),
        }
        text = json.dumps(report, indent=2) + "\n"
        if text != self._reported:
            path = self._sandbox.path("run", "dns.json")
            draft = path.with_suffix(".json.new")
            draft.write_text(text)
            draft.replace(path)
            self._reported = text


def _pop_id(pop: Pop) -> str:
    return f"pop-{pop.colo}"
