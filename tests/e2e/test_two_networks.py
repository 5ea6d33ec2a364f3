"""Tests the two networks of `make up`: Cloudflare's PoPs, and a PoP of our own on a machine that boots from its real
user data. The tests run the commands of docs/getting-started.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from emulation.engine.environment import shell_environment
from emulation.engine.find import ensure_engine
from emulation.layout import CLIENT_LOCATIONS, POPS
from local.clients import Client
from local.samples import build
from local.stack import PASSPHRASE
from tests.support.dns_addresses import addresses_for
from tests.support.needs_root import needs_root
from tests.support.runbooks import Runbook, sections
from tests.support.sandbox.edge import EU_WEST, access
from tests.support.sandbox.installs import npm_install
from tests.support.sandbox.operator_shell import OperatorShell, checkout_with_copies
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

PAGE, HEADING = "docs/getting-started.md", "5. Lead clients to the other network"
SECTION = Runbook(PAGE, HEADING, sections(PAGE)[HEADING])
TARBALL = "/npm/@acme/greeting/-/greeting-1.0.0.tgz"

pytestmark = needs_root


def led_to(up: Up) -> list[str]:
    """Returns the address to which DNS leads clients in the US, in Europe and in Asia."""
    host = up.outputs()["url"].removeprefix("https://")
    return [address for each in CLIENT_LOCATIONS for address in addresses_for(up.sandbox, host, each)]


def nearest_of_cloudflare(up: Up) -> list[str]:
    return [up.sandbox.pop_address(pop) for pop in POPS]


def own_pop(up: Up) -> str:
    (pop,) = up.outputs()["pops"]
    return pop["address"]


@pytest.fixture(scope="module")
def shell(up: Up, tmp_path_factory: pytest.TempPathFactory) -> OperatorShell:
    checkout = checkout_with_copies(tmp_path_factory.mktemp("operator"), "stacks")
    environment = shell_environment(ensure_engine(print), up.sandbox, passphrase=PASSPHRASE)
    shell = OperatorShell(checkout, environment, checkout.parent / "commands")
    shell.run("pulumi stack select local")
    return shell


@pytest.fixture(scope="module")
def drained(up: Up, shell: OperatorShell) -> Iterator[None]:
    """Drains Cloudflare with the documented command. At the end, drains the own PoP again."""
    drain, _ = SECTION.blocks({})
    shell.run(drain)
    yield
    shell.run(f"{drain.replace('100', '0')} --skip-preview")
    assert eventually(lambda: led_to(up) == nearest_of_cloudflare(up)), led_to(up)


def test_clients_of_each_continent_are_led_to_the_nearest_pop_of_cloudflare(up: Up) -> None:
    assert "own PoP pop-us-east-1-0 is healthy" in up.printed
    assert led_to(up) == nearest_of_cloudflare(up)


@pytest.mark.usefixtures("drained")
def test_npm_installs_through_the_own_pop(up: Up, shell: OperatorShell, tmp_path: Path) -> None:
    assert eventually(lambda: led_to(up) == [own_pop(up)] * 3), led_to(up)
    reader = Client(up.sandbox, "reader", up.outputs()["url"])
    # Earlier tests of this sandbox may have published a version without dependencies, and may have filled the client's
    # npm cache.
    result = npm_install(reader, "@acme/web@1.0.0", tmp_path / "npm", npm_config_cache=str(tmp_path / "cache"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "npm/node_modules/@acme/greeting/index.js").exists()
    _, shown = SECTION.blocks({".sandbox": str(up.sandbox.directory)})
    printed = shell.run(shown)
    assert '"path":"/npm/@acme/web/-/web-1.0.0.tgz"' in printed
    assert printed.count(f"IN A {own_pop(up)}") == 3


@pytest.mark.usefixtures("drained")
def test_the_own_pop_answers_readers_from_its_cache_and_refuses_others(up: Up, tmp_path: Path) -> None:
    with httpx.Client(**access(up, EU_WEST)) as http:
        first, second = (http.get(TARBALL) for _ in range(2))
    published = hashlib.sha256(build(tmp_path).files[0].read_bytes()).hexdigest()
    assert {hashlib.sha256(each.content).hexdigest() for each in (first, second)} == {published}
    assert (second.headers["x-cache"], second.headers["server"]) == ("edge; hit", "nginx")
    for identity, status in (("outsider", 403), ("anonymous", 401)):
        with httpx.Client(**access(up, EU_WEST, identity)) as http:
            assert http.get(TARBALL).status_code == status


@pytest.mark.usefixtures("drained")
def test_clients_are_led_to_cloudflare_while_the_machine_of_the_own_pop_is_stopped(up: Up) -> None:
    ec2 = up.aws("ec2")
    (address,) = ec2.describe_addresses(PublicIps=[own_pop(up)])["Addresses"]
    ec2.stop_instances(InstanceIds=[address["InstanceId"]])
    assert eventually(lambda: led_to(up) == nearest_of_cloudflare(up)), led_to(up)
    ec2.start_instances(InstanceIds=[address["InstanceId"]])
    assert eventually(lambda: led_to(up) == [own_pop(up)] * 3), led_to(up)
