"""Tests that the emulated Cloudflare and a PoP of our own refuse the same attacks. Neither network may refuse a request
of a real client.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from emulation.layout import POP_HTTPS_PORT, POPS
from infra.waf import FLEET_RUNNERS, WafArgs
from local import health
from local.clients import Client
from tests.support.attacks import (
    Edge,
    accepted_resets,
    are_disconnected,
    guesses_until_slowed,
    refused_requests_of_clients,
    slow_clients,
    verdicts,
)
from tests.support.enterable_directory import enterable_directory
from tests.support.http2 import RESET_STREAMS
from tests.support.own_pop import HOSTNAME, OwnPop, running_pop
from tests.support.sandbox.up import Up
from tests.support.waiting import eventually

FAILED_TOKENS = WafArgs().failed_tokens
PACKUMENT = "/npm/@acme%2fgreeting"
WHEEL = "/pypi/files/fleet/fleet-1.0.tar.gz"


@pytest.fixture(scope="module")
def pop() -> Generator[OwnPop]:
    with enterable_directory() as directory, running_pop(directory / "pop") as running:
        running.shield.objects[f"/objects{WHEEL}"] = b"a package"
        running.entitlements.grant("fleet", "pypi:fleet:pull")
        yield running


def on_cloudflare(up: Up, client: int) -> Edge:
    """Returns a PoP of the emulated Cloudflare. `client` is the last byte of the client's IP address. Each test uses
    an address of its own.
    """
    hostname = urlsplit(str(up.outputs()["url"])).hostname or ""
    address = (up.sandbox.pop_address(POPS[0]), POP_HTTPS_PORT)
    return Edge(address, hostname, health.edge_authority(up.sandbox), f"{up.sandbox.loopback}.210.{client}")


def on_own_pop(pop: OwnPop, client: int) -> Edge:
    return Edge(("127.0.0.1", pop.port), HOSTNAME, pop.authority, f"127.0.210.{client}")


def reader(up: Up) -> str:
    """Returns the token of the sandbox's client `reader`, which may read PACKUMENT (a package's metadata document)."""
    return Client(up.sandbox, "reader", up.outputs()["url"]).token() or ""


def assert_refuses_all_attacks(edge: Edge) -> None:
    with slow_clients(edge, 50) as slow:
        served = {attack: verdict for attack, verdict in verdicts(edge).items() if verdict != "refused"}
        assert served == {}
        assert accepted_resets(edge) < RESET_STREAMS // 2
        assert edge.get("/healthz") == [200]
        assert eventually(lambda: are_disconnected(slow))


def assert_slows_guesses(edge: Edge, path: str, token: str) -> None:
    guesses, headers = guesses_until_slowed(edge, path, 3 * FAILED_TOKENS.requests)
    assert FAILED_TOKENS.requests <= guesses < 3 * FAILED_TOKENS.requests
    assert b"retry-after: %d\r\n" % FAILED_TOKENS.seconds in headers
    assert edge.get(path, token) == [200]


def assert_serves_a_fleet(edge: Edge, path: str, token: str) -> None:
    """Opens as many connections as a large group of CI runners (FLEET_RUNNERS), all from one address and with one
    token. Requests the file at `path` 15 times on each. Asserts that all answers have status 200.
    """
    headers = {"authorization": f"Bearer {token}"}
    one = edge.request("GET", path, {**headers, "connection": "keep-alive"})
    sent = one * 14 + edge.request("GET", path, headers)
    with ThreadPoolExecutor(50) as runners:
        made = list(runners.map(edge.send, [sent] * FLEET_RUNNERS, [15] * FLEET_RUNNERS))
    assert [each.statuses for each in made] == [[200] * 15] * FLEET_RUNNERS


def assert_bodies_are_no_part_of_another_request(edge: Edge, path: str, token: str) -> None:
    """Sends requests with a body that the edge does not need. Asserts that the edge answers the next request on the
    same connection, and does not treat the body as a part of it.
    """
    token_header = {"authorization": f"Bearer {token}"}
    next_request = edge.request("GET", path, token_header)
    for method, other in (("POST", "/healthz"), ("GET", "/healthz"), ("GET", path)):
        for length in (1, 100):
            headers = {**token_header, "connection": "keep-alive", "content-length": str(length)}
            made = edge.send(edge.request(method, other, headers, b"x" * length) + next_request, 2)
            assert made.statuses[1:] == [200], (method, other, length, made.statuses)


def test_cloudflare_refuses_the_attacks(up: Up) -> None:
    assert_refuses_all_attacks(on_cloudflare(up, 1))


def test_a_pop_of_our_own_refuses_the_attacks_and_its_log_names_the_rules(pop: OwnPop) -> None:
    assert_refuses_all_attacks(on_own_pop(pop, 1))
    assert {"malformed", "methods"} <= {line["rule"] for line in pop.log() if line["client"] == "127.0.210.1"}


def test_cloudflare_lets_all_requests_of_clients_through(up: Up) -> None:
    assert refused_requests_of_clients(on_cloudflare(up, 2)) == []


def test_a_pop_of_our_own_lets_all_requests_of_clients_through(pop: OwnPop) -> None:
    assert refused_requests_of_clients(on_own_pop(pop, 2)) == []
    assert [line for line in pop.log() if line["client"] == "127.0.210.2"] == []


def test_cloudflare_takes_no_body_for_a_part_of_another_request(up: Up) -> None:
    assert_bodies_are_no_part_of_another_request(on_cloudflare(up, 5), PACKUMENT, reader(up))


def test_a_pop_of_our_own_takes_no_body_for_a_part_of_another_request(pop: OwnPop) -> None:
    assert_bodies_are_no_part_of_another_request(on_own_pop(pop, 5), WHEEL, "fleet")


def test_cloudflare_slows_credential_stuffing(up: Up) -> None:
    assert_slows_guesses(on_cloudflare(up, 3), PACKUMENT, reader(up))


def test_a_pop_of_our_own_slows_credential_stuffing(pop: OwnPop) -> None:
    assert_slows_guesses(on_own_pop(pop, 3), WHEEL, "fleet")


def test_cloudflare_serves_200_runners_behind_one_address(up: Up) -> None:
    assert_serves_a_fleet(on_cloudflare(up, 4), PACKUMENT, reader(up))


def test_a_pop_of_our_own_serves_200_runners_behind_one_address(pop: OwnPop) -> None:
    assert_serves_a_fleet(on_own_pop(pop, 4), WHEEL, "fleet")
