"""Tests a stack whose clients use two networks, Cloudflare and PoPs of our own. The real Pulumi engine deploys the
stack. Route 53's emulated health checkers probe the PoPs of both networks, and clients of three continents resolve the
hostname.

No machine of our own PoPs boots here. At the address of each machine, a server of the test answers the health check.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from emulation import processes, services
from emulation.dns import client
from emulation.dns.answers import addresses_in
from emulation.layout import CLIENT_LOCATIONS, POP_HTTPS_PORT, POPS
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox
from tests.support.certificates import Authority
from tests.support.http_server import Healthy
from tests.support.waiting import eventually

LOOPBACK = "127.67"
STACK = "dev"
HOSTNAME = "packages.dev.artifact-edge.example"
US, EU, ASIA = CLIENT_LOCATIONS
OWN_POPS = [
    {"region": "us-east-1", "machine_type": "i4i.large", "nodes": 1},
    {"region": "eu-west-1", "machine_type": "i4i.large", "nodes": 1},
]


@dataclass
class Networks:
    """A deployed stack with Cloudflare and PoPs of our own. `machines` maps each region to the address of the machine
    in our PoP.
    """

    sandbox: TemporarySandbox
    certificate: ssl.SSLContext
    machines: dict[str, str] = field(default_factory=dict[str, str])
    _servers: dict[str, ThreadingHTTPServer] = field(default_factory=dict[str, ThreadingHTTPServer])

    def lead(self, percent: int) -> None:
        """Deploys the stack so that DNS leads the given percentage of the clients to our own PoPs."""
        file = self.sandbox.project / "stacks" / f"Pulumi.{STACK}.yaml"
        config = yaml.safe_load(file.read_text())
        config["config"] |= {"artifact-edge:pops": OWN_POPS, "artifact-edge:pops_percent": percent}
        file.write_text(yaml.safe_dump(config))
        deployed = self.sandbox.pulumi("up", "--yes", "--skip-preview", "--stack", STACK)
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        shown = self.sandbox.pulumi("stack", "output", "--json", "--stack", STACK)
        self.machines = {node["region"]: node["address"] for node in json.loads(shown.stdout)["pops"]}

    def start(self, region: str) -> None:
        """Starts a server that answers the health check of a region's PoP machine."""
        server = ThreadingHTTPServer((self.machines[region], POP_HTTPS_PORT), Healthy)
        server.socket = self.certificate.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._servers[region] = server

    def stop(self, region: str) -> None:
        server = self._servers.pop(region)
        server.shutdown()
        server.server_close()

    def stop_all(self) -> None:
        for region in list(self._servers):
            self.stop(region)

    def networks(self) -> list[set[str]]:
        """Returns, for clients in the US, in Europe and in Asia, the networks or regions to which 20 DNS
        queries lead.
        """
        clouds = self.sandbox.clouds
        names = {clouds.pop_address(pop): "cloudflare" for pop in POPS}
        names |= {address: region for region, address in self.machines.items()}
        return [
            {
                names[addresses_in(client.send_query(clouds, client.question(HOSTNAME, "A", place)).answer)[0]]
                for _ in range(20)
            }
            for place in (US, EU, ASIA)
        ]

    def lead_to(self, us: str, eu: str, asia: str) -> bool:
        """Waits at most two minutes until DNS leads all clients in the US, in Europe and in Asia to the networks or
        regions that `us`, `eu` and `asia` name. Returns whether DNS does.
        """
        return eventually(lambda: self.networks() == [{us}, {eu}, {asia}])


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Networks]:
    with temporary_sandbox(LOOPBACK, print) as sandbox:
        sandbox.new_stack(STACK)
        made = Networks(sandbox, _tls(tmp_path_factory.mktemp("tls")))
        made.lead(100)
        services.start(sandbox.clouds, [each for each in services.RUNTIME if each.name == "dns"])
        try:
            yield made
        finally:
            made.stop_all()


def _tls(directory: Path) -> ssl.SSLContext:
    """Returns the TLS settings of the test's servers. Route 53's health checkers accept any certificate."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    chain, private = Authority("tests").issue(HOSTNAME)
    certificate.write_text(chain)
    key.write_text(private)
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(certificate, key)
    return settings


def test_clients_change_the_network_by_weight_and_by_health(networks: Networks) -> None:
    # No machine of our own PoPs answers yet. DNS therefore leads all clients to Cloudflare, although Cloudflare's
    # weight is 0.
    assert networks.lead_to("cloudflare", "cloudflare", "cloudflare"), networks.networks()
    networks.start("us-east-1")
    networks.start("eu-west-1")
    assert networks.lead_to("us-east-1", "eu-west-1", "eu-west-1"), networks.networks()
    networks.stop("eu-west-1")
    assert networks.lead_to("us-east-1", "us-east-1", "us-east-1"), networks.networks()
    networks.start("eu-west-1")
    networks.lead(0)
    assert networks.lead_to("cloudflare", "cloudflare", "cloudflare"), networks.networks()
    processes.stop(networks.sandbox.clouds, "cloudflare")
    assert networks.lead_to("us-east-1", "eu-west-1", "eu-west-1"), networks.networks()
