"""Tests connections through an emulated accelerator. Real servers listen at the static addresses and at the endpoints.
Health checks probe the endpoints every 0.01 s.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from emulation.accelerators.configuration import Configuration, Endpoint, EndpointGroup, Listener
from emulation.accelerators.service import AcceleratorService
from emulation.dns.health import Check
from emulation.layout import CLIENT_LOCATIONS, POP_HTTPS_PORT, ClientLocation, Sandbox

SANDBOX = Sandbox(Path("/nonexistent"), "127.98")
STATIC = ("127.98.6.1", "127.98.6.2")
MACHINES = {"us-east-1": "127.98.2.1", "eu-west-1": "127.98.2.2"}
US, EU, ASIA = CLIENT_LOCATIONS


def endpoint(region: str, preserves_address: bool = True) -> Endpoint:
    address = MACHINES[region]
    check = Check(region, "TCP", address, port=443, interval=0.01, failures=2, starts_healthy=False)
    return Endpoint(region, address, 128, preserves_address, check)


def configuration(*endpoints: Endpoint, by_client: bool = False, **dials: float) -> Configuration:
    """Returns a configuration with one listener, for port 443. Each keyword argument in `dials` sets the traffic dial
    (the percentage of traffic) of one region. Its name is the region's name with `_` in place of `-`.
    """
    given = endpoints or [endpoint(region) for region in MACHINES]
    groups = [EndpointGroup(each.id, dials.get(each.id.replace("-", "_"), 100), (each,)) for each in given]
    return Configuration((Listener("arn", STATIC, (443,), by_client, tuple(groups)),))


@asynccontextmanager
async def server(region: str) -> AsyncGenerator[None]:
    """Runs a server at the address of a region's machine. The server sends the region's name and the client's address.
    It then echoes everything that the client sends.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{region} {writer.get_extra_info('peername')[0]} ".encode())
        while chunk := await reader.read(1000):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, MACHINES[region], POP_HTTPS_PORT):
        yield


@asynccontextmanager
async def accelerator(made: Configuration) -> AsyncGenerator[AcceleratorService]:
    service = AcceleratorService(SANDBOX)
    await service.apply(made)
    try:
        yield service
    finally:
        await service.stop()


async def connect(location: ClientLocation | None, static: str = STATIC[0]) -> list[str]:
    """Sends a word through the accelerator. Returns the words of the answer: the region, the client's address as the
    server sees it, and the echoed word. The list is empty if the connection is lost.
    """
    source = (SANDBOX.client_location_address(location), 0) if location else None
    reader, writer = await asyncio.open_connection(static, POP_HTTPS_PORT, local_addr=source)
    try:
        writer.write(b"hello")
        writer.write_eof()
        return (await reader.read()).decode().split()
    except ConnectionError:
        return []
    finally:
        writer.close()


async def regions(*locations: ClientLocation) -> list[str]:
    return [answer[0] if (answer := await connect(each)) else "" for each in locations]


async def until_regions(*expected: str) -> None:
    """Waits until clients in the US, in Europe and in Asia reach the expected regions."""
    async with asyncio.timeout(20):
        while await regions(US, EU, ASIA) != list(expected):
            await asyncio.sleep(0.02)


def test_clients_reach_the_nearest_region_through_both_static_addresses() -> None:
    async def check() -> None:
        async with server("us-east-1"), server("eu-west-1"), accelerator(configuration()) as service:
            checks = service._checks  # pyright: ignore[reportPrivateUsage]
            async with asyncio.timeout(60):
                while not all(checks.healthy(region) for region in MACHINES):
                    await asyncio.sleep(0.02)
            for static in STATIC:
                answers = [await connect(each, static) for each in (US, EU, ASIA, None)]
                assert [answer[0] for answer in answers] == ["us-east-1", "eu-west-1", "eu-west-1", "us-east-1"]
                assert {answer[-1] for answer in answers} == {"hello"}

    asyncio.run(check())


def test_clients_leave_a_region_whose_server_stops_and_come_back() -> None:
    async def check() -> None:
        async with server("us-east-1"), accelerator(configuration()):
            async with server("eu-west-1"):
                await until_regions("us-east-1", "eu-west-1", "eu-west-1")
            await until_regions("us-east-1", "us-east-1", "us-east-1")
            async with server("eu-west-1"):
                await until_regions("us-east-1", "eu-west-1", "eu-west-1")

    asyncio.run(check())


def test_a_new_endpoint_gets_no_connection_before_it_has_passed_its_health_checks() -> None:
    async def check() -> None:
        new = endpoint("us-east-1")
        once = replace(new, check=replace(new.check, interval=3600))
        made = configuration(once, endpoint("eu-west-1"))
        async with server("us-east-1"), server("eu-west-1"), accelerator(made):
            await until_regions("eu-west-1", "eu-west-1", "eu-west-1")

    asyncio.run(check())


@pytest.mark.parametrize("preserved", [True, False])
def test_only_an_endpoint_that_preserves_addresses_sees_those_of_clients(preserved: bool) -> None:
    async def check() -> str:
        async with server("eu-west-1"), accelerator(configuration(endpoint("eu-west-1", preserved))):
            _, seen, _ = await connect(EU)
            return seen

    assert asyncio.run(check()) == (SANDBOX.client_location_address(EU) if preserved else STATIC[0])


def test_the_dial_0_leads_new_connections_away_and_keeps_open_ones() -> None:
    async def check() -> str:
        async with server("us-east-1"), server("eu-west-1"), accelerator(configuration()) as service:
            await until_regions("us-east-1", "eu-west-1", "eu-west-1")
            source = (SANDBOX.client_location_address(EU), 0)
            reader, writer = await asyncio.open_connection(STATIC[0], POP_HTTPS_PORT, local_addr=source)
            await reader.readuntil(b" ")
            await service.apply(configuration(eu_west_1=0))
            await until_regions("us-east-1", "us-east-1", "us-east-1")
            writer.write(b"still open")
            writer.write_eof()
            kept = (await reader.read()).decode()
            writer.close()
            return kept

    assert asyncio.run(check()).endswith("still open")


def test_client_affinity_leads_all_connections_of_an_address_to_one_endpoint() -> None:
    async def check() -> set[str]:
        async with server("us-east-1"), server("eu-west-1"), accelerator(configuration(us_east_1=50)) as service:
            async with asyncio.timeout(20):
                while {*await regions(*[US] * 30)} != {*MACHINES}:
                    await asyncio.sleep(0.02)
            await service.apply(configuration(by_client=True, us_east_1=50))
            return {*await regions(*[US] * 30)}

    assert len(asyncio.run(check())) == 1


def test_a_client_loses_its_connection_when_no_server_answers() -> None:
    async def check() -> None:
        async with accelerator(configuration()):
            assert await connect(US) == []
        async with accelerator(configuration(replace(endpoint("us-east-1"), address=""))):
            assert await connect(US) == []

    asyncio.run(check())


def test_nothing_listens_without_a_listener() -> None:
    async def check() -> None:
        async with server("us-east-1"), accelerator(configuration()) as service:
            assert await regions(US) == ["us-east-1"]
            await service.apply(Configuration())
            with pytest.raises(ConnectionRefusedError):
                await connect(US)

    asyncio.run(check())
