"""The second edge network: a PoP of our own, booted from its user data, with and without Cloudflare beside it."""

from __future__ import annotations

import json
import ssl
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from infra.pop import CLIENT_PORT
from local import health, processes, services
from local.clients import ANONYMOUS, Client
from local.dns import client as resolver
from local.dns.answers import addresses_in
from local.layout import POPS, VANTAGES, Vantage
from tests.world.conftest import Up
from tests.world.test_tiers import TARBALL, US_EAST, access, origin_requests, store

PATIENCE_SECONDS = 60


def at_the_pop(up: Up, identity: str = "reader") -> httpx.Client:
    """A client of the own PoP, whatever network its name leads to."""
    outputs = up.outputs()
    token = Client(up.world, identity, outputs["url"]).token()
    hostname = outputs["url"].removeprefix("https://")

    def name_the_host(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = hostname

    return httpx.Client(
        base_url=f"https://{outputs['pops'][0]['address']}:{CLIENT_PORT}",
        verify=ssl.create_default_context(cafile=health.edge_authority(up.world)),
        headers={"Host": hostname, **({"Authorization": f"Bearer {token}"} if token else {})},
        timeout=30,
        event_hooks={"request": [name_the_host]},
    )


def address_of_the_edge(up: Up, vantage: Vantage) -> str:
    query = resolver.question(up.outputs()["url"].removeprefix("https://"), "A", vantage)
    return next(iter(addresses_in(resolver.ask(up.world, query).answer)), "")


def wait_until_led_to(up: Up, addresses: set[str]) -> None:
    """Until clients everywhere are led to one of these addresses, and served there."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    led: dict[str, str] = {}
    while time.monotonic() < deadline:
        led = {vantage.name: address_of_the_edge(up, vantage) for vantage in VANTAGES}
        if set(led.values()) <= addresses and not health.unhealthy(up.world, up.outputs()):
            return
        time.sleep(0.5)
    pytest.fail(f"clients are led to {led}, not to {addresses}; unhealthy: {health.unhealthy(up.world, up.outputs())}")


@contextmanager
def without_cloudflare(up: Up) -> Generator[None]:
    """All of Cloudflare is down: its PoPs, its key-value store and its API."""
    processes.stop(up.world, "cloudflare")
    try:
        yield
    finally:
        services.start(up.world, services.CLOUDS)
        wait_until_led_to(up, {up.world.pop_address(pop) for pop in POPS})


def test_an_own_pop_asks_the_tiers_below_and_then_answers_itself(up: Up) -> None:
    key = "npm/@acme/greeting/-/greeting-9.8.1.tgz"
    body = store(up, key, 20_000)
    with at_the_pop(up) as client:
        first, second = (client.get(f"/{key}") for _ in range(2))
    assert (first.status_code, first.content, first.headers["x-cache"]) == (200, body, "origin; miss")
    assert (second.status_code, second.content, second.headers["x-cache"]) == (200, body, "edge; hit")
    assert second.headers["cache-control"].startswith("private")
    assert [entry.split(";")[0].strip() for entry in second.headers["server-timing"].split(",")][-1] == "edge"
    assert "cf-cache-status" not in second.headers
    assert origin_requests(up, key) == 1


def test_what_an_own_pop_holds_still_takes_a_token_and_a_grant(up: Up) -> None:
    with at_the_pop(up) as reader:
        assert reader.get(f"/{TARBALL}").status_code == 200
        assert reader.get(f"/{TARBALL}").headers["x-cache"] == "edge; hit"
        assert reader.get("/npm/-/whoami").json() == {"username": "reader"}
    with at_the_pop(up, ANONYMOUS) as anonymous:
        refused = anonymous.get(f"/{TARBALL}")
        assert (refused.status_code, "www-authenticate" in refused.headers) == (401, True)
        assert anonymous.get(f"/{TARBALL}", headers={"Authorization": "Bearer ae_made-up"}).status_code == 401
        assert anonymous.request("PURGE", f"/objects/{TARBALL}").status_code in (403, 405)
    with at_the_pop(up, "outsider") as outsider:
        assert outsider.get(f"/{TARBALL}").status_code == 403


def test_what_is_withdrawn_is_gone_at_an_own_pop_too(up: Up) -> None:
    key = "npm/@acme/greeting/-/greeting-9.8.2.tgz"
    store(up, key, 1_000)
    item = {"pk": {"S": "quarantine"}, "sk": {"S": key}, "document": {"S": "{}"}, "version": {"N": "1"}}
    table = up.outputs()["metadata"]["table"]
    with at_the_pop(up) as client:
        assert client.get(f"/{key}").status_code == 200
        up.aws("dynamodb").put_item(TableName=table, Item=item)
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while (status := client.get(f"/{key}").status_code) != 410 and time.monotonic() < deadline:
                time.sleep(0.2)
            assert status == 410
        finally:
            up.aws("dynamodb").delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})


def test_secrets_are_in_neither_user_data_nor_command_lines(up: Up) -> None:
    manager = up.aws("secretsmanager")
    edge: dict[str, Any] = json.loads(manager.get_secret_value(SecretId="artifact-edge/local/edge")["SecretString"])
    kept = [edge[name] for name in ("origin_key", "token_signing_key", "client_key")]
    machines = up.world.directory / "machines"
    told = [file.read_text() for file in machines.glob("*/root/etc/artifact-edge/*") if file.is_file()]
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert any("WORKER_SHA256=" in text for text in told)
    assert not any(secret in text for text in [*told, commands] for secret in kept)


def test_without_cloudflare_clients_install_through_own_pops(up: Up) -> None:
    pop = up.outputs()["pops"][0]["address"]
    assert address_of_the_edge(up, US_EAST) in {up.world.pop_address(each) for each in POPS}
    with without_cloudflare(up):
        wait_until_led_to(up, {pop})
        for vantage in VANTAGES:
            with httpx.Client(**access(up, vantage)) as client:
                answer = client.get("/npm/@acme/web")
                assert (answer.status_code, answer.json()["name"]) == (200, "@acme/web")
        for command in up.commands("With a token that is granted the packages:"):
            done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602
            assert done.returncode == 0, done.stdout + done.stderr
        with httpx.Client(**access(up, US_EAST, ANONYMOUS)) as anonymous:
            assert anonymous.get(f"/{TARBALL}").status_code == 401
