"""Tests that NGINX on a PoP machine gets the addresses of clients from a load balancer that speaks the PROXY protocol,
and from nobody else (HAProxy, "The PROXY protocol", version 1).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Generator

import pytest

from emulation.processes import listening
from infra.waf import Bound, Sources, WafArgs
from tests.support.own_pop import HOSTNAME, Front, running_front
from tests.support.waiting import eventually

# The loopback address that the tests use as the address of a front end, and another one.
FRONT_END, STRANGER = "127.0.0.1", "127.0.0.2"
DENIED, BUSY, QUIET = "203.0.113.9", "198.51.100.7", "198.51.100.8"
FLOOD = 20


@pytest.fixture(scope="module")
def front() -> Generator[Front]:
    waf = WafArgs(deny=Sources(addresses=["203.0.113.0/24"]), by_address=Bound(FLOOD, 600))
    with running_front(waf, front_ends=[f"{FRONT_END}/32"]) as running:
        yield running


def status(front: Front, header: str, path: str = "/npm/left-pad", peer: str = FRONT_END, port: int = 0) -> int:
    """Connects to the port for the load balancer from the address `peer`, sends `header` and then a request over TLS.
    Returns the status of the response, or 0 if NGINX closes the connection without a response.
    """
    context = ssl.create_default_context(cafile=str(front.authority))
    request = f"GET {path} HTTP/1.1\r\nHost: {HOSTNAME}\r\nConnection: close\r\n\r\n"
    target = (FRONT_END, port or front.proxied)
    try:
        with socket.create_connection(target, timeout=30, source_address=(peer, 0)) as plain:
            plain.sendall(header.encode())
            with context.wrap_socket(plain, server_hostname=HOSTNAME) as client:
                client.sendall(request.encode())
                line = client.makefile("rb").readline()
    except OSError:
        return 0
    return int(line.split()[1]) if line else 0


def from_client(address: str) -> str:
    """Returns the PROXY header of a client's connection."""
    return f"PROXY TCP4 {address} 192.0.2.1 40000 443\r\n"


def test_firewall_refuses_a_client_by_the_address_that_the_front_end_sends(front: Front) -> None:
    assert status(front, from_client(QUIET)) == 200
    assert status(front, from_client(DENIED)) == 403
    # NGINX writes the line after it has sent the response.
    assert eventually(lambda: [line["client"] for line in front.log() if line["rule"] == "deny"] == [DENIED])


def test_limits_count_by_the_address_of_the_client_and_not_of_the_front_end(front: Front) -> None:
    statuses = [status(front, from_client(BUSY)) for _ in range(FLOOD + 3)]
    assert statuses.count(200) >= FLOOD
    assert statuses[-1] == 429
    assert status(front, from_client(QUIET)) == 200


def test_a_stranger_is_not_believed_and_gets_no_response(front: Front) -> None:
    assert status(front, from_client(QUIET), peer=STRANGER) == 0
    assert status(front, "", peer=STRANGER) == 0


def test_the_port_for_the_load_balancer_needs_the_header(front: Front) -> None:
    assert status(front, "") == 0


def test_health_checkers_need_no_address_of_a_client(front: Front) -> None:
    assert status(front, "PROXY UNKNOWN\r\n", "/healthz") == 200


def test_clients_connect_to_the_https_port_directly_and_without_the_header(front: Front) -> None:
    assert front.request("/npm/left-pad").status == 200
    assert status(front, from_client(QUIET), port=front.port) == 0
    assert front.request("/npm/left-pad", client=STRANGER).status == 200


def test_without_a_load_balancer_nginx_does_not_listen_for_one() -> None:
    with running_front(WafArgs()) as alone:
        assert alone.request("/npm/left-pad").status == 200
        assert not listening(FRONT_END, alone.proxied)
