"""Tests the emulated health checkers of Route 53. The health checkers probe real servers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulation.dns.health import Check, HealthChecks, Resolve, Sources, Standing, parse
from tests.support.tls import server_context

ADDRESS = "127.98.2.1"


@asynccontextmanager
async def endpoint(answer: str, tls: ssl.SSLContext | None = None) -> AsyncGenerator[tuple[int, list[str]]]:
    """Runs an HTTP server with one fixed response. Yields the server's port, and the list of the requests that the
    server receives.
    """
    requests: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(answer.encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, ADDRESS, 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], requests


def response(status: str, body: str = "") -> str:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}"


@asynccontextmanager
async def health_checks(
    resolve: Resolve = lambda _: (), sources: Sources = lambda _: [""]
) -> AsyncGenerator[HealthChecks]:
    checks = HealthChecks(resolve, sources)
    yield checks
    await checks.stop()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.01)


def make_health_check(port: int, **more: Any) -> Check:
    """Returns a health check that probes its endpoint every 0.01 seconds. The health check's status changes after a
    single probe with a different result.
    """
    return replace(
        Check(id="c", type="HTTP", address=ADDRESS, port=port, path="/healthz", failures=1, interval=0.01),
        **more,
    )


def verdict(answer: str, tls: ssl.SSLContext | None = None, /, **more: Any) -> tuple[bool, str]:
    """Runs a health check on an endpoint that answers every request with `answer`. Waits for three requests. Returns
    whether the health check considers the endpoint healthy, and the first request.
    """

    async def look() -> tuple[bool, str]:
        async with endpoint(answer, tls) as (port, requests), health_checks(lambda _: [ADDRESS]) as checks:
            checks.configure([make_health_check(port, **more)])
            await until(lambda: len(requests) > 2)
            return checks.healthy("c"), requests[0]

    return asyncio.run(look())


@pytest.mark.parametrize(
    ("answer", "more", "healthy"),
    [
        (response("200 OK"), {}, True),
        (response("302 Found"), {}, True),
        (response("404 Not Found"), {}, False),
        (response("503 Service Unavailable"), {}, False),
        ("nonsense\r\n\r\n", {}, False),
        (response("200 OK", "all is well"), {"type": "HTTP_STR_MATCH", "search": "is well"}, True),
        (response("200 OK", "all is lost"), {"type": "HTTP_STR_MATCH", "search": "is well"}, False),
        (response("200 OK", 5120 * " " + "is well"), {"type": "HTTP_STR_MATCH", "search": "is well"}, False),
        (response("503 Service Unavailable"), {"inverted": True}, True),
    ],
)
def test_the_response_decides_the_health(answer: str, more: dict[str, Any], healthy: bool) -> None:
    assert verdict(answer, **more)[0] is healthy


def test_the_request_is_that_of_route_53s_checkers() -> None:
    _, request = verdict(response("200 OK"), name="www.example.test", path="/healthz?deep=1")
    assert request.startswith("GET /healthz?deep=1 HTTP/1.1\r\n")
    assert "host: www.example.test:" in request.lower()
    assert "user-agent: amazon-route53-health-check-service" in request.lower()


def test_https_sends_the_server_name_and_takes_any_certificate(tmp_path: Path) -> None:
    names: list[str | None] = []
    tls = server_context(tmp_path, "another.example.test")
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    healthy, _ = verdict(response("200 OK"), tls, type="HTTPS", name="www.example.test", address="", server_name=True)
    assert healthy
    assert set(names) == {"www.example.test"}


def test_tcp_needs_only_a_listener() -> None:
    async def look() -> None:
        async with health_checks() as checks:
            async with endpoint("") as (port, _):
                checks.configure([make_health_check(port, type="TCP"), make_health_check(1, type="TCP", id="closed")])
                await until(lambda: not checks.healthy("closed"))
                assert checks.healthy("c")
            await until(lambda: not checks.healthy("c"))
            assert ADDRESS in str(checks.report()["c"]["reason"])

    asyncio.run(look())


def test_an_endpoint_that_comes_back_is_healthy_again() -> None:
    async def look() -> None:
        async with health_checks() as checks:
            async with endpoint(response("200 OK")) as (port, _):
                pass
            checks.configure([make_health_check(port)])
            await until(lambda: not checks.healthy("c"))
            server = await asyncio.start_server(
                lambda _, writer: writer.write(response("200 OK").encode()), ADDRESS, port
            )
            async with server:
                await until(lambda: checks.healthy("c"))

    asyncio.run(look())


@pytest.mark.parametrize("kind", ["HTTP", "TCP"])
def test_an_endpoint_is_healthy_if_it_answers_checkers_at_one_of_several_places(kind: str) -> None:
    """Health checkers connect from three source addresses. The server answers only the second address, like an anycast
    address behind which only one of several servers works.
    """
    places = ["127.98.0.11", "127.98.0.12", "127.98.0.13"]
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer.get_extra_info("peername")[0])
        if seen[-1] == places[1]:
            writer.write(response("200 OK").encode())
        writer.close()

    async def look() -> bool:
        async with health_checks(sources=lambda address: places if address == ADDRESS else [""]) as checks:
            server = await asyncio.start_server(serve, ADDRESS, 0)
            async with server:
                checks.configure([make_health_check(server.sockets[0].getsockname()[1], type=kind)])
                await until(lambda: len(seen) > 4)
                return checks.healthy("c")

    assert asyncio.run(look())
    assert set(seen) == ({places[0], places[1]} if kind == "HTTP" else {places[0]})


def test_an_endpoint_that_starts_as_unhealthy_needs_as_many_successes_as_the_threshold_says() -> None:
    async def look() -> list[bool]:
        async with endpoint(response("200 OK")) as (port, requests), health_checks() as checks:
            new = make_health_check(port, failures=3, starts_healthy=False)
            checks.configure([replace(new, interval=3600)])
            await until(lambda: len(requests) > 0)
            after_one = checks.healthy("c")
            checks.configure([new])
            await until(lambda: checks.healthy("c"))
            return [after_one, len(requests) > 3]

    assert asyncio.run(look()) == [False, True]


@pytest.mark.parametrize(("threshold", "healthy"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_calculated_check_counts_its_healthy_children(threshold: int, healthy: bool) -> None:
    async def look() -> None:
        async with health_checks() as checks:
            children = [make_health_check(1, id="down"), make_health_check(1, id="ignored", disabled=True)]
            total = Check(id="all", type="CALCULATED", children=("down", "ignored"), threshold=threshold)
            checks.configure([*children, total])
            await until(lambda: not checks.healthy("down"))
            assert checks.healthy("all") is healthy

    asyncio.run(look())


def test_a_changed_check_starts_as_healthy_and_a_removed_one_counts_as_healthy() -> None:
    async def look() -> None:
        async with health_checks() as checks:
            checks.configure([make_health_check(1)])
            await until(lambda: not checks.healthy("c"))
            checks.configure([make_health_check(1)])
            assert not checks.healthy("c")
            checks.configure([make_health_check(2)])
            assert checks.healthy("c")
            await until(lambda: not checks.healthy("c"))
            checks.configure([])
            assert checks.healthy("c")

    asyncio.run(look())


@given(st.lists(st.booleans()), st.integers(1, 10))
def test_the_status_changes_after_consecutive_results(looks: list[bool], threshold: int) -> None:
    standing = Standing()
    for number, good in enumerate(looks):
        before, standing = standing.healthy, standing.after("" if good else "down", threshold)
        row = looks[max(0, number + 1 - threshold) : number + 1]
        turned = len(row) == threshold and set(row) == {not before}
        assert standing.healthy is (not before if turned else before)


@pytest.mark.parametrize("kind", ["CLOUDWATCH_METRIC", "RECOVERY_CONTROL"])
def test_checks_of_other_types_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match=f"health check h1: type not emulated: {kind}"):
        parse({"Id": "h1", "HealthCheckConfig": {"Type": kind}})
