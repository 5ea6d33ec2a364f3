"""Tests a stack whose clients use two networks: Cloudflare, and PoPs of our own. The real Pulumi engine deploys the
stack. Route 53's emulated health checkers probe the PoPs of both networks. Clients on three continents resolve the
hostname that both networks serve. Then the stack gets an accelerator, and the clients connect through it.

No machine of our own PoPs boots in these tests. Instead, a test server answers at the address of each machine.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dns.exception
import httpx
import pytest
import yaml

from contract.pops import pops_hostname
from emulation import processes, services
from emulation.engine.environment import shell_environment
from emulation.layout import CLIENT_LOCATIONS, POP_HTTPS_PORT, POPS, ClientLocation
from local.stack import PASSPHRASE
from previews.temporary_sandbox import TemporarySandbox, temporary_sandbox
from tests.support.certificates import Authority
from tests.support.dns_addresses import addresses_for
from tests.support.runbooks import runbook
from tests.support.sandbox.operator_shell import OperatorShell
from tests.support.sandbox.serving_reports import machines_report
from tests.support.waiting import eventually

LOOPBACK = "127.67"
PAGE = "docs/operations.md"
STACK = "dev"
VALUES = {"--stack prod": f"--stack {STACK}"}
DOMAIN = "dev.artifact-edge.example"
HOSTNAME = f"packages.{DOMAIN}"
US, EU, ASIA = CLIENT_LOCATIONS
OWN_POPS = [
    {"region": "us-east-1", "machine_type": "i4i.large", "nodes": 1},
    {"region": "eu-west-1", "machine_type": "i4i.large", "nodes": 1},
]

pytestmark = pytest.mark.plans


class Machine(BaseHTTPRequestHandler):
    """Answers every GET request with the IP addresses of the server and of the client, as JSON."""

    def do_GET(self) -> None:
        server: Any = self.server
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps([server.server_address[0], self.client_address[0]]).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@dataclass
class Networks:
    """A deployed stack whose clients use Cloudflare and PoPs of our own. `shell` runs the commands of the stack's
    operator.

    `machines` maps each region to the address of our PoP machine there. `certificate` has the TLS settings of the
    test's servers, and `trust` those of the clients that connect to these servers.
    """

    sandbox: TemporarySandbox
    shell: OperatorShell
    certificate: ssl.SSLContext
    trust: ssl.SSLContext
    machines: dict[str, str]
    _servers: dict[str, ThreadingHTTPServer] = field(default_factory=dict[str, ThreadingHTTPServer])

    def lead(self, percent: int) -> None:
        """Runs the commands of the runbook "A network is down". Afterwards, DNS directs the given percentage of the
        clients to our own PoPs.
        """
        (shift,) = runbook(PAGE, "A network is down").blocks(VALUES | {"pops_percent 20": f"pops_percent {percent}"})
        said = self.shell.run(shift)
        assert '"cloudflare"' in said and '"own"' in said

    def start(self, region: str) -> None:
        """Starts a server at the address of a region's PoP machine, if none runs there yet. The server answers in place
        of the machine.
        """
        if region in self._servers:
            return
        server = ThreadingHTTPServer((self.machines[region], POP_HTTPS_PORT), Machine)
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

    def networks(self, queries: int = 20) -> list[set[str]]:
        """Sends a number of DNS queries from the US, from Europe and from Asia. Returns, for each of the three places,
        the networks or regions to which the answers direct clients.
        """
        clouds = self.sandbox.clouds
        names = {clouds.pop_address(pop): "cloudflare" for pop in POPS}
        names |= {address: region for region, address in self.machines.items()}
        return [{names[self.addresses(place)[0]] for _ in range(queries)} for place in (US, EU, ASIA)]

    def lead_to(self, us: str, eu: str, asia: str) -> bool:
        """Waits until DNS directs all clients in the US, in Europe and in Asia to the expected networks or regions,
        which `us`, `eu` and `asia` name. Returns False if DNS still directs clients elsewhere after two minutes.
        """
        wanted = [{us}, {eu}, {asia}]
        # Most polls see after three queries that DNS still directs clients elsewhere.
        return eventually(lambda: self.networks(1) == wanted and self.networks() == wanted)

    @contextmanager
    def resolving(self, names: Sequence[str]) -> Generator[list[str]]:
        """Resolves DNS names for clients of three continents over and over, until the context ends. The yielded list
        collects each name that a client could not resolve.
        """
        ended = threading.Event()
        unanswered: list[str] = []

        def answered(place: ClientLocation, name: str) -> bool:
            try:
                return bool(self.addresses(place, name))
            except (dns.exception.DNSException, OSError):
                return False

        def resolve() -> None:
            while not ended.wait(0.2):
                asked = ((place, name) for name in names for place in CLIENT_LOCATIONS)
                unanswered.extend(name for place, name in asked if not answered(place, name))

        thread = threading.Thread(target=resolve)
        thread.start()
        try:
            yield unanswered
        finally:
            ended.set()
            thread.join()

    def addresses(self, place: ClientLocation, name: str = HOSTNAME) -> list[str]:
        for _ in range(11):
            # A query can remain unanswered. The loop then repeats the query, as a resolver does.
            with suppress(dns.exception.Timeout):
                return addresses_for(self.sandbox.clouds, name, place)
        return addresses_for(self.sandbox.clouds, name, place)

    def drain(self, number: int) -> None:
        """Takes a PoP out of service, with the commands in the runbook "A PoP machine is down". `number` is the PoP's
        index in the stack's setting `pops`.
        """
        (drain,) = runbook(PAGE, "A PoP machine is down").blocks(VALUES | {"pops[0]": f"pops[{number}]"})
        self.shell.run(drain)

    def connect(self, place: ClientLocation) -> tuple[str, str]:
        """Sends a request to the hostname from the client location `place`. Returns what the client connects to
        (`accelerator` or `machine`), and the region of the server that answers. The region is empty if no server
        answers.

        Asserts that the server sees the client's own address.
        """
        own = self.sandbox.clouds.client_location_address(place)
        address = self.addresses(place)[0]
        through = "machine" if address in self.machines.values() else "accelerator"
        transport = httpx.HTTPTransport(verify=self.trust, local_address=own)
        with httpx.Client(transport=transport, trust_env=False) as http:
            url = f"https://{address}:{POP_HTTPS_PORT}/healthz"
            try:
                answer = http.get(url, headers={"Host": HOSTNAME}, extensions={"sni_hostname": HOSTNAME})
            except httpx.TransportError:
                return through, ""
        server, seen = answer.json()
        assert seen == own
        return through, next(region for region, each in self.machines.items() if each == server)

    def reach(self, through: str, us: str, eu: str, asia: str, *, always: bool = False) -> bool:
        """Waits until clients reach the expected regions through the expected kind of address. Returns False if this
        takes longer than two minutes.

        `us`, `eu` and `asia` are the regions of the servers that must answer clients in the US, in Europe and in Asia.
        `through` is the kind of address that the clients must connect to: "accelerator" or "machine". With `always`,
        the result is also False if a client connected to the other kind of address while the method was waiting.
        """
        wanted = [(through, us), (through, eu), (through, asia)]
        seen: set[str] = set()

        def reached() -> bool:
            found = [self.connect(place) for place in (US, EU, ASIA)]
            seen.update(each for each, _ in found)
            return found == wanted

        return eventually(reached) and (not always or seen == {through})


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
        made = Networks(sandbox, shell, *_tls(tmp_path_factory.mktemp("tls")), addresses)
        start_service(sandbox, "dns")
        try:
            with machines_report(sandbox.clouds.aws_url, STACK, ("us-east-1", "eu-west-1")):
                yield made
        finally:
            made.stop_all()


def start_service(sandbox: TemporarySandbox, name: str) -> None:
    services.start(sandbox.clouds, [each for each in (*services.CLOUDS, *services.RUNTIME) if each.name == name])


def _tls(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Returns the TLS settings of the test's servers, and the settings of the clients that validate the servers'
    certificate.
    """
    authority = Authority("tests")
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    chain, private = authority.issue(HOSTNAME)
    certificate.write_text(chain)
    key.write_text(private)
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(certificate, key)
    return settings, ssl.create_default_context(cadata=authority.certificate)


@pytest.mark.nightly
def test_a_lost_pop_machine_is_replaced_and_keeps_its_address(networks: Networks) -> None:
    """Terminates a PoP machine and replaces it, with the commands of the runbook for shield machines. The runbook for
    PoP machines refers to these commands.
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
    # The Cloudflare record has the weight 0, but no machine of our own PoPs answers yet. Route 53 returns records with
    # the weight 0 only while all other records are unhealthy. DNS therefore directs all clients to Cloudflare.
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


@pytest.mark.nightly  # slow, because each routing policy needs an update of the stack
def test_clients_have_an_answer_while_the_routing_policy_changes(networks: Networks) -> None:
    """Changes the routing policy of our own PoPs three times. Meanwhile, clients resolve two names: HOSTNAME, and the
    common name of our own PoPs. Both names must always have an answer, because resolvers can have them in their caches.
    """
    start_service(networks.sandbox, "cloudflare")  # restarts the emulated Cloudflare, which an earlier test stops
    networks.start("us-east-1")
    networks.start("eu-west-1")
    networks.lead(100)
    assert networks.lead_to("us-east-1", "eu-west-1", "eu-west-1"), networks.networks()
    known = [HOSTNAME, pops_hostname(DOMAIN)]
    for routing in ("geolocation", "geoproximity", "latency"):
        with networks.resolving(known) as unanswered:
            networks.shell.run(
                f"pulumi config set --stack {STACK} artifact-edge:pops_routing {routing}\npulumi up --skip-preview"
            )
            assert networks.lead_to("us-east-1", "eu-west-1", "eu-west-1"), networks.networks()
        assert unanswered == []
        known.append(json.loads(networks.shell.run("pulumi stack output networks"))[1]["target"])
    assert known[2:] == [f"geolocation.{known[1]}", f"geoproximity.{known[1]}", known[1]]


def test_an_accelerator_leads_clients_to_the_nearest_region_that_is_healthy_and_not_drained(networks: Networks) -> None:
    start_service(networks.sandbox, "cloudflare")  # an earlier test may have stopped the emulated Cloudflare
    networks.start("us-east-1")
    networks.start("eu-west-1")
    networks.shell.run(
        f"pulumi config set --stack {STACK} artifact-edge:pops_percent 100\n"
        f"pulumi config set --stack {STACK} artifact-edge:pops_reached_by global-accelerator\n"
        "pulumi up --skip-preview"
    )
    # The process that serves accelerators does not run yet, so DNS directs clients to the PoP machines.
    assert networks.reach("machine", "us-east-1", "eu-west-1", "eu-west-1")
    start_service(networks.sandbox, "accelerators")
    assert networks.reach("accelerator", "us-east-1", "eu-west-1", "eu-west-1")
    # If a region is lost, the DNS answers stay the same. The accelerator directs the region's clients to the other
    # region.
    networks.stop("us-east-1")
    assert networks.reach("accelerator", "eu-west-1", "eu-west-1", "eu-west-1", always=True)
    networks.start("us-east-1")
    networks.drain(1)
    assert networks.reach("accelerator", "us-east-1", "us-east-1", "us-east-1", always=True)
    processes.stop(networks.sandbox.clouds, "accelerators")
    assert networks.reach("machine", "us-east-1", "eu-west-1", "eu-west-1")
