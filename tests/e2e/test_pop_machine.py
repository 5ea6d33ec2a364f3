"""Boots a PoP machine from its real user data, in a stack that the real engine deploys to the emulated clouds. Clients
then request published packages from the machine's public address.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.clients import Client
from local.health import edge_authority
from local.samples import build
from tests.support.needs_root import needs_root
from tests.support.pop_machine import CONFIG, RUNNING_UNITS, TARBALL, PopMachine
from tests.support.sandbox.installs import npm_install, pip_install
from tests.support.sandbox.own_stack import own_stack
from tests.support.waiting import eventually

LOOPBACK = "127.66"
STACK = "pops"
# L1 writes its directory to disk every 5 s, after the objects (records.config, cache.dir.sync_frequency). A reboot can
# lose an object that L1 stored less than about two of these intervals before.
SECONDS_TO_KEEP = 12

pytestmark = needs_root


@pytest.fixture(scope="module")
def pop() -> Iterator[PopMachine]:
    with own_stack(LOOPBACK, STACK, CONFIG) as stack:
        (machine,) = stack.outputs()["pops"]
        trust = ssl.create_default_context(cafile=str(edge_authority(stack.sandbox)))
        made = PopMachine(stack, machine["address"], trust)
        # The first boot cannot fetch everything if, for example, a shield boots later than this machine. A timer of the
        # machine fetches the rest afterwards, so the machine can take some time to become healthy.
        assert eventually(made.is_healthy, 300), made.log()
        yield made


def test_the_machine_boots_from_its_user_data_and_all_units_run(pop: PopMachine) -> None:
    assert pop.processes().keys() == RUNNING_UNITS
    root = pop.stack.sandbox.directory / "machines" / pop.instance / "root"
    fetched = {file.name for file in (root / "usr/local/bin").iterdir()}
    assert {"run-worker", "serve-entitlements", "serve-purges", "check-health"} <= fetched
    assert {"server.pem", "client.pem", "worker.js", "ticket.key"} <= {
        file.name for file in (root / "run/artifact-edge").iterdir()
    }


def test_a_client_with_a_token_gets_a_published_package(pop: PopMachine, tmp_path: Path) -> None:
    refused = pop.get(TARBALL)
    assert refused.status_code == 401
    assert pop.get(TARBALL, "unknown").status_code == 401
    token = pop.token("pop-reader", "npm:*:pull")
    answer = pop.get(TARBALL, token)
    assert answer.status_code == 200
    assert answer.content == build(tmp_path).files[0].read_bytes()
    assert pop.get(TARBALL, token).headers["x-cache"] == "edge; hit"
    assert pop.get(TARBALL, pop.token("pop-other", "pypi:*:pull")).status_code == 403


def test_npm_and_pip_install_through_the_machine_to_which_dns_leads_them(pop: PopMachine, tmp_path: Path) -> None:
    reader = Client(pop.stack.sandbox, "reader", pop.stack.outputs()["url"])
    assert eventually(lambda: pop.led_to() == {pop.address})
    before = len(pop.answers())
    result = npm_install(reader, "@acme/web", tmp_path / "npm")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "npm/node_modules/@acme/greeting/index.js").exists()
    result = pip_install(reader, "acme-greeter", tmp_path / "python")
    assert result.returncode == 0, result.stderr
    paths = {line["path"] for line in pop.answers()[before:] if line["status"] == "200"}
    assert {"/npm/@acme%2fweb", "/npm/@acme/web/-/web-1.0.0.tgz", "/pypi/simple/acme-greeter/"} <= paths


@pytest.mark.nightly  # slow, because the machine sends a report only once a minute
def test_the_machine_reports_that_it_serves(pop: PopMachine) -> None:
    """The machine reports in Parameter Store that it serves clients. `pulumi up` waits for the report of a new machine
    before it moves an address to this machine.
    """
    name = f"/artifact-edge/{STACK}/serving/{pop.stack.outputs()['pops'][0]['name']}"

    def reported() -> str:
        found = pop.stack.aws("ssm").get_parameters(Names=[name])["Parameters"]
        return found[0]["Value"] if found else ""

    assert eventually(lambda: reported() == pop.instance, 300), pop.log()


@pytest.mark.nightly  # slow, because the machine sends a report only once a minute
def test_the_machine_reports_refused_requests(pop: PopMachine) -> None:
    metric = {"Namespace": "ArtifactEdge", "MetricName": "RefusedRequests"}
    assert pop.get("/npm/%2e%2e/greeting").status_code == 403

    def rules() -> set[str]:
        found = pop.stack.aws("cloudwatch").list_metrics(**metric)["Metrics"]
        return {each["Value"] for one in found for each in one["Dimensions"] if each["Name"] == "Rule"}

    assert eventually(lambda: "malformed" in rules(), 120), pop.log()


def test_after_a_reboot_the_machine_serves_again_and_keeps_its_objects(pop: PopMachine) -> None:
    token = pop.token("pop-after-reboot", "npm:*:pull")
    assert eventually(lambda: pop.get(TARBALL, token).headers.get("x-cache") == "edge; hit")
    time.sleep(SECONDS_TO_KEEP)
    before, said = pop.processes(), pop.log()
    pop.stack.aws("ec2").reboot_instances(InstanceIds=[pop.instance])
    assert eventually(lambda: before.items().isdisjoint(pop.processes().items()))
    assert eventually(pop.is_healthy, 300), pop.log()
    answer = pop.get(TARBALL, token)
    assert (answer.status_code, answer.headers["x-cache"]) == (200, "edge; hit")
    assert pop.get(TARBALL).status_code == 401
    assert pop.processes().keys() == RUNNING_UNITS
    # The log contains nothing but the reboot: no service failed, because the machine fetched its settings before it
    # started the services that need them.
    assert [line.partition(" ")[2] for line in pop.log().removeprefix(said).split("\n") if line] == [
        f"{pop.instance} reboots"
    ]
