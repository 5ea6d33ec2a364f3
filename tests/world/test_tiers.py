"""Which tier answers, what the origin sees, and that no tier gives away what the one above it would not."""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
import time
from collections import Counter
from typing import Any

import httpx
import pytest
from cloudflare import Cloudflare

from emulation.layout import VANTAGES, Vantage
from local import health
from local.clients import ANONYMOUS, Client
from tests.world.conftest import Up

US_EAST, EU_WEST, AP_SOUTHEAST = VANTAGES
TARBALL = "npm/@acme/greeting/-/greeting-1.0.0.tgz"


def access(up: Up, vantage: Vantage, identity: str = "reader") -> dict[str, Any]:
    """How httpx reaches the edge from there, as that identity."""
    url = up.outputs()["url"]
    token = Client(up.world, identity, url).token()
    return {
        "base_url": url,
        "verify": ssl.create_default_context(cafile=health.edge_authority(up.world)),
        "proxy": health.vantage_proxy(up.world, vantage),
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "timeout": 30,
    }


def store(up: Up, key: str, size: int) -> bytes:
    """Puts an immutable object into the primary bucket, as publishing does, that no tier has seen before."""
    body = os.urandom(size)
    bucket = up.outputs()["buckets"][0]["name"]
    up.aws("s3").put_object(Bucket=bucket, Key=key, Body=body, CacheControl="public, max-age=31536000, immutable")
    return body


def purge_edge(up: Up, key: str) -> None:
    outputs = up.outputs()
    api = Cloudflare(base_url=up.world.cloudflare_url, api_token="local")
    zone = next(iter(api.zones.list(name=outputs["zone"]["name"])))
    path = "/".join(part.replace("@", "%40") for part in key.split("/"))
    api.cache.purge(zone_id=zone.id, files=[f"https://{outputs['shields'][0]['host']}:8443/objects/{path}"])


def origin_requests(up: Up, key: str) -> int:
    """How often the origin was asked for the object, in all regions."""
    seen: dict[str, dict[str, int]] = httpx.get(f"{up.world.aws_url}/_artifact-edge/requests").json()
    return sum(methods.get("GET", 0) for name, methods in seen.items() if name.split("/", 1)[1] == key)


def test_each_tier_answers_once_it_has_the_object(up: Up) -> None:
    key = "npm/@acme/greeting/-/greeting-9.9.9.tgz"
    body = store(up, key, 20_000)
    with httpx.Client(**access(up, US_EAST)) as client:

        def answered_by() -> str:
            answer = client.get(f"/{key}")
            assert (answer.status_code, answer.content) == (200, body)
            return answer.headers["x-cache"]

        assert answered_by() == "origin; miss"
        assert answered_by() == "edge; hit"
        purge_edge(up, key)
        assert answered_by() == "shield; hit"
        assert answered_by() == "edge; hit"
    assert origin_requests(up, key) == 1


def test_a_hundred_cold_requests_are_one_for_the_origin(up: Up) -> None:
    key = "npm/@acme/greeting/-/greeting-9.9.8.tgz"
    body = store(up, key, 300_000)
    settings = access(up, US_EAST)

    async def herd() -> list[httpx.Response]:
        async with httpx.AsyncClient(**settings, limits=httpx.Limits(max_connections=100)) as client:
            return await asyncio.gather(*(client.get(f"/{key}") for _ in range(100)))

    answers = asyncio.run(herd())
    assert Counter((answer.status_code, hashlib.sha256(answer.content).digest()) for answer in answers) == {
        (200, hashlib.sha256(body).digest()): 100
    }
    assert origin_requests(up, key) == 1


def test_another_region_asks_its_own_shield(up: Up) -> None:
    key = "npm/@acme/greeting/-/greeting-9.9.7.tgz"
    body = store(up, key, 1_000)
    for vantage in (US_EAST, EU_WEST):
        with httpx.Client(**access(up, vantage)) as client:
            answer = client.get(f"/{key}")
            assert (answer.content, answer.headers["x-cache"]) == (body, "origin; miss")
    assert origin_requests(up, key) >= 2


@pytest.mark.parametrize("vantage", VANTAGES, ids=lambda vantage: vantage.name)
def test_what_a_cache_holds_still_takes_a_token_and_a_grant(up: Up, vantage: Vantage) -> None:
    with httpx.Client(**access(up, vantage)) as reader:
        assert reader.get(f"/{TARBALL}").status_code == 200
        assert reader.get(f"/{TARBALL}").headers["x-cache"] == "edge; hit"
    with httpx.Client(**access(up, vantage, ANONYMOUS)) as anonymous:
        refused = anonymous.get(f"/{TARBALL}")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"]
    with httpx.Client(**access(up, vantage, "outsider")) as outsider:
        assert outsider.get(f"/{TARBALL}").status_code == 403
        assert outsider.get("/npm/@acme/not-there").status_code == 403


def test_a_shield_serves_nobody_but_the_edge(up: Up) -> None:
    trust = ssl.create_default_context()
    trust.check_hostname = False
    trust.verify_mode = ssl.CERT_NONE
    for shield in up.outputs()["shields"]:
        with httpx.Client(verify=trust) as stranger, pytest.raises(httpx.HTTPError, match="certificate"):
            stranger.get(f"https://{shield['address']}:8443/objects/{TARBALL}")


def test_what_is_published_reaches_the_other_origin(up: Up) -> None:
    primary, replica = (bucket["name"] for bucket in up.outputs()["buckets"])
    s3 = up.aws("s3")
    deadline = time.monotonic() + 30
    while httpx.get(f"{up.world.aws_url}/_artifact-edge/replication").json()["pending"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    there = s3.get_object(Bucket=replica, Key=TARBALL)
    here = s3.get_object(Bucket=primary, Key=TARBALL)
    assert there["Body"].read() == here["Body"].read()
    assert there["CacheControl"] == here["CacheControl"] == "public, max-age=31536000, immutable"


def test_a_shield_asks_the_next_origin_while_the_replica_lags(up: Up) -> None:
    control = f"{up.world.aws_url}/_artifact-edge/replication"
    key = "npm/@acme/greeting/-/greeting-9.9.6.tgz"
    httpx.put(control, json={"paused": True}).raise_for_status()
    try:
        body = store(up, key, 1_000)
        with httpx.Client(**access(up, EU_WEST)) as client:
            answer = client.get(f"/{key}")
        assert (answer.status_code, answer.content) == (200, body)
    finally:
        httpx.put(control, json={"paused": False}).raise_for_status()
