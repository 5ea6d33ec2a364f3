"""Tests that NGINX on a PoP machine ends the connections of two kinds of clients: those that send slowly, and those
that reset HTTP/2 streams as fast as they open them (CVE-2023-44487).
"""

from __future__ import annotations

import ssl
from collections.abc import Generator

import pytest

from infra.waf import WafArgs
from tests.support.http2 import RESET_STREAMS, reset_streams
from tests.support.own_pop import Front, running_front
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def front() -> Generator[Front]:
    with running_front(WafArgs(), header_seconds=5) as running:
        yield running


def test_a_client_that_never_ends_its_headers_is_disconnected_and_others_are_served(front: Front) -> None:
    with front.connected("http/1.1") as slow:
        slow.sendall(b"GET /npm/left-pad HTTP/1.1\r\nHost: localhost\r\n")

        def is_disconnected() -> bool:
            try:
                slow.sendall(b"X-Slow: 1\r\n")
                slow.settimeout(0.1)
                return slow.recv(1000) == b""
            except TimeoutError:
                return False
            except (ConnectionError, ssl.SSLError):
                return True

        assert not is_disconnected()
        assert front.request("/npm/left-pad").status == 200
        assert eventually(is_disconnected)


def test_a_client_that_resets_its_streams_at_once_is_disconnected_and_others_are_served(front: Front) -> None:
    with front.connected("h2") as attacker:
        # NGINX reads all data that has arrived on a connection. If this data opens more than 256 streams, NGINX ends
        # the connection. The limit 256 is twice the number of streams that may be open at the same time.
        assert 0 < reset_streams(attacker) < RESET_STREAMS // 2
        assert front.request("/npm/left-pad").status == 200
    assert len([line for line in front.log() if line["path"] == "/reset"]) < RESET_STREAMS // 2
