"""Tests a stack whose clients use two networks, Cloudflare and PoPs of our own. The real Pulumi engine deploys the
stack. Route 53's emulated health checkers probe the PoPs of both networks, and clients of three continents resolve the
hostname.

No machine of our own PoPs boots here. At the address of each machine, a server of the test answers the health check.
"""

from __future__ import annotations

import json
import re
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
from emulation.engine.environment import shell_environment
from emulation.layout import CLIENT_LOCATIONS, POP_HTTPS_PORT, POPS
from local.stack import PASSPHRASE
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox
from tests.support.certificates import Authority
from tests.support.http_server import Healthy
from tests.support.runbooks import runbook
from tests.support.sandbox.operator_shell import OperatorShell
from tests.support.sandbox.serving_reports import machines_report
from tests.support.waiting import eventually

LOOPBACK = "127.67"
PAGE = "docs/operations.md"
STACK = "dev"
VALUES = {"--stack prod": f"--stack {STACK}"}
HOSTNAME = "packages.dev.artifact-edge.example"
US, EU, ASIA = CLIENT_LOCATIONS
OWN_POPS = [
    {"region": "us-east-1", "machine_type": "i4i.large", "nodes": 1},
    {"region": "eu-west-1", "machine_type": "i4i.large", "nodes": 1},
]


@dataclass
class Networks:
    """A deployed stack with Cloudflare and PoPs of our own, and the shell of its operator.

    `machines` maps each region to the address of the machine in our PoP.
    """

    sandbox: TemporarySandbox
    shell: OperatorShell
    certificate: ssl.SSLContext
    machines: dict[str, str]
    _servers: dict[str, ThreadingHTTPServer] = field(default_factory=dict[str, ThreadingHTTPServer])

    def lead(self, percent: int) -> None:
        """Runs the commands of the runbook "A network is down". Afterwards, DNS leads the given percentage of the
        clients to our own PoPs.
        """
        (shift,) = runbook(PAGE, "A network is down").blocks(VALUES | {"pops_percent 20": f"pops_percent {percent}"})
        said = self.shell.run(shift)
        assert '"cloudflare"' in said and '"own"' in said

    def start(self, region: str) -> None:
        """Starts a server at the address of a region's PoP machine, which answers the health check in place of the
        machine.
        """
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
        """Sends 20 DNS queries from the US, 20 from Europe and 20 from Asia. Returns, for each of the three places, the
        networks or regions to which the answers lead.
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
        regions that `us`, `eu` and `asia` name. Returns False if DNS leads clients elsewhere after this time.
        """
        return eventually(lambda: self.networks() == [{us}, {eu}, {asia}])


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Networks]:
    with temporary_sandbox(LOOPBACK, print) as sandbox:
        sandbox.new_stack(STACK)
        file = sandbox.project / "stacks" / f"Pulumi.{STACK}.yaml"
        config = yaml.safe_load(file.read_text())
        config["config"] |= {"artifact-edge:pops": OWN_POPS, "artifact-edge:pops_percent": 100}
        file.write_text(yaml.safe_dump(config))
        environment = shell_environment(sandbox.engine, sandbox.clouds, passphrase=PASSPHRASE)
        shell = OperatorShell(sandbox.project, environment, tmp_path_factory.mktemp("commands"))
        shell.run(f"pulumi stack select {STACK}\npulumi up --skip-preview")
        machines = json.loads(shell.run("pulumi stack output pops"))
        addresses = {machine["region"]: machine["address"] for machine in machines}
        made = Networks(sandbox, shell, _tls(tmp_path_factory.mktemp("tls")), addresses)
        services.start(sandbox.clouds, [each for each in services.RUNTIME if each.name == "dns"])
        try:
            with machines_report(sandbox.clouds.aws_url, STACK, ("us-east-1", "eu-west-1")):
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


@pytest.mark.nightly
def test_a_lost_pop_machine_is_replaced_and_keeps_its_address(networks: Networks) -> None:
    """Terminates a PoP machine, and replaces it. The runbook for PoP machines tells the operator to use the commands
    for a shield machine.
    """
    shell, machine = networks.shell, runbook(PAGE, "A shield machine is down")
    assert "as [a shield machine](#a-shield-machine-is-down). The old machine keeps its address" in " ".join(
        runbook(PAGE, "A PoP machine is down").text.split()
    )
    address = networks.machines["eu-west-1"]
    described = "aws ec2 describe-addresses --region eu-west-1 --output text"
    instance = f"{described} --query \"Addresses[?PublicIp=='{address}'].InstanceId\""
    before = shell.run(instance).strip()
    shell.run(f"aws ec2 terminate-instances --region eu-west-1 --instance-ids {before}")
    shown = shell.run(machine.command("pulumi stack --show-urns") + " --show-ids")
    (urn,) = re.findall(rf"URN: (\S+)[\s│]+ID: {before}", shown)
    any_value = {"<region>": "any", "<id of the instance>": "any"}
    _, *replace = machine.blocks(VALUES | any_value | {"<URN of the instance>": urn})
    shell.run("\n".join(replace))
    assert shell.run(instance).strip() not in ("", before)
    shell.run("pulumi preview --expect-no-changes")


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
